//! What one thread does to the address space, and the others feel: a fork makes the pages of all
//! read-only, and whoever changes a mapping waits for whoever else does.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use lab::child::{Child, LIMIT, explain, explain_io, failed, late};
use lab::machine::page_size;
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Lab, Shared, TimeLimit, say};
use memmap2::{Advice, MmapMut, MmapRaw};
use nix::sys::mman::{ProtFlags, mprotect};
use nix::sys::resource::{UsageWho, getrusage};

/// So many pages a thread writes to, again and again.
const PAGES: usize = 1000;

/// Private memory of this process.
fn map_private(bytes: usize) -> Result<MmapRaw> {
    Ok(MmapMut::map_anon(bytes).map_err(explain_io("mmap"))?.into())
}

/// So many pages of private memory, each of which has been written to.
fn touched(pages: usize) -> Result<MmapRaw> {
    let memory = map_private(pages * page_size())?;
    // Pages of 2 MiB would make fewer faults; where the kernel has none, it refuses the advice.
    let _ = memory.advise(Advice::NoHugePage);
    write(&memory);
    Ok(memory)
}

/// Writes one byte to each page.
fn write(memory: &MmapRaw) {
    for offset in (0..memory.len()).step_by(page_size()) {
        // SAFETY: the address lies in the mapping, which is writable; one thread at a time writes.
        unsafe { memory.as_mut_ptr().add(offset).write_volatile(1) }
    }
}

fn protect(memory: &MmapRaw, access: ProtFlags) -> Result<()> {
    let start = NonNull::new(memory.as_mut_ptr()).expect("a mapping");
    // SAFETY: the range is the mapping, and nobody reads or writes it meanwhile.
    unsafe { mprotect(start.cast(), memory.len(), access) }.map_err(explain("mprotect"))
}

/// Page faults of this thread so far that needed no disk, getrusage(2).
fn faults() -> Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).map_err(explain("getrusage"))?;
    Ok(usage.minor_page_faults())
}

/// One sweep over the pages: how long it took, and how many faults it made.
fn sweep(memory: &MmapRaw) -> Result<(Duration, i64)> {
    let (before, start) = (faults()?, Instant::now());
    write(memory);
    Ok((start.elapsed(), faults()? - before))
}

// ANCHOR: fork
/// One thread writes to its pages, another one forks, the first writes again.
pub fn fork_of_another(evidence: Evidence, lab: &Lab) -> Result<Evidence> {
    let memory = touched(PAGES)?;
    let (mut pairs, mut before, mut after) = (Vec::new(), i64::MAX, i64::MAX);
    for _ in 0..lab.by_effort(5, 11, 101) {
        let ((tell, told), (go, forked)) = (channel(), channel());
        let (first, second) = std::thread::scope(|scope| {
            let memory = &memory;
            let writer = spawn(scope, "writer", move || {
                write(memory);
                let _ = tell.send(sweep(memory));
                // Nothing is sent: the channel is closed when the fork has been made.
                let _: Result<(), _> = forked.recv();
                sweep(memory)
            })?;
            let first = told.recv().context("the writer has ended")?;
            // SAFETY: the child only sleeps, until it is killed.
            let child = unsafe { Child::fork(|| nix::unistd::sleep(10) as i32) };
            drop(go);
            let second = writer.join().map_err(|_| anyhow!("the writer has panicked"))?;
            child.map(drop)?;
            Ok::<_, anyhow::Error>((first?, second?))
        })?;
        // ANCHOR_END: fork
        pairs.push([second.0.as_nanos() as f64 / 1e3, first.0.as_nanos() as f64 / 1e3]);
        (before, after) = (before.min(first.1), after.min(second.1));
    }
    let names = ["1000 writes after a fork by another", "1000 writes before it"];
    let slower = Comparison::paired(names, "µs", &pairs).context("no rounds")?;
    say!("main", "a thread writes to {PAGES} pages: {before} page faults;");
    let ratio = slower.ratio;
    say!("main", "  after another has forked: {after} faults,");
    say!("main", "  {:.1} times as long ({ratio})", ratio.median);
    Ok(evidence
        .fact("page faults of a thread before another forks", before)
        .fact("page faults of a thread after another forks", after)
        .compared("writes after a fork by another / before", &slower))
}

