//! Every thread's stack is a stretch of its process's address space: reserved at once, filled
//! when used, open to the other threads, and ended by a guard.

use std::io::{Read, Seek};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain, explain_io, no_core_dump};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

use crate::proc::{at, mappings, own_stack, spawn};

pub const EXPERIMENT: Experiment = Experiment {
    name: "stacks",
    question: "Where does a thread keep its local variables, and how much room do they have?",
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
        let Some(mapping) = at(&mappings, *address) else { continue };
        let below = mapping.addresses.start - 1;
        let guarded = at(&mappings, below).is_some_and(|below| below.access == "---p");
        inside += usize::from(stack.contains(address) && mapping.access == "rw-p");
        guards += usize::from(guarded);
        say!(
            "main",
            "a thread's local: {address:#x}, in a stack of {} KiB{}",
            stack.len() / 1024,
            if guarded { ", above a guard" } else { "" },
        );
    }
    let apart = locals.iter().enumerate().all(|(index, (_, stack))| {
        locals[..index].iter().all(|(_, o)| o.end <= stack.start || stack.end <= o.start)
    });
    Ok(Evidence::new()
        .fact("stacks looked at", THREADS)
        .fact("locals inside the process's mappings", inside)
        .fact("guards seen as mappings", guards)
        .fact("stacks do not overlap", apart))
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
                say!("stranger", "writes 99 to another thread's local, by its address");
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

/// A stack's size is a reservation: pages come when they are first used.
fn filled_when_used() -> Result<Evidence> {
    let measure = || -> Result<(u64, u64)> {
        let resident = || -> Result<u64> {
            let local = 0u8;
            let mappings = mappings()?;
            Ok(at(&mappings, &raw const local as usize).context("the stack")?.resident)
        };
        let before = resident()?;
        use_one_mebibyte();
        Ok((before, resident()?))
    };
    let (before, after) = thread::Builder::new()
        .name("roomy".to_owned())
        .stack_size(RESERVED)
        .spawn(measure)
        .map_err(explain_io("thread"))?
        .join()
        .map_err(|_| anyhow::anyhow!("the thread panicked"))??;
    say!("main", "of a stack of {} MiB, {before} KiB are in memory", RESERVED / MIB);
    say!("main", "after the thread used 1 MiB of it, {after} KiB are");
    Ok(Evidence::new()
        .measured("stack reserved", RESERVED / 1024, "KiB")
        .measured("stack in memory at first", before, "KiB")
        .measured("stack in memory after 1 MiB was used", after, "KiB"))
}

#[inline(never)]
fn use_one_mebibyte() {
    std::hint::black_box([1u8; MIB]);
}

const SMALL: usize = 256 * 1024;

/// Lets a child recurse without end, on a stack of 256 KiB.
fn overflow() -> Result<Evidence> {
    let words = memfd_create(c"stderr", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    say!("main", "in a child process, a thread with {} KiB recurses without end", SMALL / 1024);
    // SAFETY: every thread was joined, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            no_core_dump();
            libc::dup2(words.as_raw_fd(), libc::STDERR_FILENO);
            let deep = thread::Builder::new().name("deep".to_owned()).stack_size(SMALL);
            let _ = deep.spawn(|| recurse(0)).map(|deep| deep.join());
            0
        })
    }?;
    let WaitStatus::Signaled(_, signal, _) = child.wait()? else {
        bail!("the child outlived an endless recursion");
    };
    let mut words = std::fs::File::from(words);
    let mut said = String::new();
    words.rewind().context("lseek")?;
    words.read_to_string(&mut said).context("read")?;
    let noticed = said.contains("has overflowed its stack");
    if noticed {
        say!("main", "the child's last words: ... has overflowed its stack");
    }
    say!("main", "the guard stopped it: the child was ended by {}", signal.as_str());
    Ok(Evidence::new()
        .fact("overflow ends by", signal.as_str())
        .fact("Rust names the overflow", noticed))
}

#[expect(unconditional_recursion, reason = "it ends at the guard page, which is the lesson")]
fn recurse(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + here[0]
}
