//! What people say about thread pools, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "pool-is-idle-threads",
        number: 56,
        says: "A thread pool is a set of threads made in advance that wait for tasks.",
        expected: Verdict::Caveat,
        nuance: "A fixed pool is; many others grow on demand and shrink again. The queue belongs to \
                 it as much as the threads do: what happens when it is full, and what one task \
                 leaves in its thread for the next.",
        judge: pool_is_idle_threads,
        cannot_turn: None,
    },
    Claim {
        id: "pool-reuse-faster",
        number: 57,
        says: "Reusing threads is faster than making new ones.",
        expected: Verdict::Caveat,
        nuance: "For short tasks only; beside 1 ms of work nobody sees it. In return tasks wait in \
                 line behind long ones, can deadlock if they wait for each other, and find what \
                 others left in thread-local variables.",
        judge: pool_reuse_faster,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn pool_is_idle_threads(facts: &Evidence) -> Result<Judgement, Absent> {
    let threads = facts.number("fixed: threads made")?;
    let ran = facts.number("fixed: threads that ran tasks")?;
    let before = facts.number("fixed: tasks given before the look")?;
    let (tasks, ours) =
        (facts.number("fixed: tasks")?, facts.number("fixed: tasks run by threads of the pool")?);
    let asleep = facts.number("fixed: threads asleep while idle")?;
    let used = facts.number("fixed: CPU used while idle")?;
    let seen = format!(
        "{ours} of {tasks} tasks ran on {threads} threads made before, {asleep} of which slept"
    );
    Ok(if before > 0.0 {
        Judgement::inconclusive(format!("the threads had {before} tasks when they were looked at"))
    } else if used >= 20.0 {
        Judgement::does_not_hold(format!("{seen}, but without a task used {used:.0} % of a CPU"))
    } else if ran != threads || ours < tasks || asleep < threads {
        Judgement::does_not_hold(format!("{seen}; tasks ran on {ran}"))
    } else if facts.truth("fixed: the next task finds what one left")? {
        Judgement::caveat(format!("{seen}; a task finds in its thread what another left"))
            .briefly("but a thread keeps what a task left there")
    } else {
        Judgement::holds(seen)
    })
}
// ANCHOR_END: criterion

fn pool_reuse_faster(facts: &Evidence) -> Result<Judgement, Absent> {
    let short = facts.samples("empty task: a thread each / pool")?;
    let long = facts.samples("1 ms task: a thread each / pool")?;
    let seen = format!(
        "a thread each takes {:.1} times as long as a pool for an empty task, {:.2} times for 1 ms",
        short.median, long.median
    );
    // Of a task that takes next to nothing the other figure says nothing.
    let takes = facts.number("1 ms task: pool, one at a time")?;
    Ok(if takes < 300.0 {
        Judgement::inconclusive(format!("the task of 1 ms takes {takes:.0} µs"))
    } else if short.is_above(1.5) && long.is_below(1.2) {
        Judgement::caveat(seen).briefly("but only for short tasks")
    } else if short.is_above(1.5) && long.is_above(1.2) {
        Judgement::holds(seen)
    } else if short.is_above(1.5) {
        Judgement::undecided(format!("too noisy: {seen} ({long})"))
    } else if short.is_below(1.5) {
        Judgement::does_not_hold(seen)
    } else {
        Judgement::undecided(format!("too noisy: from {short} times for an empty task"))
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn pool(ours: u32, ran: u32, asleep: u32, left: bool) -> Verdict {
        idle_pool(ours, ran, asleep, left, 0.1).verdict
    }

    fn idle_pool(ours: u32, ran: u32, asleep: u32, left: bool, used: f64) -> Judgement {
        let facts = Evidence::new()
            .fact("fixed: threads made", 4)
            .fact("fixed: tasks given before the look", 0)
            .fact("fixed: tasks", 100)
            .fact("fixed: tasks run by threads of the pool", ours)
            .fact("fixed: threads that ran tasks", ran)
            .fact("fixed: threads asleep while idle", asleep)
            .measured("fixed: CPU used while idle", used, "%")
            .fact("fixed: the next task finds what one left", left);
        CLAIMS[0].verdict(&facts)
    }

    #[test]
    fn tasks_that_run_elsewhere_and_threads_that_do_not_sleep_refute_a_pool() {
        assert_eq!(pool(100, 4, 4, true), Verdict::Caveat);
        assert_eq!(pool(100, 4, 4, false), Verdict::Holds);
        assert_eq!(pool(0, 100, 4, true), Verdict::DoesNotHold);
        assert_eq!(pool(100, 4, 3, true), Verdict::DoesNotHold);
        let spinning = idle_pool(100, 4, 4, true, 100.0);
        assert_eq!(spinning.verdict, Verdict::DoesNotHold);
        assert!(spinning.because.ends_with("without a task used 100 % of a CPU"));
    }

    #[test]
    fn a_task_that_is_there_or_none_at_all_decides_nothing() {
        let busy = Evidence::new().fact("fixed: threads made", 4).fact("fixed: tasks", 100);
        let busy = busy.fact("fixed: tasks run by threads of the pool", 100);
        let busy = busy.fact("fixed: threads that ran tasks", 4).fact(GIVEN, 1);
        let busy = busy.fact("fixed: threads asleep while idle", 4);
        let busy = busy.measured("fixed: CPU used while idle", 99.0, "%");
        assert_eq!(CLAIMS[0].verdict(&busy).verdict, Verdict::Inconclusive);
        let of = |x| Summary { n: 9, min: x, p10: x, median: x, p90: x };
        let none = Evidence::new()
            .measured("1 ms task: pool, one at a time", 6.0, "µs")
            .sampled("empty task: a thread each / pool", of(4.0), "")
            .sampled("1 ms task: a thread each / pool", of(4.0), "");
        assert_eq!(CLAIMS[1].verdict(&none).verdict, Verdict::Inconclusive);
    }

    const GIVEN: &str = "fixed: tasks given before the look";

    fn reuse(short: [f64; 3], long: f64) -> Verdict {
        reused(short, [long; 3])
    }

    fn reused(short: [f64; 3], long: [f64; 3]) -> Verdict {
        let of = |p10, median, p90| Summary { n: 9, min: p10, p10, median, p90 };
        let facts = Evidence::new()
            .measured("1 ms task: pool, one at a time", 1_010.0, "µs")
            .sampled("empty task: a thread each / pool", of(short[0], short[1], short[2]), "")
            .sampled("1 ms task: a thread each / pool", of(long[0], long[1], long[2]), "");
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn the_size_of_the_task_decides() {
        assert_eq!(reuse([3.0, 4.0, 5.0], 1.0), Verdict::Caveat);
        assert_eq!(reuse([3.0, 4.0, 5.0], 2.0), Verdict::Holds);
        assert_eq!(reuse([0.8, 0.9, 1.0], 1.0), Verdict::DoesNotHold);
        assert_eq!(reuse([1.0, 2.0, 3.0], 1.0), Verdict::Inconclusive);
        assert_eq!(reused([3.0, 4.0, 5.0], [0.8, 1.0, 1.6]), Verdict::Inconclusive);
    }
}
