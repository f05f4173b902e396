//! What people say about mutexes, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "mutex-excludes",
    number: 34,
    says: "A mutex keeps others out of a shared resource.",
    expected: Verdict::Caveat,
    nuance: "Those who ask for it. In C nothing ties the lock to the data; in Rust the value is \
             inside the mutex, and safe code that shares it has to lock. A free lock costs two \
             atomic instructions; what costs is contention. Whether a panic is noticed and \
             whether everyone gets a turn depends on the mutex.",
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
    if facts.truth("one who asks comes in")? {
        return Ok(Judgement::does_not_hold("one who asked for a locked mutex came in"));
    }
    let counted = format!("two threads counted to exactly {should}");
    let mut alternated = facts.truth("the counting threads alternated")?;
    for lock in ["spin", "two-state", "three-state"] {
        alternated &= facts.truth(&format!("threads alternated under the {lock} lock"))?;
    }
    if !alternated {
        return Ok(Judgement::undecided(format!("{counted}, but one after the other")));
    }
    if !facts.truth("a waiter sleeps in futex")? {
        return Ok(Judgement::undecided(format!(
            "{counted}, but no waiter was seen asleep in futex"
        )));
    }
    let kernel = match facts.truth("an uncontended lock calls the kernel") {
        Ok(false) => ", and a free lock is taken without a system call",
        Ok(true) => ", and even a free lock calls the kernel",
        Err(Absent::Declared { .. }) => "",
        Err(undeclared) => return Err(undeclared),
    };
    let ran = format!("{counted}; who has to wait sleeps in futex{kernel}");
    Ok(match facts.truth("one who does not ask comes in")? {
        true => Judgement::caveat(format!("{ran}; but one who did not ask for it came in")),
        false => Judgement::holds(ran),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where nobody but one who does not ask comes in, but for `change`.
    fn facts(count: u32, change: &[(&str, bool)]) -> Evidence {
        let usual = [
            ("count under the spin lock is exact", true),
            ("count under the two-state lock is exact", true),
            ("count under the three-state lock is exact", true),
            ("the counting threads alternated", true),
            ("threads alternated under the spin lock", true),
            ("threads alternated under the two-state lock", true),
            ("threads alternated under the three-state lock", true),
            ("a waiter sleeps in futex", true),
            ("one who asks comes in", false),
            ("one who does not ask comes in", true),
            ("an uncontended lock calls the kernel", false),
        ];
        let counts = Evidence::new()
            .fact("count under the mutex", count)
            .fact("count that it should be", 1000);
        usual.into_iter().fold(counts, |all, (name, value)| {
            let changed = change.iter().find(|(changed, _)| *changed == name);
            all.fact(name, changed.map_or(value, |(_, value)| *value))
        })
    }

    fn verdict(facts: &Evidence) -> Verdict {
        CLAIMS[0].verdict(facts).verdict
    }

    #[test]
    fn it_keeps_out_those_who_ask() {
        assert_eq!(verdict(&facts(1000, &[])), Verdict::Caveat);
        let advisory = ("one who does not ask comes in", false);
        assert_eq!(verdict(&facts(1000, &[advisory])), Verdict::Holds);
    }

    #[test]
    fn a_lost_update_or_one_who_comes_in_refutes_it() {
        assert_eq!(verdict(&facts(999, &[])), Verdict::DoesNotHold);
        for change in [
            ("count under the spin lock is exact", false),
            ("count under the three-state lock is exact", false),
            ("one who asks comes in", true),
        ] {
            assert_eq!(verdict(&facts(1000, &[change])), Verdict::DoesNotHold, "{change:?}");
        }
    }

    #[test]
    fn without_overlap_or_a_waiter_nothing_is_shown() {
        for change in [
            ("the counting threads alternated", false),
            ("threads alternated under the two-state lock", false),
            ("a waiter sleeps in futex", false),
        ] {
            assert_eq!(verdict(&facts(1000, &[change])), Verdict::Inconclusive, "{change:?}");
        }
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(verdict(&Evidence::new()), Verdict::Failed);
    }

    #[test]
    fn a_kernel_that_cannot_confine_changes_nothing() {
        let mut without = Evidence::new().missing("an uncontended lock calls the kernel", "filter");
        let usual = facts(1000, &[]);
        for fact in usual.facts().iter().filter(|fact| !fact.name.contains("calls the kernel")) {
            without = without.fact(&fact.name, fact.value.clone());
        }
        assert_eq!(verdict(&without), Verdict::Caveat);
    }
}
