//! Where things are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The top folder of the workspace.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/xtask is two below it")
}

/// The names of all concept crates: those whose `main.rs` hands a package to the lab.
pub fn concepts() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(top().join("crates")).context("read crates")? {
        let folder = entry?.path();
        let main = fs::read_to_string(folder.join("src/main.rs")).unwrap_or_default();
        if main.contains("lab::main(") {
            names.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The folder of a crate.
pub fn folder(package: &str) -> PathBuf {
    top().join("crates").join(package)
}
