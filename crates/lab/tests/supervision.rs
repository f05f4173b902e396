//! An experiment that crashes, hangs, gives up or leaves something behind costs itself and nothing
//! else.

use std::time::Duration;

use anyhow::{Result, bail};
use lab::child::{Child, exit};
use lab::{Effort, Evidence, Experiment, Lab, NoEvidence, Package, Run};

const fn experiment(name: &'static str, run: fn(&Lab) -> Result<Evidence>) -> Experiment {
    Experiment { name, question: "?", claims: &[], run }
}

static PACKAGE: Package = Package {
    name: "faults",
    about: "experiments that fail in every way",
    experiments: &[
        experiment("works", |_| Ok(Evidence::new().fact("answer", 42))),
        experiment("gives-up", |_| bail!("fork: EAGAIN: no more")),
        experiment("panics", |_| panic!("on purpose")),
        experiment("crashes", |_| {
            lab::child::no_core_dump();
            std::process::abort()
        }),
        experiment("is-killed", |_| {
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)?;
            Ok(Evidence::new())
        }),
        experiment("hangs", |_| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }),
        experiment("exits", |_| exit(0)),
        experiment("leaves-a-process", |_| {
            // SAFETY: this process has one thread, and the child only sleeps.
            let child = unsafe {
                Child::fork(|| {
                    // A daemon would outlive its parent in the same way.
                    let _ = nix::sys::prctl::set_pdeathsig(None);
                    std::thread::sleep(Duration::from_secs(60));
                    0
                })
            }?;
            // The child's own request must have been made before this process ends.
            std::thread::sleep(Duration::from_millis(100));
            std::mem::forget(child);
            Ok(Evidence::new())
        }),
    ],
    claims: &[],
    roles: &[],
    breaks: "",
};

/// What each experiment's outcome says; `None` stands for success.
const EXPECTED: &[(&str, Option<&str>)] = &[
    ("works", None),
    ("gives-up", Some("gives-up: fork: EAGAIN: no more")),
    ("panics", Some("panics: it exited with 101")),
    ("crashes", Some("crashes: it was ended by SIGABRT")),
    ("is-killed", Some("is-killed: it was ended by SIGKILL")),
    ("hangs", Some("hangs: it was stopped after 2 s")),
    ("exits", Some("exits: it ended without its evidence")),
    ("leaves-a-process", Some("leaves-a-process: it left 1 process behind")),
    ("works", None),
];

fn main() {
    lab::serve(&[&PACKAGE]);
    let run = Run {
        effort: Effort::Quick,
        limit: Duration::from_secs(2),
        quiet: true,
        colour: false,
        trace: None,
    };
    let mut failed = 0;
    for (name, expected) in EXPECTED {
        let experiment = PACKAGE.experiments.iter().find(|e| e.name == *name).expect("it is there");
        let outcome = run.experiment(PACKAGE.name, experiment);
        let as_expected = match (&outcome, expected) {
            (Ok(evidence), None) => evidence.number("answer") == Ok(42.0),
            (Err(NoEvidence::Failed(why)), Some(expected)) => why.starts_with(expected),
            // On a busy machine nobody can tell a hang from slowness.
            (Err(NoEvidence::Unavailable(why)), Some(expected)) => {
                *name == "hangs" && why.starts_with(expected) && why.contains("busy")
            }
            _ => false,
        };
        println!("test {name} ... {}", if as_expected { "ok" } else { "FAILED" });
        if !as_expected {
            println!("expected {expected:?}, got {outcome:?}");
            failed += 1;
        }
    }
    println!("\n{} passed, {failed} failed", EXPECTED.len() - failed);
    assert_eq!(failed, 0);
}
