//! Equal threads on one CPU get equal time. Of two processes, the one with more threads gets more,
//! unless the kernel shares among groups first.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::Child;
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::setsid;

use crate::contest::{Before, Length, in_own_sessions, processes, threads};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fairness",
    question: "Among whom is a CPU shared: threads, processes, or groups?",
    claims: &["os-is-fair", "smallest-schedulable-unit"],
    run,
};

/// So many threads has the larger of two processes.
const MANY: usize = 7;

fn run(lab: &Lab) -> Result<Evidence> {
    let length = Length {
        intervals: lab.by_effort(2, 3, 5),
        each: Duration::from_millis(lab.by_effort(60, 120, 400)),
    };
    // ANCHOR: equal
    const NOTHING: Before = || Ok(());
    let four: [Before; 4] = [NOTHING, NOTHING, NOTHING, NOTHING];
    let shares = threads(&four, |clocks, _| length.watch(clocks))?;
    // ANCHOR_END: equal
    let all = four.len();
    let each =
        (0..all).map(|who| format!("{:.0}", shares.total(who))).collect::<Vec<_>>().join(", ");
    say!("main", "{all} threads want CPU {}: they get {each} ms of it", crate::contest::cpu());
    let by_time = |a: &usize, b: &usize| shares.total(*a).total_cmp(&shares.total(*b));
    let most = (0..all).max_by(by_time).context("there are four")?;
    let least = (0..all).min_by(by_time).context("there are four")?;
    let equal = shares.compare(["most favoured of four", "least favoured of four"], most, least);

    // ANCHOR: seven
    let session: Before = || Ok(setsid().map(drop)?);
    let (same, sizes, already) =
        processes(&[(MANY, NOTHING), (1, NOTHING)], |clocks, children| {
            Ok((length.watch(clocks)?, threads_of(children)?, in_own_sessions(children)?))
        })?;
    let (own, groups, apart) = processes(&[(MANY, session), (1, session)], |clocks, children| {
        let group = |which: usize| autogroup(children[which].pid());
        let groups = [group(0), group(1)];
        Ok((length.watch(clocks)?, groups, in_own_sessions(children)?))
    })?;
    // ANCHOR_END: seven
    let names = ["seven threads", "one thread"];
    let same = same.compare(names, 0, 1).context("no interval")?;
    let own = own
        .compare(["seven threads, own session", "one thread, own session"], 0, 1)
        .context("no interval")?;
    let own_too = if already { ", each in its own session" } else { "" };
    let [first, second] = sizes.map(many);
    say!("main", "two processes want it, of {first} and of {second}{own_too}:");
    say!("main", "  the first gets {:.2} times as much ({})", same.ratio.median, same.ratio);
    let place = match apart {
        true => "each in a session of its own (setsid)",
        false => "not each in a session of its own",
    };
    say!("main", "the same two, {place}:");
    say!("main", "  the first gets {:.2} times as much ({})", own.ratio.median, own.ratio);
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
        .fact("fairness: equal threads", all)
        .fact("fairness: the first two in own sessions", already)
        .fact("fairness: threads of the first process", sizes[0])
        .fact("fairness: threads of the second process", sizes[1])
        .fact("fairness: each in its own session", apart)
        .fact("fairness: autogroup is on", enabled)
        .fact("fairness: each session has a group", grouped))
}

/// How many threads each of two processes has.
fn threads_of(processes: &[Child]) -> Result<[usize; 2]> {
    let count = |which: usize| lab::proc::threads(processes[which].pid()).map(|all| all.len());
    Ok([count(0)?, count(1)?])
}

fn many(threads: usize) -> String {
    format!("{threads} {}", if threads == 1 { "thread" } else { "threads" })
}

/// The autogroup of a process, such as `/autogroup-25`, proc_pid_autogroup(5).
fn autogroup(process: nix::unistd::Pid) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/autogroup")).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}
