//! What a submission is compiled with: the compiler itself, and the libraries that its checks stand
//! on, built once by Cargo and used without it.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Kind, workspace};
use crate::linker::linker;
use crate::machine::hindrance;

/// Everything that compiling a submission takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toolchain {
    /// Of what this was made, to notice when it is no longer up to date.
    pub made_of: u64,
    /// The compiler, not a proxy for it.
    pub rustc: PathBuf,
    /// Where the compiler's own libraries are.
    pub sysroot: PathBuf,
    /// Where the libraries are that libraries depend on.
    pub dependencies: PathBuf,
    /// The library of the checks: for process exercises, what drives them.
    pub harness: PathBuf,
    /// What stands in for `std`, if anything does.
    pub std: Option<PathBuf>,
    /// Other libraries that a submission may use, by name.
    pub libraries: BTreeMap<String, PathBuf>,
    /// All libraries that this stands on, and how they are, to notice when something else is in
    /// their place.
    pub built: Vec<(PathBuf, State)>,
    /// What links, if it is not to be the compiler's own choice.
    #[serde(skip)]
    pub linker: Option<PathBuf>,
}

/// The directory that Cargo builds in: this program is in `debug/` of it, or the like. A copy that
/// is somewhere else has what is built put into the usual directory.
fn target() -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(2).filter(|it| it.join("CACHEDIR.TAG").is_file());
    Ok(target.map_or_else(|| workspace().join("target"), Path::to_owned))
}

/// Where programs can be run from, if the first is not mounted for that.
pub fn places() -> Vec<PathBuf> {
    let grade = Toolchain::directory();
    [std::env::temp_dir(), "/var/tmp".into()].into_iter().chain(grade).collect()
}

/// The directory of what is built once.
fn kept_in(target: &Path) -> PathBuf {
    target.join("grade")
}

impl Toolchain {
    /// The directory for what is made with it and can be used again.
    pub fn directory() -> Result<PathBuf> {
        Ok(kept_in(&target()?))
    }

    /// The name of the library of the checks.
    pub fn library(kind: Kind) -> &'static str {
        if kind == Kind::Process { "driver" } else { "harness" }
    }

    /// The toolchain for this kind of exercise; built if it is not there, or of something else.
    pub fn get(kind: Kind) -> Result<Toolchain> {
        Ok(Toolchain { linker: linker(), ..Toolchain::kept_or_built(kind)? })
    }

    fn kept_or_built(kind: Kind) -> Result<Toolchain> {
        let target = target()?;
        let word = match kind {
            Kind::Explored => "explored",
            Kind::Weak => "weak",
            Kind::Process => "process",
        };
        let directory = kept_in(&target);
        let kept = directory.join(format!("toolchain-{word}.json"));
        let sysroot = sysroot()?;
        let made_of = made_of(kind, &sysroot)?;
        if let Some(toolchain) = Toolchain::read(&kept, made_of) {
            return Ok(toolchain);
        }
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let lock = kept.with_extension("lock");
        let lock = fs::File::create(&lock).with_context(|| lock.display().to_string())?;
        lock.lock().context("the lock of the libraries")?;
        // Another grader may have built it meanwhile.
        if let Some(toolchain) = Toolchain::read(&kept, made_of) {
            return Ok(toolchain);
        }
        Toolchain::remove_what_has_changed(&kept)?;
        eprintln!("Building what the exercises of this kind stand on; this is done once.");
        let toolchain = build(kind, word, &target, made_of, sysroot)?;
        let new = kept.with_extension("new");
        fs::write(&new, serde_json::to_vec(&toolchain)?)?;
        fs::rename(&new, &kept)?;
        Ok(toolchain)
    }

    /// Where something can be kept that follows from this toolchain.
    pub fn kept(&self, what: &str) -> PathBuf {
        let std = self.std.as_deref().and_then(Path::file_stem).unwrap_or_default();
        let name = format!("{what}-{}-{:x}.json", std.display(), self.made_of);
        self.dependencies.join(name)
    }

    /// What was kept, if it is up to date.
    fn read(kept: &Path, made_of: u64) -> Option<Toolchain> {
        let toolchain: Toolchain = serde_json::from_slice(&fs::read(kept).ok()?).ok()?;
        (toolchain.made_of == made_of && toolchain.changed().next().is_none()).then_some(toolchain)
    }

    /// The libraries that are no more what they were.
    fn changed(&self) -> impl Iterator<Item = &Path> {
        let built = self.built.iter();
        built.filter(|(file, state)| State::of(file) != Some(*state)).map(|(file, _)| &**file)
    }

    /// Cargo takes a library that was cut short, or is another's, for its own as long as it is there.
    fn remove_what_has_changed(kept: &Path) -> Result<()> {
        let text = fs::read(kept).unwrap_or_default();
        let Ok(toolchain) = serde_json::from_slice::<Toolchain>(&text) else { return Ok(()) };
        for file in toolchain.changed() {
            for file in [file.to_owned(), file.with_extension("rmeta")] {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(error).with_context(|| file.display().to_string());
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// What tells a file from another that was put in its place: its size in bytes, and when it was
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State(u64, SystemTime);

impl State {
    fn of(file: &Path) -> Option<State> {
        let metadata = fs::metadata(file).ok()?;
        Some(State(metadata.len(), metadata.modified().ok()?))
    }
}

/// Where the compiler is that is used for the workspace, whoever calls this program and from where:
/// by `cargo grade`, rustup has chosen it already; by hand, it chooses now.
pub fn sysroot() -> Result<PathBuf> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--print", "sysroot"]).current_dir(workspace()).env_remove("RUST_MIN_STACK");
    let output = rustc.output().context("rustc")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = if said.trim().is_empty() { output.status.to_string().into() } else { said };
        bail!("rustc: {}", hindrance(&said, &[]));
    }
    let sysroot = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let rustc = compiler(&sysroot);
    ensure!(rustc.is_file(), "there is no compiler at {}", rustc.display());
    Ok(sysroot)
}

/// The compiler itself, not a proxy for it.
pub fn compiler(sysroot: &Path) -> PathBuf {
    sysroot.join("bin/rustc")
}

/// The packages whose sources a toolchain is made of.
fn packages(kind: Kind) -> &'static [&'static str] {
    if kind == Kind::Process { &["driver", "proc"] } else { &["explorer", "harness"] }
}

