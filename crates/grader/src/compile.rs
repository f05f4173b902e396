//! Makes a program out of a submission and the checks. Only the one file of the submission takes
//! part: no package, no build script, no configuration, no environment.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::catalogue::{Exercise, Kind};
use crate::inspect::Shape;
use crate::model::in_the_words_of_std;
use crate::tokens;
use crate::toolchain::{Toolchain, in_short, places};
use sandbox::{Allow, Content, End, File, How, Job, Limits, Spec};

/// What compiling came to.
pub enum Compiled {
    /// The program, in a file without a name.
    Program(OwnedFd),
    /// What the compiler said against it.
    Rejected(String),
    /// What it contains and may not.
    Refused(Vec<String>),
    /// Compiling took too long, or too much.
    Exceeded(String),
}

/// The program that the checks become.
const PROGRAM: &str = "checks";

/// The program that a submission to a process exercise becomes, with its shim.
pub const SUBMISSION: &str = "submission";

/// The shim of a process exercise.
const SHIM: &str = "shim.rs";

/// What is compiled with a submission, and which program both become.
fn beside(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Process => (SHIM, SUBMISSION),
        Kind::Explored | Kind::Weak => (harness::CHECKS, PROGRAM),
    }
}

/// Compiles `source` as a submission to `exercise`: with its checks, or for a process exercise with
/// its shim.
pub fn compile(
    exercise: &Exercise,
    source: &str,
    toolchain: &Toolchain,
    colour: bool,
    without: &[String],
) -> Result<Compiled> {
    let tokens = tokens::forbidden(exercise, source);
    if let Ok(found) = &tokens
        && !found.is_empty()
    {
        return Ok(Compiled::Refused(found.clone()));
    }
    let build = Build { exercise, toolchain, colour, without };
    let (mut program, mut made) = build.attempt(source)?;
    if let Made::Hindered { again, .. } = made {
        // Whether the machine hinders the compiler or the submission does, the starter tells, which is
        // known to compile.
        let starter = exercise.file("starter.rs")?;
        if let (_, Made::Hindered { why, .. }) = build.attempt(&starter)? {
            bail!("this machine hinders the compiler: {}", in_short(&why));
        }
        if again {
            (program, made) = build.attempt(source)?;
        }
    }
    match made {
        Made::Program => {}
        Made::Not(compiled) => return Ok(compiled),
        Made::Hindered { why, .. } => return Ok(Compiled::Exceeded(why)),
    }
    let refused = match (tokens, shape_of(&program)?) {
        (Err(error), _) => vec![format!("something that is no Rust ({error})")],
        (_, None) => vec!["a program that cannot be read".to_owned()],
        (_, Some(shape)) => {
            let found = shape.beyond(&reference(exercise, toolchain, false)?);
            // The linker may be another one than when the reference was made.
            if found.is_empty() {
                found
            } else {
                shape.beyond(&reference(exercise, toolchain, true)?)
            }
        }
    };
    if !refused.is_empty() {
        return Ok(Compiled::Refused(refused));
    }
    Ok(Compiled::Program(program))
}

/// How something is compiled.
struct Build<'a> {
    exercise: &'a Exercise,
    toolchain: &'a Toolchain,
    colour: bool,
    without: &'a [String],
}

/// What an attempt at compiling came to.
enum Made {
    Program,
    /// What was said of the source, with a place in it.
    Not(Compiled),
    /// The compiler did not get to its end, or said nothing of the source.
    Hindered {
        why: String,
        /// Whether it may be otherwise next time.
        again: bool,
    },
}

