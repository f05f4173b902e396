//! The scratch copy of the workspace, in which breaks are applied and built. It is deleted at the
//! end; what was built from it stays for the next time, in a target folder of its own, because
//! cargo goes by the age of files and would take a broken program for the reader's.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use breaks::Break;
use serde_json::Value as Json;

use super::child;
use crate::workspace::{cargo, target, top};

/// A copy of the workspace, and where it is built.
pub struct Scratch {
    folder: PathBuf,
    target: PathBuf,
    /// Edited files, their texts and when those were changed, to put them back.
    edited: Vec<(PathBuf, String, SystemTime)>,
    /// One scratch copy at a time.
    _lock: File,
}

/// What the compiler said against one package.
pub struct Refusal {
    /// The package.
    pub package: String,
    /// The error's code, such as `E0373`, if it has one.
    pub code: Option<String>,
    /// The file in which it is, from the package's folder.
    pub file: Option<String>,
    /// As the compiler shows it.
    pub text: String,
}

impl Scratch {
    /// Copies the workspace as it is now.
    pub fn make() -> Result<Scratch> {
        let place = target()?.join("breaks");
        fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        let lock = File::create(place.join("lock")).context("make a lock")?;
        if lock.try_lock().is_err() {
            eprintln!("xtask: waits for another run of breaks to end");
            lock.lock().context("lock")?;
        }
        let folder = place.join("workspace");
        // One that was killed by SIGKILL leaves its copy.
        let _ = fs::remove_dir_all(&folder);
        child::clear_away_on_signals(&folder)?;
        let scratch =
            Scratch { folder, target: place.join("build"), edited: Vec::new(), _lock: lock };
        child::undisturbed(|| {
            fs::create_dir_all(&scratch.folder).context("make the scratch copy")?;
            for name in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo", "crates"] {
                let from = top().join(name);
                if from.exists() {
                    copy(&from, &scratch.folder.join(name))?;
                }
            }
            anyhow::Ok(())
        })?;
        Ok(scratch)
    }

    /// Where programs may leave what they print.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The program of a package, as it was built last.
    pub fn program(&self, package: &str) -> PathBuf {
        self.target.join("debug").join(package)
    }

    /// Applies a break.
    pub fn apply(&mut self, package: &str, one: &Break) -> Result<()> {
        let folder = self.folder.join("crates").join(package);
        let path = folder.join(&one.file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let broken = one.applied_to(&text)?;
        self.edited.push((path.clone(), text, changed(&path)?));
        fs::write(&path, broken).with_context(|| path.display().to_string())?;
        // What was built last may hold another break, in a file that is whole again.
        let library = folder.join("src/lib.rs");
        set_changed(&library, SystemTime::now())
    }

    /// Puts back what breaks have replaced, so that cargo does not build it again for nothing.
    pub fn restore(&mut self) -> Result<()> {
        for (path, text, changed) in self.edited.drain(..).rev() {
            fs::write(&path, text).with_context(|| path.display().to_string())?;
            set_changed(&path, changed)?;
        }
        Ok(())
    }

    /// Builds the programs of `packages`, as many as compile, and returns what the compiler said
    /// against the others.
    pub fn build(&self, packages: &[String]) -> Result<Vec<Refusal>> {
        let mut command = cargo();
        command.current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        command.args(["build", "--bins", "--keep-going", "--message-format", "json", "--offline"]);
        for package in packages {
            command.args(["-p", package]);
        }
        let output = child::build(&mut command)?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let refusals: Vec<Refusal> = messages.lines().filter_map(refusal).collect();
        if !output.status.success() && refusals.is_empty() {
            bail!("cargo build: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(refusals)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Builds the programs of `packages` in the reader's workspace and returns the folder they are in.
pub fn build_unbroken(packages: &[String]) -> Result<PathBuf> {
    let mut command = cargo();
    command.current_dir(top()).args(["build", "--bins"]);
    for package in packages {
        command.args(["-p", package]);
    }
    let output = child::build(&mut command)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "without a break it does not build: {}", errors.trim());
    Ok(target()?.join("debug"))
}

/// An error in cargo's messages.
fn refusal(line: &str) -> Option<Refusal> {
    let json: Json = serde_json::from_str(line).ok()?;
    let message = &json["message"];
    if json["reason"] != "compiler-message" || message["level"] != "error" {
        return None;
    }
    let spans = message["spans"].as_array()?;
    let primary = spans.iter().find(|span| span["is_primary"] == true)?;
    let manifest = Path::new(json["manifest_path"].as_str()?);
    let package = manifest.parent()?.file_name()?.to_str()?;
    let file = primary["file_name"].as_str()?;
    Some(Refusal {
        package: package.to_owned(),
        code: message["code"]["code"].as_str().map(str::to_owned),
        file: file.strip_prefix(&format!("crates/{package}/")).map(str::to_owned),
        text: message["rendered"].as_str()?.trim_end().to_owned(),
    })
}

/// Copies a file or folder, with the times at which files were changed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let metadata = from.symlink_metadata().with_context(|| from.display().to_string())?;
    let failed = || format!("copy {}", from.display());
    if metadata.is_dir() {
        fs::create_dir_all(to).with_context(failed)?;
        for entry in fs::read_dir(from).with_context(failed)? {
            let name = entry.with_context(failed)?.file_name();
            if name != "target" {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
    } else if metadata.is_file() {
        fs::copy(from, to).with_context(failed)?;
        set_changed(to, changed(from)?)?;
    }
    Ok(())
}

fn changed(path: &Path) -> Result<SystemTime> {
    let metadata = path.metadata().and_then(|metadata| metadata.modified());
    metadata.with_context(|| path.display().to_string())
}

fn set_changed(path: &Path, when: SystemTime) -> Result<()> {
    let file = File::options().append(true).open(path);
    let times = FileTimes::new().set_modified(when);
    file.and_then(|file| file.set_times(times)).with_context(|| path.display().to_string())
}
