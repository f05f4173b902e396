//! A nice value is a weight, of a thread and inside its group.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::setsid;

use crate::contest::{Before, Length, be_nicer, in_own_sessions, processes, threads};

pub const EXPERIMENT: Experiment = Experiment {
    name: "nice",
    question: "How much less does a nicer thread get?",
    claims: &["os-considers-priorities"],
    run,
};

/// So many steps of niceness lie between the two contestants.
const STEPS: i32 = 5;

fn run(lab: &Lab) -> Result<Evidence> {
    let length = Length {
        intervals: lab.by_effort(2, 3, 5),
        each: Duration::from_millis(lab.by_effort(80, 160, 500)),
    };
    // ANCHOR: nice
    let usual: Before = || Ok(());
    let nicer: Before = || be_nicer(STEPS);
    let (shares, steps) =
        threads(&[usual, nicer], |clocks, nices| Ok((length.watch(clocks)?, nices[1] - nices[0])))?;
    // ANCHOR_END: nice
    let two = shares.compare(["usual thread", "nicer thread"], 0, 1).context("no interval")?;
    let step = match steps {
        0 => 1.0,
        steps => two.ratio.median.powf(1.0 / f64::from(steps)),
    };
    say!("main", "two threads want one CPU, the second is {steps} steps nicer:");
    say!("main", "  the first gets {:.2} times as much ({})", two.ratio.median, two.ratio);
    if steps != 0 {
        say!("main", "  that is a factor of {step:.2} for each step");
    }

    // ANCHOR: sessions
    let usual: Before = || Ok(setsid().map(drop)?);
    let nicer: Before = || {
        setsid()?;
        be_nicer(STEPS)
    };
    let (apart, own) = processes(&[(1, usual), (1, nicer)], |clocks, children| {
        Ok((length.watch(clocks)?, in_own_sessions(children)?))
    })?;
    // ANCHOR_END: sessions
    let apart = apart
        .compare(["usual process, own session", "nicer process, own session"], 0, 1)
        .context("no interval")?;
    let place = if own { "each in a session of its own" } else { "not each in its own session" };
    say!("main", "the same, but two processes, {place}:");
    say!("main", "  the first gets {:.2} times as much ({})", apart.ratio.median, apart.ratio);
    Ok(Evidence::new()
        .compared("nice: usual / nicer", &two)
        .measured("nice: factor for a step", step, "times")
        .fact("nice: steps", steps)
        .compared("nice: usual / nicer, own sessions", &apart))
}
