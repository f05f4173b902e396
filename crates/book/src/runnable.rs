//! Says in each page what runs what is shown there: an experiment its transcript, a break its
//! command. The theme's script makes buttons of it where a local server can run them.

use std::collections::BTreeMap;

use mdbook_driver::book::Book;
use mdbook_driver::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use crate::recorded::Recorded;

/// Runs after the includes, on every chapter.
pub struct Runnable;

/// What stands in a command's block before the names of a package and a break.
const BREAK: &str = "$ cargo xtask break ";

impl Preprocessor for Runnable {
    fn name(&self) -> &str {
        "what-can-be-run"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let recorded = Recorded::beside(&context.root);
        let mut known = BTreeMap::new();
        for package in recorded.packages() {
            for section in recorded.experiments(&package) {
                known.insert(section.lines.join("\n"), format!("run/{package}/{}", section.name));
            }
            for name in recorded.breaks(&package) {
                known.insert(format!("{BREAK}{package} {name}"), format!("break/{package}/{name}"));
            }
        }
        book.for_each_chapter_mut(|chapter| chapter.content = marked(&chapter.content, &known));
        Ok(book)
    }
}

/// The chapter with a `div` around each block that is `known` as what something runs.
fn marked(chapter: &str, known: &BTreeMap<String, String>) -> String {
    let mut text = String::with_capacity(chapter.len());
    let mut lines = chapter.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if !line.starts_with("```") {
            text.push_str(line);
            continue;
        }
        let mut block = line.to_owned();
        let mut inner = String::new();
        for line in lines.by_ref() {
            block.push_str(line);
            if line.starts_with("```") {
                break;
            }
            inner.push_str(line);
        }
        match known.get(inner.trim_end()) {
            Some(runs) => {
                text.push_str(&format!("<div class=\"runnable\" data-runs=\"{runs}\">\n\n"));
                text.push_str(block.trim_end());
                text.push_str("\n\n</div>\n");
            }
            None => text.push_str(&block),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_recorded_is_marked_and_no_other() {
        let known = BTreeMap::from([
            ("a: Why?\n[main 1] so".to_owned(), "run/p/a".to_owned()),
            ("$ cargo xtask break p b".to_owned(), "break/p/b".to_owned()),
        ]);
        let chapter =
            "x\n\n```text\na: Why?\n[main 1] so\n```\n\n```console\n$ cargo xtask break p b\n```\n";
        assert_eq!(
            marked(chapter, &known),
            "x\n\n<div class=\"runnable\" data-runs=\"run/p/a\">\n\n```text\na: Why?\n[main 1] so\n\
             ```\n\n</div>\n\n<div class=\"runnable\" data-runs=\"break/p/b\">\n\n```console\n\
             $ cargo xtask break p b\n```\n\n</div>\n"
        );
        let other = "```text\na: Why?\n[main 1] no\n```\ny\n```\nnever ended\n";
        assert_eq!(marked(other, &known), other);
    }
}
