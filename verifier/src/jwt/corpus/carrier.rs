//! A sound token, carried oddly
//! ([RFC 6750, section 2](https://www.rfc-editor.org/rfc/rfc6750#section-2);
//! [RFC 9110, section 11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).

use super::{Forge, Must};
use crate::jwt::mint;

impl Forge<'_> {
    pub(super) fn carriers(&mut self) {
        // With the key a fresh token, so that an old one's end never decides.
        let token = match &self.base.key {
            Some(key) => mint::hs256(
                key,
                self.base.header.text().as_bytes(),
                self.claims.text().as_bytes(),
            ),
            None => self.base.genuine.clone(),
        };
        let bearer = format!("Bearer {token}");
        let bad = "Bearer a.b.c";
        self.scheme(&token);
        for (name, must, headers) in [
            (
                "header-twice",
                Must::Agree,
                vec![
                    ("authorization", bearer.as_str()),
                    ("authorization", &bearer),
                ],
            ),
            (
                "header-sound-then-bad",
                Must::Agree,
                vec![("authorization", bearer.as_str()), ("authorization", bad)],
            ),
            (
                "header-bad-then-sound",
                Must::Agree,
                vec![("authorization", bad), ("authorization", bearer.as_str())],
            ),
            (
                "header-basic-then-sound",
                Must::Agree,
                vec![
                    ("authorization", "Basic YTpi"),
                    ("authorization", bearer.as_str()),
                ],
            ),
        ] {
            self.carried("header-twice", name, must, &headers, None);
        }
        let joined = format!("{bearer}, {bearer}");
        self.carried(
            "header-twice",
            "header-comma",
            Must::Agree,
            &[("authorization", &joined)],
            None,
        );
        for (name, field, value) in [
            (
                "cookie-access-token",
                "cookie",
                format!("access_token={token}"),
            ),
            (
                "cookie-accessToken",
                "cookie",
                format!("accessToken={token}"),
            ),
            (
                "cookie-token",
                "cookie",
                format!("token={token}; jwt={token}"),
            ),
            (
                "cookie-authorization",
                "cookie",
                format!("Authorization={bearer}"),
            ),
            ("header-x-access-token", "x-access-token", token.clone()),
            ("header-x-auth-token", "x-auth-token", token.clone()),
            ("header-x-authorization", "x-authorization", bearer.clone()),
            ("header-proxy", "proxy-authorization", bearer.clone()),
        ] {
            self.carried("carrier", name, Must::Refuse, &[(field, &value)], None);
        }
        for (name, parameter) in [
            ("query-access-token", "access_token"),
            ("query-accessToken", "accessToken"),
            ("query-token", "token"),
            ("query-jwt", "jwt"),
        ] {
            let query = Some(format!("{parameter}={token}"));
            self.carried("carrier", name, Must::Refuse, &[], query);
        }
        let query = Some(format!("access_token={token}"));
        self.carried(
            "carrier",
            "query-beside-bad-header",
            Must::Refuse,
            &[("authorization", bad)],
            query,
        );
        self.carried("carrier", "nothing", Must::Refuse, &[], None);
    }

    fn scheme(&mut self, token: &str) {
        for (name, must, value) in [
            ("scheme-lower", Must::Agree, format!("bearer {token}")),
            ("scheme-upper", Must::Agree, format!("BEARER {token}")),
            ("scheme-two-blanks", Must::Agree, format!("Bearer  {token}")),
            ("scheme-tab", Must::Agree, format!("Bearer\t{token}")),
            ("scheme-no-blank", Must::Refuse, format!("Bearer{token}")),
            ("scheme-colon", Must::Refuse, format!("Bearer: {token}")),
            ("scheme-missing", Must::Refuse, token.to_owned()),
            ("scheme-basic", Must::Refuse, format!("Basic {token}")),
            ("scheme-jwt", Must::Refuse, format!("JWT {token}")),
            ("scheme-token", Must::Refuse, format!("Token {token}")),
            (
                "scheme-twice",
                Must::Refuse,
                format!("Bearer Bearer {token}"),
            ),
            ("token-quoted", Must::Refuse, format!("Bearer \"{token}\"")),
            (
                "token-parameter",
                Must::Refuse,
                format!("Bearer token={token}"),
            ),
            (
                "token-comma-after",
                Must::Refuse,
                format!("Bearer {token},"),
            ),
            ("token-and-more", Must::Refuse, format!("Bearer {token} x")),
            ("token-none", Must::Refuse, "Bearer".to_owned()),
            ("token-null", Must::Refuse, "Bearer null".to_owned()),
            (
                "token-undefined",
                Must::Refuse,
                "Bearer undefined".to_owned(),
            ),
            ("value-empty", Must::Refuse, String::new()),
        ] {
            self.carried("scheme", name, must, &[("authorization", &value)], None);
        }
    }
}
