//! Threads are independent, until one of them does something that all of them feel: a signal that
//! stops the process, a safepoint to which one does not come, a change of the address space.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use lab::child::{Child, LIMIT, explain, explain_io, failed, late};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Shared, TimeLimit, Unavailable, say};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, gettid};

use crate::memory;

pub const EXPERIMENT: Experiment = Experiment {
    name: "stop-the-world",
    question: "What of that which one thread does do all the others feel?",
    claims: &["threads-run-independently"],
    run,
};

/// So many threads step, all the time.
const STEPPERS: usize = 3;
/// Every so often a thread steps.
const STEP: Duration = Duration::from_micros(200);
/// Threads that have not stepped for so long stand.
const WINDOW: Duration = Duration::from_millis(20);

fn run(lab: &Lab) -> Result<Evidence> {
    let evidence = signals(Evidence::new())?;
    let evidence = safepoint(evidence)?;
    let evidence = memory::fork_of_another(evidence, lab)?;
    memory::lock_of_all(evidence, lab)
}

/// What a process shows to its parent.
#[derive(Default)]
struct World {
    steps: [AtomicU64; STEPPERS],
    waiter: AtomicI32,
    over: AtomicBool,
}

impl World {
    fn now(&self) -> [u64; STEPPERS] {
        [0, 1, 2].map(|who| self.steps[who].load(Ordering::Relaxed))
    }

    /// How many threads have stepped since.
    fn stepped_since(&self, before: [u64; STEPPERS]) -> usize {
        self.now().iter().zip(before).filter(|(now, before)| **now > *before).count()
    }

    /// How many step on, when each has had time to.
    fn step_on(&self) -> usize {
        let (before, mut limit) = (self.now(), TimeLimit::new(Duration::from_secs(1)));
        while self.stepped_since(before) < STEPPERS && !limit.is_over() {
            std::thread::sleep(STEP);
        }
        self.stepped_since(before)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ANCHOR: world
/// Three threads that step, and write each step to a log; one that waits for what comes in.
fn live(world: &World, input: PipeReader) -> Result<()> {
    let log = Mutex::new(0u64);
    std::thread::scope(|scope| {
        for steps in &world.steps {
            let log = &log;
            spawn(scope, "stepper", move || {
                while !world.over.load(Ordering::Relaxed) {
                    *lock(log) += 1;
                    steps.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(STEP);
                }
            })?;
        }
        world.waiter.store(gettid().as_raw(), Ordering::Release);
        let got = { &input }.read(&mut [0]).map_err(explain_io("read"));
        world.over.store(true, Ordering::Relaxed);
        got.map(drop)
    })
}
// ANCHOR_END: world

fn signals(evidence: Evidence) -> Result<Evidence> {
    let world = Shared::new(World::default())?;
    let (input, tell): (PipeReader, PipeWriter) = std::io::pipe().map_err(explain_io("pipe"))?;
    let mut input = Some(input);
    // SAFETY: this process has one thread.
    let child = unsafe {
        Child::fork(|| {
            let Some(input) = input.take() else { return 1 };
            match live(&world, input) {
                Ok(()) => 0,
                Err(error) => failed(&error),
            }
        })
    }?;
    drop(input);
    let waiter = waiter(&world, &child)?;
    if !lab::proc::comes_to_block_in(waiter, libc::SYS_read, LIMIT)? {
        return Err(late("the thread that waits does not come to read"));
    }
    let beside = world.step_on();
    say!("main", "one thread is blocked in read: {beside} of {STEPPERS} others step on");

    // ANCHOR: stop
    // SAFETY: the call takes three integers.
    let sent = unsafe {
        libc::syscall(libc::SYS_tgkill, child.pid().as_raw(), waiter.as_raw(), libc::SIGSTOP)
    };
    // ANCHOR_END: stop
    Errno::result(sent).map_err(explain("tgkill"))?;
    let stopped = stepped_while_stopped(&world, child.pid())?;
    say!("main", "SIGSTOP is sent to that thread alone: {stopped} of {STEPPERS} others step");
    child.signal(Signal::SIGCONT)?;
    let again = world.step_on();
    say!("main", "SIGCONT: {again} of {STEPPERS} step on");
    (&tell).write_all(&[0]).map_err(explain_io("write"))?;
    child.wait()?;
    Ok(evidence
        .fact("others", STEPPERS)
        .fact("others that step while one is blocked in read", beside)
        .fact("others that step after SIGSTOP to one", stopped)
        .fact("others that step after SIGCONT", again))
}

/// The thread that waits, when it has begun.
fn waiter(world: &World, child: &Child) -> Result<Pid> {
    let mut limit = TimeLimit::new(LIMIT);
    loop {
        match world.waiter.load(Ordering::Acquire) {
            0 if limit.is_over() || child.ends_within(Duration::ZERO)? => {
                return Err(late("the process with the threads does not begin"));
            }
            0 => std::thread::sleep(STEP),
            tid => return Ok(Pid::from_raw(tid)),
        }
    }
}

/// How many threads step in a window in which their process is seen stopped at both ends.
fn stepped_while_stopped(world: &World, process: Pid) -> Result<usize> {
    // The first thread is the one to which the signal was sent.
    let is_stopped = || lab::proc::state(process) == Some('T');
    let mut limit = TimeLimit::new(Duration::from_secs(3));
    while !limit.is_over() {
        std::thread::sleep(Duration::from_millis(2));
        if !is_stopped() {
            continue;
        }
        // Whoever stops with it may need the CPU for that; whoever does not is seen to step.
        let mut follow = TimeLimit::new(Duration::from_millis(500));
        while !all_are_stopped(process)? && !follow.is_over() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = world.now();
        std::thread::sleep(WINDOW);
        if is_stopped() {
            return Ok(world.stepped_since(before));
        }
    }
    Err(Unavailable::because("the process is not seen stopped by SIGSTOP for long enough").into())
}

/// Whether every thread of a process is seen stopped.
fn all_are_stopped(process: Pid) -> Result<bool> {
    let threads = lab::proc::threads(process)?;
    Ok(threads.into_iter().all(|thread| lab::proc::state(thread) == Some('T')))
}

// ANCHOR: safepoint
/// Before each step a thread looks whether the world is to stop; if so it stays until it may go on.
fn step_and_look(world: &Safe, steps: &AtomicU64) {
    while !world.over.load(Ordering::Acquire) {
        if world.stop.load(Ordering::Acquire) {
            world.arrived.fetch_add(1, Ordering::AcqRel);
            while world.stop.load(Ordering::Acquire) {
                std::thread::sleep(STEP);
            }
        }
        steps.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(STEP);
    }
}
// ANCHOR_END: safepoint

#[derive(Default)]
struct Safe {
    steps: [AtomicU64; STEPPERS],
    stop: AtomicBool,
    arrived: AtomicU64,
    /// The one that is late may look now.
    look: AtomicBool,
    over: AtomicBool,
}

/// Ends all that wait, however the story ends.
struct Over<'a>(&'a Safe);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
        self.0.look.store(true, Ordering::Release);
        self.0.stop.store(false, Ordering::Release);
    }
}

