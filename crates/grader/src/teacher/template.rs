//! Starts an exercise from a template: a small one that is complete, so that there is something to
//! change and `verify` has something to prove from the first minute.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::catalogue::{self, workspace};
use crate::submission::shown;
use crate::usage::usage;

/// The files of the template.
const FILES: [(&str, &str); 12] = [
    ("another.rs", include_str!("template/another.rs")),
    ("checks.rs", include_str!("template/checks.rs")),
    ("exercise.toml", include_str!("template/exercise.toml")),
    ("explanation.md", include_str!("template/explanation.md")),
    ("hints.md", include_str!("template/hints.md")),
    ("solution.rs", include_str!("template/solution.rs")),
    ("starter.rs", include_str!("template/starter.rs")),
    ("wrong/asks-again.rs", include_str!("template/wrong/asks-again.rs")),
    ("wrong/does-not-wait.rs", include_str!("template/wrong/does-not-wait.rs")),
    ("wrong/keeps-the-lock.rs", include_str!("template/wrong/keeps-the-lock.rs")),
    ("wrong/lost-update.rs", include_str!("template/wrong/lost-update.rs")),
    ("wrong/number-before.rs", include_str!("template/wrong/number-before.rs")),
];

/// Its page in the book.
const PAGE: &str = include_str!("template/page.md");

/// Starts the exercise `name`, among the others or in another directory.
pub fn command(name: &str, within: Option<&Path>) -> Result<bool> {
    if !is_good(name) {
        return Err(usage(format!(
            "\"{name}\" cannot be the name of an exercise: small letters and digits, parted by \
             single hyphens, a letter first"
        )));
    }
    if is_taken(name) {
        let why = "Rust or the grader means something else by it";
        return Err(usage(format!("\"{name}\" cannot be the name of an exercise: {why}")));
    }
    let given = |name: &String| catalogue::load(name).is_ok_and(|it| !it.has_solution());
    let handout = within.is_none() && catalogue::names()?.iter().any(given);
    ensure!(!handout, "this is a handout: make exercises where the solutions are");
    let directory = within.map_or_else(catalogue::directory, PathBuf::from).join(name);
    if directory.exists() {
        return Err(usage(format!("{} is there already", shown(&directory))));
    }
    for (file, text) in FILES {
        put(&directory.join(file), &filled(text, name))?;
    }
    let exercise = catalogue::read(&directory)?;
    let pages = workspace().join("book/src/exercises");
    let page = pages.join(format!("{name}.md"));
    let has_book = pages.parent().is_some_and(Path::is_dir);
    let new_page = within.is_none() && has_book && !page.exists();
    if new_page {
        let text = filled(PAGE, name).replace("TASK", &exercise.task);
        let text = text.replace("CONCEPT", &exercise.concept);
        put(&page, &text.replace("CHECKS", table(&exercise).trim_end()))?;
    }
    println!("{} is a copy of a small exercise that is complete.", shown(&directory));
    println!("Change it; what each file is for: crates/exercises/src/lib.rs.");
    println!("Prove it: cargo grade verify {name}");
    if new_page {
        println!("Its page: {}.", shown(&page));
        println!("Link it in book/src/SUMMARY.md and in book/src/{}.md.", exercise.concept);
    }
    Ok(true)
}

fn put(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("a directory")?;
    fs::create_dir_all(parent).with_context(|| shown(parent))?;
    fs::write(path, text).with_context(|| shown(path))
}

/// What is checked, for the page.
fn table(exercise: &catalogue::Exercise) -> String {
    let mut text = String::from("| check | what is true if it passes | points |\n|---|---|---:|\n");
    for check in &exercise.checks {
        let _ = writeln!(text, "| {} | {} | {} |", check.name, check.says, check.points);
    }
    text
}

/// The template with this name in it.
fn filled(text: &str, name: &str) -> String {
    let mut title = name.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.replace("CRATE", &name.replace('-', "_")).replace("TITLE", &title).replace("NAME", name)
}

/// Whether this has the form of a name of a package, a file and a library.
fn is_good(name: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(word)
}

/// Whether this would shadow something, or could not be said.
fn is_taken(name: &str) -> bool {
    // Libraries that checks use, and the program that they are.
    let libraries = ["std", "core", "alloc", "exercises", "libc", "nix", "checks", "test"];
    // Words that no library can be called: `use match::Counter` is no Rust.
    let keywords = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
        "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
        "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
        "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
        "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    ];
    // `cargo grade hint` means something already.
    let commands = super::add(crate::command());
    let command = commands.get_subcommands().any(|it| it.get_name() == name) || name == "help";
    command || libraries.contains(&name) || keywords.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_libraries() {
        assert!(is_good("bounded-queue") && is_good("a2"));
        let bad = ["", "-a", "a-", "a--b", "A", "2a", "a/b", "..", "a_b", "a\n"];
        assert!(bad.iter().all(|name| !is_good(name)));
        assert!(["std", "nix", "match", "hint", "batch", "new"].into_iter().all(is_taken));
        assert!(!is_taken("turnstile") && !is_taken("match-maker"));
    }
}
