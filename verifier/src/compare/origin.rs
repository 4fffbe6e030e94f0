//! An upstream's own address, as it occurs in what it says.

use std::borrow::Cow;

use memchr::memmem;

/// What an own origin reads as.
pub(super) const MARK: &[u8] = b"[origin]";

/// Replaces every whole occurrence of `origin` (`http://127.0.0.1:8081`) by `[origin]`, also where its
/// slashes are escaped as JSON allows. `http://127.0.0.1:80810` and `http://host.example` for
/// `http://host` are no occurrences.
pub(super) fn replace<'a>(text: &'a [u8], origin: Option<&str>) -> Cow<'a, [u8]> {
    let Some(origin) = origin
        .map(|origin| origin.trim_end_matches('/'))
        .filter(|o| !o.is_empty())
    else {
        return Cow::Borrowed(text);
    };
    let plain = replace_one(text, origin.as_bytes());
    // Most texts hold no escaped slash at all.
    if memmem::find(&plain, br"\/\/").is_none() {
        return plain;
    }
    let escaped = origin.replace('/', r"\/");
    match replace_one(&plain, escaped.as_bytes()) {
        Cow::Borrowed(_) => plain,
        Cow::Owned(replaced) => Cow::Owned(replaced),
    }
}

fn replace_one<'a>(text: &'a [u8], origin: &[u8]) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    for at in memmem::find_iter(text, origin) {
        let end = at + origin.len();
        let continues = match text.get(end) {
            Some(b'.' | b'-') => text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric),
            Some(b':') => text.get(end + 1).is_some_and(u8::is_ascii_digit),
            Some(next) => next.is_ascii_alphanumeric(),
            None => false,
        };
        if !continues {
            out.extend_from_slice(&text[copied..at]);
            out.extend_from_slice(MARK);
            copied = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_origin_is_replaced() {
        for (text, expected) in [
            ("see http://127.0.0.1:80/x", "see [origin]/x"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://127.0.0.1:80.", "[origin]."),
            (r#""http:\/\/127.0.0.1:80\/x""#, r#""[origin]\/x""#),
            (
                "http://127.0.0.1:80http://127.0.0.1:80",
                "http://127.0.0.1:80[origin]",
            ),
        ] {
            let found = replace(text.as_bytes(), Some("http://127.0.0.1:80/"));
            assert_eq!(String::from_utf8_lossy(&found), expected);
        }
        assert_eq!(
            replace(b"http://h", None),
            Cow::Borrowed(b"http://h" as &[u8])
        );
    }
}
