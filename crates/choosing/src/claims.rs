//! What people say about the choice, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "choose-processes-when",
        number: 60,
        says: "Choose processes for independent tasks, stability and security.",
        expected: Verdict::Caveat,
        nuance: "A process contains a crash and keeps its memory to itself; a worker that is used \
                 again keeps what the last job left. Also choose processes for other rights, other \
                 languages, upgrades one by one, limits on resources, and for what must be killed.",
        judge: choose_processes_when,
        cannot_turn: None,
    },
    Claim {
        id: "choose-threads-when",
        number: 61,
        says: "Choose threads for related tasks that share data.",
        expected: Verdict::Caveat,
        nuance: "Data that is only read is free for forked processes, too, until somebody writes to \
                 it. Threads win where data is written, where tasks are short, or where there are \
                 many of them.",
        judge: choose_threads_when,
        cannot_turn: None,
    },
    Claim {
        id: "choice-depends",
        number: 62,
        says: "The choice depends on speed, security and complexity.",
        expected: Verdict::Holds,
        nuance: "And on what a crash may cost. Often neither is best: async tasks, pools, or \
                 processes with threads inside.",
        judge: choice_depends,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn choose_processes_when(facts: &Evidence) -> Result<Judgement, Absent> {
    let jobs = facts.number("jobs")?;
    let kept = |name: &str| facts.number(&format!("{name}: jobs kept after a crash"));
    let (process, pool) = (kept("process")?, kept("process pool")?);
    let threads = kept("thread")?.max(kept("thread pool")?);
    let sees = |name: &str| facts.truth(&format!("{name}: another worker sees the secret"));
    let among_threads = sees("thread")? || sees("thread pool")?;
    let among_processes = sees("process")? || sees("process pool")?;
    let later = facts.truth("process pool: the worker's later job sees the secret")?;
    let seen = format!(
        "after a crash processes keep {process} of {jobs} answers, a pool of them {pool}, threads \
         {threads}; a secret is seen by other {}",
        match (among_threads, among_processes) {
            (true, false) => "threads and not by other processes",
            (true, true) => "threads and by other processes",
            (false, true) => "processes and not by other threads",
            (false, false) => "workers of no kind",
        }
    );
    for name in ["thread", "thread pool", "process", "process pool"] {
        if !facts.truth(&format!("{name}: a job crashed"))? {
            return Ok(Judgement::inconclusive(format!("{name}: no job crashed")));
        }
        if !facts.truth(&format!("{name}: other workers that looked"))? {
            return Ok(Judgement::undecided(format!("{name}: one worker took all jobs")));
        }
    }
    Ok(if process.min(pool) <= threads || among_processes {
        Judgement::does_not_hold(seen)
    } else if later {
        Judgement::caveat(format!("{seen}; but a later job of the same process sees it"))
            .briefly("but a pooled process keeps what a job left")
    } else {
        Judgement::holds(seen)
    })
}
// ANCHOR_END: criterion

/// As fast as: at most a tenth slower.
const AS_FAST: f64 = 0.9;

fn choose_threads_when(facts: &Evidence) -> Result<Judgement, Absent> {
    let each = facts.samples("a process each / a thread each")?;
    let pool = facts.samples("a process pool / a thread pool")?;
    let memory = facts.samples("memory: process / thread")?;
    let copied = facts.truth("a process copies the image")?;
    let seen = format!(
        "on one image a process each takes {:.1} times as long as a thread each ({each}), a pool of \
         processes {:.2} times as long as one of threads ({pool}); a process holds {:.1} times the \
         memory of a thread",
        each.median, pool.median, memory.median
    );
    Ok(if each.is_below(1.0) || pool.is_below(AS_FAST) || memory.is_below(1.0) {
        Judgement::does_not_hold(seen)
    } else if !each.is_above(1.0) || !pool.is_above(AS_FAST) || !memory.is_above(1.0) {
        Judgement::undecided(format!("{seen}: too close to call"))
    } else if copied {
        Judgement::holds(format!("{seen}, for it copies the image"))
    } else {
        Judgement::caveat(format!("{seen}, but has no copy of the image that it only reads"))
            .briefly("but a forked process reads the data without a copy, too")
    })
}

fn choice_depends(facts: &Evidence) -> Result<Judgement, Absent> {
    let winners = facts.number("map: different winners")?;
    let of = |axis: &str| facts.number(&format!("map: changes along the {axis}"));
    let (rate, size, length) = (of("crash rate")?, of("message size")?, of("task length")?);
    let simple = facts.number("map: simplicity decides")?;
    let trust = facts.truth("advise: trust alone turns it")?;
    let seen = format!(
        "{winners} models win somewhere; the winner changes {rate} times with the crash rate, {size} \
         with the message's size, {length} with the task's length; trust alone {} it; simplicity \
         decides {simple} places",
        if trust { "turns" } else { "does not turn" }
    );
    Ok(if winners < 2.0 || size + length == 0.0 || !trust && rate == 0.0 {
        Judgement::does_not_hold(seen)
    } else if rate > 0.0 && size > 0.0 && length > 0.0 && simple > 0.0 && trust {
        Judgement::holds(seen)
    } else {
        Judgement::caveat(seen).briefly("but not on all of them here")
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn processes(kept: [u32; 4], seen: [bool; 4], later: bool, looked: bool) -> Verdict {
        let facts = crashing(kept, seen, later, looked, true);
        CLAIMS[0].verdict(&facts).verdict
    }

    fn crashing(
        kept: [u32; 4],
        seen: [bool; 4],
        later: bool,
        looked: bool,
        crashed: bool,
    ) -> Evidence {
        let mut facts = Evidence::new()
            .fact("jobs", 24)
            .fact("process pool: the worker's later job sees the secret", later);
        let names = ["thread", "thread pool", "process", "process pool"];
        for ((name, kept), seen) in names.iter().zip(kept).zip(seen) {
            facts = facts
                .fact(&format!("{name}: jobs kept after a crash"), kept)
                .fact(&format!("{name}: another worker sees the secret"), seen)
                .fact(&format!("{name}: a job crashed"), crashed)
                .fact(&format!("{name}: other workers that looked"), looked);
        }
        facts
    }

    #[test]
    fn what_is_kept_and_what_is_seen_decides_on_processes() {
        let (apart, open) = ([true, true, false, false], [true; 4]);
        assert_eq!(processes([0, 0, 23, 23], apart, true, true), Verdict::Caveat);
        assert_eq!(processes([0, 0, 23, 23], apart, false, true), Verdict::Holds);
        assert_eq!(processes([0, 0, 0, 23], apart, true, true), Verdict::DoesNotHold);
        assert_eq!(processes([0, 0, 23, 23], open, true, true), Verdict::DoesNotHold);
        assert_eq!(processes([0, 0, 23, 23], apart, true, false), Verdict::Inconclusive);
    }

    #[test]
    fn where_no_job_crashes_nothing_is_known_of_stability() {
        let facts = crashing([24; 4], [true, true, false, false], true, true, false);
        let judgement = CLAIMS[0].verdict(&facts);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert!(judgement.because.contains("no job crashed"), "{}", judgement.because);
    }

    fn threads(each: f64, pool: f64, memory: f64, copied: bool) -> Verdict {
        let about =
            |m: f64| Summary { n: 9, min: m * 0.95, p10: m * 0.95, median: m, p90: m * 1.05 };
        let facts = Evidence::new()
            .sampled("a process each / a thread each", about(each), "")
            .sampled("a process pool / a thread pool", about(pool), "")
            .sampled("memory: process / thread", about(memory), "")
            .fact("a process copies the image", copied);
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn time_memory_and_copies_decide_on_threads() {
        assert_eq!(threads(3.0, 1.1, 5.0, false), Verdict::Caveat);
        assert_eq!(threads(3.0, 1.1, 5.0, true), Verdict::Holds);
        assert_eq!(threads(0.5, 1.1, 5.0, false), Verdict::DoesNotHold);
        assert_eq!(threads(3.0, 0.5, 5.0, false), Verdict::DoesNotHold);
        assert_eq!(threads(3.0, 1.1, 0.5, false), Verdict::DoesNotHold);
        assert_eq!(threads(1.0, 1.1, 5.0, false), Verdict::Inconclusive);
    }

    #[test]
    fn a_pool_that_was_slower_in_some_rounds_decides_nothing() {
        let of = |three: [f64; 3]| Summary::of(three.to_vec()).expect("three samples");
        let facts = Evidence::new()
            .sampled("a process each / a thread each", of([2.0, 3.0, 4.0]), "")
            .sampled("a process pool / a thread pool", of([0.61, 23.5, 48.5]), "")
            .sampled("memory: process / thread", of([4.0, 5.0, 6.0]), "")
            .fact("a process copies the image", false);
        assert_eq!(CLAIMS[1].verdict(&facts).verdict, Verdict::Inconclusive);
    }

    fn depends(winners: u32, changes: [u32; 3], simple: u32, trust: bool) -> Verdict {
        let facts = Evidence::new()
            .fact("map: different winners", winners)
            .fact("map: changes along the crash rate", changes[0])
            .fact("map: changes along the message size", changes[1])
            .fact("map: changes along the task length", changes[2])
            .fact("map: simplicity decides", simple)
            .fact("advise: trust alone turns it", trust);
        CLAIMS[2].verdict(&facts).verdict
    }

    #[test]
    fn a_choice_that_never_changes_depends_on_nothing() {
        assert_eq!(depends(4, [9, 5, 12], 20, true), Verdict::Holds);
        assert_eq!(depends(1, [0, 0, 0], 0, true), Verdict::DoesNotHold);
        assert_eq!(depends(2, [9, 0, 0], 20, true), Verdict::DoesNotHold);
        assert_eq!(depends(2, [0, 5, 5], 20, false), Verdict::DoesNotHold);
        assert_eq!(depends(4, [9, 5, 12], 0, true), Verdict::Caveat);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
