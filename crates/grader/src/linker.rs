//! Which linker submissions are linked with: the one that Cargo is configured for on this machine,
//! or else `cc`, wherever that is (the Cargo book, "Configuration", `target.<triple>.linker`).

use std::path::{Path, PathBuf};

use crate::catalogue::workspace;

/// Where the compiler looks for `cc` in the sandbox.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The linker, unless it is a `cc` that is found anyway. A configuration for `cfg(...)` does not
/// count.
pub fn linker() -> Option<PathBuf> {
    let usual = || std::env::split_paths(PATH).any(|directory| directory.join("cc").exists());
    match configured() {
        Some(linker) => Some(linker),
        None if usual() => None,
        None => found(Path::new("cc")),
    }
}

fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn configured() -> Option<PathBuf> {
    let variable = triple().to_uppercase().replace('-', "_");
    if let Some(linker) = std::env::var_os(format!("CARGO_TARGET_{variable}_LINKER")) {
        return found(Path::new(&linker));
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let above = workspace().ancestors().map(|directory| directory.join(".cargo"));
    above.chain(home).find_map(|directory| in_configuration(&directory))
}

/// The linker that the configuration in this directory names.
fn in_configuration(directory: &Path) -> Option<PathBuf> {
    let files = ["config.toml", "config"].map(|name| directory.join(name));
    let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    let configuration: toml::Table = text.parse().ok()?;
    let linker = configuration.get("target")?.get(triple())?.get("linker")?.as_str()?;
    match linker.contains('/') {
        // What is no mere name is seen from the directory that holds `.cargo`.
        true => Some(directory.parent()?.join(linker)),
        false => found(Path::new(linker)),
    }
}

/// The program of this name, as a shell finds it, without the links that lead to it: these may be
/// where nothing in the sandbox is.
fn found(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or(PATH.into());
    let files = std::env::split_paths(&path).map(|directory| directory.join(name));
    let file = files.into_iter().find(|file| file.is_file())?;
    // By its name a compiler tells what kind of linker it is, so only the directory is resolved,
    // unless the link is all that is there.
    let directory = file.parent()?.canonicalize().ok()?;
    Some(directory.join(file.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linker_is_found_where_cargo_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let cargo = directory.path().join(".cargo");
        std::fs::create_dir(&cargo).unwrap();
        assert_eq!(in_configuration(&cargo), None);
        let write = |linker: &str| {
            let text = format!("[target.{}]\nlinker = \"{linker}\"\n", triple());
            std::fs::write(cargo.join("config.toml"), text).unwrap();
        };
        write("tools/ld");
        assert_eq!(in_configuration(&cargo), Some(directory.path().join("tools/ld")));
        write("/opt/ld");
        assert_eq!(in_configuration(&cargo), Some("/opt/ld".into()));
        write("sh");
        assert!(in_configuration(&cargo).is_some_and(|it| it.is_absolute() && it.ends_with("sh")));
        write("no-such-program");
        assert_eq!(in_configuration(&cargo), None);
    }
}
