//! Every thread's stack is a stretch of its process's address space: reserved at once, filled
//! when used, open to the other threads, and ended by a guard.

use std::ops::Range;
use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result};
use lab::child::explain_thread;
use lab::proc::mappings;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::overflow::overflow;
use crate::proc::{at, own_stack};

pub const EXPERIMENT: Experiment = Experiment {
    name: "stacks",
    question: "Where are a thread's local variables, and how much room do they have?",
    claims: &["stack-inside-process"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let mut evidence = places()?;
    evidence.merge(write_to_another_stack()?);
    evidence.merge(filled_when_used()?);
    evidence.merge(overflow()?);
    Ok(evidence)
}

const THREADS: usize = 3;

/// Finds the stack of each thread in this process's mappings.
fn places() -> Result<Evidence> {
    let (tell, told) = mpsc::channel();
    let gate = Mutex::new(());
    let (locals, mappings) = thread::scope(|scope| {
        let closed = gate.lock();
        let (mut locals, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..THREADS {
            let (tell, gate) = (tell.clone(), &gate);
            workers.push(spawn(scope, "worker", move || {
                let local = 0u8;
                let _ = tell.send((&raw const local as usize, own_stack()));
                drop(gate.lock());
            })?);
            let (address, stack): (usize, Result<Range<usize>>) = told.recv()?;
            locals.push((address, stack?));
        }
        let mappings = mappings()?;
        drop(closed);
        // A scope waits for its closures only, join for the end of the threads themselves.
        workers.into_iter().for_each(|worker| drop(worker.join()));
        anyhow::Ok((locals, mappings))
    })?;
    let (mut inside, mut guards) = (0, 0);
    for (address, stack) in &locals {
        let Some(mapping) = at(&mappings, *address) else {
            say!("main", "a local at {address:#x}: in no mapping of this process");
            continue;
        };
        let below = mapping.addresses.start - 1;
        let guarded = at(&mappings, below).is_some_and(|below| below.access == "---p");
        inside += usize::from(stack.contains(address) && mapping.access == "rw-p");
        guards += usize::from(guarded);
        let kib = stack.len() / 1024;
        let guard = if guarded { " above a guard" } else { "" };
        say!("main", "a local at {address:#x}: stack of {kib} KiB{guard}");
    }
    let room = match getrlimit(Resource::RLIMIT_STACK).context("getrlimit")?.0 {
        RLIM_INFINITY => "may grow without limit".to_owned(),
        bytes => format!("may grow to {} KiB", bytes / 1024),
    };
    let of_c = default_of_the_c_library();
    say!("main", "a thread of C's library would get a stack of {of_c} KiB");
    say!("main", "the stack of the first thread {room}");
    let apart = locals.iter().enumerate().all(|(index, (_, stack))| {
        locals[..index].iter().all(|(_, o)| o.end <= stack.start || stack.end <= o.start)
    });
    Ok(Evidence::new()
        .fact("stacks looked at", THREADS)
        .fact("locals inside the process's mappings", inside)
        .fact("guards seen as mappings", guards)
        .fact("stacks do not overlap", apart))
}

/// How large the C library makes a stack if nobody asks, in KiB; pthread_attr_init(3).
fn default_of_the_c_library() -> usize {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut size = 0;
    // SAFETY: the first call fills `attributes`, the second reads it, the third ends its use.
    unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_getstacksize(attributes.as_ptr(), &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    size / 1024
}

// ANCHOR: reach
/// A stack is private by agreement only: its address is enough to write there.
fn write_to_another_stack() -> Result<Evidence> {
    let (address, written) = (mpsc::channel::<usize>(), mpsc::channel::<()>());
    let (tell_address, told_address) = address;
    let (tell_written, told_written) = written;
    thread::scope(|scope| {
        let owner = spawn(scope, "owner", move || {
            let mut local = 7;
            let _ = tell_address.send(&raw mut local as usize);
            let _ = told_written.recv();
            // SAFETY: `local` is alive, and the only write to it happened before the message.
            unsafe { (&raw const local).read_volatile() }
        })?;
        let stranger = spawn(scope, "stranger", move || {
            if let Ok(address) = told_address.recv() {
                // SAFETY: the owner keeps its variable alive and untouched until it is told.
                unsafe { (address as *mut i32).write_volatile(99) };
                // SAFETY: as above.
                let where_to = match unsafe { (address as *const i32).read_volatile() } {
                    99 => "to another thread's local, by its address",
                    _ => "not to where another thread's local is",
                };
                say!("stranger", "writes 99 {where_to}");
            }
            let _ = tell_written.send(());
        })?;
        let holds = owner.join().map_err(|_| anyhow::anyhow!("the owner panicked"))?;
        let _ = stranger.join();
        say!("main", "the owner had put 7 there and finds {holds}");
        Ok(Evidence::new().fact("write to another stack arrives", holds == 99))
    })
}
// ANCHOR_END: reach

const MIB: usize = 1024 * 1024;
const RESERVED: usize = 64 * MIB;
/// How much of it the thread writes to.
const USED: usize = MIB;

/// A stack's size is a reservation: pages come when they are first used.
fn filled_when_used() -> Result<Evidence> {
    let measure = || -> Result<(usize, usize)> {
        let resident = || -> Result<usize> {
            let local = 0u8;
            let mappings = mappings()?;
            Ok(at(&mappings, &raw const local as usize).context("the stack")?.resident)
        };
        let before = resident()?;
        use_some();
        Ok((before, resident()?))
    };
    let (before, after) = thread::Builder::new()
        .name("roomy".to_owned())
        .stack_size(RESERVED)
        .spawn(measure)
        .map_err(explain_thread(RESERVED))?
        .join()
        .map_err(|_| anyhow::anyhow!("the thread panicked"))??;
    let (reserved, used) = (RESERVED / 1024, USED / 1024);
    say!("main", "of a stack of {reserved} KiB, {before} KiB are in memory at first");
    say!("main", "after the thread wrote to {used} KiB of it, {after} KiB are");
    Ok(Evidence::new()
        .fact("KiB of the stack written to", used)
        .measured("stack reserved", reserved, "KiB")
        .measured("stack in memory at first", before, "KiB")
        .measured("stack in memory after use", after, "KiB"))
}

#[inline(never)]
fn use_some() {
    std::hint::black_box([1u8; USED]);
}
