//! Builds the book beside the one that is there, and puts it into its place when it is whole.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mdbook_driver::MDBook;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::{check, contents, glossary, listing, predictions, runnable, search};

/// The folder that holds `book.toml`, in the checkout around the current directory: checkouts are
/// moved and copied after this program was built.
///
/// # Errors
///
/// If no folder around the current directory is a checkout of this project.
pub fn find() -> Result<PathBuf> {
    let here = std::env::current_dir().context("find the current directory")?;
    let found = here.ancestors().find(|folder| folder.join("crates/book/Cargo.toml").is_file());
    found.map(|top| top.join("book")).with_context(|| {
        let here = messages::one_line(&here.display().to_string());
        format!("{here} is not in a checkout of this project")
    })
}

/// Builds the book at `root`, and returns the folder of its pages if nothing is stale in it. If
/// something is, the pages that were there stay.
///
/// # Errors
///
/// If the book cannot be built, or is not whole: each fault is a line.
pub fn build(root: &Path) -> Result<PathBuf> {
    // One build at a time; the system gives the lock back however this program ends.
    let lock = File::open(root).with_context(|| format!("open {}", root.display()))?;
    lock.lock().with_context(|| format!("lock {}", root.display()))?;
    let mut book = MDBook::load(root).context("load the book")?;
    let pages = root.join(&book.config.build.build_dir);
    let new = pages.with_extension("new");
    remove(&new)?;
    // mdBook makes this folder again and copies nothing out of it into itself.
    book.config.build.build_dir = new.clone();
    book.with_preprocessor(listing::ToTheMargin);
    book.with_preprocessor(runnable::Runnable);
    book.with_preprocessor(glossary::Links);
    book.with_preprocessor(predictions::Predictions);
    let built = book.build().context("build the book");
    let faults = built.and_then(|()| {
        let mut faults = check::sources(&root.join(&book.config.book.src))?;
        faults.extend(check::pages(&new)?);
        if let Ok(terms) =
            fs::read_to_string(root.join(&book.config.book.src).join(glossary::GLOSSARY))
        {
            search::complete(&new, &terms)?;
        }
        contents::complete(&new)?;
        Ok(faults)
    });
    let sound = faults.and_then(|faults| match faults.len() {
        0 => Ok(()),
        1 => bail!("{}", faults[0]),
        more => bail!("{more} faults:\n{}", faults.join("\n")),
    });
    let swapped = sound.and_then(|()| swap(&new, &pages));
    // What is there now is the old book, or the one with faults.
    remove(&new)?;
    swapped.map(|()| pages)
}

/// Puts `new` into the place of `pages`, in one step: who reads meanwhile finds one of the two.
fn swap(new: &Path, pages: &Path) -> Result<()> {
    let place = || format!("put the book to {}", pages.display());
    match renameat2(AT_FDCWD, new, AT_FDCWD, pages, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::ENOENT) => fs::rename(new, pages).with_context(place),
        // Some file systems cannot exchange.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            remove(pages)?;
            fs::rename(new, pages).with_context(place)
        }
        Err(error) => Err(error).with_context(place),
    }
}

