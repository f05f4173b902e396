//! The learners' repository: the grader, the checks, starters and hints, and nothing that gives an
//! answer away.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::submission::exercises;
use crate::catalogue::{Exercise, workspace};
use crate::submission::shown;
use crate::usage::usage;

/// The packages that are handed out, as they are.
const PACKAGES: [&str; 8] =
    ["driver", "exercises", "explorer", "grader", "harness", "messages", "proc", "sandbox"];

/// What is handed out of an exercise, beside `exercise.toml`.
const FILES: [&str; 3] = ["checks.rs", "hints.md", "starter.rs"];

/// Writes the learners' repository to `directory`.
pub fn command(directory: &Path, names: &[String]) -> Result<bool> {
    let exercises = exercises(names)?;
    for exercise in &exercises {
        ensure!(exercise.has_solution(), "this is a handout already; it has no solutions");
    }
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries.peekable(),
        Err(_) if !directory.exists() => {
            fs::create_dir_all(directory).with_context(|| shown(directory))?;
            fs::read_dir(directory)?.peekable()
        }
        Err(_) if directory.is_file() => {
            return Err(usage(format!("{} is not a directory", shown(directory))));
        }
        Err(error) => return Err(error).with_context(|| shown(directory)),
    };
    if entries.peek().is_some() {
        return Err(usage(format!("{} is not empty", shown(directory))));
    }
    write(directory, &exercises).with_context(|| shown(directory))?;
    let number = match exercises.len() {
        1 => "1 exercise".to_owned(),
        number => format!("{number} exercises"),
    };
    println!("{number} in {}.", shown(directory));
    println!("Try it there: cargo grade");
    Ok(true)
}

fn write(directory: &Path, exercises: &[Exercise]) -> Result<()> {
    let from = workspace();
    let put = |path: &str, text: &str| -> Result<()> {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().context("a directory")?)?;
        Ok(fs::write(path, text)?)
    };
    put("Cargo.toml", &manifest(&fs::read_to_string(from.join("Cargo.toml"))?)?)?;
    let aliases = fs::read_to_string(from.join(".cargo/config.toml"))?;
    let alias = aliases.lines().find(|line| line.starts_with("grade = ")).context("an alias")?;
    put(".cargo/config.toml", &format!("[alias]\n{alias}\n"))?;
    put(".gitattributes", "* text=auto eol=lf\n")?;
    put(".gitignore", "/target\n/.grade\n")?;
    put("README.md", &readme(exercises))?;
    for name in ["Cargo.lock", "LICENSE", "rustfmt.toml"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), directory.join(name))?;
        }
    }
    for package in PACKAGES {
        let package = Path::new("crates").join(package);
        fs::create_dir_all(directory.join(&package))?;
        fs::copy(
            from.join(&package).join("Cargo.toml"),
            directory.join(&package).join("Cargo.toml"),
        )?;
        for part in ["src", "std"] {
            copy_all(&from.join(&package).join(part), &directory.join(&package).join(part))?;
        }
    }
    for exercise in exercises {
        let name = &exercise.name;
        // Process exercises have a shim.
        let shim = exercise.directory.join("shim.rs").exists().then_some("shim.rs");
        for file in FILES.into_iter().chain(shim) {
            put(&format!("crates/exercises/{name}/{file}"), &exercise.file(file)?)?;
        }
        let description = without_wrong(&exercise.file("exercise.toml")?);
        put(&format!("crates/exercises/{name}/exercise.toml"), &description)?;
        put(&format!("exercises/{}", exercise.file_name()), &exercise.file("starter.rs")?)?;
    }
    prune_lock(directory);
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match entry.file_type()? {
            _ if hidden => {}
            kind if kind.is_dir() => copy_all(&entry.path(), &to.join(entry.file_name()))?,
            _ => {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
    }
    Ok(())
}

