//! Who notices? The kernel shows what each thread waits for; only a detector that knows the
//! owners sees the circle.

use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::{Child, exit, explain, explain_io};
use lab::proc::blocked_in;
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, NoEvidence, say};
use nix::errno::Errno;
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
    let (mut hold, held) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            freeze_two_threads();
            let _ = (&held).write_all(b".");
            let _ = nix::unistd::read(&look, &mut [0]);
            ask_the_detector()
        })
    }?;
    drop(held);
    let asleep = match hold.read_exact(&mut [0]) {
        Ok(()) => ask_the_kernel(&child),
        Err(_) => Ok(0), // It could start no threads; its status says so.
    };
    nix::unistd::write(&looked, b".").map_err(explain("write"))?;
    let WaitStatus::Exited(_, in_cycle) = child.wait()? else {
        bail!("the process with the frozen threads did not exit by itself");
    };
    if in_cycle == NO_THREAD {
        return Err(explain("thread")(Errno::EAGAIN));
    }
    let evidence = Evidence::new().fact("threads in the detector's cycle", in_cycle);
    Ok(match asleep {
        Ok(asleep) => evidence.fact(ASLEEP, asleep),
        Err(error) => match NoEvidence::of(&error) {
            NoEvidence::Unavailable(why) => {
                say!("kernel", "is not asked here: /proc shows no system calls");
                evidence.missing(ASLEEP, why)
            }
            NoEvidence::Failed(_) => return Err(error),
        },
    })
}

const ASLEEP: &str = "frozen threads asleep in futex";
/// Exit status of a child that could not start its threads.
const NO_THREAD: i32 = 255;

static A: Mutex<()> = Mutex::new(());
static B: Mutex<()> = Mutex::new(());
static HELD: AtomicU32 = AtomicU32::new(0);
static DONE: AtomicU32 = AtomicU32::new(0);

// ANCHOR: freeze
fn freeze_two_threads() {
    start("teller-1", || {
        let _a = A.lock();
        meet();
        let _b = B.lock();
        DONE.fetch_add(1, SeqCst);
    });
    start("teller-2", || {
        let _b = B.lock();
        meet();
        let _a = A.lock();
        DONE.fetch_add(1, SeqCst);
    });
    wait_until_both_hold();
}
// ANCHOR_END: freeze

/// Waits until each holds its first lock, without a futex: that is kept for the locks.
fn meet() {
    HELD.fetch_add(1, SeqCst);
    wait_until_both_hold();
}

fn wait_until_both_hold() {
    while HELD.load(SeqCst) < 2 {
        thread::sleep(Duration::from_micros(20));
    }
}

fn start(name: &str, body: fn()) {
    if thread::Builder::new().name(name.to_owned()).spawn(traced(body)).is_err() {
        exit(NO_THREAD);
    }
}

/// What `/proc` tells of each teller; returns how many sleep in futex(2).
fn ask_the_kernel(child: &Child) -> Result<usize> {
    blocked_in(child.pid())?; // Fails where /proc does not show this child.
    // Those that wait for good are soon seen to; one that gets its lock is gone.
    let tellers = loop {
        let tellers = tellers(child)?;
        if tellers.iter().all(|(_, address)| address.is_some()) {
            break tellers;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let futex = libc::SYS_futex;
    for (name, address) in &tellers {
        let address = address.as_deref().unwrap_or("?");
        say!("kernel", "{name} sleeps in system call {futex} (futex) at {address}");
    }
    match tellers.len() {
        0 => say!("kernel", "shows no teller any more"),
        _ => say!("kernel", "knows where they wait; who owns the locks is written nowhere"),
    }
    Ok(tellers.len())
}

/// The living tellers, and the address at which each waits in futex(2), if it does.
fn tellers(child: &Child) -> Result<Vec<(String, Option<String>)>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{}/task", child.pid())).context("read /proc")? {
        let task = task?;
        let word = |file| {
            let text = fs::read_to_string(task.path().join(file)).unwrap_or_default();
            text.trim().to_owned()
        };
        let name = word("comm");
        if name.starts_with("teller") {
            let id = task.file_name().to_string_lossy().parse().context("a thread's id")?;
            let waits = blocked_in(Pid::from_raw(id))? == Some(libc::SYS_futex);
            let address = || word("syscall").split(' ').nth(1).map(str::to_owned);
            found.push((name, waits.then(address).flatten()));
        }
    }
    found.sort();
    Ok(found)
}

// ANCHOR: detector
/// parking_lot notes the owner of every lock when built with `deadlock_detection`.
fn ask_the_detector() -> i32 {
    let mut cycles = deadlock::check_deadlock();
    while cycles.is_empty() && DONE.load(SeqCst) < 2 {
        thread::sleep(Duration::from_millis(1));
        cycles = deadlock::check_deadlock();
    }
    let Some(cycle) = cycles.first() else {
        say!("detector", "finds no cycle: both tellers are done");
        return 0;
    };
    for thread in cycle {
        let trace = format!("{:?}", thread.backtrace());
        say!("detector", "a thread of the cycle waits at {}", place(&trace));
    }
    cycle.len() as i32
}
// ANCHOR_END: detector

/// The first line of this file in a backtrace.
fn place(trace: &str) -> &str {
    let ours = trace.split_whitespace().find(|word| word.contains("src/detect.rs:"));
    // Without line tables, or without /proc, where they are looked for.
    ours.map_or("a line that is not known here", |path| {
        let path = path.rfind("src/detect.rs:").map_or(path, |start| &path[start..]);
        path.rsplit_once(':').map_or(path, |(line, _column)| line)
    })
}
