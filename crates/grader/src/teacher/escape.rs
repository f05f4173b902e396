//! Text of submissions, made harmless for where it goes.

use serde_json::Value;

use crate::show;

/// Text that commands neither a terminal nor GitHub's runners ([`show::clean`]), and without the
/// characters that reorder what is read, or that XML cannot hold: these are written as Rust writes
/// them.
pub fn plain(text: &str) -> String {
    let reorders = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut plain = String::with_capacity(text.len());
    for character in show::clean(text, false).chars() {
        match character {
            c if reorders(c) => plain.extend(c.escape_unicode()),
            '\u{fffe}' | '\u{ffff}' => plain.extend(character.escape_unicode()),
            c => plain.push(c),
        }
    }
    plain
}

/// Every string in a value made plain.
pub fn plain_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(&text)),
        Value::Array(values) => values.into_iter().map(plain_value).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, plain_value(v))).collect(),
        other => other,
    }
}

/// A cell that a spreadsheet takes for text and not for a formula.
pub fn cell(text: &str) -> String {
    let text = plain(text).replace(['\n', '\t'], " ");
    match text.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_reordering_are_shown_and_not_done() {
        assert_eq!(plain("a\x1b[2J\u{9b}b\r\nc\td"), "a\\u{1b}[2J\\u{9b}b\nc\td");
        assert_eq!(plain("x\u{202e}y\u{2069}\u{ffff}\0"), "x\\u{202e}y\\u{2069}\\u{ffff}\\u{0}");
    }

    #[test]
    fn no_line_is_a_workflow_command() {
        let hostile = "::error::a\n \u{2003}::set-output name=x::1\nb ::notice::c\n##[add-mask]d";
        let said = plain(hostile);
        assert!(said.lines().all(|line| !line.trim_start().starts_with("::")), "{said}");
        assert!(!said.contains("##["), "{said}");
        assert!(said.contains("b ::notice::c"), "what is no command stays: {said}");
    }

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@x\ny"), "'@x y");
        assert_eq!(cell("ann"), "ann");
    }
}
