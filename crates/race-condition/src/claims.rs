//! What people say about sharing data between threads, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "sharing-needs-synchronisation",
    number: 33,
    says: "Threads that share data must synchronise.",
    expected: Verdict::Holds,
    nuance: "A run in which nothing was lost proves nothing: the threads may not have overlapped, \
             or the compiler made one addition out of many. In safe Rust a data race does not \
             compile; a race condition does.",
    judge: sharing_needs_synchronisation,
    cannot_turn: None,
}];

fn sharing_needs_synchronisation(facts: &Evidence) -> Result<Judgement, Absent> {
    let wrong_all_the_same = [
        ("updates lost with fetch_add", facts.number("updates lost with fetch_add")?),
        ("updates lost with a Mutex", facts.number("updates lost with a Mutex")?),
        ("torn reads with a Mutex", facts.number("torn reads with a Mutex")?),
    ];
    if let Some((what, count)) = wrong_all_the_same.iter().find(|(_, count)| *count > 0.0) {
        return Ok(Judgement::does_not_hold(format!("it did not help: {count} {what}")));
    }
    let lost = facts.number("updates lost in forced rounds")?;
    let updates = facts.number("updates in forced rounds")?;
    let trials = facts.number("trials that lost updates")?;
    let of = facts.number("trials left to chance")?;
    let torn = facts.number("torn reads, forced")?;
    let reads = facts.number("forced reads")?;
    Ok(if lost + trials + torn == 0.0 {
        Judgement::does_not_hold("without synchronisation nothing was lost or torn")
    } else {
        Judgement::holds(format!(
            "without it {lost} of {updates} updates were lost and {torn} of {reads} reads torn \
             where the overlap was forced, and updates were lost in {trials} of {of} trials left \
             to chance; with fetch_add or a Mutex none"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lost: u32, torn: u32, by_chance: u32, lost_in_mutex: u32) -> Evidence {
        Evidence::new()
            .fact("updates lost with fetch_add", 0)
            .fact("updates lost with a Mutex", lost_in_mutex)
            .fact("torn reads with a Mutex", 0)
            .fact("updates lost in forced rounds", lost)
            .fact("updates in forced rounds", 200)
            .fact("trials that lost updates", by_chance)
            .fact("trials left to chance", 5)
            .fact("torn reads, forced", torn)
            .fact("forced reads", 100)
    }

    #[test]
    fn lost_updates_show_it_even_if_chance_is_kind() {
        let judgement = CLAIMS[0].verdict(&facts(100, 100, 0, 0));
        assert_eq!(judgement.verdict, Verdict::Holds);
        assert!(judgement.because.contains("100 of 200 updates"), "{}", judgement.because);
    }

    #[test]
    fn it_is_refuted_if_nothing_is_lost_or_if_locks_do_not_help() {
        assert_eq!(CLAIMS[0].verdict(&facts(0, 0, 0, 0)).verdict, Verdict::DoesNotHold);
        assert_eq!(CLAIMS[0].verdict(&facts(100, 100, 5, 1)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
