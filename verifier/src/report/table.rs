//! Plain tables that stay aligned when a cell holds Korean or Chinese.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Rows of text, aligned in columns, each at most so wide.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    limits: Vec<usize>,
}

impl Table {
    /// A table with these columns: heading and greatest width in terminal cells.
    pub fn new(columns: &[(&str, usize)]) -> Self {
        Self {
            header: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows: Vec::new(),
            limits: columns.iter().map(|(_, limit)| *limit).collect(),
        }
    }

    /// Adds a row; line breaks with their indentation become one blank, other control characters are
    /// made harmless.
    pub fn push(&mut self, row: Vec<String>) {
        let cells = row.into_iter().map(|cell| printable(&one_line(&cell)));
        self.rows.push(cells.collect());
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Leaves out those of the named columns in which every cell is `0`, `-` or empty.
    pub fn leave_out_idle(&mut self, names: &[&str]) {
        let idle = |cell: &String| matches!(cell.as_str(), "" | "0" | "-");
        for column in (0..self.header.len()).rev() {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column));
            if names.contains(&self.header[column].as_str()) && cells.all(idle) {
                self.header.remove(column);
                self.limits.remove(column);
                for row in self.rows.iter_mut().filter(|row| row.len() > column) {
                    row.remove(column);
                }
            }
        }
    }

    /// The lines, heading first.
    pub fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
                widest
                    .max(self.header[column].width())
                    .min(self.limits[column])
            })
            .collect();
        std::iter::once(&self.header)
            .chain(&self.rows)
            .map(|row| {
                let mut line = String::new();
                for (cell, &width) in row.iter().zip(&widths) {
                    let cell = cut(cell, width);
                    let gap = width.saturating_sub(cell.width());
                    line.push_str(&cell);
                    line.push_str(&" ".repeat(gap + 2));
                }
                line.trim_end().to_owned()
            })
            .collect()
    }
}

fn one_line(text: &str) -> String {
    if !text.contains('\n') {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    lines.join(" ")
}

/// `text` in at most `width` terminal cells, an ellipsis where something was cut.
///
/// ```
/// # use verifier::report::table::cut;
/// assert_eq!(cut("객실 목록", 9), "객실 목록");
/// assert_eq!(cut("객실 목록", 6), "객실 …");
/// ```
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// `text` in lines of at most `width` terminal cells, broken between words where that is possible.
///
/// ```
/// # use verifier::report::table::wrap;
/// assert_eq!(wrap("core answered 12 of 300", 14), ["core answered", "12 of 300"]);
/// assert_eq!(wrap("sha256:0123456789", 8), ["sha256:0", "12345678", "9"]);
/// ```
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // A wide character needs two cells.
    let width = width.max(2);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let cells = c.width().unwrap_or(0);
            if used + cells > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += cells;
        }
    }
    lines.push(line);
    lines
}

/// Control characters, and those that turn the direction of writing, as escapes: an answer must not
/// steer the reader's terminal.
pub fn printable(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(hostile) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| {
            if hostile(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_without_anything_is_left_out_where_it_may_be() {
        let mut table = Table::new(&[("name", 10), ("lost", 4), ("noise", 5), ("n", 3)]);
        for (name, noise) in [("a", "0"), ("b", "2")] {
            table.push([name, "0", noise, "0"].map(str::to_owned).to_vec());
        }
        table.leave_out_idle(&["lost", "noise"]);
        assert_eq!(
            table.lines(),
            ["name  noise  n", "a     0      0", "b     2      0"]
        );
    }

    #[test]
    fn wide_characters_keep_columns_aligned() {
        let mut table = Table::new(&[("name", 10), ("n", 3)]);
        table.push(vec!["객실".to_owned(), "1".to_owned()]);
        table.push(vec!["room\u{1b}[31m".to_owned(), "2".to_owned()]);
        assert_eq!(
            table.lines(),
            ["name        n", "객실        1", "room\\u{1b…  2"]
        );
    }
}
