//! Three permits for eight threads: never are more than three inside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::semaphore::Semaphore;

pub const EXPERIMENT: Experiment = Experiment {
    name: "bounded",
    question: "Eight threads, three permits: how many are inside at once?",
    claims: &["semaphore-limits"],
    run,
};

const PERMITS: u32 = 3;
const THREADS: usize = 8;

/// How many are inside, and the most that there have been.
#[derive(Default)]
struct Room {
    at_the_door: AtomicUsize,
    inside: AtomicUsize,
    most: AtomicUsize,
    entries: AtomicUsize,
}

impl Room {
    fn enter(&self) {
        let inside = self.inside.fetch_add(1, Ordering::AcqRel) + 1;
        self.most.fetch_max(inside, Ordering::AcqRel);
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

fn run(lab: &Lab) -> Result<Evidence> {
    let each = lab.by_effort(300, 1250, 12_500);
    let (room, semaphore) = (Room::default(), Semaphore::new(PERMITS)?);
    let (permits, mut guests) = (semaphore.permits(), 0);
    std::thread::scope(|threads| -> Result<()> {
        for _ in 0..THREADS {
            guests += 1;
            // ANCHOR: bounded
            spawn(threads, "guest", || {
                for _ in 0..each {
                    semaphore.wait();
                    room.enter();
                    std::thread::yield_now();
                    room.leave();
                    semaphore.post();
                }
            })?;
            // ANCHOR_END: bounded
        }
        Ok(())
    })?;
    let (most, entries) = (room.most.into_inner(), room.entries.into_inner());
    say!("main", "{entries} entries by {guests} threads with {permits} permits");
    say!("main", "at most {most} were inside at once");

    let again = Semaphore::new(PERMITS)?;
    let same = again.permits() == permits;
    let (full, crowd) = (held_open(Some(&again))?, held_open(None)?);
    say!("main", "all stay inside as long as more come: with permits {full} get in,");
    say!("main", "without permits {crowd}");
    Ok(Evidence::new()
        .fact("semaphore: permits", permits)
        .fact("semaphore: both times as many", same)
        .fact("semaphore: threads", guests)
        .fact("semaphore: entries", entries)
        .fact("semaphore: most inside", most.max(full))
        .fact("semaphore: inside when all stay", full)
        .fact("without a semaphore: most inside", crowd))
}

/// How many come in if nobody leaves as long as more come.
fn held_open(semaphore: Option<&Semaphore>) -> Result<usize> {
    let room = Room::default();
    let room = &room;
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            spawn(threads, "guest", move || {
                room.at_the_door.fetch_add(1, Ordering::Relaxed);
                if let Some(semaphore) = semaphore {
                    semaphore.wait();
                }
                room.enter();
                let so_far = || {
                    [&room.at_the_door, &room.entries].map(|count| count.load(Ordering::Relaxed))
                };
                let mut quiet_since = (so_far(), Instant::now());
                // Leaves when all are at the door, or inside, and nobody has come in for a while.
                while so_far()[0] < THREADS || quiet_since.1.elapsed() < Duration::from_millis(20) {
                    std::thread::sleep(Duration::from_millis(1));
                    if so_far() != quiet_since.0 {
                        quiet_since = (so_far(), Instant::now());
                    }
                }
                room.leave();
                if let Some(semaphore) = semaphore {
                    semaphore.post();
                }
            })?;
        }
        anyhow::Ok(())
    })?;
    Ok(room.most.load(Ordering::Acquire))
}
