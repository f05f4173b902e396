//! What a program sees without naming `std` is what it sees under that name: of the macros in the
//! prelude, none leads past the model to what the model replaces.

use std::fs;
use std::path::Path;

use super::{Library, failing, known, rustc, said, version};
use crate::probes::Probe;

/// The modules of `std` that are another's in the model.
const REPLACED: [&str; 5] =
    ["::std::hint::", "::std::panic::", "::std::sync::", "::std::thread::", "::std::time::"];

/// The stable macros of `std`, but for the deprecated `try`, and how each is used.
const MACROS: [(&str, &str); 37] = [
    ("assert", "assert!(NO)"),
    ("assert_eq", "assert_eq!(1, 2)"),
    ("assert_ne", "assert_ne!(1, 2)"),
    ("cfg", "cfg!(unix)"),
    ("cfg_select", "cfg_select! { _ => { () } }"),
    ("column", "column!()"),
    ("compile_error", "if NO { macro_rules! never { () => { compile_error!(\"\") } } }"),
    ("concat", "concat!(1)"),
    ("dbg", "dbg!(1)"),
    ("debug_assert", "debug_assert!(NO)"),
    ("debug_assert_eq", "debug_assert_eq!(1, 2)"),
    ("debug_assert_ne", "debug_assert_ne!(1, 2)"),
    ("env", "env!(\"PATH\")"),
    ("eprint", "eprint!(\"1\")"),
    ("eprintln", "eprintln!(\"1\")"),
    ("file", "file!()"),
    ("format", "format!(\"{NO}\")"),
    ("format_args", "format_args!(\"{NO}\")"),
    ("include", "include!(\"one.txt\")"),
    ("include_bytes", "include_bytes!(\"one.txt\")"),
    ("include_str", "include_str!(\"one.txt\")"),
    ("is_x86_feature_detected", "if cfg!(NO) { is_x86_feature_detected!(\"sse\") }"),
    ("line", "line!()"),
    ("matches", "matches!(1, 2)"),
    ("module_path", "module_path!()"),
    ("option_env", "option_env!(\"PATH\")"),
    ("panic", "if NO { panic!(\"{NO}\") }"),
    ("print", "print!(\"1\")"),
    ("println", "println!(\"1\")"),
    ("stringify", "stringify!(1)"),
    ("thread_local", "thread_local! { static ONE: u8 = 1; static TWO: u8 = const { 2 } }"),
    ("todo", "if NO { todo!() }"),
    ("unimplemented", "if NO { unimplemented!() }"),
    ("unreachable", "if NO { unreachable!() }"),
    ("vec", "vec![1]"),
    ("write", "write!(String::new(), \"1\")"),
    ("writeln", "writeln!(String::new(), \"1\")"),
];

/// What the compiler makes of a program that uses all macros without naming `std`.
fn expanded(library: &Library) -> String {
    let uses = MACROS.iter().map(|(_, used)| format!("    {{ let _ = {used}; }}\n"));
    let uses =
        uses.collect::<String>().replace("let _ = if", "if").replace("let _ = thread", "thread");
    let source = format!("use std::fmt::Write;\nconst NO: bool = false;\nfn main() {{\n{uses}}}\n");
    let mut rustc = library.compiler("expanded", &source);
    fs::write(library.directory.path().join("one.txt"), "1").unwrap();
    let output = rustc.arg("-Zunpretty=expanded").env("RUSTC_BOOTSTRAP", "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn replaced(expanded: &str) -> Vec<&str> {
    expanded.lines().filter(|line| REPLACED.iter().any(|module| line.contains(module))).collect()
}

#[test]
fn no_macro_of_the_prelude_leads_past_the_model() {
    // In std itself, one does.
    assert!(!replaced(&expanded(&Library::real())).is_empty());
    for word in ["explored", "weak"] {
        let source = expanded(&Library::stand_in(word));
        let past = replaced(&source);
        assert!(past.is_empty(), "{word}: {past:#?}");
        assert!(source.contains(&format!("::explorer::{word}::thread::LocalKey<u8>")), "{source}");
    }
}

#[test]
fn a_macro_of_the_prelude_is_that_of_std() {
    let probe = |(name, _): &(&str, &str)| Probe {
        item: (*name).to_owned(),
        // Two globs that bring the same name are an error where it is used, unless it is the same.
        code: format!(
            "mod of_{name} {{ mod one {{ pub use std::prelude::rust_2024::{name} as it; }} \
             mod two {{ pub use std::{name} as it; }} \
             mod both {{ pub use super::one::*; pub use super::two::*; }} pub use both::it; }}"
        ),
    };
    let probes: Vec<Probe> = MACROS.iter().map(probe).collect();
    // Some, such as `cfg`, are in every program without being in the prelude.
    let elsewhere = failing(&Library::real(), &probes.iter().collect::<Vec<_>>());
    let is_there = |number: &usize| elsewhere.iter().all(|(other, _)| other != number);
    let probes: Vec<&Probe> =
        (0..probes.len()).filter(is_there).map(|number| &probes[number]).collect();
    assert!(probes.iter().any(|probe| probe.item == "thread_local"), "{elsewhere:#?}");
    for word in ["explored", "weak"] {
        let failing = failing(&Library::stand_in(word), &probes);
        assert!(failing.is_empty(), "{word}: {failing:#?}");
    }
    println!("{} of {} macros compared", probes.len(), MACROS.len());
}

#[test]
fn the_macros_are_those_of_the_documentation() {
    let html = Path::new(&said(rustc().args(["--print", "sysroot"]))).join("share/doc/rust/html");
    let Ok(files) = fs::read_dir(html.join("std")) else {
        println!("the documentation is not installed: rustup component add rust-docs");
        return;
    };
    if known().0 != version() {
        println!("the list is not of this version");
        return;
    }
    let mut documented = Vec::new();
    for file in files.map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let name = name.strip_prefix("macro.").and_then(|name| name.strip_suffix(".html"));
        let Some(name) = name.filter(|name| !name.ends_with('!') && *name != "try") else {
            continue;
        };
        if !fs::read_to_string(&file).unwrap().contains("nightly-only experimental") {
            documented.push(name.to_owned());
        }
    }
    documented.sort();
    assert_eq!(documented, MACROS.map(|(name, _)| name));
}
