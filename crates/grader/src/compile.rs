//! Makes a program out of a submission and the checks. Only the one file of the submission takes
//! part: no package, no build script, no configuration, no environment.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::catalogue::{Exercise, Kind};
use crate::inspect::Shape;
use crate::linker;
use crate::machine::{hindrance, lacks_memory};
use crate::model::in_the_words_of_std;
use crate::tokens;
use crate::toolchain::{self, Toolchain, places};
use sandbox::{Allow, Content, End, File, How, Job, Limits, Spec};

/// What compiling came to.
pub enum Compiled {
    /// The program, in a file without a name, and what the compiler warned of in the submission.
    Program(OwnedFd, Vec<String>),
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
/// its shim. Whether the program knows the `lines` that it is made of, a crash or a hang can name them;
/// it takes longer, and most programs are never asked.
pub fn compile(
    exercise: &Exercise,
    source: &str,
    toolchain: &Toolchain,
    colour: bool,
    lines: bool,
    without: &[String],
) -> Result<Compiled> {
    let tokens = tokens::forbidden(exercise, source);
    if let Ok(found) = &tokens
        && !found.is_empty()
    {
        return Ok(Compiled::Refused(found.clone()));
    }
    let build = Build { exercise, toolchain, colour, lines, without };
    let (mut program, mut made) = build.attempt(source)?;
    if let Made::Hindered { again, .. } = made {
        // Whether the machine hinders the compiler or the submission does, the starter tells, which is
        // known to compile.
        let starter = exercise.file("starter.rs")?;
        if let (_, Made::Hindered { why, .. }) = build.attempt(&starter)? {
            bail!("this machine hinders the compiler: {}", hindrance(&why, &places()));
        }
        if again {
            (program, made) = build.attempt(source)?;
        }
        // The starter may just fit where what is longer does not.
        if let Made::Hindered { why, .. } = &made
            && lacks_memory(why)
        {
            bail!("this machine hinders the compiler: {}", hindrance(why, &places()));
        }
    }
    let warnings = match made {
        Made::Program(warnings) => warnings,
        Made::Not(compiled) => return Ok(compiled),
        Made::Hindered { why, .. } => return Ok(Compiled::Exceeded(why)),
    };
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
    Ok(Compiled::Program(program, warnings))
}

/// How something is compiled.
struct Build<'a> {
    exercise: &'a Exercise,
    toolchain: &'a Toolchain,
    colour: bool,
    lines: bool,
    without: &'a [String],
}

