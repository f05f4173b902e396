//! Who notices? The kernel shows what each thread waits for; only a detector that knows the
//! owners sees the circle.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, exit, explain};
use lab::proc::blocked_in;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use parking_lot_detecting::{Mutex, deadlock};

pub const EXPERIMENT: Experiment = Experiment {
    name: "detect",
    question: "Who notices a deadlock?",
    claims: &["deadlock-freezes"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let (look, looked) = nix::unistd::pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            freeze_two_threads();
            let _ = nix::unistd::read(&look, &mut [0]);
            ask_the_detector()
        })
    }?;
    let asleep = ask_the_kernel(&child)?;
    nix::unistd::write(&looked, b".").map_err(explain("write"))?;
    let WaitStatus::Exited(_, in_cycle) = child.wait()? else {
        bail!("the process with the frozen threads did not exit by itself");
    };
    ensure!(in_cycle < NO_THREAD, "thread: EAGAIN: the limit on processes is reached (ulimit -u)");
    Ok(Evidence::new()
        .fact("frozen threads asleep in futex", asleep)
        .fact("threads in the detector's cycle", in_cycle))
}

/// Exit status of a child that could not start its threads.
const NO_THREAD: i32 = 255;

static A: Mutex<()> = Mutex::new(());
static B: Mutex<()> = Mutex::new(());
static HELD: AtomicU32 = AtomicU32::new(0);

// ANCHOR: freeze
fn freeze_two_threads() {
    start("teller-1", || {
        let _a = A.lock();
        meet();
        let _b = B.lock();
    });
    start("teller-2", || {
        let _b = B.lock();
        meet();
        let _a = A.lock();
    });
}
// ANCHOR_END: freeze

/// Waits until each holds its first lock, without a futex: that is kept for the locks.
fn meet() {
    HELD.fetch_add(1, SeqCst);
    while HELD.load(SeqCst) < 2 {
        thread::sleep(Duration::from_micros(20));
    }
}

fn start(name: &str, body: fn()) {
    if thread::Builder::new().name(name.to_owned()).spawn(body).is_err() {
        exit(NO_THREAD);
    }
}

/// What `/proc` tells of each teller; returns how many sleep in futex(2).
fn ask_the_kernel(child: &Child) -> Result<usize> {
    let futex = libc::SYS_futex;
    let asleep = || -> Result<Vec<[String; 4]>> {
        let mut found = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", child.pid())).context("read /proc")? {
            let task = task?;
            let of = |file| fs::read_to_string(task.path().join(file)).ok();
            let word = |file| of(file).map_or("?".to_owned(), |text| text.trim().to_owned());
            let id = task.file_name().to_string_lossy().parse().context("a thread's id")?;
            let teller = word("comm").starts_with("teller");
            if teller && blocked_in(Pid::from_raw(id))? == Some(futex) {
                let address = word("syscall").split(' ').nth(1).unwrap_or_default().to_owned();
                found.push([word("comm"), word("wchan"), futex.to_string(), address]);
            }
        }
        Ok(found)
    };
    let mut tellers = asleep()?;
    // They sleep for good, so the second look that finds both is not far.
    while tellers.len() < 2 && !child.ends_within(Duration::from_millis(1))? {
        tellers = asleep()?;
    }
    tellers.sort();
    for [name, place, number, address] in &tellers {
        say!("kernel", "{name} sleeps in {place}, system call {number} (futex), address {address}");
    }
    say!("kernel", "knows the addresses they wait at; who owns the locks is written nowhere");
    Ok(tellers.len())
}

// ANCHOR: detector
/// parking_lot notes the owner of every lock when built with `deadlock_detection`.
fn ask_the_detector() -> i32 {
    let cycles = loop {
        let cycles = deadlock::check_deadlock();
        if !cycles.is_empty() {
            break cycles;
        }
        thread::sleep(Duration::from_millis(1));
    };
    for thread in &cycles[0] {
        let trace = format!("{:?}", thread.backtrace());
        say!("detector", "a thread of the cycle waits at {}", place(&trace));
    }
    cycles[0].len() as i32
}
// ANCHOR_END: detector

/// The first line of this file in a backtrace.
fn place(trace: &str) -> &str {
    let ours = trace.split_whitespace().find(|word| word.contains("src/detect.rs:"));
    ours.map_or("an unknown line: the program carries no line tables", |path| {
        let path = path.rfind("src/detect.rs:").map_or(path, |start| &path[start..]);
        path.rsplit_once(':').map_or(path, |(line, _column)| line)
    })
}
