//! Tokens with somebody else's name, role, issuer or audience, or none.
//!
//! All are truly signed, so a service must decide by its own rules; that both decide alike is what
//! makes sessions interchangeable.

use super::{Door, Forge, Must};

impl Forge<'_> {
    pub(super) fn claims(&mut self) {
        self.subject();
        self.role();
        self.issuer_and_audience();
    }

    fn agree(&mut self, family: &'static str, name: &str, claim: &str, json: &str) {
        let header = self.base.header.clone();
        let claims = self.claims.with(claim, json);
        self.signed(family, name, Must::Agree, &header, &claims);
    }

    fn subject(&mut self) {
        let header = self.base.header.clone();
        let without = self.claims.without("sub");
        self.signed("sub", "sub-missing", Must::Agree, &header, &without);
        for (name, json) in [
            ("sub-null", "null"),
            ("sub-empty", "\"\""),
            ("sub-blank", "\" \""),
            ("sub-text", "\"nobody\""),
            ("sub-true", "true"),
            ("sub-list", "[\"1\"]"),
            ("sub-object", "{}"),
            ("sub-zero", "\"0\""),
            ("sub-negative", "\"-1\""),
            ("sub-fraction", "1.5"),
            ("sub-beyond-32-bits", "\"4294967297\""),
            ("sub-beyond-64-bits", "\"18446744073709551617\""),
            ("sub-fullwidth-digit", "\"\u{ff11}\""),
            ("sub-sql", "\"1 OR 1=1\""),
        ] {
            self.agree("sub", name, "sub", json);
        }
        self.agree("sub-unknown", "sub-unknown", "sub", "\"1999999999\"");
        // A deleted account that kept its token, where only a mightier one may go.
        if let Some(role) = self.base.role.clone() {
            let before = self.forged.len();
            let claims = self.claims.with("sub", "\"1999999999\"");
            let claims = claims.with(&role.name, &role.raised);
            self.signed(
                "sub-unknown",
                "sub-unknown-raised",
                Must::Agree,
                &header,
                &claims,
            );
            for forged in &mut self.forged[before..] {
                forged.door = Door::Closed;
            }
        }
        if let Some(own) = self.claims.get("sub").map(str::to_owned) {
            let bare = own.trim_matches('"').to_owned();
            if bare.bytes().all(|byte| byte.is_ascii_digit()) && !bare.is_empty() {
                let other = if own.starts_with('"') {
                    bare.clone()
                } else {
                    format!("\"{bare}\"")
                };
                self.agree("sub-type", "sub-other-type", "sub", &other);
                self.agree("sub", "sub-plus", "sub", &format!("\"+{bare}\""));
                self.agree("sub", "sub-leading-zero", "sub", &format!("\"0{bare}\""));
                self.agree("sub", "sub-blank-before", "sub", &format!("\" {bare}\""));
            }
            let twice = self.claims.with("sub", "\"1999999999\"").and("sub", &own);
            self.signed(
                "duplicate-sub",
                "duplicate-sub-last-own",
                Must::Agree,
                &header,
                &twice,
            );
            let twice = self.claims.and("sub", "\"1999999999\"");
            self.signed(
                "duplicate-sub",
                "duplicate-sub-last-unknown",
                Must::Agree,
                &header,
                &twice,
            );
        }
    }

    fn role(&mut self) {
        let Some(role) = self.base.role.clone() else {
            return;
        };
        let header = self.base.header.clone();
        let own = self.claims.get(&role.name).unwrap_or("null").to_owned();
        let without = self.claims.without(&role.name);
        self.signed("role", "role-missing", Must::Agree, &header, &without);
        for (name, json) in [
            ("role-null", "null".to_owned()),
            ("role-empty", "\"\"".to_owned()),
            ("role-unknown", "\"EMPEROR\"".to_owned()),
            ("role-number", "1".to_owned()),
            ("role-in-list", format!("[{own}]")),
            ("role-lower", own.to_lowercase()),
        ] {
            self.agree("role", name, &role.name, &json);
        }
        // Raised roles are tried where the bearer's true role is refused.
        let before = self.forged.len();
        self.agree("role-raised", "role-raised", &role.name, &role.raised);
        let list = format!("[{}]", role.raised);
        self.agree("role-raised", "role-raised-in-list", &role.name, &list);
        let twice = self.claims.and(&role.name, &role.raised);
        self.signed(
            "role-raised",
            "duplicate-role-last-raised",
            Must::Agree,
            &header,
            &twice,
        );
        let twice = self
            .claims
            .with(&role.name, &role.raised)
            .and(&role.name, &own);
        self.signed(
            "role-raised",
            "duplicate-role-first-raised",
            Must::Agree,
            &header,
            &twice,
        );
        for forged in &mut self.forged[before..] {
            forged.door = Door::Closed;
        }
    }

    fn issuer_and_audience(&mut self) {
        for (claim, foreign) in [
            ("iss", "\"https://elsewhere.example\""),
            ("aud", "\"somebody-else\""),
        ] {
            let family = if claim == "iss" { "iss" } else { "aud" };
            self.agree(family, &format!("{claim}-foreign"), claim, foreign);
            self.agree(family, &format!("{claim}-null"), claim, "null");
            self.agree(family, &format!("{claim}-number"), claim, "1");
            let list = format!("[{foreign}]");
            self.agree(family, &format!("{claim}-list"), claim, &list);
            if self.claims.get(claim).is_some() {
                let header = self.base.header.clone();
                let without = self.claims.without(claim);
                let name = format!("{claim}-missing");
                self.signed(family, &name, Must::Agree, &header, &without);
            }
        }
    }
}
