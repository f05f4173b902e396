//! The README's map, the table of contents, the comparison and `crates/*` agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn crates() -> BTreeSet<String> {
    let folders = fs::read_dir(top().join("crates")).unwrap();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn concepts() -> BTreeSet<String> {
    let is_concept = |name: &String| {
        fs::read_to_string(top().join(format!("crates/{name}/src/main.rs")))
            .is_ok_and(|text| text.contains("lab::main("))
    };
    crates().into_iter().filter(is_concept).collect()
}

/// The names in `[name](` of the lines that begin with `mark`.
fn linked(text: &str, mark: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix(mark)?.split_once("](").map(|(name, _)| name.to_owned())
        })
        .collect()
}

#[test]
fn the_map_names_every_crate_once() {
    let map = linked(&read("README.md"), "| [");
    let set: BTreeSet<String> = map.iter().cloned().collect();
    assert_eq!(set.len(), map.len(), "a crate is named twice");
    assert_eq!(set, crates());
}

/// What the map says of a crate.
fn about(readme: &str, name: &str) -> String {
    let line = format!("| [{name}](crates/{name}) | ");
    let rest = readme.split_once(&line).unwrap_or_else(|| panic!("no {line}")).1;
    rest.split(" |").next().unwrap().to_owned()
}

/// What every chapter has, in this order.
const SECTIONS: [&str; 9] = [
    "## Predict\n",
    "## Run it\n",
    "## Break it\n",
    "## Why\n",
    "## In the wild\n",
    "## The verdict\n",
    "## Check yourself\n",
    "## Exercise\n",
    "## Links\n",
];

#[test]
fn every_concept_has_a_chapter_tests_and_a_transcript() {
    let chapters: BTreeSet<String> =
        linked(&read("book/src/SUMMARY.md"), "- [").into_iter().collect();
    let readme = read("README.md");
    for name in concepts() {
        assert!(chapters.contains(&name), "SUMMARY.md lacks {name}");
        let chapter = read(&format!("book/src/{name}.md"));
        let title = format!("# {name}: {} {{#{name}}}\n", about(&readme, &name));
        assert!(chapter.starts_with(&title), "{name}.md's title is not {title}");
        assert!(chapter.contains(&format!("$ cargo run -q -p {name}\n")), "{name}.md's command");
        let mut rest = chapter.as_str();
        for section in SECTIONS {
            let Some((_, after)) = rest.split_once(section) else {
                panic!("{name}.md lacks {section:?}, or has it too early");
            };
            rest = after;
        }
        assert!(read(&format!("crates/{name}/tests/{name}.rs")).contains("acceptance::tests!("));
        let transcript = read(&format!("crates/{name}/transcript.txt"));
        assert!(transcript.starts_with(&format!("$ cargo run -q -p {name}\n")));
    }
}

#[test]
fn the_comparison_is_built_from_every_concept() {
    let packages = read("crates/compare/src/packages.rs");
    for name in concepts() {
        let package = format!("&{}::PACKAGE", name.replace('-', "_"));
        assert!(packages.contains(&package), "packages.rs lacks {name}");
    }
}

/// The value of a line `key = "value"`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

/// What an exercise checks: each name, what is true if it passes, and its points.
fn checks(description: &str) -> Vec<[String; 3]> {
    let mut checks = Vec::new();
    let mut tidy = None;
    for table in description.split("\n[") {
        let find = |key| table.lines().find_map(|line| value(line, key));
        let points = || table.lines().find_map(|line| line.strip_prefix("points = "));
        if let (Some(name), Some(says), Some(points)) = (find("name"), find("says"), points()) {
            checks.push([name, says, points].map(str::to_owned));
        } else if let (true, Some(points)) = (table.starts_with("tidy]"), points()) {
            tidy = Some(["tidy", "nothing is left behind", points].map(str::to_owned));
        }
    }
    checks.extend(tidy);
    checks
}

/// The rows of a page's table.
fn rows(page: &str) -> Vec<[String; 3]> {
    let table = page.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = table.skip(1).map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = |row: &str| -> Option<[String; 3]> {
        row.split(" | ").map(str::to_owned).collect::<Vec<_>>().try_into().ok()
    };
    rows.map_while(cells).collect()
}

