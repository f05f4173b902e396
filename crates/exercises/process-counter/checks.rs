//! What a counter for several processes must come to.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::yield_now;

use harness::{Check, serve};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use process_counter::Counter;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn() -> io::Result<Counter> = Counter::new;
const _: fn(&Counter, u64) -> u64 = Counter::add;
const _: fn(&Counter) -> u64 = Counter::get;

fn main() {
    serve(&[
        Check::plain("counts", counts),
        Check::plain("children", children),
        Check::plain("together", together),
        Check::plain("stopped", stopped),
        Check::plain("tickets", tickets),
        Check::plain("independent", independent),
        Check::plain("unmapped", unmapped),
    ]);
}

/// Runs `body` in a child, which then ends at once.
fn in_child(body: impl FnOnce()) -> Pid {
    // SAFETY: this process has one thread, so the child may do what it likes.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let code = i32::from(catch_unwind(AssertUnwindSafe(body)).is_err());
            // SAFETY: _exit(2) is always safe to call.
            unsafe { libc::_exit(code) }
        }
    }
}

fn wait_for(child: Pid) {
    let status = waitpid(child, None).unwrap();
    assert_eq!(status, WaitStatus::Exited(child, 0), "the end of a child that adds");
}

fn counts() {
    let counter = Counter::new().unwrap();
    assert_eq!(counter.get(), 0, "a new counter");
    assert_eq!(counter.add(3), 0, "what was there before the first addition");
    assert_eq!(counter.add(u64::from(u32::MAX)), 3, "what was there before the second addition");
    assert_eq!(counter.get(), 3 + u64::from(u32::MAX), "the sum");
}

fn children() {
    let counter = Counter::new().unwrap();
    counter.add(1);
    wait_for(in_child(|| {
        counter.add(10);
    }));
    assert_eq!(counter.get(), 11, "after a child has added 10 to 1");
    let child = in_child(|| {
        while counter.get() < 100 {
            yield_now();
        }
        counter.add(1000);
    });
    counter.add(100);
    wait_for(child);
    assert_eq!(counter.get(), 1111, "after a child has seen the parent add 100 and has added 1000");
}

/// What this program shares with its children for itself.
#[derive(Default)]
struct Control {
    ready: AtomicU64,
    stop: AtomicBool,
    /// Additions of the child.
    made: AtomicU64,
    /// What the parent's last addition returned.
    ticket: AtomicU64,
    /// Whether one of the child's additions returned the same.
    twice: AtomicBool,
}

/// Lends memory that is shared with children.
fn with_control<T>(body: impl FnOnce(&Control) -> T) -> T {
    let size = NonZeroUsize::new(size_of::<Control>()).unwrap();
    let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses an address where nothing is.
    let mapping = unsafe { mmap_anonymous(None, size, both, MapFlags::MAP_SHARED) }.unwrap();
    // SAFETY: zeros are a valid `Control`, and the mapping stays until the end of this function.
    let result = body(unsafe { mapping.cast().as_ref() });
    // SAFETY: nobody uses it any more.
    unsafe { munmap(mapping, size.get()) }.unwrap();
    result
}

fn together() {
    let counter = Counter::new().unwrap();
    with_control(|control| {
        let work = || {
            control.ready.fetch_add(1, SeqCst);
            while control.ready.load(SeqCst) < 4 {
                yield_now();
            }
            for _ in 0..100_000 {
                counter.add(1);
            }
        };
        let children: Vec<Pid> = (0..4).map(|_| in_child(work)).collect();
        children.into_iter().for_each(wait_for);
    });
    assert_eq!(
        counter.get(),
        400_000,
        "four processes, each of which adds 1 a hundred thousand times"
    );
}

/// How often the child is stopped. Wherever in its loop that is, it is there sooner or later.
const STOPS: u64 = 120;

/// A child adds 1 all the time, and is stopped again and again. While it stands still, this process
/// adds 1. Returns the number of additions that were made, and whether two of them returned the same
/// as far as can be seen: the child looks out for the last number of this process, and this process
/// must get one that is beyond all those that the child has counted.
fn add_while_stopped(counter: &Counter) -> (u64, bool) {
    with_control(|control| {
        control.ticket.store(u64::MAX, SeqCst);
        let child = in_child(|| {
            while !control.stop.load(SeqCst) {
                for _ in 0..20 {
                    if counter.add(1) == control.ticket.load(SeqCst) {
                        control.twice.store(true, SeqCst);
                    }
                }
                control.made.fetch_add(20, SeqCst);
            }
        });
        for _ in 0..STOPS {
            let made = control.made.load(SeqCst);
            while control.made.load(SeqCst) < made + 40 {
                yield_now();
            }
            kill(child, Signal::SIGSTOP).unwrap();
            let status = waitpid(child, Some(WaitPidFlag::WUNTRACED)).unwrap();
            assert_eq!(status, WaitStatus::Stopped(child, Signal::SIGSTOP), "stopping the child");
            let ticket = counter.add(1);
            if ticket < control.made.load(SeqCst) {
                control.twice.store(true, SeqCst);
            }
            control.ticket.store(ticket, SeqCst);
            kill(child, Signal::SIGCONT).unwrap();
        }
        control.stop.store(true, SeqCst);
        wait_for(child);
        (control.made.load(SeqCst) + STOPS, control.twice.load(SeqCst))
    })
}

fn stopped() {
    let counter = Counter::new().unwrap();
    let (made, _) = add_while_stopped(&counter);
    let what = "additions, while a process that adds is stopped again and again";
    assert_eq!(counter.get(), made, "the sum of {made} {what}");
}

fn tickets() {
    let counter = Counter::new().unwrap();
    let (_, twice) = add_while_stopped(&counter);
    assert!(!twice, "two processes have added 1, and both got the same number");
}

fn independent() {
    let (one, other) = (Counter::new().unwrap(), Counter::new().unwrap());
    one.add(1);
    other.add(10);
    wait_for(in_child(|| {
        one.add(100);
    }));
    let what = "1 and 10, added to two counters, and 100 to the first by a child";
    assert_eq!((one.get(), other.get()), (101, 10), "{what}");
}

/// How many shared mappings this process has.
fn mappings() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let shared = |line: &&str| line.split(' ').nth(1).is_some_and(|rights| rights.ends_with('s'));
    maps.lines().filter(shared).count()
}

fn unmapped() {
    let counter = Counter::new().unwrap();
    let before = mappings();
    for _ in 0..50 {
        Counter::new().unwrap().add(1);
    }
    assert_eq!(mappings(), before, "shared mappings after 50 counters were made and dropped");
    // A child that drops its counter takes it away from nobody else.
    let mut inherited = Some(counter);
    wait_for(in_child(|| {
        let counter = inherited.take().unwrap();
        counter.add(2);
    }));
    let counter = inherited.unwrap();
    counter.add(5);
    assert_eq!(counter.get(), 7, "a counter to which a child added 2 before it dropped it, and 5");
}
