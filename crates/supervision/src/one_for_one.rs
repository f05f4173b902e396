//! Four processes do a thousand jobs. One job in a hundred crashes its worker, and a supervisor
//! starts another one in its place: one for one.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::jobs::{self, JOBS, Restart, TRIES, WORKERS};

pub const EXPERIMENT: Experiment = Experiment {
    name: "one-for-one",
    question: "Workers crash at one job in a hundred. How many jobs are done?",
    claims: &["isolation-gives-stability"],
    run,
};

/// The job that crashes at every try, in the third arm.
const POISON: u32 = 500;

// ANCHOR: arms
fn who_is_started_again(seen: &jobs::Outcome) -> &'static str {
    match seen.restarts {
        0 => "none is",
        restarts if restarts == seen.crashes => "each is",
        _ => "some are",
    }
}

fn run(_: &Lab) -> Result<Evidence> {
    let that_crash = jobs::that_crash();
    say!("parent", "{WORKERS} processes, {JOBS} jobs; {that_crash} crash at their first try");
    let never = jobs::run(WORKERS, 1, Restart::Never, None)?;
    let always = jobs::run(WORKERS, 1, Restart::Always, None)?;
    let poison = jobs::run(WORKERS, 1, Restart::Always, Some(POISON))?;
    // ANCHOR_END: arms
    let (done, crashes) = (never.done, never.crashes);
    let who = who_is_started_again(&never);
    say!("parent", "{who} started again: {crashes} crashes, {done} of {JOBS} jobs are done");
    let (done, crashes, restarts) = (always.done, always.crashes, always.restarts);
    let who = who_is_started_again(&always);
    say!("parent", "{who} started again: {crashes} crashes, {restarts} restarts,");
    say!("parent", "  {} tries are lost; {done} of {JOBS} are done", always.lost);
    let (done, aside) = (poison.done, poison.set_aside);
    let crashes_at = match poison.most_lost {
        TRIES => "one job crashes at every try".to_owned(),
        tries => format!("no job crashes at more than {tries} of {TRIES} tries"),
    };
    say!("parent", "{crashes_at}: {done} of {JOBS} are done,");
    say!("parent", "  set aside after {TRIES} tries: {aside}; crashes: {}", poison.crashes);
    Ok(Evidence::new()
        .fact("jobs", JOBS)
        .fact("processes, never restarted: crashes", never.crashes)
        .fact("processes, never restarted: jobs done", never.done)
        .fact("processes, restarted: crashes", always.crashes)
        .fact("processes, restarted: restarts", always.restarts)
        .fact("processes, restarted: jobs done", always.done)
        .fact("poison: crashes", poison.crashes)
        .fact("poison: jobs done", poison.done)
        .fact("poison: jobs set aside", poison.set_aside))
}
