#![deny(clippy::disallowed_methods)]
//! One question a line: does this key make this token valid? The form in which other programs ask.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::hs256;
use crate::json::{Document, JsonError, JsonType};

/// Why a line is no question. The token and the key stay out of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("not an object with `id`, `k` and `token`: `{0}` is missing or there twice")]
    Shape(&'static str),
    /// The key.
    #[error("`k` is not a text of unpadded base64url")]
    Key,
}

/// Answers `{"id", "k", "token"}` with `{"id", "verdict"}`: `valid` when `token` is a compact JWS that
/// holds under HS256 and the key `k` (base64url), else `invalid`. The payload is not interpreted.
///
/// An empty key makes no token valid, since everybody has it. Other keys are used whatever their length:
/// that they should have 32 bytes ([RFC 7518, section
/// 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)) is a demand on whoever makes them, and a
/// short one that is in use must still be judged.
///
/// `id` is given back as it was written, whatever its type. A token that is no text, such as the JSON
/// serialisation of a signature, is invalid. Other members of the line do not count.
///
/// ```
/// # use verifier::jwt::lines::answer;
/// let line = br#"{"id":7,"k":"a2V5","token":"eyJhbGciOiJub25lIn0.e30."}"#;
/// assert_eq!(answer(line)?, r#"{"id":7,"verdict":"invalid"}"#);
/// # Ok::<(), verifier::jwt::lines::LineError>(())
/// ```
pub fn answer(line: &[u8]) -> Result<String, LineError> {
    let document = Document::parse(line)?;
    let root = document.root();
    let member = |name: &'static str| {
        let mut named = root.members().filter(|(key, _)| key.as_str() == name);
        match (named.next(), named.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(LineError::Shape(name)),
        }
    };
    let (id, key, token) = (member("id")?, member("k")?, member("token")?);
    if key.kind() != JsonType::String {
        return Err(LineError::Key);
    }
    let key = URL_SAFE_NO_PAD
        .decode(key.as_str().as_bytes())
        .map_err(|_| LineError::Key)?;
    let valid = token.kind() == JsonType::String
        && !key.is_empty()
        && hs256::verify(&token.as_str(), &key).is_ok();
    let verdict = if valid { "valid" } else { "invalid" };
    Ok(format!(r#"{{"id":{},"verdict":"{verdict}"}}"#, id.raw()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::mint;

    #[test]
    fn each_question_has_one_answer_or_says_what_it_lacks() {
        let valid = mint::hs256(b"key", br#"{"alg":"HS256"}"#, b"{}");
        for (line, expected) in [
            (
                format!(r#"{{"id":"a\u0062","k":"a2V5","token":"{valid}","note":1}}"#),
                Ok(r#"{"id":"a\u0062","verdict":"valid"}"#),
            ),
            (
                format!(r#"{{"id":1,"k":"a2V6","token":"{valid}"}}"#),
                Ok(r#"{"id":1,"verdict":"invalid"}"#),
            ),
            (
                r#"{"id":1,"k":"a2V5","token":{"payload":"","signatures":[]}}"#.to_owned(),
                Ok(r#"{"id":1,"verdict":"invalid"}"#),
            ),
            (
                r#"{"id":1,"k":"a2V5","token":""}"#.to_owned(),
                Ok(r#"{"id":1,"verdict":"invalid"}"#),
            ),
            (
                r#"{"id":1,"k":"a2V5"}"#.to_owned(),
                Err(LineError::Shape("token")),
            ),
            (
                r#"{"id":1,"id":1,"k":"a2V5","token":""}"#.to_owned(),
                Err(LineError::Shape("id")),
            ),
            ("[]".to_owned(), Err(LineError::Shape("id"))),
            (
                r#"{"id":1,"k":"a2V5=","token":""}"#.to_owned(),
                Err(LineError::Key),
            ),
            (
                r#"{"id":1,"k":5,"token":""}"#.to_owned(),
                Err(LineError::Key),
            ),
        ] {
            assert_eq!(
                answer(line.as_bytes()).as_deref(),
                expected.as_ref().map(|text| *text),
                "{line}"
            );
        }
        assert!(matches!(answer(b"{"), Err(LineError::Json(_))));
    }
}
