//! A break on the reader's terminal: the edit, both stories with the differences marked, what
//! changed and what was expected.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use console::{Style, Term};
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter, wrap};

use super::difference::{Line, aligned, edit};
use super::outcome::{Outcome, Shown, Tried};
use super::rounds::Of;
use crate::workspace::folder;

/// Two stories stand side by side where a column has room for this many characters.
const COLUMN: usize = 56;
/// Where there is no terminal, and at most in running text.
const WIDTH: usize = 80;

/// The edit that a break makes in the reader's file, as lines of a diff.
pub fn edit_of(of: &Of) -> Result<Vec<String>> {
    let path = folder(&of.package).join(&of.one.file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(edit(&text, &of.one.applied_to(&text)?))
}

/// What the reader is asked, before anything is run.
pub fn question(of: &Of) -> Result<String> {
    let Of { package, one } = of;
    let mut text = format!("crates/{package}/{}\n", one.file);
    for line in edit_of(of)? {
        let style = match line.chars().next() {
            Some('-') => Style::new().red(),
            Some('+') => Style::new().green(),
            _ => Style::new(),
        };
        let _ = writeln!(text, "  {}", style.apply_to(line));
    }
    let _ = writeln!(text, "\n{}", paragraph(&one.asks));
    Ok(text)
}

/// What became of it.
pub fn answer(tried: &Tried) -> String {
    let mut text = String::new();
    match &tried.outcome {
        Outcome::NotHere(why) => {
            let _ = writeln!(text, "This machine cannot show it: {why}");
        }
        Outcome::AsExpected(shown) => {
            text += &shown_text(tried, shown);
            text += "This is what was expected. Why:\n";
            let _ = writeln!(text, "{}", paragraph(&tried.one.because));
        }
        Outcome::Otherwise { faults, shown } => {
            if let Some(shown) = shown {
                text += &shown_text(tried, shown);
            }
            text += "Something else was expected:\n";
            for fault in faults {
                let _ = writeln!(text, "  {fault}");
            }
        }
    }
    text
}

fn shown_text(tried: &Tried, shown: &Shown) -> String {
    let (after, facts, verdicts) = match shown {
        Shown::Refused(said) => return format!("The compiler refuses it:\n\n{said}\n\n"),
        Shown::Ran { after, facts, verdicts } => (after, facts, verdicts),
    };
    let width = Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| columns.into());
    let lines = aligned(&tried.before.story, &after.story);
    let mut text = match width {
        width if width >= 2 * COLUMN + 3 => side_by_side(&lines, (width - 3) / 2),
        _ => below(&lines),
    };
    text.push('\n');
    for (name, was, is) in facts {
        let expected = tried.one.expect.facts.get(name);
        let expected = expected.map_or("nothing".to_owned(), ToString::to_string);
        let _ = writeln!(text, "{name}: {was} -> {is}   (expected: {expected})");
    }
    for (was, is) in verdicts {
        let expected = tried.one.expect.verdicts.get(&is.id);
        let expected = expected.map_or("no change", String::as_str);
        let _ = writeln!(
            text,
            "\"{}\"\n  {} -> {}   (expected: {expected})\n{}",
            is.claim,
            was.verdict,
            is.verdict,
            lab::indented(&is.because)
        );
    }
    if !facts.is_empty() || !verdicts.is_empty() {
        text.push('\n');
    }
    text
}

/// One story after the other in one column, as a diff.
fn below(lines: &[Line]) -> String {
    let mut text = "- before   + with the break\n\n".to_owned();
    for line in lines {
        let _ = match line {
            Line::Same(_, is) => writeln!(text, "  {is}"),
            Line::Before(was) => {
                writeln!(text, "{}", Style::new().red().apply_to(format!("- {was}")))
            }
            Line::After(is) => {
                writeln!(text, "{}", Style::new().green().apply_to(format!("+ {is}")))
            }
        };
    }
    text
}

/// Two columns of `width` characters; `|` stands between lines that differ.
fn side_by_side(lines: &[Line], width: usize) -> String {
    let mut text = String::new();
    // A word that is wider than its column is broken too.
    let options = Options::new(width).subsequent_indent("  ");
    let options = options.word_splitter(WordSplitter::NoHyphenation);
    let mut row = |left: &str, mark: &str, right: &str, style: &Style| {
        let (left, right) = (wrap(left, &options), wrap(right, &options));
        for at in 0..left.len().max(right.len()) {
            let left = left.get(at).map_or("", |line| line);
            let right = right.get(at).map_or("", |line| line);
            let gap = " ".repeat(width - display_width(left));
            let (left, right) = (style.apply_to(left), style.apply_to(right));
            let _ = writeln!(text, "{left}{gap} {mark} {right}");
        }
    };
    let (plain, marked) = (Style::new(), Style::new().bold());
    row("before", " ", "with the break", &Style::new().underlined());
    let mut at = 0;
    while at < lines.len() {
        let before: Vec<&str> = lines[at..]
            .iter()
            .map_while(|line| match line {
                Line::Before(was) => Some(*was),
                _ => None,
            })
            .collect();
        let after: Vec<&str> = lines[at + before.len()..]
            .iter()
            .map_while(|line| match line {
                Line::After(is) => Some(*is),
                _ => None,
            })
            .collect();
        for both in 0..before.len().max(after.len()) {
            let cell = |lines: &[&str]| lines.get(both).copied().unwrap_or_default().to_owned();
            row(&cell(&before), "|", &cell(&after), &marked);
        }
        at += before.len() + after.len();
        if let Some(Line::Same(was, is)) = lines.get(at) {
            row(was, " ", is, &plain);
            at += 1;
        }
    }
    text
}

/// A sentence or two in lines that begin at the margin.
fn paragraph(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let options = Options::new(WIDTH).break_words(false);
    textwrap::fill(&text, options.word_splitter(WordSplitter::NoHyphenation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_differences_marked() {
        let lines = [Line::Same("  x", "  x"), Line::Before("a bc def gh"), Line::After("e")];
        let text = side_by_side(&lines, 8);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, ["  x          x", "a bc def | e", "  gh     | "], "{text}");
        let text = side_by_side(&[Line::Before("a wide-word-and-a-path")], 8);
        assert!(text.lines().all(|line| display_width(line) <= 2 * 8 + 3), "{text}");
    }
}
