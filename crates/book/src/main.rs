//! `cargo book`: builds the book, checks it, and serves it on this machine.

mod check;
mod listing;
mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Arg, Command, value_parser};
use mdbook_driver::MDBook;

fn main() -> ExitCode {
    let given = match command().try_get_matches() {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            eprintln!("book: {}", first.strip_prefix("error: ").unwrap_or(first));
            return ExitCode::from(2);
        }
    };
    let outcome = match given.subcommand() {
        Some(("build", _)) => build(root()).map(|pages| println!("{}", pages.display())),
        _ => build(root()).and_then(|pages| {
            serve::serve(&pages, *given.get_one("port").expect("it has a default"))
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("book: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    Command::new("book")
        .about("Builds the book, checks it, and serves it on this machine")
        .arg(
            Arg::new("port")
                .long("port")
                .value_parser(value_parser!(u16))
                .default_value("3000")
                .help("The port on the loopback address; 0 lets the system choose"),
        )
        .subcommand(
            Command::new("build").about("Build and check only, and say where the pages are"),
        )
}

/// The folder that holds `book.toml`.
fn root() -> &'static Path {
    static ROOT: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        top.expect("crates/book is two below the top").join("book")
    });
    &ROOT
}

/// Builds the book at `root`, and returns the folder of its pages if nothing is stale in it.
fn build(root: &Path) -> Result<PathBuf> {
    let mut book = MDBook::load(root).context("load the book")?;
    book.with_preprocessor(listing::ToTheMargin);
    book.build().context("build the book")?;
    let pages = root.join(&book.config.build.build_dir);
    let mut faults = check::sources(&root.join(&book.config.book.src))?;
    faults.extend(check::pages(&pages)?);
    match faults.len() {
        0 => Ok(pages),
        1 => bail!("{}", faults[0]),
        more => bail!("{more} faults:\n{}", faults.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_book_is_whole() {
        build(root()).expect("the book builds");
    }

    /// Builds a book of one chapter in a folder of its own.
    fn fault_in(chapter: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("book.toml", "[book]\ntitle = \"T\"\n");
        write("src/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n");
        write("src/one.md", chapter);
        write("src/two.md", "# Two\n");
        write("code.rs", "// ANCHOR: here\nfn f() {}\n// ANCHOR_END: here\n");
        match build(folder.path()) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_sound_book_passes() {
        let chapter = "# One\n\n```rust\n{{#include ../code.rs:here}}\n```\n[two](two.md#two)\n";
        assert_eq!(fault_in(chapter), "");
    }

    #[test]
    fn a_missing_file_an_anchor_and_dead_links_are_found() {
        for (chapter, fault) in [
            ("{{#include ../gone.rs}}", "../gone.rs: there is no such file"),
            ("{{#include ../code.rs:gone}}", "../code.rs has no anchor 'gone'"),
            ("[two](three.md)", "three.html"),
            ("[two](two.md#three)", "#three"),
            ("![figure](gone.svg)", "gone.svg"),
        ] {
            let found = fault_in(&format!("# One\n\n{chapter}\n"));
            assert!(found.contains(fault), "{chapter}: {found}");
        }
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