/// Removes a folder that may be there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::reading;

    #[test]
    fn the_book_is_whole() {
        build(&find().unwrap()).expect("the book builds");
    }

    #[test]
    fn every_term_of_the_glossary_is_linked_from_a_chapter() {
        let folder = find().unwrap().join("src");
        let read = |page: &Path| fs::read_to_string(folder.join(page)).unwrap();
        let glossary = read(Path::new("glossary.md"));
        // An entry is a line with its title, and a line that begins with a colon below it.
        assert!(!glossary.contains("\n**"), "the glossary is a definition list");
        let mut entries = glossary::entries(&glossary);
        let given = entries.clone();
        entries.sort_by_key(|entry| entry.to_lowercase());
        assert_eq!(given, entries, "the glossary is in the order of the alphabet");
        entries.dedup();
        assert_eq!(given, entries, "no term stands in the glossary twice");
        let names = glossary::names_in(&glossary);
        let mut unused: BTreeSet<String> = names.values().cloned().collect();
        assert!(unused.len() > 60, "the glossary has {} entries", unused.len());
        for entry in fs::read_dir(&folder).unwrap() {
            let name = PathBuf::from(entry.unwrap().file_name());
            if name.extension().is_some_and(|it| it == "md") && glossary::has_links(&name) {
                let (text, used) = glossary::linked(&name, &read(&name), &names);
                unused.retain(|id| !used.contains(id) || !text.contains(&format!("#{id})")));
            }
        }
        assert!(unused.is_empty(), "no chapter uses {unused:?}");
    }

    /// The packages that have a transcript, and a chapter for it.
    fn concepts() -> Vec<String> {
        let crates = find().unwrap().join("../crates");
        let mut names: Vec<String> = fs::read_dir(crates)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().join("transcript.txt").is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .filter(|name| name != "compare")
            .collect();
        names.sort();
        assert!(names.len() > 20, "{names:?}");
        names
    }

    #[test]
    fn every_chapter_is_read_in_ten_minutes() {
        let pages = build(&find().unwrap()).expect("the book builds");
        let mut long = Vec::new();
        for name in concepts() {
            let page = fs::read_to_string(pages.join(&name).with_extension("html")).unwrap();
            let (words, minutes) = (reading::words(&page), reading::minutes(&page));
            println!("{minutes:>3} minutes, {words:>5} words: {name}");
            if minutes > 10 {
                long.push(format!("{name}: {words} words, {minutes} minutes"));
            }
        }
        let limit = 10 * reading::PACE;
        assert!(long.is_empty(), "over ten minutes, which are {limit} words: {long:#?}");
    }

    #[test]
    fn a_chapter_shows_all_experiments_in_the_programs_order() {
        let book = find().unwrap();
        let read = |path: PathBuf| fs::read_to_string(&path).expect("a file of the package");
        for concept in concepts() {
            let transcript = read(book.join("../crates").join(&concept).join("transcript.txt"));
            let chapter = read(book.join("src").join(&concept).with_extension("md"));
            let experiments = transcript.split("--- ANCHOR: ").skip(1);
            let names = experiments.filter_map(|section| section.split_whitespace().next());
            let mut last = 0;
            for name in names.filter(|name| *name != "verdicts") {
                // By its output, or by a figure that tells it instead.
                let output = chapter.find(&format!("transcript.txt:{name}}}}}"));
                let figure = chapter.find(&format!("figures/{name}.svg}}}}"));
                let here = output.into_iter().chain(figure).min();
                let here = here.unwrap_or_else(|| panic!("{concept} does not show {name}"));
                assert!(last < here, "{concept}: {name} stands before another one");
                last = here;
            }
        }
    }

    #[test]
    fn every_figure_has_room_on_a_phone() {
        // A page has so much room on a screen of 390 pixels, where book.css shows figures at 85 %.
        const ROOM: usize = 350 * 100 / 85;
        let pages = build(&find().unwrap()).expect("the book builds");
        let (mut figures, mut twice, mut wide) = (0, 0, Vec::new());
        for entry in fs::read_dir(pages).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.ends_with(".html") || name == "print.html" {
                continue;
            }
            let page = fs::read_to_string(entry.path()).unwrap();
            for figure in page.split("<figure").skip(1) {
                let figure = figure.split("</figure>").next().unwrap();
                let drawings = figure.split("<svg").skip(1).map(|it| it.split('>').next().unwrap());
                let (whole, small): (Vec<&str>, Vec<&str>) =
                    drawings.partition(|drawing| drawing.contains("class=\"wide\""));
                let narrow = small.iter().filter(|it| it.contains("class=\"narrow\"")).count();
                assert_eq!(whole.len(), narrow, "{name}: a wide drawing needs a narrow one");
                twice += narrow;
                figures += 1;
                // A plot is as wide as its column, and its letters are large.
                for drawing in small.into_iter().filter(|it| !it.contains("class=\"plot\"")) {
                    let width = drawing.split(" width=\"").nth(1).unwrap_or_default();
                    let width = width.split('"').next().unwrap();
                    if width.parse().map_or(true, |width: usize| width > ROOM) {
                        wide.push(format!("{name}: {width}"));
                    }
                }
            }
        }
        assert!(figures > 40 && twice > 5, "{figures} figures, {twice} of them drawn twice");
        assert!(wide.is_empty(), "wider than {ROOM}: {wide:#?}");
    }

    /// The name of the element that a piece of HTML begins with, as a selector of a style sheet.
    fn selector(html: &str) -> String {
        let tag = html.trim_start().split('>').next().unwrap_or_default();
        match tag.split_once("class=\"") {
            Some((_, class)) => format!(".{}", class.split(['"', ' ']).next().unwrap_or_default()),
            None => tag.trim_start_matches('<').split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn on_paper_what_a_paragraph_announces_stays_with_it() {
        let root = find().unwrap();
        let style = fs::read_to_string(root.join("theme/book.css")).unwrap();
        let (_, kept) = style.split_once("p:has(+ :is(").expect("a rule for what is announced");
        let (kept, rest) = kept.split_once("))").unwrap();
        assert!(rest.split('}').next().unwrap().contains("break-after: avoid"));
        let kept: Vec<&str> = kept.split(", ").collect();
        let pages = build(&root).expect("the book builds");
        let (mut announced, mut parted) = (0, BTreeSet::new());
        for entry in fs::read_dir(pages).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.ends_with(".html") || name == "print.html" {
                continue;
            }
            let page = fs::read_to_string(entry.path()).unwrap();
            for next in page.split(":</p>").skip(1) {
                announced += 1;
                let next = selector(next);
                if !kept.contains(&next.as_str()) {
                    parted.insert(format!("{name}: {next}"));
                }
            }
        }
        assert!(announced > 60, "{announced} paragraphs announce something");
        assert!(parted.is_empty(), "{parted:#?}");
    }

    #[test]
    fn exercises_and_the_chapters_that_teach_for_them_link_each_other() {
        let folder = find().unwrap().join("src");
        let read = |page: String| fs::read_to_string(folder.join(&page)).expect(&page);
        let chapters: Vec<(String, String)> =
            concepts().into_iter().map(|it| (it.clone(), read(format!("{it}.md")))).collect();
        let (mut pages, mut one_way) = (0, Vec::new());
        for entry in fs::read_dir(folder.join("exercises")).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let page = read(format!("exercises/{name}"));
            let mut both = 0;
            for (concept, chapter) in &chapters {
                let there = page.contains(&format!("](../{concept}.md)"));
                let back = chapter.contains(&format!("](exercises/{name})"));
                match (there, back) {
                    (true, true) => both += 1,
                    (true, false) => one_way.push(format!("{concept} does not link {name}")),
                    (false, true) => one_way.push(format!("{name} does not link {concept}")),
                    (false, false) => {}
                }
            }
            assert!(both > 0, "{name} and no chapter on a concept link each other: {one_way:?}");
            pages += 1;
        }
        assert!(pages > 10, "{pages} exercises");
        assert!(one_way.is_empty(), "{one_way:#?}");
    }

    #[test]
    fn every_question_has_its_answer_a_command_and_a_chapter() {
        let page = fs::read_to_string(find().unwrap().join("src/questions.md")).unwrap();
        let questions: Vec<&str> = page.split("\n### ").skip(1).collect();
        assert!(questions.len() >= 30, "{} questions", questions.len());
        for question in questions {
            let (title, answer) = question.split_once("?\n\n").expect("a question, an answer");
            let (says, _) = answer.split_once("\n\n").expect(title);
            let ends = |word: &&str| word.ends_with(['.', '?']);
            let sentences = says.split_whitespace().filter(ends).count();
            assert!((2..=4).contains(&sentences), "{title}: {sentences} sentences");
            let command = answer.split_once("cargo run -q -p ").expect(title).1;
            // That they exist is checked in all pages when the book is built.
            let words: Vec<&str> = command.lines().next().unwrap().split(' ').collect();
            let [package, "--", _experiment] = words[..] else { panic!("{title}: {words:?}") };
            assert!(answer.contains(&format!("→ [{package}]({package}.md)")), "{title}");
        }
    }

    /// Builds a book of two chapters in a folder of its own.
    fn fault_in(chapter: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("book/book.toml", "[book]\ntitle = \"T\"\n[build]\nbuild-dir = \"build\"\n");
        write("book/src/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n");
        write("book/src/one.md", chapter);
        write("book/src/two.md", "# Two\n");
        write("book/code.rs", "// ANCHOR: here\nfn f() {}\n// ANCHOR_END: here\n");
        write("crates/fork/src/lib.rs", "    name: \"it\",\n    question: \"Is it?\",\n");
        match build(&folder.path().join("book")) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_sound_book_passes() {
        let chapter = "# One\n\n```rust\n{{#include ../code.rs:here}}\n```\n[two](two.md#two)\n\n\
            `cargo run -q -p fork -- it`, `cargo run -q -p fork -- --list`\n";
        assert_eq!(fault_in(chapter), "");
    }

    #[test]
    fn what_is_missing_or_dead_is_found() {
        for (chapter, fault) in [
            ("{{#include ../gone.rs}}", "../gone.rs: there is no such file"),
            ("{{#include ../code.rs:gone}}", "../code.rs has no anchor 'gone'"),
            ("[two](three.md)", "three.html"),
            ("[two](two.md#three)", "#three"),
            ("| | a |\n|---|---|\n| b | c |", "a column of a table has no head"),
            ("![figure](gone.svg)", "gone.svg"),
            ("`cargo run -q -p gone -- it`", "there is no package gone"),
            ("`cargo run -q -p fork -- gone`", "fork has no experiment gone"),
            (
                "<!-- predict: number, gone it \"f\" -->\nHow?",
                "no experiment 'it' of a package 'gone'",
            ),
        ] {
            let found = fault_in(&format!("# One\n\n{chapter}\n"));
            assert!(found.contains(fault), "{chapter}: {found}");
        }
    }

    #[test]
    fn mdbook_by_itself_makes_questions_of_predictions() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("book.toml", "[book]\ntitle = \"T\"\n");
        write("src/SUMMARY.md", "# Summary\n\n- [One](one.md)\n");
        write(
            "src/one.md",
            "# One\n\n<!-- predict: choice, fork it \"f\" -->\nWhich?\n\n- less <!-- < 3 -->\n\
             - more <!-- >= 3 -->\n",
        );
        MDBook::load(folder.path()).unwrap().build().unwrap();
        let page = fs::read_to_string(folder.path().join("book/one.html")).unwrap();
        let main = page.split("<main>").nth(1).unwrap().split("</main>").next().unwrap();
        assert!(main.contains("Which?") && main.contains("<li>less"), "{main}");
        assert!(!main.contains("data-prediction") && !main.contains("button"), "{main}");
    }

    #[test]
    fn a_page_that_nobody_reaches_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("SUMMARY.md"), "- [One](one.md)\n").unwrap();
        fs::write(folder.path().join("one.md"), "# One\n").unwrap();
        fs::write(folder.path().join("lost.md"), "# Lost\n").unwrap();
        let faults = check::sources(folder.path()).unwrap();
        assert_eq!(faults, ["lost.md stands in no line of SUMMARY.md"]);
    }
}
