//! What workers share they wait for: threads share an address space and an allocator, and processes
//! what they have mapped in common.

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Result;
use lab::child::explain;
use lab::machine::{allowed_cpus, page_size};
use lab::sample::{Contestant, Sampling};
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::errno::Errno;

use crate::crew::{Kind, Worker, together};

pub const EXPERIMENT: Experiment = Experiment {
    name: "contention",
    question: "Where do threads hinder each other, and do processes?",
    claims: &["multiprocessing-uses-cores-better"],
    run,
};

/// More workers than this are not measured.
const WORKERS: usize = 8;
const PAGES: usize = 16;
/// Blocks that a worker holds, each too large for the caches that glibc keeps for a thread.
const BLOCKS: usize = 32;
const BLOCK: usize = 3000;
/// Each worker adds so many.
const UPDATES: u64 = 200;

/// What the workers do, and how often in a batch.
type Work = fn(u32) -> Result<()>;
const WORK: [(&str, Work); 5] = [
    ("compute", compute),
    ("map and unmap", map_and_unmap),
    ("touch new pages", touch_new_pages),
    ("give pages back", give_pages_back),
    ("malloc and free", malloc_and_free),
];

fn run(lab: &Lab) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let mut evidence = lost_updates(&cpus)?;
    if cpus.len() < 2 {
        say!("main", "one CPU is allowed: nobody is hindered by who does not run");
        return Ok(WORK.iter().fold(evidence, |facts, (name, _)| {
            facts.missing(&format!("contention: {name}: threads / processes"), "one CPU is allowed")
        }));
    }
    let all = cpus.len().min(WORKERS);
    let own = |number: usize| cpus[number % cpus.len()];
    let sampling = Sampling {
        rounds: lab.by_effort(5, 15, 31),
        batch: Duration::from_nanos(1),
        tolerance: 0.2,
    };
    say!("main", "{all} at once, each on a CPU; time over that of one alone,");
    say!("main", "and of threads over that of processes: p10/median/p90");
    say!("main", "{:>31}{:>15}{:>15}", "threads", "processes", "one / other");
    for (name, work) in WORK {
        let times = lab.by_effort(100, 200, 1_000);
        // ANCHOR: arm
        let arm = |kind, workers| {
            let work = |worker: &mut Worker<'_>| {
                // A child of fork copies what it writes to first; that is not the question here.
                work(times)?;
                worker.begin()?;
                work(times)
            };
            Ok(together(kind, workers, &own, &work)?.0)
        };
        // ANCHOR_END: arm
        let rounds = sampling.measure(&mut [
            Contestant::timed("alone", |_| arm(Kind::Threads, 1)),
            Contestant::timed("threads", |_| arm(Kind::Threads, all)),
            Contestant::timed("processes", |_| arm(Kind::Processes, all)),
        ])?;
        let named = |who: &str| format!("{name}: {who}");
        let kinds = rounds.compare(1, 2).named(&named("threads"), &named("processes"));
        match &kinds.doubt {
            Some(why) => say_why!("main", "  {name:<16} {why}"),
            None => {
                let [threads, processes] = [1, 2].map(|arm| rounds.ratio(arm, 0).three());
                say!("main", "{name:<15}{threads:>16}{processes:>15}{:>15}", kinds.ratio.three());
            }
        }
        evidence = evidence.compared(&format!("contention: {name}: threads / processes"), &kinds);
    }
    Ok(evidence)
}

// ANCHOR: lost
/// Two processes add to one number in shared memory, and both have read it before one writes.
fn lost_updates(cpus: &[usize]) -> Result<Evidence> {
    let own = |number: usize| cpus[number % cpus.len()];
    let add = |worker: &mut Worker<'_>| {
        for _ in 0..UPDATES {
            let seen = worker.board.counter.load(Relaxed);
            worker.meet()?;
            worker.board.counter.store(seen + 1, Relaxed);
            worker.meet()?;
        }
        Ok(())
    };
    let (_, board) = together(Kind::Processes, 2, &own, &add)?;
    let lost = (2 * UPDATES).saturating_sub(board.counter);
    say!("main", "two processes add {UPDATES} each to one number they share: {}", board.counter);
    Ok(Evidence::new().fact("contention: updates that processes lost", lost))
}
// ANCHOR_END: lost

fn compute(times: u32) -> Result<()> {
    for _ in 0..times {
        let mut value = black_box(1u64);
        for _ in 0..20_000 {
            value = value.wrapping_mul(6364136223846793005).wrapping_add(1);
        }
        black_box(value);
    }
    Ok(())
}

// ANCHOR: work
/// Makes a mapping, writes to its first page and unmaps it: the map of the address space changes.
fn map_and_unmap(times: u32) -> Result<()> {
    for _ in 0..times {
        let memory = map(PAGES)?;
        touch(memory, 1);
        unmap(memory, PAGES)?;
    }
    Ok(())
}

/// Writes for the first time to each page of one mapping: page faults alone.
fn touch_new_pages(times: u32) -> Result<()> {
    let pages = 2 * times as usize;
    let memory = map(pages)?;
    touch(memory, pages);
    unmap(memory, pages)
}

/// Writes to some pages and gives the frames back, again and again.
fn give_pages_back(times: u32) -> Result<()> {
    let memory = map(PAGES)?;
    for _ in 0..times / 4 {
        touch(memory, PAGES);
        // SAFETY: the mapping is this worker's, and nothing refers to what is in it.
        let given =
            unsafe { libc::madvise(memory.cast(), PAGES * page_size(), libc::MADV_DONTNEED) };
        Errno::result(given).map_err(explain("madvise"))?;
    }
    unmap(memory, PAGES)
}

/// Holds some blocks, and exchanges one after the other for a new one.
fn malloc_and_free(times: u32) -> Result<()> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for turn in 0..times as usize * 20 {
        let block = black_box(Vec::with_capacity(BLOCK + turn % 7 * 64));
        match blocks.len() < BLOCKS {
            true => blocks.push(block),
            false => blocks[turn * 7 % BLOCKS] = block,
        }
    }
    Ok(())
}
// ANCHOR_END: work

/// Maps so many pages, which the kernel is asked not to join to huge ones.
fn map(pages: usize) -> Result<*mut u8> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping anywhere overlaps no other.
    let memory =
        unsafe { libc::mmap(std::ptr::null_mut(), pages * page_size(), protection, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return Err(explain("mmap")(Errno::last()));
    }
    if pages > PAGES {
        // A kernel without huge pages refuses the advice, and needs none.
        // SAFETY: advice about a mapping of this worker's changes nothing in it.
        unsafe { libc::madvise(memory, pages * page_size(), libc::MADV_NOHUGEPAGE) };
    }
    Ok(memory.cast())
}

fn unmap(memory: *mut u8, pages: usize) -> Result<()> {
    // SAFETY: the mapping came from `map`, has this size, and is not used afterwards.
    let unmapped = unsafe { libc::munmap(memory.cast(), pages * page_size()) };
    Errno::result(unmapped).map(drop).map_err(explain("munmap"))
}

/// Writes to so many pages.
fn touch(memory: *mut u8, pages: usize) {
    for page in 0..pages {
        // SAFETY: the mapping has at least so many pages and is this worker's alone.
        unsafe { memory.add(page * page_size()).write_volatile(1) };
    }
}
