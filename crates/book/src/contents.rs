//! Puts a table of contents before the page on which the whole book is printed: on paper, and in a PDF
//! that is made of it, there is no side bar.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the text of a page begins, as mdBook writes it.
const MAIN: &str = "<main>";

/// Completes the page with the whole book in `pages`, if there is one.
///
/// # Errors
///
/// If the page cannot be read or written, or has no place for the contents.
pub fn complete(pages: &Path) -> Result<()> {
    let path = pages.join("print.html");
    if !path.exists() {
        return Ok(());
    }
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, text) = page.split_once(MAIN).context("the page to print has no text")?;
    let contents = contents(text);
    let page = format!("{before}{MAIN}\n{contents}{text}");
    fs::write(&path, page).with_context(|| path.display().to_string())
}

/// A list of the titles of chapters, each a link.
fn contents(text: &str) -> String {
    let mut list = String::from("<nav class=\"contents\" aria-label=\"Contents\"><ol>\n");
    for heading in text.split("<h1 id=\"").skip(1) {
        let Some((id, rest)) = heading.split_once("\">") else { continue };
        let title = rest.split("</h1>").next().unwrap_or_default();
        let _ = writeln!(list, "<li><a href=\"#{id}\">{}</a></li>", without_tags(title));
    }
    list + "</ol></nav>\n"
}

fn without_tags(html: &str) -> String {
    let mut pieces = html.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('>').map_or("", |(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    #[test]
    fn titles_become_links() {
        let html =
            "<h1 id=\"a\"><a class=\"header\" href=\"#a\"><code>A</code> &amp; B</a></h1><p>x";
        assert!(contents(html).contains("<li><a href=\"#a\">A &amp; B</a></li>"));
    }

    #[test]
    fn the_book_to_print_begins_with_all_chapters() {
        let root = build::find().unwrap();
        let pages = build::build(&root).expect("the book builds");
        let page = fs::read_to_string(pages.join("print.html")).unwrap();
        let (_, text) = page.split_once(MAIN).unwrap();
        let (contents, rest) = text.split_once("</nav>").unwrap();
        let summary = fs::read_to_string(root.join("src/SUMMARY.md")).unwrap();
        let chapters = summary.lines().filter(|line| line.contains("](")).count();
        assert_eq!(contents.matches("<li>").count(), chapters);
        for link in contents.split("href=\"#").skip(1) {
            let id = link.split('"').next().unwrap();
            assert!(rest.contains(&format!("<h1 id=\"{id}\"")), "{id}");
        }
    }
}
