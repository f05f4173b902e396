//! Text of submissions, made harmless for where it goes.

use serde_json::Value;

/// Takes out what a terminal or a workflow's runner would obey. Colours of the compiler may stay.
pub fn clean(text: &str, colours: bool) -> String {
    let plain = without_controls(text, colours);
    if !plain.contains("::") && !plain.contains("##[") {
        return plain;
    }
    // A line that begins with two colons, also after spaces, is a workflow command of GitHub's
    // runners, and so is, in the older form, one that has `##[` anywhere.
    let mut harmless = String::with_capacity(plain.len() + 16);
    for line in plain.split_inclusive('\n') {
        let start = line.len() - line.trim_start().len();
        if line[start..].starts_with("::") {
            harmless.push_str(&line[..start]);
            harmless.push_str(": :");
            harmless.push_str(&line[start + 2..].replace("##[", "# #["));
        } else {
            harmless.push_str(&line.replace("##[", "# #["));
        }
    }
    harmless
}

/// Takes out what a terminal would obey, and nothing else.
pub fn without_controls(text: &str, colours: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => plain.push(character),
            '\x1b' if colours && characters.peek() == Some(&'[') => {
                let mut sequence = String::from(character);
                for next in characters.by_ref() {
                    sequence.push(next);
                    if next.is_ascii_alphabetic() {
                        break;
                    }
                }
                let inside = &sequence[2..sequence.len().saturating_sub(1)];
                let is_colour = sequence.ends_with('m')
                    && inside.chars().all(|c| c.is_ascii_digit() || c == ';');
                if is_colour {
                    plain.push_str(&sequence);
                }
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            c if messages::is_obeyed(c) => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

/// Text that commands neither a terminal nor GitHub's runners ([`clean`]), and without the
/// characters that XML cannot hold: these are written as Rust writes them.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in clean(text, false).chars() {
        match character {
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

    #[test]
    fn a_workflow_is_not_commanded() {
        assert_eq!(clean("a\n  ::add-mask::b\nstd::fmt", false), "a\n  : :add-mask::b\nstd::fmt");
        assert_eq!(clean("a ##[error]b", false), "a # #[error]b");
    }

    #[test]
    fn a_terminal_is_not_commanded() {
        assert_eq!(clean("a\x1b[2Jb\x07", false), "a\\u{1b}[2Jb\\u{7}");
        assert_eq!(clean("\x1b[1;31mred\x1b[0m\x1b[2J", true), "\x1b[1;31mred\x1b[0m");
    }
}