impl Build<'_> {
    fn attempt(&self, source: &str) -> Result<(OwnedFd, Made)> {
        let Build { exercise, toolchain, colour, without } = *self;
        let program = sandbox::nameless_file()?;
        let text =
            |name: String, text: String| File { name, mode: 0o644, content: Content::Text(text) };
        let (name, program_name) = beside(exercise.kind);
        let checks = exercise.file(name)?;
        let mut submission = toolchain.job(of_submission(exercise, toolchain, colour));
        submission.inspect = Some(library(exercise));
        let spec = Spec {
            unprivileged: true,
            files: vec![text(exercise.file_name(), source.to_owned())],
            // The checks come after the submission has been compiled, so it cannot include them.
            jobs: vec![submission, toolchain.job(of_program(exercise, toolchain, colour))],
            late: vec![Vec::new(), vec![text(name.to_owned(), checks.clone())]],
            fetch: Some((program_name.to_owned(), program.as_raw_fd())),
            needed: toolchain.readable(),
            places: places(),
            without: without.to_vec(),
        };
        let account = sandbox::run(&spec).context("compiling")?;
        for (index, end) in account.ends.iter().enumerate() {
            let made = match self.made(end)? {
                Made::Not(Compiled::Rejected(said)) if exercise.kind != Kind::Process => {
                    let weak = exercise.kind == Kind::Weak;
                    Made::Not(Compiled::Rejected(in_the_words_of_std(&said, weak)))
                }
                made => made,
            };
            let made = match made {
                Made::Program => continue,
                Made::Not(Compiled::Rejected(said)) if index > 0 => {
                    Made::Not(Compiled::Rejected(misfit(&said, name, &checks, source)))
                }
                Made::Not(Compiled::Rejected(said)) if said.contains("`-F unsafe-code`") => {
                    let why = "This exercise is to be solved without unsafe code.";
                    Made::Not(Compiled::Rejected(format!("{}\n\n{why}", said.trim_end())))
                }
                Made::Not(Compiled::Rejected(said)) if lacks(exercise.kind, &said) => {
                    let why = "Here std::sync has Arc, Weak and atomics, and nothing that waits for another \
                           thread: no Mutex, RwLock, Condvar, Barrier, Once, OnceLock, LazyLock or mpsc. \
                           What is to be built is built of atomics.";
                    Made::Not(Compiled::Rejected(format!("{}\n\n{why}", said.trim_end())))
                }
                made => made,
            };
            return Ok((program, made));
        }
        Ok((program, Made::Program))
    }

    /// What the end of a run of the compiler means.
    fn made(&self, end: &End) -> Result<Made> {
        if !end.refused.is_empty() {
            return Ok(Made::Not(Compiled::Refused(end.refused.clone())));
        }
        let hindered = |why: String| Made::Hindered { why, again: true };
        let output = &end.output;
        Ok(match &end.how {
            How::Exited(0) => Made::Program,
            // Only with a place in the source does it speak of that. No space, no linker, a missing
            // library have none.
            How::Exited(1) | How::TooMuchOutput if self.has_place(output) => {
                Made::Not(Compiled::Rejected(output.clone()))
            }
            How::Exited(_) | How::TooMuchOutput => hindered(output.clone()),
            How::TimeUp if end.ran < 0.5 * SECONDS => {
                hindered(format!("it got a processor for {:.1} s of {:.1} s", end.ran, end.seconds))
            }
            How::TimeUp => {
                let why = format!("compiling took longer than {SECONDS} s");
                Made::Hindered { why, again: false }
            }
            How::TooMuchMemory => hindered("compiling took more than 1 GiB".to_owned()),
            How::TooManyProcesses | How::TooMuchDisk => {
                hindered("compiling took too much of the machine".to_owned())
            }
            How::Killed(signal) => {
                hindered(format!("the compiler was ended by signal {signal}\n{output}"))
            }
            other => bail!("the compiler: {other:?}"),
        })
    }

    /// Whether an error names a line of the submission or of the checks.
    fn has_place(&self, output: &str) -> bool {
        let files = [self.exercise.file_name(), beside(self.exercise.kind).0.to_owned()];
        output.lines().map(without_colours).any(|line| {
            let place = line.trim_start().strip_prefix("--> ");
            place.is_some_and(|place| files.iter().any(|file| place.starts_with(file.as_str())))
        })
    }
}

/// How long compiling may take, in seconds by the clock that others do not take.
const SECONDS: f64 = 10.0;

/// The shape of the program in this file.
fn shape_of(program: &OwnedFd) -> Result<Option<Shape>> {
    let mut bytes = Vec::new();
    let mut file = fs::File::from(program.try_clone()?);
    file.rewind()?;
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Shape::of(&bytes))
}

/// The largest program, in bytes: it is read into memory.
const LARGEST: u64 = 64 << 20;

/// What is linked in the place of a submission and its checks, to see what every program has.
fn nothing(kind: Kind) -> &'static str {
    match kind {
        Kind::Process => "fn main() { driver::shim::answer(|_, _| Vec::new()) }\n",
        Kind::Explored | Kind::Weak => "fn main() { harness::serve(&[]); }\n",
    }
}

