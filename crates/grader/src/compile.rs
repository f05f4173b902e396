//! Makes a program out of a submission and the checks. Only the one file of the submission takes
//! part: no package, no build script, no configuration, no environment.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::catalogue::Exercise;
use crate::sandbox::{self, Content, File, How, Job, Limits, Spec};
use crate::toolchain::Toolchain;

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

/// Names of the file that the checks become, and that of the submission's library.
const PROGRAM: &str = "checks";

/// Compiles `source` as a submission to `exercise`.
pub fn compile(
    exercise: &Exercise,
    source: &str,
    toolchain: &Toolchain,
    colour: bool,
    without: &[String],
) -> Result<Compiled> {
    let program = sandbox::nameless_file()?;
    let name = exercise.crate_name();
    let library = format!("lib{name}.rlib");
    let text =
        |name: String, text: String| File { name, mode: 0o644, content: Content::Text(text) };
    let files = vec![text(exercise.file_name(), source.to_owned())];

    let readable = vec![toolchain.sysroot.clone(), toolchain.dependencies.clone()];
    let common = |crate_name: &str| -> Vec<String> {
        let mut common: Vec<String> = [
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
        common.push(format!("--crate-name={crate_name}"));
        common.push(format!("-Ldependency={}", toolchain.dependencies.display()));
        common.push(format!("--color={}", if colour { "always" } else { "never" }));
        for (name, path) in &toolchain.libraries {
            common.push(format!("--extern={name}={}", path.display()));
        }
        if let Some(std) = &toolchain.std {
            common.push(format!("--extern=std={}", std.display()));
        }
        common
    };
    let job = |arguments: Vec<String>| Job {
        program: toolchain.rustc.display().to_string(),
        arguments,
        environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
        readable: readable.clone(),
        writes: true,
        limits: Limits {
            seconds: 10.0,
            memory: 1 << 30,
            file: 256 << 20,
            descriptors: 1024,
            disk: 256 << 20,
            ..Limits::default()
        },
        ..Job::default()
    };
    let mut first = common(&name);
    first.extend([exercise.file_name(), "--crate-type=rlib".to_owned()]);
    first.extend(["-Adead_code", "-Amissing_docs"].map(str::to_owned));
    if let Some(std) = &toolchain.std {
        // What `std::sync` stands for, `core::sync` stands for: there is no way round it.
        first.extend(["core", "alloc"].map(|name| format!("--extern={name}={}", std.display())));
    }
    if !exercise.unsafe_code {
        first.push("-Funsafe_code".to_owned());
    }
    let mut submission = job(first);
    submission.inspect = Some(library.clone());

    let mut second = common(PROGRAM);
    second.extend([exercises::CHECKS.to_owned(), "--crate-type=bin".to_owned()]);
    second.extend([
        format!("--extern={name}={{work}}/{library}"),
        format!("--extern=exercises={}", toolchain.exercises.display()),
    ]);
    let checks = job(second);

    let needed: Vec<PathBuf> = readable.clone();
    let spec = Spec {
        unprivileged: false,
        files,
        // The checks come after the submission has been compiled, so it cannot include them.
        jobs: vec![submission, checks],
        late: vec![
            Vec::new(),
            vec![text(exercises::CHECKS.to_owned(), exercise.file("checks.rs")?)],
        ],
        fetch: Some((PROGRAM.to_owned(), program.as_raw_fd())),
        needed,
        without: without.to_vec(),
    };
    let account = sandbox::run(&spec).context("compiling")?;
    for (index, end) in account.ends.iter().enumerate() {
        if !end.refused.is_empty() {
            return Ok(Compiled::Refused(end.refused.clone()));
        }
        match &end.how {
            How::Exited(0) => {}
            How::Exited(_) => {
                let whose = if index == 0 { "" } else { "(seen from the checks)\n" };
                return Ok(Compiled::Rejected(format!("{whose}{}", end.output)));
            }
            How::TimeUp => {
                return Ok(Compiled::Exceeded("compiling took longer than 10 s".to_owned()));
            }
            How::TooMuchMemory => {
                return Ok(Compiled::Exceeded("compiling took more than 1 GiB".to_owned()));
            }
            How::TooManyProcesses | How::TooMuchDisk => {
                return Ok(Compiled::Exceeded("compiling took too much of the machine".to_owned()));
            }
            How::TooMuchOutput => return Ok(Compiled::Rejected(end.output.clone())),
            How::Killed(signal) => {
                let what = format!("the compiler was ended by signal {signal}\n{}", end.output);
                return Ok(Compiled::Exceeded(what));
            }
            other => bail!("the compiler: {other:?}"),
        }
    }
    Ok(Compiled::Program(program))
}
