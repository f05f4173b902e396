//! The same, and at each turn both tasks write to pages of memory. Process and thread write to the
//! same frames as the asker, a third to frames of its own. The contents of caches belong to frames,
//! translations to an address space.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::explain_io;
use lab::machine::page_size;
use lab::sample::{Sampling, TOLERANCE, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say, say_why};
use memmap2::{Advice, MmapRaw};

use crate::round_trip::{Other, Time, Who, measure};

pub const EXPERIMENT: Experiment = Experiment {
    name: "working-set",
    question: "And if both use memory?",
    claims: &["thread-switch-faster"],
    run,
};

const LINE: usize = 64;
const PAGES: [usize; 5] = [64, 512, 1024, 2048, 3072];

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let (common, own) = (small_pages()?, small_pages()?);
    let sampling = Sampling {
        rounds: lab.by_effort(9, 15, 51),
        batch: Duration::from_micros(lab.by_effort(2_500, 3_000, 5_000)),
        tolerance: TOLERANCE,
    };
    say!("asker", "asks on CPU {cpu}; each turn writes to pages; CPU time, µs:");
    let head = |of: [&str; 5]| {
        let [pages, process, thread, other, ratio] = of;
        say!("asker", "{pages:>6}{process:>9}{thread:>8}{other:>12}{ratio:>8}");
    };
    head(["pages", "process", "thread", "thread", "process"]);
    head(["", "same", "same", "own memory", "/thread"]);
    let (mut evidence, mut largest) = (Evidence::new(), None);
    for pages in PAGES {
        let (same, other) = (|| touch(&common, pages), || touch(&own, pages));
        // ANCHOR: others
        let others = [
            Other { name: "process", who: Who::Process, cpu, turn: &same },
            Other { name: "thread", who: Who::Thread, cpu, turn: &same },
            Other { name: "thread, other pages", who: Who::Thread, cpu, turn: &other },
        ];
        // ANCHOR_END: others
        let rounds = measure(sampling, Time::Cpu, cpu, &same, &others)?;
        let named = |what: &str| format!("{pages} pages: {what}");
        let process = rounds.compare(0, 1).named(&named("process"), &named("thread"));
        let apart = rounds.compare(2, 1).named(&named("thread, other pages"), &named("thread"));
        if let Some(why) = &process.doubt {
            say_why!("asker", "{pages:>6}  not to be trusted: {why}");
        } else {
            let ratio = process.ratio;
            let sides = [0, 1, 2].map(|index| rounds.microseconds(index));
            let [to_process, to_thread, to_other] = sides.map(|side| side.median);
            say!(
                "asker",
                "{pages:>6}{to_process:>9.1}{to_thread:>8.1}{to_other:>12.1}{:>8.2} x  {ratio}",
                ratio.median
            );
            if largest
                .is_none_or(|(_, ratio_so_far, _): Largest| ratio_so_far.median < ratio.median)
            {
                largest = Some((pages, ratio, [sides[0], sides[1]]));
            }
        }
        evidence = evidence
            .compared(&named("process / thread"), &process)
            .compared(&named("thread, other pages / thread"), &apart);
    }
    Ok(match largest {
        Some((pages, ratio, [process, thread])) => evidence
            .sampled("largest working set: process / thread", ratio, "")
            .sampled("working set: process at the largest", process, "µs")
            .sampled("working set: thread at the largest", thread, "µs")
            .measured("working set: largest at", pages, "pages"),
        None => evidence
            .doubtful("largest working set: process / thread", "too noisy for any number of pages"),
    })
}

/// Pages, process to thread there, and what a round trip to each took, in µs.
type Largest = (usize, Summary, [Summary; 2]);

/// Memory for the largest number of pages, which the kernel is asked not to join to huge ones.
fn small_pages() -> Result<MmapRaw> {
    let memory = shared_memory::memory::shared(PAGES[PAGES.len() - 1] * page_size())?;
    // A kernel without huge pages refuses the advice, and needs none.
    let _ = memory.advise(Advice::NoHugePage).map_err(explain_io("madvise"));
    Ok(memory)
}

/// Writes one byte to each page.
fn touch(memory: &MmapRaw, pages: usize) {
    // SAFETY: the mapping lives as long as the borrow, and all who use it do so by atomics.
    let bytes =
        unsafe { std::slice::from_raw_parts(memory.as_ptr().cast::<AtomicU8>(), memory.len()) };
    let size = page_size();
    // ANCHOR: touch
    for page in 0..pages {
        // In each page another line, or all would compete for the same places of the cache.
        bytes[page * size + page % (size / LINE) * LINE].store(1, Relaxed);
    }
    // ANCHOR_END: touch
}