/// A number that changes with the sources of the libraries, their versions, and the compiler.
fn made_of(kind: Kind, sysroot: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut directories = Vec::new();
    let mut files = Vec::new();
    for package in packages(kind).iter().map(|name| workspace().join("crates").join(name)) {
        let parts = ["src", "std"].map(|part| package.join(part));
        directories.extend(parts.into_iter().filter(|part| part.is_dir()));
        files.push(package.join("Cargo.toml"));
    }
    files.extend(["Cargo.lock", "Cargo.toml"].map(|name| workspace().join(name)));
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files.push(compiler(sysroot));
    for file in files {
        let metadata = fs::metadata(&file)?;
        (file, metadata.len(), metadata.modified()?).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn build(
    kind: Kind,
    word: &str,
    target: &Path,
    made_of: u64,
    sysroot: PathBuf,
) -> Result<Toolchain> {
    let rustc = compiler(&sysroot);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(workspace()).arg("build").args(["--profile", "grade"]);
    if std::env::var_os(crate::watch::PROGRESS).is_some() {
        cargo.args(["--color", "never"]);
    } else if !std::io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    cargo.args(["--package", Toolchain::library(kind)]);
    if kind != Kind::Process {
        cargo.args(["--features", word]);
    }
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.arg("--target-dir").arg(target).env("RUSTC", &rustc);
    // What is set for the learner's own builds is not for these.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let meant = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY"];
        let other = name.starts_with("RUSTFLAGS") || name == "RUST_MIN_STACK";
        if name.starts_with("CARGO_") && !meant.contains(&&*name) || other {
            cargo.env_remove(&*name);
        }
    }
    let output = sandbox::output(&cargo).context("cargo")?;
    ensure!(output.status.success(), "the libraries of the exercises cannot be built");

    let mut libraries = libraries(&output.stdout);
    let built = |name: &str| {
        let library = libraries.get(name).cloned();
        library.with_context(|| format!("cargo did not say where it built the library {name}"))
    };
    let harness = built(Toolchain::library(kind))?;
    let explorer = (kind != Kind::Process).then(|| built("explorer")).transpose()?;
    let dependencies = harness.parent().context("a directory")?.to_owned();

    let allowed: &[&str] = match kind {
        Kind::Process => &["nix", "libc"],
        Kind::Explored | Kind::Weak => &[],
    };
    let all: Vec<PathBuf> = libraries.values().filter(|it| it.is_file()).cloned().collect();
    libraries.retain(|name, _| allowed.contains(&name.as_str()));
    let (std, linker, built) = (None, None, Vec::new());
    let mut toolchain =
        Toolchain { made_of, rustc, sysroot, dependencies, harness, std, libraries, built, linker };
    if let Some(explorer) = explorer {
        toolchain.std = Some(toolchain.stand_in(word, &explorer)?);
    }
    let all = all.into_iter().chain(toolchain.std.clone());
    toolchain.built = all.filter_map(|file| Some((file.clone(), State::of(&file)?))).collect();
    Ok(toolchain)
}

/// The libraries that Cargo says it has built, by name.
fn libraries(said: &[u8]) -> BTreeMap<String, PathBuf> {
    let mut libraries = BTreeMap::new();
    for line in said.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let Some(name) = message["target"]["name"].as_str() else { continue };
        let files = message["filenames"].as_array().into_iter().flatten();
        let files: Vec<&str> = files.filter_map(|file| file.as_str()).collect();
        // The file without a hash in its name is replaced when other features are built.
        let hashed = |file: &&&str| file.contains("/deps/");
        let library = files.iter().find(hashed).or(files.first());
        if let Some(library) =
            library.filter(|file| file.ends_with("meta") || file.ends_with("lib"))
        {
            libraries.insert(name.to_owned(), Path::new(library).with_extension("rlib"));
        }
    }
    libraries
}

