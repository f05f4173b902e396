//! Links the glossary's terms to it: the first time that a chapter uses one in its running text.
//!
//! The terms are those of the glossary's own definition list, so there is no second list of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use mdbook_driver::book::Book;
use mdbook_driver::errors::Result;
use mdbook_markdown::pulldown_cmark::{Event, Tag, TagEnd};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// The glossary's file in the book's sources.
pub const GLOSSARY: &str = "glossary.md";

/// Pages that are about the book and its tools. Their "page" and "process" are words like others.
const WITHOUT: [&str; 8] = [
    GLOSSARY,
    "404.md",
    "contributing.md",
    "exercises.md",
    "grader.md",
    "ledger.md",
    "SUMMARY.md",
    "teachers.md",
];

/// Words that are none of the glossary's where they stand: the philosophers' forks, Rust's `clone`.
const OTHER_WORDS: [(&str, &str); 2] = [("deadlock.md", "fork"), ("ipc-cost.md", "clone")];

/// Runs after the includes, on every chapter.
pub struct Links;

impl Preprocessor for Links {
    fn name(&self) -> &str {
        "links-to-the-glossary"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let mut names = BTreeMap::new();
        book.for_each_chapter_mut(|chapter| {
            if chapter.path.as_deref() == Some(Path::new(GLOSSARY)) {
                names = names_in(&chapter.content);
            }
        });
        book.for_each_chapter_mut(|chapter| {
            if let Some(page) = chapter.path.as_deref().filter(|page| has_links(page)) {
                chapter.content = linked(page, &chapter.content, &names).0;
            }
        });
        Ok(book)
    }
}

/// Whether the terms are linked in this page of the book.
pub fn has_links(page: &Path) -> bool {
    page.components().count() == 1 && !WITHOUT.iter().any(|without| page == Path::new(without))
}

/// The names by which the glossary's entries are found in a text, with the entry's id in the page.
///
/// An entry such as `CAS (compare-and-exchange)` or `pid, tid` has two names. Names in small letters
/// are also found with a capital, and with the ending of the plural.
pub fn names_in(glossary: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for entry in entries(glossary) {
        let id = id(&entry);
        for name in entry.split([',', '(', ')']).map(str::trim).filter(|name| !name.is_empty()) {
            for form in [name.to_owned(), plural(name)] {
                let mut letters = form.chars();
                let capital = letters.next().map(|first| first.to_uppercase().to_string());
                names.insert(capital.unwrap_or_default() + letters.as_str(), id.clone());
                names.insert(form, id.clone());
            }
        }
    }
    names
}

/// The titles of the glossary's definition list.
pub fn entries(glossary: &str) -> Vec<String> {
    definitions(glossary).into_iter().map(|(title, _)| title).collect()
}

/// The titles of the glossary's definition list, each with what is said of it.
pub fn definitions(glossary: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut in_title = false;
    for event in new_cmark_parser(glossary, &MarkdownOptions::default()) {
        match event {
            Event::Start(Tag::DefinitionListTitle) => {
                entries.push(Default::default());
                in_title = true;
            }
            Event::End(TagEnd::DefinitionListTitle) => in_title = false,
            Event::Text(text) | Event::Code(text) => match entries.last_mut() {
                Some((title, _)) if in_title => title.push_str(&text),
                Some((_, says)) => says.push_str(&text),
                None => {}
            },
            Event::SoftBreak => {
                if let Some((_, says)) = entries.last_mut() {
                    says.push(' ');
                }
            }
            _ => {}
        }
    }
    entries
}

