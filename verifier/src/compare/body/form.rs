//! Forms by field ([URL standard, application/x-www-form-urlencoded](https://url.spec.whatwg.org/#application/x-www-form-urlencoded)).

use crate::json::escape;

/// A form as a JSON object: a string for a field that occurs once, an array for one that repeats.
pub(super) fn to_json(text: &str) -> String {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text.trim_end().as_bytes()) {
        let value = escape(&value);
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name.into_owned(), vec![value])),
        }
    }
    let members: Vec<String> = fields
        .into_iter()
        .map(|(name, values)| match &values[..] {
            [one] => format!("{}:{one}", escape(&name)),
            many => format!("{}:[{}]", escape(&name), many.join(",")),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_escapes_mean() {
        for (text, expected) in [
            ("a=1&b=x+y%26", r#"{"a":"1","b":"x y&"}"#),
            ("a=1&a=2&c", r#"{"a":["1","2"],"c":""}"#),
            ("", "{}"),
        ] {
            assert_eq!(to_json(text), expected);
        }
    }
}
