//! Safe Rust refuses data races before the program exists: `Send` says what may move to another
//! thread, `Sync` what may be used from two, and the borrow checker sees to the rest.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, die_with, explain_io, explain_spawn};
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, getpid};

use crate::side_by_side::side_by_side;

pub const EXPERIMENT: Experiment = Experiment {
    name: "compile-fail",
    question: "Which races does the compiler refuse, and in which words?",
    claims: &[],
    run,
};

/// A program that must not compile, why, and the same done in a way that compiles.
struct Refused {
    name: &'static str,
    source: &'static str,
    remedy: &'static str,
    repaired: fn() -> Result<usize>,
    result: usize,
}

const REFUSED: [Refused; 4] = [
    Refused {
        name: "Rc in a thread",
        source: include_str!("refused/rc.rs"),
        remedy: "Arc counts its owners atomically",
        repaired: || {
            let shared = Arc::new(7);
            let copy = Arc::clone(&shared);
            let thread = Builder::new().spawn(move || *copy).map_err(explain_io("thread"))?;
            Ok(thread.join().expect("the thread does not panic"))
        },
        result: 7,
    },
    Refused {
        name: "Cell used by two",
        source: include_str!("refused/cell.rs"),
        remedy: "a Mutex lets one at a time at it",
        repaired: || {
            let counter = Mutex::new(Cell::new(0));
            let add = || counter.lock().map(|cell| cell.set(cell.get() + 1)).is_ok();
            side_by_side(add, add)?;
            Ok(counter.into_inner().expect("nobody panicked").get())
        },
        result: 2,
    },
    Refused {
        name: "borrowed local",
        source: include_str!("refused/borrowed_local.rs"),
        remedy: "a scope that ends before the local does",
        repaired: || {
            let numbers = [1, 2, 3];
            let (length, ()) = side_by_side(|| numbers.len(), || ())?;
            Ok(length)
        },
        result: 3,
    },
    Refused {
        name: "two writers",
        source: include_str!("refused/two_writers.rs"),
        remedy: "an atomic may have two writers",
        repaired: || {
            let counter = AtomicUsize::new(0);
            let add = || counter.fetch_add(1, Relaxed);
            side_by_side(add, add)?;
            Ok(counter.into_inner())
        },
        result: 2,
    },
];

fn run(_: &Lab) -> Result<Evidence> {
    let (mut evidence, mut refused, mut run) = (Evidence::new(), 0, 0);
    for program in &REFUSED {
        let name = program.name;
        let code = match ask_rustc(program.source)? {
            Answer::Refused { code, words } => {
                say!("rustc", "{name}: {code}:");
                for line in lab::wrapped(&words, 60).lines() {
                    say!("rustc", "{line}");
                }
                refused += 1;
                code
            }
            Answer::Accepted => {
                say!("rustc", "{name}: compiles");
                "none".to_owned()
            }
            Answer::None(why) => {
                say_why!("rustc", "{why}: the programs are not tried here");
                evidence = evidence.missing("refused programs", why.as_str());
                return Ok(evidence.missing("repaired programs that run", why));
            }
        };
        evidence = evidence.fact(&format!("{name}: error"), code);
        let (is, should) = ((program.repaired)()?, program.result);
        run += usize::from(is == should);
        say!("repaired", "{name}: {}: {is}", program.remedy);
    }
    say!("main", "{refused} of {} refused, {run} repaired are right", REFUSED.len());
    Ok(evidence.fact("refused programs", refused).fact("repaired programs that run", run))
}

enum Answer {
    Refused { code: String, words: String },
    Accepted,
    None(String),
}

// ANCHOR: rustc
fn ask_rustc(source: &str) -> Result<Answer> {
    let parent = getpid();
    let mut rustc = Command::new("rustc");
    rustc
        .args(["-", "--edition=2024", "--emit=mir=-", "--error-format=short", "--color=never"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // SAFETY: the closure makes two system calls and takes no lock.
    unsafe {
        rustc.pre_exec(move || {
            die_with(parent);
            Ok(())
        })
    };
    let mut rustc = match rustc.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Answer::None("there is no rustc here".to_owned()));
        }
        rustc => rustc.map_err(explain_spawn("rustc: execve"))?,
    };
    let process = Child::adopt(Pid::from_raw(rustc.id() as i32));
    // If the compiler has gone before it read the program, its status says so.
    let _ = rustc.stdin.take().context("stdin is piped")?.write_all(source.as_bytes());
    if !process.ends_within(LIMIT)? {
        let why = "rustc does not come to its end: no thread or no memory is left for it";
        return Ok(Answer::None(why.to_owned()));
    }
    if matches!(process.wait()?, WaitStatus::Exited(_, 0)) {
        return Ok(Answer::Accepted);
    }
    let mut said = String::new();
    let mut errors = rustc.stderr.take().context("stderr is piped")?;
    errors.read_to_string(&mut said).map_err(explain_io("read"))?;
    let first = said.lines().next().unwrap_or("nothing");
    Ok(said
        .lines()
        .find_map(refusal)
        .unwrap_or_else(|| Answer::None(format!("rustc says {first}"))))
}
// ANCHOR_END: rustc

/// Reads `<anon>:6:24: error[E0277]: these words: and a label`.
fn refusal(line: &str) -> Option<Answer> {
    let (_, error) = line.split_once("error[")?;
    let (code, words) = error.split_once("]: ")?;
    let words = words.rsplit_once(": ").map_or(words, |(words, _label)| words);
    Some(Answer::Refused { code: code.to_owned(), words: words.to_owned() })
}
