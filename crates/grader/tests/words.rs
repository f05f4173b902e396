//! What a verdict says of a mistake: what happened, in its own words, and a line of the submission. Of
//! many mistakes a share is made, another one in each run; `GRADE_SHARE=1` makes all.

use std::fs;
use std::path::Path;
use std::process::Command;

use grader::share::Share;

/// One mistake in so many.
const USUAL: usize = 3;

const RING: &str = "spsc-ring";
const SOCKET: &str = "framed-socket";
const LIMIT: &str = "time-limit";

/// In the solution of `time-limit`, which collects the command whatever `killpg` says; these edits
/// return that.
const ENDS_THE_GROUP: &str =
    "let _ = killpg(group, Signal::SIGKILL);\n    let status = child.wait()?;";

/// The solution, or a variant of it, with these edits.
struct Case {
    exercise: &'static str,
    file: &'static str,
    edits: &'static [(&'static str, &'static str)],
    /// The one schedule to run, instead of everything.
    replay: Option<&'static str>,
    says: &'static [&'static str],
    never: &'static [&'static str],
}

const ORIGINAL: Case = Case {
    exercise: RING,
    file: "solution.rs",
    edits: &[],
    replay: None,
    says: &[],
    never: &["/rustc/"],
};

const CASES: &[Case] = &[
    Case {
        file: "wrong/drops-all-slots.rs",
        says: &[": memory is freed twice\n", " frees it again at spsc-ring.rs:"],
        never: &["a data race"],
        ..ORIGINAL
    },
    Case {
        file: "wrong/index-first.rs",
        says: &["a data race", "thread 1 writes at spsc-ring.rs:", "only after that"],
        ..ORIGINAL
    },
    Case {
        file: "wrong/frees-first.rs",
        says: &["a data race", "main reads at spsc-ring.rs:", "only after that"],
        ..ORIGINAL
    },
    Case { file: "wrong/relaxed-look.rs", says: &["this read does not acquire"], ..ORIGINAL },
    Case {
        file: "wrong/relaxed-publication.rs",
        says: &["this store does not release"],
        ..ORIGINAL
    },
    // What one thread does alone needs no schedule.
    Case {
        file: "wrong/leaks.rs",
        says: &["expected: [1, 1, 1"],
        never: &["schedule, with"],
        ..ORIGINAL
    },
    Case {
        edits: &[(
            "if popped == pushed {\n",
            "if popped == pushed {\n std::thread::sleep(std::time::Duration::from_millis(1));\n",
        )],
        says: &["pop waits: it sleeps at spsc-ring.rs:"],
        ..ORIGINAL
    },
    // The compiler makes one instruction of the loop, to which no call returns.
    Case {
        edits: &[("let slot = &ring.slots[pushed", "loop {}\nlet slot = &ring.slots[pushed")],
        replay: Some("published:w"),
        says: &["is running: it spins, or computes for too long at spsc-ring.rs:"],
        ..ORIGINAL
    },
    Case {
        exercise: SOCKET,
        file: "wrong/zero-is-patience.rs",
        replay: Some("dies-within:1"),
        says: &[" sent of a message of 4 + 7: receive has not returned"],
        ..ORIGINAL
    },
    // std says where it panics itself.
    Case {
        edits: &[("store(pushed + 1, Ordering::Release)", "store(pushed + 1, Ordering::Acquire)")],
        says: &["no such thing as an acquire store\n  at spsc-ring.rs:"],
        ..ORIGINAL
    },
    Case {
        edits: &[(
            "unsafe impl<T: Send> Sync",
            "#[allow(dead_code)] trait Never {}\nimpl<T> Never",
        )],
        says: &["This does not fit the checks.\n", "because a type lacks a trait"],
        never: &["does not compile", "another name"],
        ..ORIGINAL
    },
    Case {
        exercise: SOCKET,
        edits: &[("pub fn receive", "fn receive")],
        says: &["because something is private that they use"],
        never: &["does not compile", "another name"],
        ..ORIGINAL
    },
    Case {
        exercise: LIMIT,
        file: "starter.rs",
        replay: Some("asks-first:1"),
        says: &[
            // The limit is longer where commands are slow to start.
            "run_at_most(limit ",
            ", grace 3600s): the command has had no SIGTERM",
            "\n  the command (process ",
            "\ntime-limit: this run fails\n",
        ],
        never: &["signal 15", "child process", "this schedule"],
        ..ORIGINAL
    },
    Case {
        exercise: LIMIT,
        file: "wrong/asks-the-child-only.rs",
        replay: Some("whole-group:1"),
        says: &[
            "the command's own child has had no SIGTERM",
            "\n  the command (process ",
            "\n  the command's own child (process ",
        ],
        ..ORIGINAL
    },
    Case {
        exercise: LIMIT,
        edits: &[(
            ENDS_THE_GROUP,
            "let status = child.wait()?;\n    killpg(group, Signal::SIGKILL)?;",
        )],
        replay: Some("in-time:1"),
        says: &["failed with ESRCH (No such process): SIGKILL was sent when the command had been"],
        never: &["Uncategorized", "os error"],
        ..ORIGINAL
    },
    Case {
        exercise: LIMIT,
        edits: &[
            ("command.process_group(0).spawn()", "command.spawn()"),
            (
                ENDS_THE_GROUP,
                "let sent = killpg(group, Signal::SIGKILL);\n    let status = child.wait()?;\n    sent?;",
            ),
        ],
        replay: Some("in-time:1"),
        says: &[
            "ESRCH (No such process): SIGKILL was sent to the command's group, and it has none",
        ],
        never: &["had been collected", "os error"],
        ..ORIGINAL
    },
    Case {
        exercise: LIMIT,
        edits: &[(
            "let start = Instant::now();\n",
            "use nix::sys::wait::{Id, WaitPidFlag as Flag, WaitStatus, waitid};\n\
             let flags = Flag::WEXITED | Flag::WNOWAIT | Flag::WNOHANG;\n\
             if !matches!(waitid(Id::All, flags), Ok(WaitStatus::StillAlive)) { return Ok(true); }\n\
             let start = Instant::now();\n",
        )],
        replay: Some("nobody-else:1"),
        says: &["run_at_most returned InTime(ended by SIGKILL)", "child of the caller had ended"],
        ..ORIGINAL
    },
    // What is forgotten may be what is wrong.
    Case {
        exercise: SOCKET,
        edits: &[("self.stream.write_all(message)\n", "self.stream.write_all(message);\nOk(())\n")],
        replay: Some("errors:1"),
        says: &["The compiler warns:\n\nwarning: unused `Result` that must be used\n"],
        never: &["emitted"],
        ..ORIGINAL
    },
    Case {
        exercise: SOCKET,
        edits: &[("use std::io", "use byteorder::ReadBytesExt;\nuse std::io")],
        says: &["This does not compile.\n", "The crates that can be used here: std, libc, nix."],
        ..ORIGINAL
    },
    Case {
        edits: &[("use std::", "use serde::Serialize;\nuse std::")],
        says: &["This does not compile.\n", "The only crate that can be used here is std."],
        ..ORIGINAL
    },
    Case {
        edits: &[("use std::", "use std::process;\nuse std::")],
        says: &["the module `process`, which exercises on threads refuse"],
        ..ORIGINAL
    },
    Case {
        exercise: SOCKET,
        edits: &[(
            "io::Result<Option<Vec<u8>>> {\n",
            "io::Result<Option<Vec<u8>>> {\n\
             let _ = std::time::Instant::now() + std::time::Duration::MAX;\n",
        )],
        says: &["overflow when adding duration", "\n  at framed-socket.rs:"],
        ..ORIGINAL
    },
];

#[test]
fn a_verdict_names_what_happened_and_a_line_of_the_submission() {
    let directory = tempfile::tempdir().unwrap();
    let share = Share::of_test(USUAL).unwrap().of("mistakes", CASES.iter().collect());
    for Case { exercise, file, edits, replay, says, never } in share {
        let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises");
        let mut source = fs::read_to_string(exercises.join(exercise).join(file)).unwrap();
        for (find, replace) in *edits {
            assert!(source.contains(find), "{find:?} is not in {file}");
            source = source.replacen(find, replace, 1);
        }
        let edited = directory.path().join(exercise).with_extension("rs");
        fs::write(&edited, source).unwrap();
        let mut grade = Command::new(env!("CARGO_BIN_EXE_grader"));
        grade.arg(exercise).arg("--file").arg(&edited).env("COLUMNS", "200");
        grade.args(replay.iter().flat_map(|schedule| ["--replay", schedule]));
        let output = grade.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for words in *says {
            assert!(said.contains(words), "{file} {edits:?}: {words:?} is not in\n{said}");
        }
        for words in *never {
            assert!(!said.contains(words), "{file} {edits:?}: {words:?} is in\n{said}");
        }
    }
}
