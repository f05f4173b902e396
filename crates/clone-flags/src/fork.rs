//! What fork copies, what it shares and what it leaves out: one line for each, and each line seen.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use anyhow::Result;
use lab::child::{explain, explain_io};
use lab::machine::page_size;
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::task;
use crate::things::{self, FILE, THINGS, Thing};
use crate::two_sides::{Page, who_am_i};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fork",
    question: "No flag at all: what is copied, shared, left out?",
    claims: &[],
    run,
};

/// What a process has besides.
const MORE: [Thing; 9] = [
    Thing { name: "signal mask", call: "sigprocmask", set: set_mask, get: mask },
    Thing { name: "nice value", call: "setpriority", set: set_nice, get: nice },
    Thing { name: "shared mapping", call: "mmap", set: set_mapping, get: mapping },
    Thing { name: "pending signal", call: "raise", set: set_pending, get: pending },
    Thing { name: "alarm", call: "alarm", set: set_alarm, get: alarm },
    Thing { name: "record lock", call: "fcntl", set: set_lock, get: lock },
    Thing { name: "other thread", call: "tgkill", set: |_| (), get: other_thread },
    Thing { name: "death signal", call: "prctl", set: set_death_signal, get: death_signal },
    Thing { name: "DONTFORK memory", call: "madvise", set: set_dont_fork, get: dont_fork },
];

const ALL: usize = THINGS.len() + MORE.len();

fn all() -> impl Iterator<Item = Thing> {
    THINGS.into_iter().chain(MORE)
}

fn run(_: &Lab) -> Result<Evidence> {
    let _files = things::prepare()?;
    let page = Page::new()?;
    OTHER_MAPPING.store(std::ptr::from_ref(&page.answers[ALL]).cast_mut(), SeqCst);
    NICE.store(nice_now(), SeqCst);
    start_other_thread()?;
    all().for_each(|thing| (thing.set)(1));
    let set_up: Vec<bool> = all().map(|thing| (thing.get)() == 1).collect();
    // SAFETY: the body makes system calls only, and the other thread changes nothing.
    let child = unsafe { task::start(FLAGS, look_and_change, page) }.map_err(explain("clone"))?;
    child.wait()?;
    let mut evidence = Evidence::new();
    let mut lists = [("copies", Vec::new()), ("shares", Vec::new()), ("leaves out", Vec::new())];
    for (index, thing) in all().enumerate() {
        let name = format!("fork: {}", thing.name);
        if !set_up[index] {
            let why = "it could not be set here";
            say_why!("parent", "{}: {why}", thing.name);
            evidence = evidence.missing(&name, why);
            continue;
        }
        // ANCHOR: judged
        let child_has_it = page.answers[index].load(SeqCst) == 1;
        let child_changed_it = page.changed[index].load(SeqCst) == 2;
        let childs_change_is_seen = (thing.get)() == 2;
        let list = match (child_has_it, childs_change_is_seen) {
            (true, false) => 0,
            (_, true) => 1,
            (false, false) => 2,
        };
        // ANCHOR_END: judged
        if list == 0 && !child_changed_it {
            let why = "the child could not change it, so nobody knows whose it is";
            say_why!("parent", "{}: {why}", thing.name);
            evidence = evidence.missing(&name, why);
            continue;
        }
        lists[list].1.push(thing.name);
        evidence = evidence.fact(&name, ["copied", "shared", "left out"][list]);
    }
    for (verb, names) in &lists {
        let mut verb = format!("{verb} {}:", names.len());
        for names in names.chunks(3) {
            say!("parent", "{verb:<14} {}", names.join(", "));
            verb.clear();
        }
    }
    Ok(evidence)
}

/// The flags of a fork.
const FLAGS: c_int = 0;

/// In the child: is each thing as it was set? Then it is changed.
extern "C" fn look_and_change(page: *mut c_void) -> c_int {
    // SAFETY: the parent passes its page, which lives as long as the process.
    let page = unsafe { &*page.cast::<Page>() };
    for ((thing, answer), changed) in all().zip(&page.answers).zip(&page.changed) {
        answer.store((thing.get)(), SeqCst);
        (thing.set)(2);
        changed.store((thing.get)(), SeqCst);
    }
    who_am_i(page);
    0
}

fn signals(number: i32) -> libc::sigset_t {
    // SAFETY: a set of zeros is valid for writes, and sigemptyset fills it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, number);
        set
    }
}

fn set_mask(value: i32) {
    let how = if value == 1 { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: the set is valid.
    unsafe { libc::sigprocmask(how, &signals(libc::SIGUSR2), std::ptr::null_mut()) };
}

fn mask() -> i32 {
    // SAFETY: the set is valid for writes.
    let blocked = unsafe {
        let mut set = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), &mut set);
        libc::sigismember(&set, libc::SIGUSR2)
    };
    if blocked == 1 { 1 } else { 2 }
}

