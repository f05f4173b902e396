//! The skeleton of a concept: package, tests, transcript, chapter, ledger and map, so that only the
//! content is missing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::record;
use crate::workspace::{self, folder, top};

/// Begins the concept `name`, with a statement that the ledger does not have.
pub fn begin(name: &str, about: &str) -> Result<()> {
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
        "a concept's name is made of lower-case letters and hyphens, unlike {name:?}"
    );
    ensure!(!folder(name).exists(), "crates/{name} exists");
    let about = about.trim_end_matches('.');
    let ident = name.replace('-', "_");
    let listed = cargo(&["run", "-q", "-p", "compare", "--", "--list"])?;
    let number = (listed.lines().count() + 1).to_string();
    let fill = |template: &str| {
        template
            .replace("{name}", name)
            .replace("{ident}", &ident)
            .replace("{about}", about)
            .replace("{number}", &number)
    };
    for (path, template) in [
        ("Cargo.toml", include_str!("../skeleton/Cargo.toml.in")),
        ("breaks.toml", include_str!("../skeleton/breaks.toml.in")),
        ("src/main.rs", include_str!("../skeleton/main.rs.in")),
        ("src/lib.rs", include_str!("../skeleton/lib.rs.in")),
        ("src/claims.rs", include_str!("../skeleton/claims.rs.in")),
        ("src/first_look.rs", include_str!("../skeleton/first_look.rs.in")),
        (&format!("tests/{name}.rs"), include_str!("../skeleton/tests.rs.in")),
    ] {
        write(&folder(name).join(path), &fill(template))?;
    }
    let chapter = fill(include_str!("../skeleton/chapter.md.in"));
    write(&top().join("book/src").join(format!("{name}.md")), &chapter)?;

    edit("Cargo.toml", |text| {
        let line = format!("{name} = {{ path = \"crates/{name}\" }}");
        sorted_in(text, |line| line.contains("path = \"crates/"), &line)
    })?;
    edit("README.md", |text| {
        after_last(
            text,
            |line| line.starts_with("| [") && !is_tool(line),
            &format!("| [{name}](crates/{name}) | {about} |"),
        )
    })?;
    edit("book/src/SUMMARY.md", |text| {
        after_last(text, is_concept, &format!("- [{name}]({name}.md)"))
    })?;
    edit("crates/compare/Cargo.toml", |text| {
        let is_ours = |line: &str| {
            line.split_once(".workspace").is_some_and(|(name, _)| folder(name).exists())
        };
        sorted_in(text, is_ours, &format!("{name}.workspace = true"))
    })?;
    edit("crates/compare/src/packages.rs", |text| {
        text.replacen("\n];", &format!("\n    &{ident}::PACKAGE,\n];"), 1)
    })?;
    cargo(&["fmt", "-p", name])?;
    record::record(&[name.to_owned()])?;
    let page = cargo(&["run", "-q", "-p", "compare", "--", "--markdown"])?;
    fs::write(top().join("book/src/ledger.md"), page).context("write the ledger's page")?;
    println!(
        "The concept {name} stands: crates/{name}, book/src/{name}.md. Write its first experiment \
         in crates/{name}/src/first_look.rs, then scripts/record {name}."
    );
    Ok(())
}

/// A line of the README's map that is about a tool and not about a concept.
fn is_tool(line: &str) -> bool {
    let name = line.trim_start_matches("| [").split(']').next().unwrap_or_default();
    !fs::read_to_string(folder(name).join("src/main.rs"))
        .is_ok_and(|text| text.contains("lab::main("))
}

/// A line of SUMMARY.md that is about a concept.
fn is_concept(line: &str) -> bool {
    let name = line.trim_start_matches("- [").split(']').next().unwrap_or_default();
    line.starts_with("- [") && folder(name).join("transcript.txt").exists()
}

/// Runs cargo at the top of the workspace and returns what it prints.
fn cargo(arguments: &[&str]) -> Result<String> {
    let output = workspace::cargo()
        .current_dir(top())
        .args(arguments)
        .output()
        .with_context(|| format!("cargo {}", arguments[0]))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {}", arguments[0], errors.trim());
    String::from_utf8(output.stdout).context("cargo printed no UTF-8")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().expect("it stands in a folder")).context("make folders")?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn edit(name: &str, change: impl Fn(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(top().join(name)).with_context(|| name.to_owned())?;
    let changed = change(&text);
    ensure!(changed != text, "{name} has no place for a new concept");
    fs::write(top().join(name), changed).with_context(|| name.to_owned())
}

/// The text with a line added to the sorted lines that are `is_like` it.
fn sorted_in(text: &str, is_like: impl Fn(&str) -> bool, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().position(|other| is_like(other) && *other > line) {
        Some(next) => lines.insert(next, line),
        None => return after_last(text, is_like, line),
    }
    lines.join("\n") + "\n"
}

/// The text with a line added after the last one that `is_like` it.
fn after_last(text: &str, is_like: impl Fn(&str) -> bool, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(last) = lines.iter().rposition(|line| is_like(line)) {
        lines.insert(last + 1, line);
    }
    lines.join("\n") + "\n"
}
