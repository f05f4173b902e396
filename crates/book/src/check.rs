//! What mdBook passes over in silence: a missing file or anchor of an include, a dead link, a
//! page that the table of contents forgets, a command that names no experiment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// The faults of the Markdown sources in `folder`.
pub fn sources(folder: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let summary = read(&folder.join("SUMMARY.md"))?;
    for path in files(folder, "md")? {
        let text = read(&path)?;
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        for place in between(&text, "{{#include ", "}}") {
            if let Some(fault) = include_fault(path.parent().unwrap_or(folder), place) {
                faults.push(format!("{name}: {fault}"));
            }
        }
        for command in between(&text, "cargo run -q -p ", "\n") {
            faults.extend(command_fault(folder, command).map(|fault| format!("{name}: {fault}")));
        }
        // mdBook finds the page for missing pages by its name.
        if name != "SUMMARY.md" && name != "404.md" && !summary.contains(&format!("({name})")) {
            faults.push(format!("{name} stands in no line of SUMMARY.md"));
        }
    }
    Ok(faults)
}

/// What is wrong with an include of `place`, which is a file, a colon and an anchor.
fn include_fault(folder: &Path, place: &str) -> Option<String> {
    let (file, anchor) = place.trim().split_once(':').unwrap_or((place.trim(), ""));
    let Ok(text) = fs::read_to_string(folder.join(file)) else {
        return Some(format!("{file}: there is no such file"));
    };
    let lines = |mark: &str| {
        text.lines()
            .filter(|line| {
                line.split_once(mark)
                    .is_some_and(|(_, name)| name.split_whitespace().next() == Some(anchor))
            })
            .count()
    };
    match (lines("ANCHOR: "), lines("ANCHOR_END: ")) {
        _ if anchor.is_empty() => None,
        (1, 1) => None,
        (0, _) => Some(format!("{file} has no anchor '{anchor}'")),
        (_, 0) => Some(format!("{file} does not end the anchor '{anchor}'")),
        _ => Some(format!("{file} has the anchor '{anchor}' more than once")),
    }
}

/// What is wrong with a command that ends with `PACKAGE` or `PACKAGE -- EXPERIMENT`: a chapter that
/// is there proves that the package is, and one of its files begins with the experiment's name.
fn command_fault(folder: &Path, command: &str) -> Option<String> {
    let words: Vec<&str> = command.split(['`', '#']).next()?.split_whitespace().collect();
    let (package, rest) = words.split_first()?;
    let sources = folder.join("../../crates").join(package).join("src");
    if !sources.is_dir() {
        return Some(format!("there is no package {package}"));
    }
    let experiment = match rest {
        ["--", experiment, ..] if !experiment.starts_with('-') => experiment,
        _ => return None,
    };
    let begin = format!("name: \"{experiment}\", question:");
    let there = fs::read_dir(sources).ok()?.flatten().any(|entry| {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&begin)
    });
    (!there).then(|| format!("{package} has no experiment {experiment}"))
}

/// The dead links of the pages in `folder`, to files or headings that are not there, and tables of which
/// a column has no head.
pub fn pages(folder: &Path) -> Result<Vec<String>> {
    let mut ids = BTreeMap::new();
    let (mut links, mut nameless) = (Vec::new(), Vec::new());
    for path in files(folder, "html")? {
        // The print page repeats the others, and the page for missing pages has absolute links.
        if path.ends_with("print.html") || path.ends_with("404.html") {
            continue;
        }
        let text = read(&path)?;
        if text.contains("<th></th>") {
            let page = path.strip_prefix(folder).unwrap_or(&path).display();
            nameless.push(format!("{page}: a column of a table has no head"));
        }
        let found: BTreeSet<String> = between(&text, " id=\"", "\"").map(str::to_owned).collect();
        for mark in [" href=\"", " src=\""] {
            links.extend(between(&text, mark, "\"").map(|link| (path.clone(), link.to_owned())));
        }
        ids.insert(path, found);
    }
    let mut faults = nameless;
    for (page, link) in links {
        if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
            continue;
        }
        let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
        let target = match file {
            "" => page.clone(),
            file => resolved(&page.parent().unwrap_or(folder).join(file)),
        };
        let there = match (heading, ids.get(&target)) {
            ("", _) => target.exists(),
            (heading, Some(ids)) => ids.contains(heading),
            (_, None) => target.exists() && target.ends_with("print.html"),
        };
        if !there {
            let page = page.strip_prefix(folder).unwrap_or(&page).display().to_string();
            faults.push(format!("{page}: the link to {link} is dead"));
        }
    }
    Ok(faults)
}

/// The texts that stand between `before` and `after`.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split_once(after).map(|(it, _)| it))
}

/// The files below `folder` with this extension.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The path without `..`, so that it can be compared.
fn resolved(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
