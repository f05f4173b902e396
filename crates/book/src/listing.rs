//! Listings are cut out of functions and files: this moves them to the left margin, where a narrow
//! screen shows more of them, and takes empty lines off their end.

use mdbook_driver::book::Book;
use mdbook_driver::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// Runs after the includes, on every chapter.
pub struct ToTheMargin;

impl Preprocessor for ToTheMargin {
    fn name(&self) -> &str {
        "listings-to-the-margin"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        book.for_each_chapter_mut(|chapter| chapter.content = to_the_margin(&chapter.content));
        Ok(book)
    }
}

/// The chapter with its fenced blocks moved; what is outside of them stays as it is.
fn to_the_margin(chapter: &str) -> String {
    let mut moved = String::with_capacity(chapter.len());
    let mut listing: Option<Vec<&str>> = None;
    for line in chapter.lines() {
        let fence = line.starts_with("```");
        match &mut listing {
            Some(lines) if !fence => {
                lines.push(line);
                continue;
            }
            Some(lines) => {
                push_listing(&mut moved, lines);
                listing = None;
            }
            None if fence => listing = Some(Vec::new()),
            None => {}
        }
        moved.push_str(line);
        moved.push('\n');
    }
    // A block that nobody ends is Markdown's affair.
    push_listing(&mut moved, &listing.unwrap_or_default());
    moved
}

fn push_listing(text: &mut String, lines: &[&str]) {
    let full = |line: &&&str| !line.trim().is_empty();
    let length = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let margin = lines.iter().filter(full).map(indent).min().unwrap_or(0);
    for line in &lines[..length] {
        text.push_str(line.get(margin..).unwrap_or_default());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_moves_and_its_shape_stays() {
        let chapter = "  text\n\n```rust\n    if x {\n\n        y\n    }\n\n```\n    text\n";
        let moved = "  text\n\n```rust\nif x {\n\n    y\n}\n```\n    text\n";
        assert_eq!(to_the_margin(chapter), moved);
    }

    #[test]
    fn what_is_at_the_margin_stays() {
        for chapter in ["```\na\n  b\n```\n", "```\n```\n", "```text\nnever ended\n", "no block\n"]
        {
            assert_eq!(to_the_margin(chapter), chapter);
        }
    }
}
