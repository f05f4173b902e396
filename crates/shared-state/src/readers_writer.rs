//! A lock that lets in many who read or one who writes: who is inside with whom, and who waits.

use std::sync::mpsc::channel;
use std::sync::{Barrier, Mutex, RwLock};

use anyhow::{Context, Result};
use lab::child::LIMIT;
use lab::narrate::{wakes, woken};
use lab::proc::comes_to_block_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, NoEvidence, mark, say, say_why, stretch};
use nix::unistd::gettid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "readers-writer",
    question: "Who may be inside together?",
    claims: &[],
    run,
};

const READERS: usize = 4;

fn run(_: &Lab) -> Result<Evidence> {
    let (lock, mutex) = (RwLock::new(7), Mutex::new(7));
    // ANCHOR: together
    let (inside, leave) = (Barrier::new(READERS + 1), Barrier::new(READERS + 1));
    let (with_rwlock, writer, with_mutex) = std::thread::scope(|threads| {
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(spawn(threads, "reader", || {
                let (read, owned) = (lock.try_read().ok(), mutex.try_lock().ok());
                inside.wait();
                leave.wait();
                (read.is_some(), owned.is_some())
            })?);
        }
        inside.wait();
        let writer = lock.try_write().is_ok();
        leave.wait();
        // ANCHOR_END: together
        let (mut read, mut owned) = (0, 0);
        for reader in readers {
            let got = reader.join().ok().context("a reader has panicked")?;
            read += usize::from(got.0);
            owned += usize::from(got.1);
        }
        anyhow::Ok((read, writer, owned))
    })?;
    say!("main", "{with_rwlock} of {READERS} readers are inside an RwLock at the same time");
    say!("main", "a writer meanwhile {}", if writer { "comes in, too" } else { "has to wait" });
    say!("main", "{with_mutex} of {READERS} that lock a Mutex are inside at the same time");
    let evidence = Evidence::new()
        .fact("readers inside an RwLock together", with_rwlock)
        .fact("a writer inside with readers", writer)
        .fact("inside a Mutex together", with_mutex);
    let name = "a reader comes in past a waiting writer";
    Ok(match past_a_waiting_writer() {
        Ok(Some(past)) => {
            let does = if past { "comes in all the same" } else { "has to wait" };
            say!("main", "behind a waiting writer the next reader {does}");
            evidence.fact(name, past)
        }
        Ok(None) => {
            let why = "the writer was not seen to wait";
            say!("main", "{why}");
            evidence.doubtful(name, why)
        }
        Err(error) => match NoEvidence::of(&error) {
            NoEvidence::Unavailable(why) => {
                say_why!("main", "whether one more reader comes in is not to be seen: {why}");
                evidence.missing(name, why)
            }
            NoEvidence::Failed(_) => return Err(error),
        },
    })
}

/// Whether one more reader gets in while one is inside and a writer sleeps.
fn past_a_waiting_writer() -> Result<Option<bool>> {
    let lock = RwLock::new(7);
    let (tell, told) = channel();
    std::thread::scope(|threads| {
        // ANCHOR: waiting
        let first = lock.read().expect("nobody panics while holding it");
        let inside = stretch!("reader", "is inside and reads");
        spawn(threads, "writer", || {
            let _ = tell.send(gettid());
            let waits = stretch!("writer", "waits until the reader has left");
            *lock.write().expect("nobody panics while holding it") += 1;
            drop(waits);
            woken("lock");
            mark!("writer", "was inside and wrote");
        })?;
        let writer = told.recv().context("the writer ended")?;
        let waits = comes_to_block_in(writer, libc::SYS_futex, LIMIT)?;
        let past = lock.try_read().is_ok();
        mark!("reader", "one more reader {}", if past { "comes in, too" } else { "is refused" });
        wakes("lock");
        drop((first, inside));
        // ANCHOR_END: waiting
        Ok(waits.then_some(past))
    })
}