/// A collector asks four threads to a safepoint, and one of them does not look for a while.
fn safepoint(evidence: Evidence) -> Result<Evidence> {
    let world = &Safe::default();
    let all = STEPPERS as u64 + 1;
    let sum = || world.steps.iter().map(|steps| steps.load(Ordering::Relaxed)).sum::<u64>();
    std::thread::scope(|scope| {
        let _over = Over(world);
        for steps in &world.steps {
            spawn(scope, "stepper", move || step_and_look(world, steps))?;
        }
        spawn(scope, "late", move || {
            // A long loop without a look.
            while !world.look.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            step_and_look(world, &AtomicU64::new(0));
        })?;
        world.stop.store(true, Ordering::Release);
        until(
            || world.arrived.load(Ordering::Acquire) >= all - 1,
            "nobody comes to the safepoint",
        )?;
        let before = sum();
        std::thread::sleep(WINDOW);
        let (arrived, steps) = (world.arrived.load(Ordering::Acquire), sum() - before);
        let late = arrived < all;
        if late {
            say!("main", "a safepoint: {arrived} of {all} threads have come; while the last one");
            say!("main", "  does not look, they make {steps} steps");
        } else {
            say!("main", "a safepoint: all {all} threads have come, and make {steps} steps");
        }
        world.look.store(true, Ordering::Release);
        until(|| world.arrived.load(Ordering::Acquire) == all, "the last one does not come")?;
        let before = sum();
        world.stop.store(false, Ordering::Release);
        until(|| sum() > before, "nobody goes on")?;
        say!("main", "  {}they go on", if late { "it comes, and " } else { "" });
        Ok(evidence
            // Where all have come, none of them was seen to stand for the last.
            .fact(
                "threads that have come to a safepoint before the last",
                if late { arrived } else { 0 },
            )
            .fact("steps of those that have come", steps))
    })
}

/// Waits for something that must come.
fn until(it_is_so: impl Fn() -> bool, what: &str) -> Result<()> {
    let mut limit = TimeLimit::new(LIMIT);
    while !it_is_so() {
        if limit.is_over() {
            return Err(late(what));
        }
        std::thread::sleep(STEP);
    }
    Ok(())
}
