//! `fork` copies the calling thread alone. A lock that another thread held is held in the child
//! for ever, by nobody.

use std::sync::{Barrier, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::child::{Child, in_words};
use lab::{Evidence, Experiment, Lab, say, span};

pub const EXPERIMENT: Experiment = Experiment {
    name: "inherited-lock",
    question: "What does a child inherit when another thread holds a lock?",
    claims: &["creation-duplicates-parent"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let lock = Mutex::new(());
    let (held, release) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|threads| {
        // ANCHOR: holder
        threads.spawn(|| {
            let guard = lock.lock().expect("nobody panics while holding the lock");
            let _span = span!("holder", "holds the lock");
            held.wait();
            release.wait();
            drop(guard);
        });
        held.wait();
        let outcome = fork_while_held(&lock);
        release.wait();
        // ANCHOR_END: holder
        outcome
    })
}

fn fork_while_held(lock: &Mutex<()>) -> Result<Evidence> {
    say!("forker", "forks while another thread holds the lock");
    // SAFETY: the child breaks fork's rule on purpose, which is the lesson: it waits for a lock
    // whose owner was not copied. It touches nothing else and is killed.
    let child = unsafe {
        Child::fork(|| {
            let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
            say!("child", "has {threads} thread: the holder was not copied");
            let _span = span!("child", "waits for the lock");
            drop(lock.lock());
            say!("child", "got the lock");
            0
        })
    }?;
    let waiting_in = loop {
        // The child sleeps in the futex call for good, so this is soon seen.
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", child.pid()))?;
        let number = call.split(' ').next().unwrap_or("").to_owned();
        if number == libc::SYS_futex.to_string() || child.ends_within(Duration::from_millis(1))? {
            break number;
        }
    };
    let hangs = !child.ends_within(Duration::from_millis(100))?;
    ensure!(hangs, "the child got a lock that nobody released");
    say!("forker", "child {} sleeps in futex and nobody will wake it", child.pid());
    let pid = child.pid();
    say!("forker", "child {pid} {}", in_words(child.kill()?));
    Ok(Evidence::new()
        .fact("child hangs", hangs)
        .fact("child waits in futex", waiting_in == libc::SYS_futex.to_string()))
}
