//! What a program sees as `std` where schedules are explored is std's stable surface.
//!
//! `std.tsv` is what the documentation of the Rust that it names says, one stable item a line. Each
//! is looked for in the real `std` and in what stands in for it, by a program that uses it as it is
//! declared. `SURFACE=record cargo test -p explorer --test surface` writes the list anew.

mod documentation;
mod prelude;
mod probes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use documentation::Item;
use probes::Probe;

/// The modules that are replaced.
const MODULES: [&str; 7] = [
    "std::hint",
    "std::panic",
    "std::sync",
    "std::sync::atomic",
    "std::sync::mpsc",
    "std::thread",
    "std::time",
];

/// What the model has not, and why: nothing else may be missing.
/// Files and their names are not there, since no schedule decides what is in them.
const MISSING: [&str; 2] = ["std::path::", "std::fs::"];

fn list() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/std.tsv")
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn version() -> String {
    said(rustc().arg("--version")).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// The version that the list is of, and the list.
fn known() -> (String, Vec<Item>) {
    let text = fs::read_to_string(list()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let items = rest.lines().map(Item::from_line).collect();
    (first.trim_start_matches("# Rust ").to_owned(), items)
}

#[test]
fn the_list_is_what_the_documentation_says() {
    let html = Path::new(&said(rustc().args(["--print", "sysroot"]))).join("share/doc/rust/html");
    if !html.join("std/sync").is_dir() {
        println!("the documentation is not installed: rustup component add rust-docs");
        return;
    }
    let items: Vec<Item> =
        MODULES.iter().flat_map(|module| documentation::of_module(&html, module)).collect();
    if std::env::var_os("SURFACE").is_some_and(|what| what == "record") {
        let lines = items.iter().map(|item| item.to_line() + "\n").collect::<String>();
        fs::write(list(), format!("# Rust {}\n{lines}", version())).unwrap();
    }
    let (of, known) = known();
    if of == version() {
        assert!(items == known, "std.tsv is not what the documentation says: record it");
    }
}

/// Compiles and runs programs with the real `std`, or with what stands in for it.
struct Library {
    directory: tempfile::TempDir,
    arguments: Vec<String>,
}

impl Library {
    fn real() -> Library {
        Library { directory: tempfile::tempdir().unwrap(), arguments: Vec::new() }
    }

    /// What stands in for `std` where schedules are `explored`, or where memory is `weak`.
    fn stand_in(word: &str) -> Library {
        let directory = tempfile::tempdir().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "explorer", "--features", "explored,weak"]);
        cargo.args(["--message-format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let built = said(&mut cargo);
        let of_explorer =
            |line: &&str| line.contains("\"name\":\"explorer\"") && line.contains(".rlib");
        let line = built.lines().rfind(of_explorer).expect("a library");
        let library = line.split('"').find(|part| part.ends_with(".rlib")).expect("a library");
        let dependencies = Path::new(library).parent().unwrap();
        let dependencies = match dependencies.ends_with("deps") {
            true => dependencies.to_owned(),
            false => dependencies.join("deps"),
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("std/{word}.rs"));
        let std = directory.path().join(format!("libstd_{word}.rlib"));
        let mut rustc = rustc();
        rustc.args(["--edition", "2024", "--crate-type", "rlib"]);
        rustc.arg("--crate-name").arg(format!("std_{word}")).arg(&source);
        rustc.arg("--extern").arg(format!("explorer={library}"));
        rustc.arg("-L").arg(format!("dependency={}", dependencies.display())).arg("-o").arg(&std);
        assert!(rustc.status().unwrap().success(), "{} does not compile", source.display());
        let arguments =
            ["std", "core", "alloc"].map(|name| format!("--extern={name}={}", std.display()));
        let mut arguments = Vec::from(arguments);
        arguments.push(format!("-Ldependency={}", dependencies.display()));
        Library { directory, arguments }
    }

    fn compiler(&self, name: &str, source: &str) -> Command {
        let file = self.directory.path().join(format!("{name}.rs"));
        fs::write(&file, source).unwrap();
        let mut rustc = rustc();
        rustc.args(["--edition", "2024", "-Awarnings", "--error-format", "short"]).arg(&file);
        rustc.args(&self.arguments).current_dir(self.directory.path());
        rustc
    }

    /// The lines of this source, counted from 1, that do not compile, with what is said of them.
    fn wrong_lines(&self, name: &str, source: &str) -> Vec<(usize, String)> {
        let mut rustc = self.compiler(name, source);
        rustc.args(["--crate-type", "lib", "--emit", "metadata"]);
        let output = rustc.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut lines: Vec<(usize, String)> = Vec::new();
        for line in said.lines().filter(|line| line.contains(": error")) {
            let (_, rest) = line.split_once(".rs:").unwrap_or_else(|| panic!("{said}"));
            let number = rest.split(':').next().and_then(|number| number.parse().ok());
            lines.push((number.unwrap(), rest.to_owned()));
        }
        assert!(output.status.success() || !lines.is_empty(), "{said}");
        lines
    }

    /// What a program prints.
    fn run(&self, name: &str, source: &str) -> String {
        let output = self.compiler(name, source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        said(&mut Command::new(self.directory.path().join(name)))
    }
}

/// The probes that this library does not pass. What cannot be resolved hides what else is wrong, so
/// whatever fails is taken out until nothing does.
fn failing(library: &Library, probes: &[&Probe]) -> Vec<(usize, String)> {
    let mut failing: Vec<(usize, String)> = Vec::new();
    loop {
        let left: Vec<usize> =
            (0..probes.len()).filter(|it| failing.iter().all(|(no, _)| no != it)).collect();
        let source = left.iter().map(|number| format!("{}\n", probes[*number].code));
        let mut wrong = library.wrong_lines("probes", &source.collect::<String>());
        if wrong.is_empty() {
            return failing;
        }
        wrong.dedup_by_key(|(line, _)| *line);
        for (line, why) in wrong {
            if failing.iter().all(|(number, _)| *number != left[line - 1]) {
                failing.push((left[line - 1], why));
            }
        }
    }
}

#[test]
fn every_stable_item_is_there_as_in_std() {
    let (version, items) = known();
    let all: Vec<Probe> =
        items.iter().enumerate().flat_map(|(number, item)| probes::probes(number, item)).collect();
    // What needs features that are not stable, such as another allocator, cannot be used at all.
    let unusable = failing(&Library::real(), &all.iter().collect::<Vec<_>>());
    let usable: Vec<&Probe> = (0..all.len())
        .filter(|number| unusable.iter().all(|(other, _)| other != number))
        .map(|number| &all[number])
        .collect();
    let missing = failing(&Library::stand_in("explored"), &usable);
    let unexplained: Vec<String> = missing
        .iter()
        .map(|(number, why)| format!("{}: {why}", usable[*number].item))
        .filter(|said| !MISSING.iter().any(|known| said.contains(known)))
        .collect();
    println!(
        "Rust {version}: {} stable items, {} probes; {} more cannot be used in std itself; {} missing",
        items.len(),
        usable.len(),
        unusable.len(),
        missing.len()
    );
    for (number, why) in &unusable {
        if !why.contains("unstable") {
            println!("not usable in std: {}: {why}", all[*number].item);
        }
    }
    let odd = unusable.iter().filter(|(_, why)| !why.contains("unstable")).count();
    assert!(usable.len() > 1000 && odd < 20, "{odd} probes are wrong themselves");
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// Types, with `T` for what is inside.
const TYPES: [&str; 28] = [
    "Arc<T>",
    "Weak<T>",
    "Mutex<T>",
    "MutexGuard<'static, T>",
    "RwLock<T>",
    "Barrier",
    "RwLockReadGuard<'static, T>",
    "RwLockWriteGuard<'static, T>",
    "Condvar",
    "WaitTimeoutResult",
    "BarrierWaitResult",
    "Once",
    "OnceState",
    "OnceLock<T>",
    "LazyLock<T>",
    "LazyLock<u8, T>",
    "mpsc::Sender<T>",
    "mpsc::SyncSender<T>",
    "mpsc::Receiver<T>",
    "mpsc::Iter<'static, T>",
    "mpsc::TryIter<'static, T>",
    "mpsc::IntoIter<T>",
    "atomic::AtomicU64",
    "atomic::AtomicPtr<T>",
    "JoinHandle<T>",
    "ScopedJoinHandle<'static, T>",
    "LocalKey<T>",
    "Scope<'static, 'static>",
];

/// What is inside: shared or not, sent or not, safe to see after a panic or not.
const INSIDE: [&str; 6] = [
    "u8",
    "Cell<u8>",
    "Rc<u8>",
    "&'static mut u8",
    "std::sync::MutexGuard<'static, u8>",
    "std::marker::PhantomPinned",
];

const TRAITS: [&str; 5] =
    ["Send", "Sync", "Unpin", "std::panic::UnwindSafe", "std::panic::RefUnwindSafe"];

/// Not only what is promised: what std does not implement, the model does not implement either.
#[test]
fn auto_traits_are_implemented_for_the_same_types() {
    let mut source = String::from(
        "use std::cell::Cell; use std::rc::Rc; use std::sync::*; use std::thread::*;\n\
         macro_rules! has { ($t:ty: $trait:path) => {{\n\
         trait No { const YES: bool = false; } impl<T: ?Sized> No for T {}\n\
         struct Has<T: ?Sized>(std::marker::PhantomData<T>);\n\
         impl<T: ?Sized + $trait> Has<T> { const YES: bool = true; }\n\
         println!(\"{}: {} {}\", stringify!($t), stringify!($trait), <Has<$t>>::YES); }} }\n\
         fn main() {\n",
    );
    let mut answers = 0;
    for of_type in
        TYPES.iter().chain(&["Thread", "ThreadId", "Builder", "AccessError", "std::time::Instant"])
    {
        for inside in &INSIDE {
            for of_trait in TRAITS {
                let concrete = match *of_type {
                    "LazyLock<u8, T>" => format!("LazyLock<u8, {inside}>"),
                    other => other.replace("T>", &format!("{inside}>")),
                };
                source.push_str(&format!("has!({concrete}: {of_trait});\n"));
                answers += 1;
            }
        }
    }
    source.push_str("}\n");
    let real = Library::real().run("traits", &source);
    let model = Library::stand_in("explored").run("traits", &source);
    let pairs = real.lines().zip(model.lines());
    let different: Vec<_> = pairs.filter(|(real, model)| real != model).collect();
    println!("{answers} answers compared, {} differ", different.len());
    assert_eq!(real.lines().count(), answers);
    assert!(different.is_empty(), "std and the model: {different:#?}");
}