static NICE: AtomicI32 = AtomicI32::new(0);

fn nice_now() -> i32 {
    // SAFETY: the call takes integers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

fn set_nice(value: i32) {
    // SAFETY: the call takes integers.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE.load(SeqCst) + value) };
}

fn nice() -> i32 {
    nice_now() - NICE.load(SeqCst)
}

/// A word in memory that was mapped with MAP_SHARED.
static OTHER_MAPPING: AtomicPtr<AtomicI32> = AtomicPtr::new(std::ptr::null_mut());

fn set_mapping(value: i32) {
    // SAFETY: the pointer was set to a word that stays mapped.
    unsafe { (*OTHER_MAPPING.load(SeqCst)).store(value, SeqCst) };
}

fn mapping() -> i32 {
    // SAFETY: as above.
    unsafe { (*OTHER_MAPPING.load(SeqCst)).load(SeqCst) }
}

/// SIGHUP, blocked and sent.
fn set_pending(value: i32) {
    if value == 1 {
        // SAFETY: the set is valid; the signal is blocked before it is sent.
        unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, &signals(libc::SIGHUP), std::ptr::null_mut());
            libc::raise(libc::SIGHUP);
        }
    }
}

fn pending() -> i32 {
    // SAFETY: the set is valid for writes.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigpending(&mut set);
        libc::sigismember(&set, libc::SIGHUP)
    }
}

fn set_alarm(value: i32) {
    // SAFETY: the call takes an integer. The process ends long before.
    unsafe { libc::alarm(1000 * value as u32) };
}

/// 1 or 2, by how long it is until the alarm, or 0 without one.
fn alarm() -> i32 {
    // SAFETY: a timer of zeros is valid for writes.
    let left = unsafe {
        let mut left: libc::itimerval = std::mem::zeroed();
        libc::getitimer(libc::ITIMER_REAL, &mut left);
        left.it_value.tv_sec
    };
    (left as i32 + 999) / 1000
}

fn record() -> libc::flock {
    // SAFETY: a record of zeros is a valid one: from the beginning to the end.
    let mut record: libc::flock = unsafe { std::mem::zeroed() };
    record.l_type = libc::F_WRLCK as i16;
    record
}

fn set_lock(value: i32) {
    if value == 1 {
        // SAFETY: the record is valid.
        unsafe { libc::fcntl(FILE.load(SeqCst), libc::F_SETLK, &record()) };
    }
}

/// Whether the caller could take the lock: it has it, then.
fn lock() -> i32 {
    let mut record = record();
    // SAFETY: the record is valid for writes.
    unsafe { libc::fcntl(FILE.load(SeqCst), libc::F_GETLK, &mut record) };
    i32::from(record.l_type == libc::F_UNLCK as i16)
}

static OTHER_THREAD: AtomicI32 = AtomicI32::new(0);

fn start_other_thread() -> Result<()> {
    let thread = std::thread::Builder::new().spawn(|| {
        OTHER_THREAD.store(nix::unistd::gettid().as_raw(), SeqCst);
        loop {
            std::thread::park();
        }
    });
    thread.map_err(explain_io("thread"))?;
    while OTHER_THREAD.load(SeqCst) == 0 {
        std::thread::yield_now();
    }
    Ok(())
}

/// Whether the caller's process has the thread.
fn other_thread() -> i32 {
    let (process, thread) = (std::process::id() as i32, OTHER_THREAD.load(SeqCst));
    // SAFETY: the call takes integers; signal 0 is none.
    i32::from(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) } == 0)
}

fn set_death_signal(value: i32) {
    if value == 1 {
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    }
}

fn death_signal() -> i32 {
    i32::from(nix::sys::prctl::get_pdeathsig().is_ok_and(|signal| signal.is_some()))
}

static DONT_FORK: AtomicUsize = AtomicUsize::new(0);

fn set_dont_fork(value: i32) {
    if value != 1 {
        return;
    }
    // SAFETY: a new mapping changes no other memory; the advice is about that mapping alone.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), page_size(), access, flags, -1, 0);
        libc::madvise(page, page_size(), libc::MADV_DONTFORK);
        DONT_FORK.store(page as usize, SeqCst);
    }
}

/// Whether something is mapped there.
fn dont_fork() -> i32 {
    let page = DONT_FORK.load(SeqCst) as *mut c_void;
    // SAFETY: msync(2) says ENOMEM where nothing is mapped, and changes nothing.
    i32::from(unsafe { libc::msync(page, page_size(), libc::MS_ASYNC) } == 0)
}