/// What an attempt at compiling came to.
enum Made {
    /// The program, with so many warnings about the submission.
    Program(Vec<String>),
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
        let Build { exercise, toolchain, colour, lines, without } = *self;
        let program = sandbox::nameless_file()?;
        let text =
            |name: String, text: String| File { name, mode: 0o644, content: Content::Text(text) };
        let (name, program_name) = beside(exercise.kind);
        let checks = exercise.file(name)?;
        let mut arguments =
            [of_submission(exercise, toolchain, colour), of_program(exercise, toolchain, colour)];
        if !lines {
            arguments.iter_mut().for_each(|it| it.extend(WITHOUT_LINES.map(str::to_owned)));
        }
        let [mut submission, program_of_both] = arguments.map(|it| toolchain.job(it));
        submission.inspect = Some(library(exercise));
        let spec = Spec {
            unprivileged: true,
            files: vec![text(exercise.file_name(), source.to_owned())],
            // The checks come after the submission has been compiled, so it cannot include them.
            jobs: vec![submission, program_of_both],
            late: vec![Vec::new(), vec![text(name.to_owned(), checks.clone())]],
            fetch: Some((program_name.to_owned(), program.as_raw_fd())),
            needed: toolchain.readable(),
            places: places(),
            without: without.to_vec(),
        };
        let account = sandbox::run(&spec).context("compiling")?;
        let mut warned = Vec::new();
        for (index, end) in account.ends.iter().enumerate() {
            let made = match self.made(end)? {
                Made::Not(Compiled::Rejected(said)) if exercise.kind != Kind::Process => {
                    let weak = exercise.kind == Kind::Weak;
                    Made::Not(Compiled::Rejected(in_the_words_of_std(&said, weak)))
                }
                made => made,
            };
            let made = match made {
                Made::Program(warnings) => {
                    // The checks are no learner's business.
                    warned.extend(warnings.into_iter().filter(|_| index == 0));
                    continue;
                }
                Made::Not(Compiled::Rejected(said)) if index > 0 => {
                    Made::Not(Compiled::Rejected(misfit(&said, name, &checks, source)))
                }
                Made::Not(Compiled::Rejected(said)) if said.contains("`-F unsafe-code`") => {
                    let why = "This exercise is to be solved without unsafe code.";
                    Made::Not(Compiled::Rejected(format!("{}\n\n{why}", said.trim_end())))
                }
                Made::Not(Compiled::Rejected(said)) if of_a_library(&said) => {
                    let there: Vec<&str> = toolchain.libraries.keys().map(String::as_str).collect();
                    let why = match there.is_empty() {
                        true => "The only crate that can be used here is std.".to_owned(),
                        false => {
                            format!("The crates that can be used here: std, {}.", there.join(", "))
                        }
                    };
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
        Ok((program, Made::Program(warned)))
    }

    /// What the end of a run of the compiler means.
    fn made(&self, end: &End) -> Result<Made> {
        if !end.refused.is_empty() {
            return Ok(Made::Not(Compiled::Refused(end.refused.clone())));
        }
        let hindered = |why: String| Made::Hindered { why, again: true };
        let output = &end.output;
        Ok(match &end.how {
            How::Exited(0) if self.exercise.kind == Kind::Process => {
                Made::Program(warnings(output))
            }
            How::Exited(0) => {
                let said = in_the_words_of_std(output, self.exercise.kind == Kind::Weak);
                Made::Program(warnings(&said))
            }
            // Only with a place in the source does it speak of that. No space, no linker, a missing
            // library have none.
            How::Exited(1) | How::TooMuchOutput
                if self.has_place(output) && !lacks_memory(output) =>
            {
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
            How::NotStarted(why) => bail!("the compiler could not be started: {why}"),
            other => bail!("the compiler: {other:?}"),
        })
    }

    /// Whether an error names a line of the submission or of the checks. A warning may do so beside
    /// an error that does not.
    fn has_place(&self, output: &str) -> bool {
        let files = [self.exercise.file_name(), beside(self.exercise.kind).0.to_owned()];
        let has_line = |(line, _): &(Option<usize>, String)| line.is_some();
        files.iter().any(|file| errors(output, file).iter().any(has_line))
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

/// Whether the compiler misses a crate.
fn of_a_library(said: &str) -> bool {
    let said = without_colours(said);
    said.contains("unlinked crate") || said.contains("error[E0463]")
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

/// What the compiler is told for a program that names no lines of its own, nor of the standard library.
const WITHOUT_LINES: [&str; 2] = ["-Cdebuginfo=none", "-Cstrip=debuginfo"];

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
    let mut arguments = common(PROGRAM, exercise.kind, toolchain, false);
    arguments.extend([harness::CHECKS.to_owned(), "--crate-type=bin".to_owned()]);
    arguments.push(format!("--extern=driver={}", toolchain.harness.display()));
    // Nobody asks where it is, and it is copied for each check, and once more for its commands.
    arguments.extend(WITHOUT_LINES.map(str::to_owned));
    let mut hasher = DefaultHasher::new();
    (&checks, toolchain.made_of, &arguments).hash(&mut hasher);
    let directory = Toolchain::directory()?.join("drivers");
    let kept = directory.join(format!("{}-{:016x}", exercise.name, hasher.finish()));
    let program = sandbox::nameless_file()?;
    if let Some(bytes) = kept_whole(&kept) {
        fs::File::from(program.try_clone()?).write_all(&bytes)?;
        return Ok(program);
    }
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

/// Writes the program, and after it its checksum.
fn keep(program: &OwnedFd, directory: &Path, kept: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let new = tempfile::NamedTempFile::new_in(directory)?;
    let mut from = fs::File::from(program.try_clone()?);
    from.rewind()?;
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    bytes.extend(checksum(&bytes));
    new.as_file().write_all(&bytes)?;
    new.persist(kept)?;
    Ok(())
}

/// What was kept, unless it is no more what it was: cut short by a full disk, or empty after the power
/// has failed. Whoever is judged by such a program loses all points.
fn kept_whole(kept: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(kept).ok()?;
    let (program, sum) = bytes.split_last_chunk()?;
    if checksum(program) != *sum {
        return None;
    }
    bytes.truncate(bytes.len() - size_of::<u64>());
    Some(bytes)
}

fn checksum(bytes: &[u8]) -> [u8; size_of::<u64>()] {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish().to_le_bytes()
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
    arguments.extend(toolchain.linker.iter().map(|it| format!("-Clinker={}", it.display())));
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
        let parts = [self.sysroot.clone(), self.dependencies.clone()];
        parts.into_iter().chain(self.linker.clone()).collect()
    }

    fn job(&self, arguments: Vec<String>) -> Job {
        job(&self.rustc, arguments)
    }
}

/// A run of the compiler.
fn job(rustc: &Path, arguments: Vec<String>) -> Job {
    Job {
        program: rustc.display().to_string(),
        arguments,
        environment: vec![("PATH".to_owned(), linker::PATH.to_owned())],
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

/// Compiles, links and runs a program that does nothing, as submissions are.
///
/// # Errors
///
/// If this machine does not let it, with the reason.
pub fn try_out(without: &[String]) -> Result<()> {
    let sysroot = toolchain::sysroot()?;
    let rustc = toolchain::compiler(&sysroot);
    let linker = linker::linker();
    let mut arguments = ["nothing.rs", "--out-dir={work}"].map(str::to_owned).to_vec();
    arguments.extend(linker.iter().map(|it| format!("-Clinker={}", it.display())));
    let content = Content::Text("fn main() {}\n".to_owned());
    let spec = Spec {
        unprivileged: true,
        files: vec![File { name: "nothing.rs".to_owned(), mode: 0o644, content }],
        jobs: vec![job(&rustc, arguments), Job { program: "nothing".to_owned(), ..Job::default() }],
        needed: [sysroot].into_iter().chain(linker).collect(),
        places: places(),
        without: without.to_vec(),
        ..Spec::default()
    };
    let account = sandbox::run(&spec)?;
    let whats = ["the compiler", "what it has made"];
    for (what, end) in whats.iter().zip(&account.ends) {
        match &end.how {
            How::Exited(0) => {}
            How::NotStarted(why) => bail!("{what} could not be started: {why}"),
            How::Exited(_) => bail!("{what}: {}", hindrance(&end.output, &places())),
            How::Killed(signal) => {
                let said = format!("ended by signal {signal}");
                bail!("{what}: {}", hindrance(&said, &places()))
            }
            how => bail!("{what}: {how:?}"),
        }
    }
    ensure!(account.ends.len() == whats.len(), "not everything was run");
    Ok(())
}

/// How many errors are shown of those that come from calls in the checks.
const ERRORS: usize = 3;

/// What is said of a submission that compiles by itself but not with the checks: which of its
/// functions differ from what the checks expect, and the compiler's errors about these. Without any,
/// its first errors, since each call in the checks repeats them.
fn misfit(output: &str, name: &str, checks: &str, source: &str) -> String {
    let expected = expectations(checks);
    let errors = errors(output, name);
    let mut text = format!("{MISFIT}, because {}.\n", differences(&errors).join(", and because "));
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
        shown = errors.iter().collect();
        // The same is said for each place where a type is used.
        shown.dedup_by(|one, other| one.1.lines().next() == other.1.lines().next());
        shown.truncate(ERRORS);
    }
    text.push_str("What the compiler says, seen from the checks:\n\n");
    match shown.is_empty() {
        true => text.push_str(output),
        false => text.extend(shown.into_iter().map(|(_, error)| error.as_str())),
    }
    text
}

/// The beginning of what is said of a submission that compiles by itself but not with the checks.
pub const MISFIT: &str = "It compiles by itself, but the checks cannot use it";

/// In which ways a submission differs from what the checks use, by the numbers of the errors.
fn differences(errors: &[(Option<usize>, String)]) -> Vec<&'static str> {
    let kind = |error: &str| {
        let plain = without_colours(error);
        let number = plain.strip_prefix("error[").and_then(|rest| rest.split(']').next());
        match number.unwrap_or_default() {
            "E0603" | "E0616" | "E0624" | "E0451" => "something is private that they use",
            "E0405" | "E0412" | "E0422" | "E0423" | "E0425" | "E0432" | "E0433" | "E0531"
            | "E0560" | "E0599" | "E0609" => {
                "something that they use has another name, or is not there"
            }
            "E0277" => "a type lacks a trait that they need (Send, Sync, Debug or the like)",
            "E0061" | "E0107" | "E0271" | "E0308" => {
                "something that they use has another type than in the starter"
            }
            _ => "something that they use is another than in the starter",
        }
    };
    let mut kinds: Vec<&str> = Vec::new();
    for (_, error) in errors {
        let kind = kind(error);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        kinds.push("something that they use is another than in the starter");
    }
    kinds
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

/// The errors of the compiler, each with its line in the file `name`, if it is about that.
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

/// What the compiler warns of.
fn warnings(output: &str) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for line in output.split_inclusive('\n') {
        let plain = without_colours(line);
        if plain.starts_with("warning") {
            warnings.push(String::new());
        }
        if let Some(warning) = warnings.last_mut() {
            warning.push_str(line);
        }
    }
    let counts = |warning: &String| {
        let line = without_colours(warning);
        line.trim_end().ends_with(" emitted")
    };
    warnings.retain(|warning| !counts(warning));
    warnings
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
    fn warnings_are_parted_and_their_number_is_none() {
        let one = "warning: unused `Result`\n --> a.rs:3:9\n\n";
        let other = "\u{1b}[33mwarning\u{1b}[0m: unused import\n --> a.rs:1:5\n\n";
        let output = format!("{one}{other}warning: 2 warnings emitted\n\n");
        assert_eq!(warnings(&output), [one, other]);
        assert!(warnings("").is_empty());
    }

    #[test]
    fn a_warning_with_a_place_is_no_error_with_one() {
        let warning = "warning: unused\n --> reap.rs:7:5\n\n";
        let placed = |output: &str| errors(output, "reap.rs").iter().any(|(at, _)| at.is_some());
        assert!(!placed(&format!("{warning}error: linker `cc` not found\n  |\n  = note: No\n")));
        assert!(!placed(&format!("error: linker `cc` not found\n  |\n  = note: No\n\n{warning}")));
        assert!(placed(&warning.replace("warning", "error[E0001]")));
    }

    #[test]
    fn what_was_kept_is_taken_only_whole() {
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("a-driver");
        let program = sandbox::nameless_file().unwrap();
        let bytes = b"what a linker has made".repeat(1000);
        fs::File::from(program.try_clone().unwrap()).write_all(&bytes).unwrap();
        keep(&program, directory.path(), &kept).unwrap();
        assert_eq!(kept_whole(&kept), Some(bytes));
        let whole = fs::read(&kept).unwrap();
        let (mut changed, mut zeros) = (whole.clone(), whole.clone());
        changed[7] ^= 1;
        zeros[4096..].fill(0);
        for damaged in [&[][..], &whole[..5], &whole[..whole.len() / 2], &changed, &zeros] {
            fs::write(&kept, damaged).unwrap();
            assert_eq!(kept_whole(&kept), None);
        }
    }

    /// Only with a place in the source is the compiler's end a word about the source.
    #[test]
    fn whatever_hinders_the_compiler_is_no_verdict() {
        let exercise = crate::catalogue::load("reap").unwrap();
        let toolchain = Toolchain {
            made_of: 0,
            rustc: PathBuf::new(),
            sysroot: PathBuf::new(),
            dependencies: PathBuf::new(),
            harness: PathBuf::new(),
            std: None,
            libraries: Default::default(),
            built: Vec::new(),
            linker: None,
        };
        let build = Build {
            exercise: &exercise,
            toolchain: &toolchain,
            colour: false,
            lines: false,
            without: &[],
        };
        let made = |how: How, output: &str, ran: f64| {
            let output = output.to_owned();
            build.made(&End { how, output, ran, seconds: SECONDS, ..End::default() }).unwrap()
        };
        let placed = "error[E0308]: mismatched types\n --> reap.rs:3:24\n\n";
        let rejected = made(How::Exited(1), placed, 1.0);
        assert!(matches!(rejected, Made::Not(Compiled::Rejected(said)) if said == placed));
        for (how, output, ran) in [
            (How::Exited(1), "error: linker `cc` not found\n", 1.0),
            (How::Exited(1), "error: couldn't create a temp dir: No space left on device\n", 1.0),
            (How::Exited(101), "thread 'rustc' panicked at jobserver.rs:1:2:\n", 1.0),
            (How::Killed(libc::SIGKILL), "", 1.0),
            (How::TooMuchMemory, "", 1.0),
            (How::TooManyProcesses, "", 1.0),
            (How::TooMuchDisk, "", 1.0),
            (How::TimeUp, "", 0.1 * SECONDS),
        ] {
            let what = format!("{how:?}: {output}");
            assert!(matches!(made(how, output, ran), Made::Hindered { again: true, .. }), "{what}");
        }
        let slow = made(How::TimeUp, "", SECONDS);
        assert!(matches!(slow, Made::Hindered { again: false, .. }));
    }

    #[test]
    fn shows_the_first_errors_if_no_signature_differs() {
        let error = |line: u32| {
            format!("error[E0277]: bound {line}\n --> checks.rs:{line}:1\n\n").repeat(2)
        };
        let output: String = (10..20).map(error).collect();
        let said = misfit(&output, "checks.rs", "fn main() {}\n", "");
        assert!(said.contains(":12:") && !said.contains(":13:"), "{said}");
    }
}