// ANCHOR: lock
/// Protects much memory and allows it again, until it is over: each call holds the lock of the
/// address space while it goes through all pages.
fn change(memory: &MmapRaw, cpu: usize, changes: &Changes) -> Result<()> {
    let _pin = Pinned::to(cpu)?;
    while !changes.over.load(Ordering::Relaxed) {
        protect(memory, ProtFlags::PROT_READ)?;
        protect(memory, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)?;
        changes.made.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Maps a page and unmaps it, again and again, while so many changes are made; µs for each.
fn map(changes: &Changes) -> Result<f64> {
    let made = || changes.made.load(Ordering::Relaxed);
    let mut limit = TimeLimit::new(LIMIT);
    let wait_for = |count, limit: &mut TimeLimit| {
        while made() < count {
            if limit.is_over() {
                return Err(late("nobody changes the address space"));
            }
            std::thread::yield_now();
        }
        Ok(())
    };
    wait_for(1, &mut limit)?;
    let (start, until, mut times) = (Instant::now(), made() + CHANGES, 0);
    loop {
        drop(map_private(page_size())?);
        times += 1;
        if made() >= until || limit.is_over() {
            break;
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(times))
}
// ANCHOR_END: lock

/// So many changes are made while pages are mapped beside them.
const CHANGES: u64 = 20;

#[derive(Default)]
struct Changes {
    made: AtomicU64,
    over: AtomicBool,
}

/// Ends the changes, however the story ends.
struct AtEnd<'a>(&'a Changes);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// One thread maps pages, beside a process that changes its own address space, and beside a thread
/// that changes the one they share.
pub fn lock_of_all(evidence: Evidence, lab: &Lab) -> Result<Evidence> {
    let memory = &touched(lab.by_effort(2048, 4096, 16384))?;
    // Where there are two CPUs, the one that changes runs on the other.
    let cpus = allowed_cpus();
    let (other, own) = (cpus.first().copied().unwrap_or(0), cpus.last().copied().unwrap_or(0));
    let _pin = Pinned::to(own)?;
    let beside_process = || {
        let changes = Shared::new(Changes::default())?;
        // SAFETY: this process has one thread; that of the round before has been joined.
        let _child = unsafe {
            Child::fork(|| match change(memory, other, &changes) {
                Ok(()) => 0,
                Err(error) => failed(&error),
            })
        }?;
        map(&changes)
    };
    let beside_thread = || {
        let changes = &Changes::default();
        std::thread::scope(|scope| {
            let changer = spawn(scope, "changer", move || change(memory, other, changes))?;
            let end = AtEnd(changes);
            let took = map(changes);
            drop(end);
            changer.join().map_err(|_| anyhow!("the thread has panicked"))??;
            took
        })
    };
    let mut pairs = Vec::new();
    for _ in 0..lab.by_effort(3, 7, 51) {
        let process: f64 = beside_process()?;
        let thread: f64 = beside_thread()?;
        pairs.push([thread, process]);
    }
    let names =
        ["mmap, munmap beside a thread that calls mprotect", "the same beside a process that does"];
    let waits = Comparison::paired(names, "µs", &pairs).context("no rounds")?;
    let (mib, ratio) = (memory.len() >> 20, waits.ratio);
    let times = format!("{:.1} times as long ({ratio})", ratio.median);
    say!("main", "mmap and munmap take {times}");
    say!("main", "  while a thread protects {mib} MiB, instead of another process");
    Ok(evidence.compared("mmap beside a thread / beside a process", &waits))
}