impl Toolchain {
    /// Compiles what stands in for `std`.
    fn stand_in(&self, word: &str, explorer: &Path) -> Result<PathBuf> {
        let source = workspace().join(format!("crates/explorer/std/{word}.rs"));
        let library = self.dependencies.join(format!("libstd_{word}.rlib"));
        let new = self.dependencies.join(format!("libstd_{word}-{}.rlib", std::process::id()));
        let mut rustc = Command::new(&self.rustc);
        rustc.args(["--edition", "2024", "--crate-type", "rlib", "-Copt-level=2"]);
        rustc.arg("--crate-name").arg(format!("std_{word}")).arg(&source);
        rustc.arg("--extern").arg(format!("explorer={}", explorer.display()));
        rustc.arg("-L").arg(format!("dependency={}", self.dependencies.display()));
        rustc.arg("-o").arg(&new);
        let output = sandbox::output(&rustc).context("rustc")?;
        ensure!(output.status.success(), "{} does not compile", source.display());
        fs::rename(&new, &library)?;
        Ok(library)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_what_it_was_is_built_again() {
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("toolchain.json");
        let [good, cut] = ["good.rlib", "cut.rlib"].map(|name| directory.path().join(name));
        for file in [&good, &cut] {
            fs::write(file, "a whole library").unwrap();
        }
        let built = [&good, &cut].map(|file| (file.clone(), State::of(file).unwrap())).to_vec();
        let toolchain = Toolchain {
            made_of: 7,
            rustc: PathBuf::new(),
            sysroot: PathBuf::new(),
            dependencies: PathBuf::new(),
            harness: good.clone(),
            std: None,
            libraries: BTreeMap::new(),
            built,
            linker: None,
        };
        fs::write(&kept, serde_json::to_vec(&toolchain).unwrap()).unwrap();
        assert!(Toolchain::read(&kept, 7).is_some() && Toolchain::read(&kept, 8).is_none());
        fs::write(&cut, "a whole").unwrap();
        assert!(Toolchain::read(&kept, 7).is_none());
        Toolchain::remove_what_has_changed(&kept).unwrap();
        assert!(good.exists() && !cut.exists());
        assert!(Toolchain::read(&kept, 7).is_none());
        // What is in place of a library and cannot be removed is no library that Cargo may take.
        fs::create_dir(&cut).unwrap();
        let why = Toolchain::remove_what_has_changed(&kept).unwrap_err();
        assert!(format!("{why:#}").contains("cut.rlib"), "{why:#}");
    }
}
