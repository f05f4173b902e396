//! Equal threads on one CPU get equal time. Of two processes, the one with more threads gets more,
//! unless the kernel shares among groups first.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::setsid;

use crate::contest::{Before, Length, processes, threads};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fairness",
    question: "Among whom is a CPU shared: threads, processes, or groups?",
    claims: &["os-is-fair", "smallest-schedulable-unit"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let length = Length {
        intervals: lab.by_effort(2, 3, 5),
        each: Duration::from_millis(lab.by_effort(60, 120, 400)),
    };
    // ANCHOR: equal
    const NOTHING: Before = || Ok(());
    let four: [Before; 4] = [NOTHING, NOTHING, NOTHING, NOTHING];
    let shares = threads(&four, |clocks| length.watch(clocks))?;
    // ANCHOR_END: equal
    let each = (0..4).map(|who| format!("{:.0}", shares.total(who))).collect::<Vec<_>>().join(", ");
    say!("main", "four threads want CPU {}: they get {each} ms of it", crate::contest::cpu());
    let by_time = |a: &usize, b: &usize| shares.total(*a).total_cmp(&shares.total(*b));
    let most = (0..4).max_by(by_time).context("there are four")?;
    let least = (0..4).min_by(by_time).context("there are four")?;
    let equal = shares.compare(["most favoured of four", "least favoured of four"], most, least);

    // ANCHOR: seven
    let session: Before = || Ok(setsid().map(drop)?);
    let same = processes(&[(7, NOTHING), (1, NOTHING)], |clocks, _| length.watch(clocks))?;
    let (own, groups) = processes(&[(7, session), (1, session)], |clocks, children| {
        let group = |which: usize| autogroup(children[which].pid());
        Ok((length.watch(clocks)?, [group(0), group(1)]))
    })?;
    // ANCHOR_END: seven
    let names = ["seven threads", "one thread"];
    let same = same.compare(names, 0, 1).context("no interval")?;
    let own = own
        .compare(["seven threads, own session", "one thread, own session"], 0, 1)
        .context("no interval")?;
    say!("main", "a process of seven threads and a process of one want it:");
    say!("main", "  the seven get {:.2} times as much ({})", same.ratio.median, same.ratio);
    say!("main", "the same two, each in a session of its own (setsid):");
    say!("main", "  the seven get {:.2} times as much ({})", own.ratio.median, own.ratio);
    let grouped = matches!(&groups, [Some(first), Some(second)] if first != second);
    let mark = std::fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled");
    let enabled = mark.is_ok_and(|text| text.trim() == "1");
    let word = match (enabled, grouped) {
        (true, true) => "is on, and each session has a group",
        (true, false) => "is on, but no group is shown for each session",
        (false, _) => "is off, or this kernel has none",
    };
    say!("main", "autogroup {word}");
    Ok(Evidence::new()
        .compared("fairness: most / least", &equal.context("no interval")?)
        .compared("fairness: seven / one", &same)
        .compared("fairness: seven / one, own sessions", &own)
        .fact("fairness: autogroup is on", enabled)
        .fact("fairness: each session has a group", grouped))
}

/// The autogroup of a process, such as `/autogroup-25`, proc_pid_autogroup(5).
fn autogroup(process: nix::unistd::Pid) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/autogroup")).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}
