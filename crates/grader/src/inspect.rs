//! Looks through a compiled submission, and through the program that it is linked into, for what
//! runs before `main`, or takes the place of somebody else's function.

use std::collections::BTreeSet;

use object::elf::{
    DT_FINI, DT_FINI_ARRAYSZ, DT_INIT, DT_INIT_ARRAYSZ, DT_NEEDED, DT_PREINIT_ARRAYSZ, PT_INTERP,
    R_AARCH64_IRELATIVE, R_X86_64_IRELATIVE, STT_GNU_IFUNC,
};
use object::read::archive::ArchiveFile;
use object::read::elf::{Dyn, ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags, SymbolFlags};
use serde::{Deserialize, Serialize};

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
            } else if !SECTIONS.iter().any(|start| name.starts_with(start)) {
                found.push(format!("a section that the compiler does not make ({name})"));
            }
        }
        for symbol in object.symbols() {
            let name = symbol.name().unwrap_or_default();
            if is_indirect(symbol.flags()) {
                found.push(format!("a function that is chosen before main (`{name}`)"));
            }
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

/// What the names of the sections begin with that the compiler makes.
const SECTIONS: &[&str] = &[
    ".text",
    ".rodata",
    ".data",
    ".bss",
    ".tdata",
    ".tbss",
    ".debug_",
    ".eh_frame",
    ".gcc_except_table",
    ".comment",
    ".note",
    ".rela",
    ".symtab",
    ".strtab",
    ".shstrtab",
    ".group",
    ".llvm",
    ".rustc",
    ".rmeta",
];

fn is_indirect<S, F>(flags: SymbolFlags<S, F>) -> bool {
    matches!(flags, SymbolFlags::Elf { st_info, .. } if st_info & 0xf == STT_GNU_IFUNC)
}

/// What of a linked program runs before `main`, or is seen by others. A program has nothing of it
/// that one without a submission has not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Who loads it.
    interpreter: String,
    /// Where it begins, as the name of what is there.
    entry: String,
    /// Bytes of the lists of functions that run before and after `main`, and whether there are
    /// single ones: by their tag in the dynamic section.
    early: Vec<(u32, u64)>,
    /// Libraries that are loaded with it.
    libraries: BTreeSet<String>,
    /// Symbols that take the place of those in libraries.
    exports: BTreeSet<String>,
    /// Functions that are chosen before `main`.
    indirect: usize,
}

impl Shape {
    /// Reads it from a program; `None` if it is none.
    pub fn of(bytes: &[u8]) -> Option<Shape> {
        let elf = ElfFile64::<Endianness>::parse(bytes).ok()?;
        let endian = elf.endian();
        let mut shape = Shape::default();
        for header in elf.elf_program_headers() {
            if header.p_type(endian) == PT_INTERP {
                let name = header.interpreter(endian, bytes).ok()??;
                shape.interpreter.push_str(&String::from_utf8_lossy(name));
            }
        }
        let table = elf.elf_section_table();
        let (entries, link) = table.dynamic(endian, bytes).ok()??;
        let strings = table.strings(endian, bytes, link).ok()?;
        for entry in entries {
            let (tag, value) = (entry.d_tag(endian), entry.d_val(endian));
            let Ok(tag) = u32::try_from(tag) else { continue };
            match tag {
                DT_NEEDED => {
                    let name = entry.string(endian, strings).ok()?;
                    shape.libraries.insert(String::from_utf8_lossy(name).into_owned());
                }
                DT_INIT | DT_FINI => shape.early.push((tag, 0)),
                DT_INIT_ARRAYSZ | DT_FINI_ARRAYSZ | DT_PREINIT_ARRAYSZ => {
                    shape.early.push((tag, value));
                }
                _ => {}
            }
        }
        shape.early.sort_unstable();
        let entry = elf.entry();
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            shape.indirect += usize::from(is_indirect(symbol.flags()));
            if symbol.address() == entry && symbol.is_global() && shape.entry.is_empty() {
                shape.entry = symbol.name().unwrap_or_default().to_owned();
            }
        }
        for symbol in elf.dynamic_symbols().filter(|symbol| symbol.is_definition()) {
            shape.exports.insert(symbol.name().unwrap_or_default().to_owned());
        }
        for (_, relocation) in elf.dynamic_relocations().into_iter().flatten() {
            let indirect = [R_X86_64_IRELATIVE, R_AARCH64_IRELATIVE];
            if matches!(relocation.flags(), RelocationFlags::Elf { r_type } if indirect.contains(&r_type))
            {
                shape.indirect += 1;
            }
        }
        Some(shape)
    }

    /// What this program has that `other`, which is like it but for the submission, has not.
    pub fn beyond(&self, other: &Shape) -> Vec<String> {
        let mut found = Vec::new();
        let mut demand = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        let interpreter = &self.interpreter;
        demand(*interpreter == other.interpreter, format!("another interpreter ({interpreter})"));
        demand(self.entry == other.entry, format!("another beginning (`{}`)", self.entry));
        demand(self.early == other.early, "code that runs before or after main".to_owned());
        demand(self.indirect <= other.indirect, "a function that is chosen before main".to_owned());
        for library in self.libraries.difference(&other.libraries) {
            demand(false, format!("a library of its own ({library})"));
        }
        for name in self.exports.difference(&other.exports) {
            demand(false, format!("a function or variable under the plain name `{name}`"));
        }
        found
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_held_against_another() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let shape = Shape::of(&bytes).unwrap();
        assert_eq!(shape.entry, "_start");
        assert_eq!(shape.beyond(&shape), Vec::<String>::new());
        let changed = [
            Shape { interpreter: "/tmp/other".into(), ..shape.clone() },
            Shape { entry: "early".into(), ..shape.clone() },
            Shape { early: vec![(DT_INIT_ARRAYSZ, 1 << 20)], ..shape.clone() },
            Shape { indirect: shape.indirect + 1, ..shape.clone() },
            Shape { libraries: ["libother.so".to_owned()].into(), ..shape.clone() },
            Shape { exports: ["malloc".to_owned()].into(), ..shape.clone() },
        ];
        for changed in changed {
            assert_eq!(changed.beyond(&shape).len(), 1, "{changed:?}");
        }
        assert_eq!(Shape::of(b"#!/bin/sh"), None);
    }
}
