//! A thread that shares everything stops sharing: `unshare(2)` gives it a descriptor table and a
//! directory of its own.

use anyhow::Result;
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use crate::things::{self, THINGS};
use crate::two_sides::{Page, Sharing, other_side, this_side};

pub const EXPERIMENT: Experiment = Experiment {
    name: "unshare",
    question: "Can a thread have files and a directory of its own?",
    claims: &["threads-share-files"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let _files = things::prepare()?;
    let (page, refused) = (Page::new()?, std::sync::OnceLock::new());
    let [before, after] = std::thread::scope(|threads| -> Result<_> {
        // ANCHOR: thread
        let thread = lab::thread::spawn(threads, "opts out", || {
            other_side(page);
            let answer = unshare(CloneFlags::CLONE_FILES | CloneFlags::CLONE_FS);
            other_side(page);
            // What belongs to the process as a whole cannot be left by one of its threads.
            let others = [CloneFlags::CLONE_VM, CloneFlags::CLONE_SIGHAND];
            let _ = refused.set(others.map(|flag| unshare(flag).err()));
            answer
        })?;
        // ANCHOR_END: thread
        // A hand-over that fails leaves a thread that waits; then the process ends here.
        let meet = || this_side(page).unwrap_or_else(|error| lab::child::give_up(&error));
        let before = meet();
        if let Err(error) = things::change_all(0) {
            lab::child::give_up(&error);
        }
        let after = meet();
        let answer = thread.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?;
        answer.map_err(explain("unshare"))?;
        Ok([before, after])
    })?;
    say!("main", "{:<16}{:<9}after unshare", "", "before");
    let mut evidence = Evidence::new();
    for ((thing, before), after) in THINGS.iter().zip(before).zip(after) {
        say!("main", "{:<16}{:<9}{}", thing.name, before.word(), after.word());
        evidence = evidence
            .fact(&format!("before unshare: {}", thing.name), before.word())
            .fact(&format!("after unshare: {}", thing.name), after.word());
    }
    let count = |found: [Sharing; THINGS.len()]| {
        found.into_iter().filter(|found| *found == Sharing::Both).count()
    };
    let (shared, left) = (count(before), count(after));
    say!("main", "the thread shared {shared} of {} things, and now {left}", THINGS.len());
    let refused = refused.get().copied().unwrap_or_default();
    for (name, answer) in ["CLONE_VM", "CLONE_SIGHAND"].into_iter().zip(refused) {
        let answer = answer.map_or("yes".to_owned(), |errno: Errno| format!("{errno:?}"));
        say!("main", "may it have its own by {name}? {answer}");
        evidence = evidence.fact(&format!("unshare({name}): answer"), answer);
    }
    Ok(evidence.fact("shared before", shared).fact("shared after", left))
}
