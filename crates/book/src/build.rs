//! Builds the book beside the one that is there, and puts it into its place when it is whole.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mdbook_driver::MDBook;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::{check, glossary, listing};

/// The folder that holds `book.toml`, in the checkout around the current directory: checkouts are
/// moved and copied after this program was built.
///
/// # Errors
///
/// If no folder around the current directory is a checkout of this project.
pub fn find() -> Result<PathBuf> {
    let here = std::env::current_dir().context("find the current directory")?;
    let found = here.ancestors().find(|folder| folder.join("crates/book/Cargo.toml").is_file());
    found
        .map(|top| top.join("book"))
        .with_context(|| format!("{} is not in a checkout of this project", here.display()))
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
    book.with_preprocessor(glossary::Links);
    let built = book.build().context("build the book");
    let faults = built.and_then(|()| {
        let mut faults = check::sources(&root.join(&book.config.book.src))?;
        faults.extend(check::pages(&new)?);
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