/// The shape of a program without a submission; found out once for each kind of exercise, or `anew`.
fn reference(exercise: &Exercise, toolchain: &Toolchain, anew: bool) -> Result<Shape> {
    let kept = toolchain.kept("reference");
    if !anew
        && let Some(shape) = fs::read(&kept).ok().and_then(|it| serde_json::from_slice(&it).ok())
    {
        return Ok(shape);
    }
    let program = sandbox::nameless_file()?;
    let name = harness::CHECKS.to_owned();
    let content = Content::Text(nothing(exercise.kind).to_owned());
    let mut arguments = common(PROGRAM, exercise.kind, toolchain, false);
    arguments.extend([name.clone(), "--crate-type=bin".to_owned()]);
    let library = Toolchain::library(exercise.kind);
    arguments.push(format!("--extern={library}={}", toolchain.harness.display()));
    let spec = Spec {
        unprivileged: true,
        files: vec![File { name, mode: 0o644, content }],
        jobs: vec![toolchain.job(arguments)],
        fetch: Some((PROGRAM.to_owned(), program.as_raw_fd())),
        needed: toolchain.readable(),
        places: places(),
        ..Spec::default()
    };
    let account = sandbox::run(&spec).context("linking without a submission")?;
    let end = account.ends.first().context("the compiler was not run")?;
    ensure!(end.how == How::Exited(0), "a program for {}: {}", exercise.name, end.output.trim());
    let shape = shape_of(&program)?.context("a program that cannot be read")?;
    // Another grader may do the same. Who may not write there finds it out anew each time.
    let new = kept.with_extension(format!("{}", std::process::id()));
    let text = serde_json::to_vec(&shape)?;
    let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, &kept));
    Ok(shape)
}

/// The library that a submission becomes.
fn library(exercise: &Exercise) -> String {
    format!("lib{}.rlib", exercise.crate_name())
}

/// Whether the compiler misses something that the `std` of this kind of exercise does without.
fn lacks(kind: Kind, said: &str) -> bool {
    let said = without_colours(said);
    kind == Kind::Weak && ["in `weak::sync`", "in `sync`"].iter().any(|place| said.contains(place))
}

/// Every access to memory becomes a call, which `explorer::weak` answers. These are passes of LLVM
/// that the compiler has for ThreadSanitizer, put to use without its runtime library.
const INSTRUMENTED: [&str; 3] = [
    "-Cllvm-args=-force-attribute=sanitize_thread",
    "-Cllvm-args=-tsan-instrument-func-entry-exit=0",
    "-Cpasses=forceattrs,function(tsan)",
];

/// What the compiler is told for the submission.
fn of_submission(exercise: &Exercise, toolchain: &Toolchain, colour: bool) -> Vec<String> {
    let mut arguments = common(&exercise.crate_name(), exercise.kind, toolchain, colour);
    arguments.extend([exercise.file_name(), "--crate-type=rlib".to_owned()]);
    arguments.extend(["-Adead_code", "-Amissing_docs"].map(str::to_owned));
    if let Some(std) = &toolchain.std {
        // What `std::sync` stands for, `core::sync` stands for: there is no way round it.
        let stands_in = |name| format!("--extern={name}={}", std.display());
        arguments.extend(["core", "alloc"].map(stands_in));
    }
    if !exercise.unsafe_code {
        arguments.push("-Funsafe_code".to_owned());
    }
    arguments
}

/// What the compiler is told for the checks, or the shim, that use the submission.
fn of_program(exercise: &Exercise, toolchain: &Toolchain, colour: bool) -> Vec<String> {
    let (file, program) = beside(exercise.kind);
    let mut arguments = common(program, exercise.kind, toolchain, colour);
    arguments.extend([file.to_owned(), "--crate-type=bin".to_owned()]);
    let stands_on = Toolchain::library(exercise.kind);
    arguments.extend([
        format!("--extern={}={{work}}/{}", exercise.crate_name(), library(exercise)),
        format!("--extern={stands_on}={}", toolchain.harness.display()),
    ]);
    arguments
}

