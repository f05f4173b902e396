//! What people say about mutexes, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "mutex-excludes",
    number: 34,
    says: "A mutex keeps others out of a shared resource.",
    expected: Verdict::Holds,
    nuance: "Those who lock it, that is. A free lock costs two atomic instructions; what costs is \
             contention. Whether a panic is noticed and whether everyone gets a turn depends on \
             the mutex.",
    judge: mutex_excludes,
    cannot_turn: None,
}];

fn mutex_excludes(facts: &Evidence) -> Result<Judgement, Absent> {
    let (is, should) =
        (facts.number("count under the mutex")?, facts.number("count that it should be")?);
    if is != should {
        return Ok(Judgement::does_not_hold(format!(
            "two threads counted to {is} under a mutex, not to {should}"
        )));
    }
    for lock in ["spin", "two-state", "three-state"] {
        if !facts.truth(&format!("count under the {lock} lock is exact"))? {
            return Ok(Judgement::does_not_hold(format!("the {lock} lock let two in")));
        }
    }
    let counted = format!("two threads counted to exactly {should}");
    if !facts.truth("a waiter sleeps in futex")? {
        return Ok(Judgement::inconclusive(format!(
            "{counted}, but no waiter was seen asleep in futex"
        )));
    }
    let kernel = match facts.truth("an uncontended lock calls the kernel") {
        Ok(false) => ", and a free lock is taken without a system call",
        Ok(true) => {
            return Ok(Judgement::caveat(format!(
                "{counted}, but even a free lock calls the kernel"
            )));
        }
        Err(Absent::Declared(_)) => "",
        Err(undeclared) => return Err(undeclared),
    };
    Ok(Judgement::holds(format!("{counted}; who has to wait sleeps in futex{kernel}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(count: u32, asleep: bool) -> Evidence {
        ["spin", "two-state", "three-state"].into_iter().fold(
            Evidence::new()
                .fact("count under the mutex", count)
                .fact("count that it should be", 1000)
                .fact("a waiter sleeps in futex", asleep),
            |all, lock| all.fact(&format!("count under the {lock} lock is exact"), true),
        )
    }

    fn verdict(facts: &Evidence) -> Verdict {
        CLAIMS[0].verdict(facts).verdict
    }

    #[test]
    fn an_exact_count_and_a_sleeping_waiter_hold() {
        let facts = facts(1000, true).fact("an uncontended lock calls the kernel", false);
        assert_eq!(verdict(&facts), Verdict::Holds);
    }

    #[test]
    fn a_lost_update_refutes_it() {
        let facts = facts(999, true).fact("an uncontended lock calls the kernel", false);
        assert_eq!(verdict(&facts), Verdict::DoesNotHold);
    }

    #[test]
    fn without_a_waiter_nothing_is_shown() {
        assert_eq!(verdict(&facts(1000, false)), Verdict::Inconclusive);
    }

    #[test]
    fn a_kernel_that_cannot_confine_changes_nothing() {
        let facts = facts(1000, true).missing("an uncontended lock calls the kernel", "old kernel");
        assert_eq!(verdict(&facts), Verdict::Holds);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(verdict(&facts(1000, true)), Verdict::Failed);
        assert_eq!(verdict(&Evidence::new()), Verdict::Failed);
    }
}
