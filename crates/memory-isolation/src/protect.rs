//! Inside a process no wall stands between threads: what one may do, each may do. Protection is a
//! matter of the page, for all; only memory protection keys tell threads apart.

use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use anyhow::Result;
use lab::child::{explain, explain_io, give_up};
use lab::{Evidence, Experiment, Lab, Unavailable, say};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mprotect};

use crate::fault::{self, Notes, READ_WRITE, UNIT, map};

pub const EXPERIMENT: Experiment = Experiment {
    name: "protect",
    question: "What protects memory inside a process?",
    claims: &[],
    run,
};

/// What is done to a page before somebody writes to it.
#[derive(Clone, Copy, PartialEq)]
enum Page {
    Plain,
    ReadOnly,
    ReadOnlyAndBack,
    WithKey,
}

#[derive(Clone, Copy, PartialEq)]
enum Writer {
    SameThread,
    OtherThread,
}

const TRIES: [(&str, Page); 4] = [
    ("plain page", Page::Plain),
    ("after mprotect(PROT_READ)", Page::ReadOnly),
    ("and mprotect by the other", Page::ReadOnlyAndBack),
    ("page with a key", Page::WithKey),
];

fn run(_: &Lab) -> Result<Evidence> {
    let notes = Notes::new()?;
    let [before, written, found] = another_threads_local();
    say!("main", "my local variable is {before}; another thread, given its address,");
    say!("main", "is to write {written} to it; now it is {found}");
    let seen = found == written && found != before;
    let mut evidence = Evidence::new().fact("protect: another's stack is written", seen);
    say!("main", "{:<26}{:<12}the other thread writes", "", "I write");
    for (name, page) in TRIES {
        let writers = [Writer::SameThread, Writer::OtherThread];
        let facts = ["same thread", "other thread"].map(|who| format!("{name}: {who}"));
        if let Some(why) = if page == Page::WithKey { no_keys() } else { None } {
            say!("main", "{name:<26}not here: {why}");
            for fact in facts {
                evidence = evidence.missing(&fact, why.clone());
            }
            continue;
        }
        let mut words = Vec::new();
        for (writer, fact) in writers.into_iter().zip(&facts) {
            let child = fault::start(notes, || attempt(page, writer))?;
            let found = fault::outcome(notes, child)?.code;
            evidence = evidence.fact(fact, found);
            words.push(found);
        }
        say!("main", "{name:<26}{:<12}{}", words[0], words[1]);
    }
    Ok(evidence)
}

/// Lets another thread write to a local variable of this one, by its address alone. What was there, what
/// was written, and what is there then.
fn another_threads_local() -> [i32; 3] {
    // ANCHOR: local
    let (local, written) = (AtomicI32::new(7), 42);
    let before = local.load(SeqCst);
    let address = local.as_ptr() as usize;
    let other = std::thread::Builder::new().spawn(move || {
        // SAFETY: the variable lives until this thread has been waited for, and nobody else uses it.
        unsafe { (address as *mut i32).write_volatile(written) }
    });
    // ANCHOR_END: local
    match other {
        Ok(other) => drop(other.join()),
        Err(error) => give_up(&explain_io("thread")(error)),
    }
    [before, written, local.load(SeqCst)]
}

/// Prepares a page and lets a thread write to it; a fault ends the process.
fn attempt(page: Page, writer: Writer) {
    let (prepared, done) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    let memory = match map(UNIT, READ_WRITE, MapFlags::MAP_PRIVATE) {
        Ok(memory) => memory as usize,
        Err(error) => give_up(&error),
    };
    std::thread::scope(|threads| {
        // The other thread is there before the page is prepared.
        let other = std::thread::Builder::new().spawn_scoped(threads, || {
            prepared.wait();
            if page == Page::ReadOnlyAndBack {
                protect(memory, READ_WRITE);
            }
            if writer == Writer::OtherThread {
                write(memory);
            }
            done.wait();
        });
        if let Err(error) = other {
            give_up(&explain_io("thread")(error));
        }
        // ANCHOR: prepare
        match page {
            Page::Plain => {}
            Page::ReadOnly | Page::ReadOnlyAndBack => protect(memory, ProtFlags::PROT_READ),
            Page::WithKey => protect_by_key(memory),
        }
        // ANCHOR_END: prepare
        prepared.wait();
        done.wait();
        if writer == Writer::SameThread {
            write(memory);
        }
    });
}

fn write(memory: usize) {
    // SAFETY: it is mapped; whether it may be written to is the experiment.
    unsafe { (memory as *mut u8).write_volatile(1) };
}

fn protect(memory: usize, access: ProtFlags) {
    let memory = std::ptr::NonNull::new(memory as *mut libc::c_void).expect("a mapping");
    // SAFETY: the page holds nothing that Rust relies on.
    if let Err(errno) = unsafe { mprotect(memory, UNIT, access) } {
        give_up(&explain("mprotect")(errno));
    }
}

/// A key, with every right on its pages for the calling thread.
fn new_key() -> nix::Result<i64> {
    // SAFETY: the call takes integers.
    Errno::result(unsafe { libc::syscall(libc::SYS_pkey_alloc, 0, 0) })
}

/// Gives the page a new key. Other threads have no right on a key that they have not asked for.
fn protect_by_key(memory: usize) {
    let access = READ_WRITE.bits();
    let marked = new_key().and_then(|key| {
        // SAFETY: the page holds nothing that Rust relies on.
        let done = unsafe { libc::syscall(libc::SYS_pkey_mprotect, memory, UNIT, access, key) };
        Errno::result(done)
    });
    if let Err(errno) = marked {
        let why = format!("pkey_mprotect: {errno:?}");
        give_up(&Unavailable::because(why).into());
    }
}

/// Why there are no protection keys here, if there are none.
fn no_keys() -> Option<String> {
    let errno = match new_key() {
        Ok(key) => {
            // SAFETY: the call takes an integer, a key that no page has.
            unsafe { libc::syscall(libc::SYS_pkey_free, key) };
            return None;
        }
        Err(errno) => errno,
    };
    Some(match errno {
        Errno::ENOSPC | Errno::EINVAL => "the CPU has no keys".to_owned(),
        errno => format!("pkey_alloc says {errno:?}"),
    })
}