#[test]
fn every_exercise_has_a_page_that_says_what_is_checked() {
    let summary = read("book/src/SUMMARY.md");
    let folders = fs::read_dir(top().join("crates/exercises")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let mut exercises = 0;
    for folder in folders.filter(|folder| folder.join("exercise.toml").exists()) {
        exercises += 1;
        let name = folder.file_name().unwrap().to_str().unwrap();
        let description = fs::read_to_string(folder.join("exercise.toml")).unwrap();
        let page = read(&format!("book/src/exercises/{name}.md"));
        assert!(summary.contains(&format!("(exercises/{name}.md)")), "SUMMARY.md lacks {name}");
        assert!(page.contains(&format!("$ cargo grade {name}\n")), "{name}.md's command");
        assert_eq!(rows(&page), checks(&description), "{name}.md's table, and exercise.toml");
        let safe = description.contains("\nunsafe = false\n");
        let said =
            page.contains("\nSafe Rust is enough here: `unsafe` and `extern` are refused.\n");
        assert_eq!(safe, said, "{name}.md, and whether unsafe code is refused");
        for line in description.lines() {
            if let Some(title) = value(line, "title") {
                assert!(page.starts_with(&format!("# {title}\n")), "{name}.md's title");
            }
            if let Some(concept) = value(line, "concept") {
                assert!(concepts().contains(concept), "{name}: there is no concept {concept}");
                let chapter = read(&format!("book/src/{concept}.md"));
                let link = format!("(exercises/{name}.md)");
                assert!(chapter.contains(&link), "{concept}.md does not link to {name}");
            }
        }
    }
    assert!(exercises >= 16, "a teacher may add some: {exercises}");
}

/// All sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    here.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Pages have 16 or 64 KiB on some machines: `lab::machine::page_size` knows.
#[test]
fn no_concept_takes_the_size_of_a_page_for_granted() {
    let four_kib = ["4096", "4_096", "4 << 10", "1 << 12"];
    let of_pages = ["page", "chunks", "step_by", "mmap"];
    let folders = concepts().into_iter().map(|name| top().join(format!("crates/{name}/src")));
    for path in folders.flat_map(|folder| sources(&folder)) {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let code = line.split("//").next().unwrap_or_default().to_lowercase();
            let fixed = four_kib.iter().any(|number| {
                // "64 << 10" is another number.
                let found = code.split_once(number);
                found.is_some_and(|(before, _)| !before.ends_with(char::is_numeric))
            });
            let speaks_of_pages = of_pages.iter().any(|word| code.contains(word));
            assert!(!(fixed && speaks_of_pages), "{}: {line}", path.display());
        }
    }
}

/// Cargo looks for examples in the documentation of each library, which takes longer than most tests:
/// it is told not to where there are none, and must be told otherwise with the first.
#[test]
fn examples_in_documentation_are_run() {
    for name in crates() {
        let crate_root = top().join("crates").join(&name);
        let is_told_not_to = read(&format!("crates/{name}/Cargo.toml")).contains("doctest = false");
        let library = sources(&crate_root.join("src"));
        let with_examples = library.iter().find(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("/// ```") || line.starts_with("//! ```")
            })
        });
        assert!(!is_told_not_to || with_examples.is_none(), "{name}: {with_examples:?}");
    }
}

#[test]
fn folders_are_packages_and_nothing_else_stands_at_the_top() {
    for name in crates() {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "crates/{name}");
    }
    // What git keeps: `exercises/` is a learner's, `submissions/` and `results/` a teacher's.
    let mut git = Command::new("git");
    let Ok(kept) = git.args(["ls-files", "-z"]).current_dir(top()).output() else { return };
    if !kept.status.success() {
        return; // An archive without a history: nothing tells what belongs to it.
    }
    let kept = String::from_utf8(kept.stdout).unwrap();
    let visible = kept.split_terminator('\0').filter_map(|path| {
        let name = path.split('/').next().unwrap_or(path);
        (!name.starts_with('.')).then(|| name.to_owned())
    });
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "book",
        "crates",
        "rustfmt.toml",
        "scripts",
    ];
    let visible: BTreeSet<String> = visible.collect();
    assert_eq!(visible, expected.into_iter().map(str::to_owned).collect());
}