/// The driver of a process exercise: its checks, without the submission. It is compiled once.
pub fn driver(exercise: &Exercise, toolchain: &Toolchain, without: &[String]) -> Result<OwnedFd> {
    let checks = exercise.file(harness::CHECKS)?;
    let mut hasher = DefaultHasher::new();
    (&checks, toolchain.made_of).hash(&mut hasher);
    let directory = Toolchain::directory()?.join("drivers");
    let kept = directory.join(format!("{}-{:016x}", exercise.name, hasher.finish()));
    let program = sandbox::nameless_file()?;
    if let Ok(mut file) = fs::File::open(&kept) {
        io::copy(&mut file, &mut fs::File::from(program.try_clone()?))?;
        return Ok(program);
    }
    let mut arguments = common(PROGRAM, exercise.kind, toolchain, false);
    arguments.extend([harness::CHECKS.to_owned(), "--crate-type=bin".to_owned()]);
    arguments.push(format!("--extern=driver={}", toolchain.harness.display()));
    let content = Content::Text(checks);
    let spec = Spec {
        unprivileged: false,
        files: vec![File { name: harness::CHECKS.to_owned(), mode: 0o644, content }],
        jobs: vec![toolchain.job(arguments)],
        fetch: Some((PROGRAM.to_owned(), program.as_raw_fd())),
        needed: toolchain.readable(),
        places: places(),
        without: without.to_vec(),
        ..Spec::default()
    };
    let account = sandbox::run(&spec).context("compiling the checks")?;
    let end = account.ends.first().context("the compiler was not run")?;
    let (name, said) = (&exercise.name, end.output.trim());
    ensure!(end.how == How::Exited(0), "{name}/{}: {:?}\n{said}", harness::CHECKS, end.how);
    // Kept for the next time, if there is a place for it; a file that is half written is never seen
    // under this name.
    let _ = keep(&program, &directory, &kept);
    Ok(program)
}

fn keep(program: &OwnedFd, directory: &Path, kept: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let new = tempfile::NamedTempFile::new_in(directory)?;
    let mut from = fs::File::from(program.try_clone()?);
    from.rewind()?;
    io::copy(&mut from, &mut new.as_file())?;
    new.persist(kept)?;
    Ok(())
}

fn common(crate_name: &str, kind: Kind, toolchain: &Toolchain, colour: bool) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--edition=2024",
        "-Copt-level=0",
        "-Cdebuginfo=line-tables-only",
        "-Cdebug-assertions=on",
        "-Coverflow-checks=on",
        "-Ccodegen-units=4",
        "--remap-path-prefix={work}=",
        "--out-dir={work}",
    ]
    .map(str::to_owned)
    .into();
    if kind == Kind::Weak {
        arguments.extend(INSTRUMENTED.map(str::to_owned));
    }
    arguments.push(format!("--crate-name={crate_name}"));
    arguments.push(format!("-Ldependency={}", toolchain.dependencies.display()));
    arguments.push(format!("--color={}", if colour { "always" } else { "never" }));
    for (name, path) in &toolchain.libraries {
        arguments.push(format!("--extern={name}={}", path.display()));
    }
    if let Some(std) = &toolchain.std {
        arguments.push(format!("--extern=std={}", std.display()));
    }
    arguments
}

impl Toolchain {
    /// What the compiler must be able to read.
    fn readable(&self) -> Vec<PathBuf> {
        vec![self.sysroot.clone(), self.dependencies.clone()]
    }

    fn job(&self, arguments: Vec<String>) -> Job {
        Job {
            program: self.rustc.display().to_string(),
            arguments,
            environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
            writes: true,
            allow: vec![Allow::Building],
            limits: Limits {
                seconds: SECONDS,
                memory: 1 << 30,
                file: 256 << 20,
                descriptors: 1024,
                disk: 256 << 20,
                ..Limits::default()
            },
            ..Job::default()
        }
    }
}

/// How many errors are shown of those that come from calls in the checks.
const ERRORS: usize = 3;

/// What is said of a submission that compiles by itself but not with the checks: which of its
/// functions differ from what the checks expect, and the compiler's errors about these. Without any,
/// its first errors, since each call in the checks repeats them.
fn misfit(output: &str, name: &str, checks: &str, source: &str) -> String {
    let mut text = String::from(
        "By itself it does, but the checks cannot use it: something public in it has another name or \
         another type than in the starter.\n",
    );
    let expected = expectations(checks);
    let errors = errors(output, name);
    let about = |line: Option<usize>| {
        line.and_then(|line| expected.iter().find(|it| it.lines.contains(&line)))
    };
    for it in errors.iter().filter_map(|(line, _)| about(*line)) {
        let name = it.function.rsplit("::").next().unwrap_or(it.function);
        let defined = source.lines().position(|line| defines(line, name));
        let place = defined.map_or("not there".to_owned(), |index| format!("line {}", index + 1));
        text.push_str(&format!("  {} ({place}) must fit {}\n", it.function, it.signature));
    }
    let mut shown: Vec<_> = errors.iter().filter(|(line, _)| about(*line).is_some()).collect();
    if shown.is_empty() {
        shown = errors.iter().take(ERRORS).collect();
    }
    text.push_str("What the compiler says, seen from the checks:\n\n");
    match shown.is_empty() {
        true => text.push_str(output),
        false => text.extend(shown.into_iter().map(|(_, error)| error.as_str())),
    }
    text
}

