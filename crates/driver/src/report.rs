//! What a check came to, as the grader reads it.

use std::fmt::Write;

/// Something that is wrong with the submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The word for it, as in `exercise.toml`.
    pub word: String,
    /// What was tried, what was expected, and what came; one or more lines.
    pub message: String,
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why it did not pass.
    pub finding: Option<Finding>,
    /// The function of the submission that ran when the time was up, each time that one looked.
    pub spins: Option<String>,
    /// What the submission had left behind: the word for it, and which it is.
    pub left: Vec<(String, String)>,
}

/// The longest field, in bytes.
const LONGEST_FIELD: usize = 16 * 1024;

impl Report {
    /// Writes it as text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(Finding { word, message }) = &self.finding {
            record(&mut text, ["finding", word, message]);
        }
        if let Some(function) = &self.spins {
            record(&mut text, ["spins", "in", function]);
        }
        for (word, which) in self.left.iter().take(64) {
            record(&mut text, ["left", word, which]);
        }
        text.push_str("over\n");
        text
    }

    /// Reads what [`to_text`](Report::to_text) wrote; `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Report> {
        let mut report = Report::default();
        let mut lines = text.lines();
        for line in &mut lines {
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            match fields.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["finding", word, message] => {
                    let (word, message) = (word.to_owned(), message.to_owned());
                    report.finding = Some(Finding { word, message });
                }
                ["spins", "in", function] => report.spins = Some(function.to_owned()),
                ["left", word, which] => report.left.push((word.to_owned(), which.to_owned())),
                ["over"] => return lines.next().is_none().then_some(report),
                _ => return None,
            }
        }
        None
    }
}

fn record(text: &mut String, fields: [&str; 3]) {
    let escape = |field: &str| {
        let field = &field[..field.floor_char_boundary(LONGEST_FIELD)];
        field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
    };
    let _ = writeln!(text, "{}", fields.map(escape).join("\t"));
}

fn unescape(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('t') => plain.push('\t'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => {}
            },
            (other, false) => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let message = "two\nlines\tand a \\ and\r".to_owned();
        let finding = Some(Finding { word: "wrong".into(), message });
        let spins = Some("reap::wait".to_owned());
        let report = Report { finding, spins, left: vec![("zombie".into(), "12 (sh)".into())] };
        assert_eq!(Report::from_text(&report.to_text()), Some(report.clone()));
        assert_eq!(Report::from_text("over\n"), Some(Report::default()));
        assert_eq!(Report::from_text(""), None, "a report that is cut off is none");
        assert_eq!(Report::from_text("over\nleft\tzombie\t1\n"), None);
    }
}
