//! Texts and numbers as people read them: lines that fit, and digits in groups of three.

use textwrap::{Options, WordSplitter};

/// A text in lines of at most 80 characters, each indented by two, as verdicts are printed.
pub fn indented(text: &str) -> String {
    wrapped(text, 80)
}

/// The same in lines of at most `width` characters, of a terminal for example.
pub fn wrapped(text: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = textwrap::wrap(&text, between_words(width.max(20) - 2));
    format!("  {}", lines.join("\n  "))
}

/// How texts are broken into lines of at most `width` columns: at blanks alone, so that an option or
/// a path stays whole.
pub(crate) fn between_words<'a>(width: usize) -> Options<'a> {
    Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation)
}

/// A number with a comma between each three digits.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_broken_between_words() {
        let text = "word ".repeat(40);
        let lines = indented(&text);
        assert!(lines.lines().all(|line| line.starts_with("  ") && line.len() <= 80));
        assert_eq!(lines.split_whitespace().count(), 40);
        assert_eq!(indented(""), "  ");
        assert!(wrapped(&text, 40).lines().all(|line| line.len() <= 40));
        let whole = wrapped("to see it all: cargo run -p fork -- copy-on-write --full", 50);
        assert_eq!(whole, "  to see it all: cargo run -p fork --\n  copy-on-write --full");
    }

    #[test]
    fn three_digits_stand_together() {
        let shown = [0, 100, 1000, 1234567].map(grouped);
        assert_eq!(shown, ["0", "100", "1,000", "1,234,567"]);
    }
}
