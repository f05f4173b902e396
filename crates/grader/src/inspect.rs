//! Looks through a compiled submission for what runs before `main`, or takes the place of somebody
//! else's function.

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol};

/// What a submission may not contain; empty if there is nothing of it.
pub fn archive(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(archive) = ArchiveFile::parse(bytes) else {
        return vec!["the compiled submission is not an archive".to_owned()];
    };
    for member in archive.members() {
        let Ok(member) = member else {
            found.push("a part of the compiled submission that cannot be read".to_owned());
            continue;
        };
        if member.name() == b"lib.rmeta" {
            continue;
        }
        let object = member.data(bytes).and_then(object::File::parse);
        let Ok(object) = object else {
            found.push("a part of the compiled submission that is not an object file".to_owned());
            continue;
        };
        for section in object.sections() {
            let name = section.name().unwrap_or_default();
            let runs_early = [".init", ".fini", ".preinit", ".ctors", ".dtors"];
            if runs_early.iter().any(|start| name.starts_with(start)) {
                found.push(format!("code that runs before or after main (section {name})"));
            }
        }
        for symbol in object.symbols() {
            let name = symbol.name().unwrap_or_default();
            // Any symbol but a local one can take the place of another, whatever its type or size.
            if symbol.is_undefined() || symbol.is_local() {
                continue;
            }
            if name.contains("__rust_alloc") {
                found.push("an allocator of its own".to_owned());
            } else if !is_rust(name) {
                found.push(format!("a function or variable under the plain name `{name}`"));
            }
        }
    }
    found.dedup();
    found
}

/// Whether a symbol has a name that the compiler makes.
fn is_rust(name: &str) -> bool {
    name.starts_with("_ZN")
        || name.starts_with("_R")
        || name.starts_with("DW.ref.")
        || name.starts_with("anon.")
        || name.starts_with("__rustc_")
        || name.contains("rust_metadata")
        || name == "rust_eh_personality"
}
