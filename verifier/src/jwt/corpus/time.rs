//! Tokens of the past and of the future, to the second
//! ([RFC 7519, sections 4.1.4 to 4.1.6](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4)).

use super::{Forge, Must};

impl Forge<'_> {
    pub(super) fn times(&mut self) {
        self.expiry();
        self.expiry_forms();
        self.not_before();
        self.issued_at();
    }

    fn claim(&mut self, family: &'static str, name: &str, must: Must, claim: &str, json: &str) {
        let header = self.base.header.clone();
        let claims = self.claims.with(claim, json);
        self.signed(family, name, must, &header, &claims);
    }

    /// `exp` so many seconds from now. Within the leeway that is granted nothing is demanded.
    fn expiry(&mut self) {
        let leeway_s = i64::from(self.base.leeway_s);
        for from_now_s in [0, -1, -2, -30, -59, -60] {
            let must = if from_now_s > -leeway_s {
                Must::Agree
            } else {
                Must::Refuse
            };
            let before = self.forged.len();
            let at = self.now_s + from_now_s;
            let name = format!("exp{from_now_s:+}");
            self.claim("exp-leeway", &name, must, "exp", &at.to_string());
            self.on_the_edge(before);
        }
        for from_now_s in [1, 60, 61] {
            let before = self.forged.len();
            let at = self.now_s + from_now_s;
            let name = format!("exp{from_now_s:+}");
            self.claim("exp-near", &name, Must::Accept, "exp", &at.to_string());
            self.on_the_edge(before);
        }
        for (name, at) in [
            ("exp-61", self.now_s - 61),
            ("exp-1h", self.now_s - 3_600),
            ("exp-1d", self.now_s - 86_400),
            ("exp-10y", self.now_s - 315_576_000),
            ("exp-1970", 1),
            ("exp-zero", 0),
            ("exp-negative", -1),
        ] {
            let must = if self.now_s - at < leeway_s {
                Must::Agree
            } else {
                Must::Refuse
            };
            let before = self.forged.len();
            self.claim("exp-past", name, must, "exp", &at.to_string());
            if name == "exp-61" {
                self.on_the_edge(before);
            }
        }
        for (name, at) in [
            ("exp+10y", self.now_s + 315_576_000),
            ("exp-beyond-31-bits", 1 << 31),
            ("exp-beyond-32-bits", 1 << 32),
            ("exp-milliseconds", (self.now_s + 600) * 1_000),
            ("exp-beyond-53-bits", (1 << 53) + 1),
            ("exp-63-bits", i64::MAX),
        ] {
            self.claim("exp-far", name, Must::Agree, "exp", &at.to_string());
        }
    }

    fn expiry_forms(&mut self) {
        let header = self.base.header.clone();
        let without = self.claims.without("exp");
        self.signed(
            "exp-missing",
            "exp-missing",
            Must::Refuse,
            &header,
            &without,
        );
        self.claim("exp-missing", "exp-null", Must::Refuse, "exp", "null");
        let other_name = without.with("expires", self.now_s + 600);
        self.signed(
            "exp-missing",
            "exp-other-name",
            Must::Refuse,
            &header,
            &other_name,
        );
        let at = self.now_s + 600;
        for (name, json, must) in [
            ("exp-text", format!("\"{at}\""), Must::Refuse),
            (
                "exp-text-date",
                "\"2099-01-01T00:00:00Z\"".to_owned(),
                Must::Refuse,
            ),
            ("exp-text-never", "\"never\"".to_owned(), Must::Refuse),
            ("exp-text-empty", "\"\"".to_owned(), Must::Refuse),
            ("exp-true", "true".to_owned(), Must::Refuse),
            ("exp-list", format!("[{at}]"), Must::Refuse),
            ("exp-object", format!("{{\"at\":{at}}}"), Must::Refuse),
            // A NumericDate may have a fraction, but few issue one.
            ("exp-fraction", format!("{at}.5"), Must::Agree),
            ("exp-fraction-zero", format!("{at}.0"), Must::Agree),
            ("exp-exponent", "4.1e9".to_owned(), Must::Agree),
            (
                "exp-beyond-63-bits",
                "9223372036854775808".to_owned(),
                Must::Agree,
            ),
            (
                "exp-beyond-64-bits",
                "18446744073709551616".to_owned(),
                Must::Agree,
            ),
            ("exp-400-digits", "9".repeat(400), Must::Agree),
            ("exp-1e400", "1e400".to_owned(), Must::Agree),
            ("exp-minus-1e400", "-1e400".to_owned(), Must::Refuse),
            (
                "exp-past-fraction",
                format!("{}.9", self.now_s - 120 - i64::from(self.base.leeway_s)),
                Must::Refuse,
            ),
        ] {
            self.claim("exp-type", name, must, "exp", &json);
        }
        // The last of two counts, or both are refused (RFC 7519, section 4).
        let past = self.now_s - 3_600 - i64::from(self.base.leeway_s);
        let last_past = self.claims.and("exp", past);
        self.signed(
            "duplicate-exp",
            "duplicate-exp-last-past",
            Must::Refuse,
            &header,
            &last_past,
        );
        let last_future = self.claims.with("exp", past).and("exp", at);
        self.signed(
            "duplicate-exp",
            "duplicate-exp-last-future",
            Must::Agree,
            &header,
            &last_future,
        );
        let escaped = self
            .claims
            .text()
            .replacen('{', &format!("{{\"\\u0065xp\":{past},"), 1);
        self.signed_text(
            "duplicate-exp",
            "duplicate-exp-escaped-first",
            Must::Agree,
            header.text(),
            escaped,
        );
    }

    fn not_before(&mut self) {
        let leeway_s = i64::from(self.base.leeway_s);
        for from_now_s in [1, 60, 61, 3_600] {
            let must = if from_now_s <= leeway_s {
                Must::Agree
            } else {
                Must::Refuse
            };
            let before = self.forged.len();
            let at = self.now_s + from_now_s;
            let name = format!("nbf{from_now_s:+}");
            self.claim("nbf-future", &name, must, "nbf", &at.to_string());
            if from_now_s < 3_600 {
                self.on_the_edge(before);
            }
        }
        for from_now_s in [0, -1, -60, -61, -86_400] {
            let before = self.forged.len();
            let at = self.now_s + from_now_s;
            let name = format!("nbf{from_now_s:+}");
            self.claim("nbf-past", &name, Must::Accept, "nbf", &at.to_string());
            if from_now_s > -60 {
                self.on_the_edge(before);
            }
        }
        let future = self.now_s + 3_600 + leeway_s;
        for (name, json, must) in [
            ("nbf-text", format!("\"{future}\""), Must::Agree),
            ("nbf-null", "null".to_owned(), Must::Agree),
            ("nbf-fraction", format!("{future}.5"), Must::Refuse),
            ("nbf-huge", "1e30".to_owned(), Must::Refuse),
            ("nbf-63-bits", i64::MAX.to_string(), Must::Refuse),
            ("nbf-negative", "-1".to_owned(), Must::Accept),
        ] {
            self.claim("nbf-type", name, must, "nbf", &json);
        }
    }

    /// Nothing forbids a token from the future; what counts is that both sides treat it alike.
    fn issued_at(&mut self) {
        for from_now_s in [0, 1, 60, 61, 86_400, -60, -61] {
            let before = self.forged.len();
            let at = self.now_s + from_now_s;
            let name = format!("iat{from_now_s:+}");
            self.claim("iat", &name, Must::Agree, "iat", &at.to_string());
            if (0..86_400).contains(&from_now_s) {
                self.on_the_edge(before);
            }
        }
        for (name, json) in [
            ("iat-text", "\"yesterday\""),
            ("iat-null", "null"),
            ("iat-fraction", "1.5"),
            ("iat-negative", "-1"),
            ("iat-huge", "1e30"),
            ("iat-zero", "0"),
        ] {
            self.claim("iat", name, Must::Agree, "iat", json);
        }
        let header = self.base.header.clone();
        let without = self.claims.without("iat");
        self.signed("iat", "iat-missing", Must::Agree, &header, &without);
    }
}
