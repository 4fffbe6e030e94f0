//! Tables by cell ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).

use crate::json::escape;

/// A table as a JSON array of rows of strings. Quotes and the kind of line end do not count; a quote
/// inside a bare cell is a character like any other.
pub(super) fn to_json(text: &str) -> String {
    let mut rows: Vec<String> = Vec::new();
    let mut cells: Vec<String> = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted => {
                if chars.next_if_eq(&'"').is_some() {
                    cell.push('"');
                } else {
                    quoted = false;
                }
            }
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => cells.push(escape(&std::mem::take(&mut cell))),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                cells.push(escape(&std::mem::take(&mut cell)));
                rows.push(format!("[{}]", cells.join(",")));
                cells.clear();
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(escape(&cell));
        rows.push(format!("[{}]", cells.join(",")));
    }
    format!("[{}]", rows.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_quotes_mean() {
        for (text, expected) in [
            ("a,b\r\n1,2\r\n", r#"[["a","b"],["1","2"]]"#),
            ("\"a\",\"x,\n\"\"y\"\"\"", r#"[["a","x,\n\"y\""]]"#),
            ("a,\n", r#"[["a",""]]"#),
            ("5\" pipe", r#"[["5\" pipe"]]"#),
        ] {
            assert_eq!(to_json(text), expected);
        }
    }
}
