//! What people say about threads and waiting, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "threads-run-independently",
        number: 44,
        says: "Each thread runs independently of the others.",
        expected: Verdict::Caveat,
        nuance: "Independent until something concerns the whole process: a signal that stops or ends \
                 it, exec, exit, a fork, a change of the address space, a lock, a safepoint of the \
                 language.",
        judge: independent,
        cannot_turn: None,
    },
    Claim {
        id: "threads-use-cpu-efficiently",
        number: 46,
        says: "Threads make good use of a CPU by doing several things at once.",
        expected: Verdict::Caveat,
        nuance: "One thread computes while another one waits. Where all compute, one CPU has no time \
                 to give that it did not have before. And one thread that asks first and reads later \
                 overlaps as well.",
        judge: efficient,
        cannot_turn: None,
    },
    Claim {
        id: "word-processor",
        number: 66,
        says: "A word processor checks, saves and takes input in separate threads.",
        expected: Verdict::Holds,
        nuance: "It is preemption that helps, not a second CPU, and only while the checker holds no \
                 lock that a key needs: it works on a copy of the text. Many editors of today have \
                 their checkers in another process.",
        judge: word_processor,
        cannot_turn: None,
    },
    Claim {
        id: "browser",
        number: 70,
        says: "A browser uses threads for its window, downloads and network.",
        expected: Verdict::Caveat,
        nuance: "Threads keep the window alive beside downloads, not beside a crash. Browsers of \
                 today are processes, usually one or more for each site, with threads in each.",
        judge: browser,
        cannot_turn: None,
    },
];

fn independent(facts: &Evidence) -> Result<Judgement, Absent> {
    let others = facts.number("others")?;
    let beside = facts.number("others that step while one is blocked in read")?;
    let stopped = facts.number("others that step after SIGSTOP to one")?;
    let stand = facts.number("threads that have come to a safepoint before the last")?;
    let steps = facts.number("steps of those that have come")?;
    let stand = if steps == 0.0 { stand } else { 0.0 };
    let before = facts.number("page faults of a thread before another forks")?;
    let after = facts.number("page faults of a thread after another forks")?;
    let seen = format!("while one is blocked in read {beside} of {others} others go on");
    Ok(if beside < others && facts.busy().is_some() {
        Judgement::undecided(seen)
    } else if beside < others {
        Judgement::does_not_hold(seen)
    } else if stopped < others || stand > 0.0 || after > before {
        Judgement::caveat(format!(
            "{seen}; but SIGSTOP to one leaves {stopped} of them going, {stand} stand at a \
             safepoint for one, and a fork by one costs another {after} page faults"
        ))
        .briefly("but a stop or a fork by one is felt by all")
    } else {
        Judgement::holds(format!("{seen}, and no stop and no fork by one is felt by others"))
    })
}

// ANCHOR: criterion
fn efficient(facts: &Evidence) -> Result<Judgement, Absent> {
    let waits = facts.samples("overlap: in turn / waiting beside computing")?;
    let in_use = facts.number("overlap: CPUs in use, one waits and one computes")?;
    let turn = facts.number("overlap: CPUs in use, waits then computes")?;
    let compute = facts.samples("overlap: in turn / computing beside computing")?;
    let seen = format!(
        "with waiting beside computing {in_use:.2} of a CPU is in use instead of {turn:.2}, and it \
         is done {:.2} times as fast",
        waits.median
    );
    Ok(if waits.is_below(1.2) {
        Judgement::does_not_hold(seen)
    } else if !waits.is_above(1.2) {
        Judgement::undecided(format!("{seen} ({waits}), where 1.2 decides"))
    } else if compute.is_below(1.2) {
        Judgement::caveat(format!(
            "{seen}; but two that compute are {:.2} times as fast as one after the other ({compute})",
            compute.median
        ))
        .briefly("but nothing is gained where all compute")
    } else if compute.is_above(1.2) {
        Judgement::holds(format!(
            "{seen}; two that compute are {:.2} times as fast",
            compute.median
        ))
    } else {
        Judgement::undecided(format!("{seen}; two that compute: {compute} times as fast"))
    })
}
// ANCHOR_END: criterion

fn word_processor(facts: &Evidence) -> Result<Judgement, Absent> {
    let times = facts.samples("word-processor: p99, one loop / three threads")?;
    let ratio = times.median;
    let saved = facts.truth("word-processor: what was saved is a beginning of the text")?;
    let checks = facts.number("word-processor: checks, three threads")?;
    let alone = facts.number("word-processor: checks, one loop")?;
    let seen = format!("99 of 100 keys are taken {ratio:.1} times as soon as in one loop");
    Ok(if checks < alone || alone < 1.0 {
        Judgement::undecided(format!("{checks} checks beside keys, {alone} between them"))
    } else if ratio < 2.0 && times.is_below(3.0) {
        Judgement::does_not_hold(seen)
    } else if ratio < 3.0 || !times.is_above(1.0) {
        Judgement::undecided(format!("{seen} ({times}): too near to 1 to decide"))
    } else if !saved {
        Judgement::caveat(format!("{seen}, but what was saved is not the text"))
    } else {
        Judgement::holds(format!("{seen}, with {checks} checks beside them on one CPU"))
    })
}