/// The id that mdBook gives a title of a definition list: its letters and digits, with hyphens for
/// what is between them.
pub fn id(title: &str) -> String {
    let kept = title.trim().to_lowercase();
    kept.chars()
        .filter_map(|letter| match letter {
            '_' | '-' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter),
            letter if letter.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// The plural of an English noun, by the regular rules.
fn plural(noun: &str) -> String {
    let stem = noun.strip_suffix('y');
    if let Some(stem) = stem.filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{stem}ies")
    } else if noun.ends_with(['s', 'x']) || noun.ends_with("ch") || noun.ends_with("sh") {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// The chapter with the first use of each entry linked, and the ids of these entries. What is folded
/// (`<details>`) may stay closed, so a use there is linked for itself, and the first one outside too.
///
/// Code, headings, links, figures and tables' heads stay as they are, and so does what follows the
/// heading "Links": titles of books and papers.
pub fn linked(
    page: &Path,
    chapter: &str,
    names: &BTreeMap<String, String>,
) -> (String, BTreeSet<String>) {
    let other_words = OTHER_WORDS.iter().filter(|(other, _)| page == Path::new(other));
    let mut seen: BTreeSet<String> = other_words.map(|(_, id)| (*id).to_owned()).collect();
    let mut seen_folded = BTreeSet::new();
    let mut text = String::with_capacity(chapter.len());
    let mut copied = 0;
    for run in running_text(chapter) {
        let before = &chapter[..run.start];
        let folded = before.matches("<details").count() > before.matches("</details>").count();
        // A name may go on in the next line.
        for (start, name) in names_of(&chapter[run.clone()].replace('\n', " "), names) {
            let id = &names[name];
            let first = match folded {
                true => !seen.contains(id) && seen_folded.insert(id.clone()),
                false => seen.insert(id.clone()),
            };
            if first {
                let (start, end) = (run.start + start, run.start + start + name.len());
                text.push_str(&chapter[copied..start]);
                text.push_str(&format!("[{}]({GLOSSARY}#{id})", &chapter[start..end]));
                copied = end;
            }
        }
    }
    text.push_str(&chapter[copied..]);
    seen.extend(seen_folded);
    (text, seen)
}

/// Where the chapter's running text stands, in pieces between what is marked up.
fn running_text(chapter: &str) -> Vec<Range<usize>> {
    let end = chapter.find("\n## Links\n").unwrap_or(chapter.len());
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut closed = 0;
    for (event, range) in new_cmark_parser(chapter, &MarkdownOptions::default()).into_offset_iter()
    {
        let plain = match event {
            Event::Start(tag) if keeps_out(&tag.to_end()) => {
                closed += 1;
                continue;
            }
            Event::End(tag) if keeps_out(&tag) => {
                closed -= 1;
                continue;
            }
            // What differs from its source is escaped there.
            Event::Text(text) => chapter[range.clone()] == *text,
            Event::SoftBreak => true,
            _ => false,
        };
        if plain && closed == 0 && range.end <= end {
            match runs.last_mut() {
                Some(run) if run.end == range.start => run.end = range.end,
                _ => runs.push(range),
            }
        }
    }
    runs
}

fn keeps_out(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::CodeBlock
            | TagEnd::DefinitionListTitle
            | TagEnd::Heading(_)
            | TagEnd::HtmlBlock
            | TagEnd::Image
            | TagEnd::Link
            | TagEnd::TableHead
    )
}

/// The names in a text, from left to right, the longest of those that begin at the same place.
fn names_of<'a>(text: &str, names: &'a BTreeMap<String, String>) -> Vec<(usize, &'a str)> {
    let of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let mut found = Vec::new();
    let mut end = 0;
    for (start, _) in text.char_indices() {
        if start < end || text[..start].ends_with(of_word) {
            continue;
        }
        let rest = &text[start..];
        let here = names.keys().filter(|name| {
            rest.strip_prefix(name.as_str()).is_some_and(|after| !after.starts_with(of_word))
        });
        if let Some(name) = here.max_by_key(|name| name.len()) {
            found.push((start, name.as_str()));
            end = start + name.len();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: &str = "# Glossary\n\naddress space\n: A map.\n\nentry\n: A line.\n\n\
        CAS (compare-and-exchange)\n: An instruction.\n\nspace\n: Room.\n";

    #[test]
    fn names_come_from_the_glossary_with_their_plurals() {
        let names = names_in(LITTLE);
        let id = |name: &str| names.get(name).map(String::as_str);
        assert_eq!(id("Address spaces"), Some("address-space"));
        assert_eq!(id("entries"), Some("entry"));
        assert_eq!(id("compare-and-exchange"), Some("cas-compare-and-exchange"));
        assert_eq!(id("cas"), None);
    }

    #[test]
    fn the_first_use_is_linked_and_the_longest_name_wins() {
        let (text, seen) = linked(
            Path::new("one.md"),
            "An entry. Address\nspaces, a space; *entries*.\n",
            &names_in(LITTLE),
        );
        let link = "An [entry](glossary.md#entry). [Address\nspaces](glossary.md#address-space), \
            a [space](glossary.md#space); *entries*.\n";
        assert_eq!(text, link);
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn what_is_folded_does_not_take_the_link_away() {
        let folded = "<details><summary>Space</summary>\n\nAn entry, an entry.\n\n</details>\n\n";
        let (text, _) =
            linked(Path::new("one.md"), &format!("{folded}An entry.\n"), &names_in(LITTLE));
        let link = "An [entry](glossary.md#entry)";
        assert_eq!(text, folded.replacen("An entry", link, 1) + link + ".\n");
    }

    #[test]
    fn code_headings_links_figures_and_parts_of_words_stay() {
        let chapter = "# An entry\n\n`entry` [entry](a.md) ![entry](a.svg) re-entry entry_point\n\n\
            ```text\nentry\n```\n\n<figure>\nentry\n</figure>\n\n| entry |\n|---|\n| x |\n";
        assert_eq!(linked(Path::new("one.md"), chapter, &names_in(LITTLE)).0, chapter);
    }
}
