//! The same jobs by four threads of one process: what crashes is the process.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::jobs::{self, JOBS, Restart, WORKERS};

pub const EXPERIMENT: Experiment = Experiment {
    name: "threads",
    question: "The same by threads of one process. How many jobs are done?",
    claims: &["isolation-gives-stability"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // ANCHOR: arms
    let never = jobs::run(1, WORKERS, Restart::Never, None)?;
    let always = jobs::run(1, WORKERS, Restart::Always, None)?;
    // ANCHOR_END: arms
    let (done, crashes) = (never.done, never.crashes);
    let crash = if crashes == 1 { "crash" } else { "crashes" };
    let again = if never.restarts == 0 { "never started again" } else { "started again" };
    say!("parent", "{again}: {crashes} {crash}, {done} of {JOBS} jobs are done");
    let (done, crashes, lost) = (always.done, always.crashes, always.lost);
    let again = match always.restarts == crashes {
        true => "the whole process started again",
        false => "not always started again",
    };
    say!("parent", "{again}: {crashes} crashes, {lost} tries lost,");
    say!("parent", "  {done} of {JOBS} are done");
    Ok(Evidence::new()
        .fact("threads, never restarted: crashes", never.crashes)
        .measured("threads, never restarted: jobs done", never.done, "jobs")
        .fact("threads, restarted: crashes", always.crashes)
        .measured("threads, restarted: tries lost", always.lost, "tries")
        .fact("threads, restarted: jobs done", always.done))
}