fn browser(facts: &Evidence) -> Result<Judgement, Absent> {
    let times = facts.samples("browser: latest frame, one thread / threads")?;
    let ratio = times.median;
    let thread = facts.truth("browser: tab as thread: the window is drawn on")?;
    let process = facts.truth("browser: tab as process: the window is drawn on")?;
    let whole = facts.number("browser: tab as process: whole downloads")?;
    let cut = facts.number("browser: tab as thread: whole downloads")?;
    let seen = format!(
        "in one thread the latest frame is {ratio:.1} times as late as with a thread for each \
         download"
    );
    Ok(if ratio < 2.0 && times.is_below(3.0) {
        Judgement::does_not_hold(seen)
    } else if ratio < 3.0 || !times.is_above(1.0) {
        Judgement::undecided(format!("{seen} ({times}): too near to 1 to decide"))
    } else if thread {
        Judgement::holds(format!("{seen}, and a tab that ends takes nothing with it"))
    } else if process {
        Judgement::caveat(format!(
            "{seen}; but a crash in a thread ends all, with {cut} downloads whole, and in a process \
             only the tab, with {whole}"
        ))
        .briefly("but a crash takes all, unless a tab is a process")
    } else {
        Judgement::caveat(format!("{seen}; but a crash of a tab takes the window along"))
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    fn around(ratio: f64) -> Summary {
        Summary::of(vec![0.95 * ratio, ratio, 1.05 * ratio]).expect("three samples")
    }

    #[test]
    fn a_ratio_that_swings_about_1_decides_nothing() {
        let swings = Summary::of(vec![0.7, 3.3, 21.0]).expect("three samples");
        let keys = Evidence::new()
            .sampled("word-processor: p99, one loop / three threads", swings, "")
            .fact("word-processor: what was saved is a beginning of the text", true)
            .fact("word-processor: checks, one loop", 8)
            .fact("word-processor: checks, three threads", 8);
        assert_eq!(verdict("word-processor", &keys), Verdict::Inconclusive);
        let frames = Evidence::new()
            .sampled("browser: latest frame, one thread / threads", swings, "")
            .fact("browser: tab as thread: the window is drawn on", false)
            .fact("browser: tab as thread: whole downloads", 0)
            .fact("browser: tab as process: the window is drawn on", true)
            .fact("browser: tab as process: whole downloads", 2);
        assert_eq!(verdict("browser", &frames), Verdict::Inconclusive);
    }

    #[test]
    fn independent_until_something_concerns_all() {
        let facts = |beside: u32, stopped: u32, stand: u32, faults: u32| {
            Evidence::new()
                .fact("others", 3)
                .fact("others that step while one is blocked in read", beside)
                .fact("others that step after SIGSTOP to one", stopped)
                .fact("threads that have come to a safepoint before the last", stand)
                .fact("steps of those that have come", 0)
                .fact("page faults of a thread before another forks", 0)
                .fact("page faults of a thread after another forks", faults)
        };
        let id = "threads-run-independently";
        assert_eq!(verdict(id, &facts(3, 0, 3, 1000)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(3, 3, 0, 1000)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(3, 3, 0, 0)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(0, 0, 3, 1000)), Verdict::DoesNotHold);
        let mut busy = facts(2, 0, 3, 1000);
        busy.while_busy(Some("others took half".to_owned()));
        assert_eq!(verdict(id, &busy), Verdict::Inconclusive);
    }

    #[test]
    fn waiting_overlaps_and_computing_does_not() {
        let facts = |waits: f64, compute: f64| {
            Evidence::new()
                .sampled("overlap: in turn / waiting beside computing", around(waits), "")
                .fact("overlap: CPUs in use, waits then computes", 0.5)
                .fact("overlap: CPUs in use, one waits and one computes", 0.5 * waits)
                .sampled("overlap: in turn / computing beside computing", around(compute), "")
        };
        let id = "threads-use-cpu-efficiently";
        assert_eq!(verdict(id, &facts(1.9, 1.0)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(1.9, 1.9)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(1.9, 1.2)), Verdict::Inconclusive);
        assert_eq!(verdict(id, &facts(1.2, 1.0)), Verdict::Inconclusive);
        assert_eq!(verdict(id, &facts(1.0, 1.0)), Verdict::DoesNotHold);
    }

    #[test]
    fn keys_must_come_sooner_and_checks_must_have_been_made() {
        let facts = |ratio: f64, saved: bool, checks: u32| {
            Evidence::new()
                .sampled("word-processor: p99, one loop / three threads", around(ratio), "")
                .fact("word-processor: what was saved is a beginning of the text", saved)
                .fact("word-processor: checks, one loop", 8)
                .fact("word-processor: checks, three threads", checks)
        };
        let id = "word-processor";
        assert_eq!(verdict(id, &facts(9.0, true, 8)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(9.0, false, 8)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(2.5, true, 8)), Verdict::Inconclusive);
        assert_eq!(verdict(id, &facts(1.0, true, 8)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(9.0, true, 0)), Verdict::Inconclusive);
    }

    #[test]
    fn a_window_must_outlive_its_tab() {
        let facts = |ratio: f64, thread: bool, process: bool| {
            Evidence::new()
                .sampled("browser: latest frame, one thread / threads", around(ratio), "")
                .fact("browser: tab as thread: the window is drawn on", thread)
                .fact("browser: tab as thread: whole downloads", if thread { 2 } else { 0 })
                .fact("browser: tab as process: the window is drawn on", process)
                .fact("browser: tab as process: whole downloads", if process { 2 } else { 0 })
        };
        let id = "browser";
        assert_eq!(verdict(id, &facts(20.0, false, true)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(20.0, false, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(20.0, true, true)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(2.5, false, true)), Verdict::Inconclusive);
        assert_eq!(verdict(id, &facts(1.0, false, true)), Verdict::DoesNotHold);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
