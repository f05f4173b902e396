//! The files can be read one after the other: none needs one that needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files of this crate, each with those that it names as `crate::FILE`.
fn files() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let named = text.split("crate::").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        files.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), named.collect());
    }
    files
}

#[test]
fn there_are_no_circles() {
    let mut files = files();
    files.remove("lib");
    for (file, named) in &files {
        for name in named {
            assert!(files.contains_key(name), "{file}.rs names crate::{name}, which is no file");
        }
    }
    // What needs nothing that is still there is taken away, until nothing is left.
    while !files.is_empty() {
        let free = files.iter().find(|(_, named)| !named.iter().any(|it| files.contains_key(it)));
        let free = free.unwrap_or_else(|| panic!("a circle: {files:?}")).0.clone();
        files.remove(&free);
    }
}
