//! Where things are: in the checkout around the current directory, as checkouts are moved and
//! copied after this program was built.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

static TOP: OnceLock<PathBuf> = OnceLock::new();

/// Finds the workspace; everything else here needs that.
///
/// # Errors
///
/// If no folder around the current directory is a checkout of this project.
pub fn find() -> Result<()> {
    let here = std::env::current_dir().context("find the current directory")?;
    let found = here.ancestors().find(|folder| folder.join("crates/xtask/Cargo.toml").is_file());
    let found = found.with_context(|| {
        let here = messages::one_line(&here.display().to_string());
        format!("{here} is not in a checkout of this project")
    })?;
    TOP.get_or_init(|| found.to_owned());
    Ok(())
}

/// The top folder of the workspace.
pub fn top() -> &'static Path {
    TOP.get().expect("main has found it")
}

/// The cargo that runs this program, or the one on the path.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// The folder in which cargo builds the workspace.
pub fn target() -> Result<PathBuf> {
    let output = cargo()
        .current_dir(top())
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .context("cargo metadata")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata: {}", errors.trim());
    let json: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
    Ok(PathBuf::from(json["target_directory"].as_str().context("no target directory")?))
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

/// That all of `packages` are among those that are `known`; else it says which one is not.
pub fn unknown_of(packages: &[String], known: &[String]) -> Option<ExitCode> {
    let given = packages.iter().find(|name| !known.contains(name))?;
    let known = known.iter().map(String::as_str);
    Some(unknown("package", given, known, "README.md lists them"))
}

/// Says that nothing is called so, and what may be meant.
pub fn unknown<'a>(
    what: &str,
    given: &str,
    known: impl Iterator<Item = &'a str>,
    list: &str,
) -> ExitCode {
    let near = known
        .map(|name| (strsim::damerau_levenshtein(name, given), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min();
    let hint = near.map_or(list.to_owned(), |(_, name)| format!("did you mean '{name}'?"));
    let given = messages::one_line(given);
    messages::complain("xtask", format_args!("there is no {what} '{given}'; {hint}"));
    ExitCode::from(2)
}