/// The manifest of a workspace with only these packages: what others need is left out, and what is
/// measured is not there to be optimized.
fn manifest(text: &str) -> Result<String> {
    let needed = dependencies()?;
    let mut manifest = String::new();
    let mut section = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line.trim().to_owned();
        }
        let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let keep = match section.as_str() {
            "[profile.dev.package]" => false,
            "[workspace.dependencies]" => {
                line.starts_with('[') || needed.contains(key) || line.is_empty()
            }
            _ => !line.starts_with('#') && key != "default-members",
        };
        if keep && !(line.is_empty() && (manifest.is_empty() || manifest.ends_with("\n\n"))) {
            manifest.push_str(line);
            manifest.push('\n');
        }
    }
    let members = PACKAGES.map(|name| format!("\"crates/{name}\"")).join(", ");
    let manifest = manifest
        .replacen("members = [\"crates/*\"]", &format!("members = [{members}]"), 1)
        .trim_end()
        .to_owned();
    toml::from_str::<toml::Table>(&manifest).context("the manifest of the handout")?;
    Ok(manifest + "\n")
}

/// The names of what the packages depend on.
fn dependencies() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for package in PACKAGES {
        let path: PathBuf = workspace().join("crates").join(package).join("Cargo.toml");
        let manifest: toml::Table = toml::from_str(&fs::read_to_string(path)?)?;
        // Beside those for every machine, those for some, such as Linux.
        let targets = manifest.get("target").and_then(|it| it.as_table());
        let targets = targets.into_iter().flatten().filter_map(|(_, table)| table.as_table());
        for table in targets.chain([&manifest]) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let table = table.get(kind).and_then(|it| it.as_table());
                names.extend(table.into_iter().flatten().map(|(name, _)| name.clone()));
            }
        }
    }
    Ok(names)
}

/// The description without what is wrong with wrong variants, which says what to do instead.
fn without_wrong(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[wrong.");
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.trim_end().to_owned() + "\n"
}

/// Leaves out of the lock file what only other packages need. Cargo does the same at the first
/// build, so it does no harm if this fails.
fn prune_lock(directory: &Path) {
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(directory).args(["update", "--workspace", "--offline", "--quiet"]);
    let _ = cargo.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
}

fn readme(exercises: &[Exercise]) -> String {
    let mut text = String::from(
        "# Exercises\n\n\
         Each exercise is one file in `exercises/`. Edit it, and let it be judged:\n\n\
         ```console\n\
         $ cargo grade prepare         # builds what is needed, once, and says what it does\n\
         $ cargo grade                 # the list, and how far you are\n\
         $ cargo grade NAME            # judges exercises/NAME.rs and says what happened\n\
         $ cargo grade hint NAME       # three hints, each saying more\n\
         $ cargo grade reset NAME      # begins anew, and keeps what was there\n\
         ```\n\n\
         You need Linux with glibc, Rust RUST or newer (<https://rustup.rs>), and a C linker (the\n\
         package `build-essential` on Debian and Ubuntu). Without `prepare`, the first call builds\n\
         the grader, and the first judgement of each kind what the exercises stand on: a minute or\n\
         so, once.\n\n\
         Only the file of the exercise counts: whatever else you change here changes nothing when\n\
         your work is graded. The checks that it must pass are in\n\
         `crates/exercises/NAME/checks.rs`; read them if you like.\n\n\
         Your code runs isolated, with limits on time and memory. `cargo grade doctor` says what\n\
         of it is in force on your machine.\n\n\
         | exercise | what to do | points |\n|---|---|---:|\n",
    )
    .replace("RUST", env!("CARGO_PKG_RUST_VERSION"));
    for exercise in exercises {
        let task = exercise.task.replace('|', "\\|");
        let (name, points) = (&exercise.name, exercise.points());
        text.push_str(&format!("| [{name}](exercises/{name}.rs) | {task} | {points} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handout_has_only_what_it_needs() {
        let text = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest(&text).unwrap()).unwrap();
        let members = manifest["workspace"]["members"].as_array().unwrap();
        assert_eq!(members.len(), PACKAGES.len());
        let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
        assert!(["anyhow", "harness", "nix"].iter().all(|it| dependencies.contains_key(*it)));
        assert!(!dependencies.contains_key("lab") && !dependencies.contains_key("plotters"));
        assert!(manifest["profile"]["grade"].is_table());
    }

    #[test]
    fn reasons_of_wrong_variants_are_not_handed_out() {
        let text = "title = \"t\"\n\n[[check]]\nname = \"a\"\n\n[wrong.b]\nwhy = \"x\"\n\n[starter]\nwhy = \"y\"\n";
        let kept = without_wrong(text);
        assert!(kept.contains("[[check]]") && kept.contains("[starter]"), "{kept}");
        assert!(!kept.contains("wrong") && !kept.contains('x'), "{kept}");
    }
}