/// A line of the checks that states the type of a function: `const _: SIGNATURE = FUNCTION;`.
struct Expectation<'a> {
    lines: std::ops::RangeInclusive<usize>,
    function: &'a str,
    signature: &'a str,
}

fn expectations(checks: &str) -> Vec<Expectation<'_>> {
    let mut expected = Vec::new();
    for (start, statement) in checks.match_indices("\nconst _: ") {
        let rest = &checks[start + statement.len()..];
        let Some(end) = rest.find(';') else { continue };
        let Some((signature, function)) = rest[..end].rsplit_once(" =") else { continue };
        let function = function.trim();
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let first = checks[..=start].matches('\n').count() + 1;
        let lines = first..=first + rest[..end].matches('\n').count();
        if function.chars().all(is_name) {
            expected.push(Expectation { lines, function, signature });
        }
    }
    expected
}

/// The errors of the compiler, each with its line in the checks, the file `name`.
fn errors(output: &str, name: &str) -> Vec<(Option<usize>, String)> {
    let mut errors: Vec<(Option<usize>, String)> = Vec::new();
    let mut within = false;
    for line in output.split_inclusive('\n') {
        let plain = without_colours(line);
        if plain.starts_with("error") || plain.starts_with("warning") {
            within = plain.starts_with("error") && !plain.contains("aborting due to");
            if within {
                errors.push((None, String::new()));
            }
        } else if plain.starts_with("Some errors have") || plain.starts_with("For more information")
        {
            within = false;
        }
        let Some((place, text)) = errors.last_mut().filter(|_| within) else { continue };
        text.push_str(line);
        let at = plain.trim_start().strip_prefix("--> ").and_then(|at| at.strip_prefix(name));
        let at = at.and_then(|at| at.strip_prefix(':'));
        let number = at.and_then(|at| at.split(':').next()?.parse().ok());
        *place = place.or(number);
    }
    errors
}

pub fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    plain.extend(parts.filter_map(|part| Some(part.split_once('m')?.1)));
    plain
}

/// Whether this line begins the function of this name.
fn defines(line: &str, name: &str) -> bool {
    line.split_once("fn ").is_some_and(|(before, after)| {
        let rest = after.strip_prefix(name);
        !before.contains("//") && rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_function_differs() {
        let checks = "use it::{pop, push};\n\nconst _: fn() -> i32 = pop;\nconst _: fn(i32) =\n    \
                      push;\n\nfn main() {}\n";
        let source = "// fn pop()\npub fn pop() -> u8 {}\n";
        let output = "error[E0308]: mismatched types\n --> checks.rs:3:24\n  = note: found u8\n\n\
                      \u{1b}[1merror[E0425]\u{1b}[0m: cannot find\n \u{1b}[34m--> \u{1b}[0mchecks.rs:5:5\n\n\
                      error[E0308]: mismatched types\n --> checks.rs:99:1\n\n\
                      error: aborting due to 3 previous errors\n";
        let said = misfit(output, "checks.rs", checks, source);
        assert!(said.contains("  pop (line 2) must fit fn() -> i32\n"), "{said}");
        assert!(said.contains("  push (not there) must fit fn(i32)\n"), "{said}");
        assert!(said.contains("found u8") && said.contains("cannot find"), "{said}");
        assert!(!said.contains(":99:") && !said.contains("aborting"), "{said}");
    }

    #[test]
    fn shows_the_first_errors_if_no_signature_differs() {
        let error = |line: u32| format!("error[E0277]: a bound\n --> checks.rs:{line}:1\n\n");
        let output: String = (10..20).map(error).collect();
        let said = misfit(&output, "checks.rs", "fn main() {}\n", "");
        assert!(said.contains(":12:") && !said.contains(":13:"), "{said}");
    }
}
