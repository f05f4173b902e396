//! What supervising a command must come to. The clock is made up: it goes on in pauses, and by as
//! much as each run is said to last.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use harness::{Check, serve};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use supervisor::{Clock, End, Policy, supervise};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&mut Command, &Policy, &dyn Clock) -> io::Result<End> = supervise;
const _: fn(ExitStatus) -> End = End::GaveUp;

fn main() {
    serve(&[
        Check::plain("done", done),
        Check::plain("starts-again", starts_again),
        Check::plain("signals", signals),
        Check::plain("back-off", back_off),
        Check::plain("recovers", recovers),
        Check::plain("gives-up", gives_up),
        Check::plain("window", window),
        Check::plain("collected", collected),
        Check::plain("cannot-start", cannot_start),
    ]);
}

/// Every run adds a line to it.
fn log() -> PathBuf {
    std::env::temp_dir().join("runs")
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Generous in every respect.
const POLICY: Policy = Policy {
    first: ms(10),
    longest: ms(100),
    steady: ms(60_000),
    restarts: 100,
    window: ms(3_600_000),
};

/// A command whose run number n ends as `ends[n]` says, and after the last of them as that one.
/// An end is a line of shell script.
fn command(ends: &[&str]) -> Command {
    let cases: String =
        ends.iter().enumerate().map(|(run, end)| format!("{}) {end};; ", run + 1)).collect();
    let last = ends.last().unwrap_or(&"exit 0");
    let script =
        format!("cd $TMPDIR; echo run >> runs; case $(wc -l < runs) in {cases} *) {last};; esac");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

/// How many runs there have been.
fn runs() -> usize {
    fs::read_to_string(log()).unwrap_or_default().lines().count()
}

/// A clock by which the first run lasts as long as the first of `runs` says, and so on.
#[derive(Default)]
struct Watch {
    slept: Cell<Duration>,
    pauses: RefCell<Vec<Duration>>,
    runs: Vec<Duration>,
}

impl Clock for Watch {
    fn now(&self) -> Duration {
        let runs: Duration = self.runs.iter().take(runs()).sum();
        ms(5000) + self.slept.get() + runs
    }

    fn sleep(&self, time: Duration) {
        self.slept.set(self.slept.get() + time);
        self.pauses.borrow_mut().push(time);
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        let number = self.pauses.borrow().len();
        match waitid(Id::All, look) {
            Err(Errno::ECHILD) => {}
            Ok(WaitStatus::StillAlive) => panic!("during pause {number} a run is still going on"),
            child => panic!("during pause {number} there is a run not collected: {child:?}"),
        }
    }
}

impl Watch {
    /// The pauses so far, in milliseconds.
    fn pauses(&self) -> Vec<u128> {
        self.pauses.borrow().iter().map(Duration::as_millis).collect()
    }
}

/// Supervises the command; returns the end and the number of runs.
fn run(command: &mut Command, policy: &Policy, watch: &Watch) -> (End, usize) {
    let end = supervise(command, policy, watch);
    let runs = runs();
    let _ = fs::remove_file(log());
    (end.expect("a command that can be started"), runs)
}

fn assert_done(end: &End, what: &str) {
    assert!(matches!(end, End::Done), "{what} ends with {end:?}");
}

fn done() {
    let watch = Watch::default();
    let few = Policy { restarts: 3, ..POLICY };
    let (end, runs) = run(&mut command(&["exit 0"]), &few, &watch);
    assert_eq!(runs, 1, "runs of a command that succeeds");
    assert_done(&end, "a command that succeeds");
    assert_eq!(watch.pauses(), [], "the pauses");
}

fn starts_again() {
    let watch = Watch::default();
    let (end, runs) = run(&mut command(&["exit 1", "exit 2", "exit 0"]), &POLICY, &watch);
    assert_eq!(runs, 3, "runs of a command that fails twice and then succeeds");
    assert_done(&end, "a command that fails twice and then succeeds");
}

fn signals() {
    let watch = Watch::default();
    let (end, runs) = run(&mut command(&["kill -KILL $$", "exit 0"]), &POLICY, &watch);
    assert_eq!(runs, 2, "runs of a command that is killed once and then succeeds");
    assert_done(&end, "a command that is killed once and then succeeds");
}

fn back_off() {
    let watch = Watch::default();
    let fails = ["exit 1"; 6];
    let ends = [&fails[..], &["exit 0"]].concat();
    let (end, _) = run(&mut command(&ends), &POLICY, &watch);
    let expected = [10, 20, 40, 80, 100, 100];
    assert_eq!(watch.pauses(), expected, "the pauses after six failures, in milliseconds");
    assert_done(&end, "a command that fails six times and then succeeds");
}

/// The third run lasts for two minutes before it fails.
fn recovers() {
    let watch = Watch { runs: [1, 1, 120_000, 1].map(ms).into(), ..Watch::default() };
    let ends = ["exit 1", "exit 1", "exit 1", "exit 1", "exit 0"];
    let (end, _) = run(&mut command(&ends), &POLICY, &watch);
    let what = "the pauses, when the third run lasts 120 s and 60 s are steady, in milliseconds";
    assert_eq!(watch.pauses(), [10, 20, 10, 20], "{what}");
    assert_done(&end, "a command that fails four times and then succeeds");
}

fn gives_up() {
    let watch = Watch::default();
    let policy = Policy { restarts: 3, ..POLICY };
    let (end, runs) = run(&mut command(&["exit 1", "exit 2", "exit 3", "exit 4"]), &policy, &watch);
    assert_eq!(runs, 4, "runs of a command that always fails, with 3 restarts allowed");
    assert_eq!(watch.pauses(), [10, 20, 40], "the pauses, in milliseconds");
    match end {
        End::GaveUp(status) => assert_eq!(status.code(), Some(4), "how the last run ended"),
        End::Done => panic!("a command that always fails is said to have succeeded"),
    }
    let none = Policy { restarts: 0, ..POLICY };
    let (end, runs) = run(&mut command(&["kill -TERM $$"]), &none, &Watch::default());
    assert_eq!(runs, 1, "runs of a command that fails, with no restart allowed");
    match end {
        End::GaveUp(status) => assert_eq!(status.signal(), Some(15), "how the only run ended"),
        End::Done => panic!("a command that was killed is said to have succeeded"),
    }
}

/// Each run lasts for 40 s, so that of all restarts only two are within 100 s at any time.
fn window() {
    let watch = Watch { runs: vec![ms(40_000); 20], ..Watch::default() };
    let policy = Policy { restarts: 3, window: ms(100_000), ..POLICY };
    let fails = ["exit 1"; 8];
    let ends = [&fails[..], &["exit 0"]].concat();
    let (end, runs) = run(&mut command(&ends), &policy, &watch);
    let what = "runs that last 40 s each and fail 8 times, with 3 restarts in 100 s allowed";
    assert_eq!(runs, 9, "{what}");
    assert_done(&end, "a command that fails eight times and then succeeds");

    // Now too many of them are young enough.
    let watch = Watch { runs: vec![ms(20_000); 20], ..Watch::default() };
    let (end, runs) = run(&mut command(&["exit 1"]), &policy, &watch);
    assert_eq!(runs, 4, "runs that last 20 s each and fail, with 3 restarts in 100 s allowed");
    assert!(matches!(end, End::GaveUp(_)), "runs of 20 s that fail end with {end:?}");
}

/// The clock looks for children in every pause; a run looks for another one that is at work.
fn collected() {
    let lock = "mkdir alone || exit 99; rmdir alone; exit 1";
    let policy = Policy { restarts: 5, ..POLICY };
    let (end, runs) = run(&mut command(&[lock]), &policy, &Watch::default());
    assert_eq!(runs, 6, "runs of a command that always fails, with 5 restarts allowed");
    match end {
        End::GaveUp(status) => assert_eq!(status.code(), Some(1), "whether two runs met"),
        End::Done => panic!("a command that always fails is said to have succeeded"),
    }
}

fn cannot_start() {
    let watch = Watch::default();
    let mut command = Command::new("/no/such/program");
    let end = supervise(&mut command, &Policy { restarts: 3, ..POLICY }, &watch);
    assert!(end.is_err(), "starting /no/such/program gives {end:?}, not an error");
    assert_eq!(watch.pauses(), [], "the pauses");
}
