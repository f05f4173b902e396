//! What a program says when it cannot do what was asked: one line, in which nothing commands the
//! terminal, whatever an argument, a file's name or a variable contains; and whether a terminal gets
//! colours at all.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::error::{ContextKind, ContextValue};

/// Whether a terminal obeys this character instead of showing it: a control character, or one that
/// turns the direction of what follows.
pub fn is_obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text in one line: what a terminal would obey is written as Rust writes it in a string, and all
/// else stays as it is.
pub fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, character| {
        match is_obeyed(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
        line
    })
}

/// The same for a text that has lines of its own, which stay.
pub fn lines(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

/// Says on standard error, in one line, what is wrong; nobody is told if that cannot be done.
pub fn complain(program: &str, wrong: impl Display) {
    let _ = writeln!(io::stderr(), "{program}: {}", one_line(&wrong.to_string()));
}

/// What is wrong with a command line in one sentence: with what was missing or what there is to
/// choose from, and with clap's guess at what was meant.
pub fn usage_sentence(error: &clap::Error) -> String {
    let of = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    };
    let mut text = error.to_string();
    // What was typed may have lines, and is told apart from those that clap writes.
    for typed in
        [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue]
    {
        for word in of(typed).iter().filter(|word| word.chars().any(is_obeyed)) {
            text = text.replace(word.as_str(), &one_line(word));
        }
    }
    // What is missing stands in lines of its own, and what is possible in one that is left out here.
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("[possible")).collect();
    let mut sentence = lines.join(" ");
    sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence).to_owned();
    if let [others @ .., last] = &of(ContextKind::ValidValue)[..]
        && text.contains("[possible values")
    {
        sentence += &match others {
            [] => format!("; it can be {last}"),
            others => format!("; it can be {} or {last}", others.join(", ")),
        };
    }
    let guesses =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    for guess in guesses.into_iter().filter_map(|kind| of(kind).into_iter().next()) {
        sentence += &format!("; did you mean '{guess}'?");
    }
    one_line(&sentence)
}

/// Whether a terminal can do nothing but print, or nobody knows what it can do: no colours and no
/// movements of the cursor for it.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb")
}

/// Whether what goes to `output` is coloured: a terminal that can, unless `NO_COLOR` is set.
pub fn is_coloured(output: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    output.is_terminal() && !is_dumb() && !unwanted
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValuesParser;
    use clap::{Arg, ArgAction, Command};

    use super::*;

    fn of(words: &[&str]) -> String {
        let levels = PossibleValuesParser::new(["1", "2", "3"]);
        let level = Arg::new("level").long("level").value_parser(levels);
        let command = Command::new("x")
            .arg(Arg::new("json").long("json").action(ArgAction::SetTrue))
            .arg(level)
            .arg(Arg::new("a").required(true))
            .arg(Arg::new("b").required(true));
        usage_sentence(&command.try_get_matches_from(words).unwrap_err())
    }

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(
            one_line("\x1b[31mred\na\tb\r\u{9b}c\u{7f}"),
            "\\u{1b}[31mred\\na\\tb\\r\\u{9b}c\\u{7f}"
        );
        assert_eq!(one_line("x\u{202e}y\u{2069}"), "x\\u{202e}y\\u{2069}");
        assert_eq!(one_line("it's \"naïve\" \\ 日本"), "it's \"naïve\" \\ 日本", "all else stays");
        assert_eq!(lines("a\x07\nb"), "a\\u{7}\nb");
    }

    #[test]
    fn clap_s_errors_become_one_sentence() {
        assert_eq!(
            of(&["x", "--jsn"]),
            "unexpected argument '--jsn' found; did you mean '--json'?"
        );
        assert_eq!(of(&["x", "--bogus"]), "unexpected argument '--bogus' found");
        assert_eq!(
            of(&["x", "a", "b", "--level", "4"]),
            "invalid value '4' for '--level <level>'; it can be 1, 2 or 3"
        );
        let missing = of(&["x"]);
        assert!(missing.ends_with("not provided: <a> <b>"), "{missing}");
    }

    #[test]
    fn what_was_typed_has_no_lines_and_colours_nothing() {
        assert_eq!(of(&["x", "--a\n\nb"]), "unexpected argument '--a\\n\\nb' found");
        let value = of(&["x", "a", "b", "--level", "\x1b[31m4"]);
        assert!(value.starts_with("invalid value '\\u{1b}[31m4' for"), "{value}");
        let more = of(&["x", "a", "b", "c\nd"]);
        assert!(more.contains("'c\\nd'") && !more.contains('\n'), "{more}");
    }
}
