//! What people say about sharing data between threads, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "sharing-needs-synchronisation",
    number: 33,
    says: "Threads that share data must synchronise.",
    expected: Verdict::Caveat,
    nuance: "Data that nobody writes while it is shared needs no lock: that is why Rust lets many \
             threads have a &T. A run in which nothing was lost proves nothing. In safe Rust a \
             data race does not compile; a race condition does.",
    judge: sharing_needs_synchronisation,
    cannot_turn: None,
}];

fn sharing_needs_synchronisation(facts: &Evidence) -> Result<Judgement, Absent> {
    let lost = facts.number("updates lost in forced rounds")?;
    let updates = facts.number("updates in forced rounds")?;
    let torn = facts.number("torn reads, forced")?;
    let reads = facts.number("forced reads")?;
    if lost == 0.0 {
        let because = format!("of {updates} updates that were made to overlap none was lost");
        return Ok(Judgement::does_not_hold(because));
    }
    if torn == 0.0 {
        let because = format!("of {reads} reads in the middle of a write none was torn");
        return Ok(Judgement::does_not_hold(because));
    }
    let wrong_all_the_same =
        ["updates lost with fetch_add", "updates lost with a Mutex", "torn reads with a Mutex"];
    for what in wrong_all_the_same {
        let count = facts.number(what)?;
        if count > 0.0 {
            let because = format!("with synchronisation it goes wrong as well: {count} {what}");
            return Ok(Judgement::inconclusive(because));
        }
    }
    let kept_out = facts.number("readers kept out by a Mutex")?;
    if kept_out < reads {
        let because = format!("a Mutex kept out {kept_out} of {reads} readers half way");
        return Ok(Judgement::inconclusive(because));
    }
    let trials = facts.number("trials that lost updates")?;
    let of = facts.number("trials left to chance")?;
    let because = format!(
        "without it {lost} of {updates} updates were lost and {torn} of {reads} reads torn where \
         the overlap was forced, and updates were lost in {trials} of {of} trials left to chance; \
         with fetch_add or a Mutex none"
    );
    let only_read = facts.number("reads of data that nobody writes")?;
    Ok(if facts.number("wrong reads of data that nobody writes")? == 0.0 {
        Judgement::caveat(format!(
            "{because}; but {only_read} reads of data that nobody writes were right without it"
        ))
    } else {
        Judgement::holds(because)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lost: u32, torn: u32, lost_in_mutex: u32, wrong_reads: u32) -> Evidence {
        Evidence::new()
            .fact("updates lost with fetch_add", 0)
            .fact("updates lost with a Mutex", lost_in_mutex)
            .fact("torn reads with a Mutex", 0)
            .fact("updates lost in forced rounds", lost)
            .fact("updates in forced rounds", 200)
            .fact("trials that lost updates", 0)
            .fact("trials left to chance", 5)
            .fact("torn reads, forced", torn)
            .fact("forced reads", 100)
            .fact("readers kept out by a Mutex", 100)
            .fact("reads of data that nobody writes", 1000)
            .fact("wrong reads of data that nobody writes", wrong_reads)
    }

    #[test]
    fn lost_updates_show_it_even_if_chance_is_kind() {
        let judgement = CLAIMS[0].verdict(&facts(100, 100, 0, 0));
        assert_eq!(judgement.verdict, Verdict::Caveat);
        assert!(judgement.because.contains("100 of 200 updates"), "{}", judgement.because);
        assert!(judgement.because.contains("1000 reads"), "{}", judgement.because);
    }

    #[test]
    fn without_right_reads_of_what_nobody_writes_there_is_no_caveat() {
        assert_eq!(CLAIMS[0].verdict(&facts(100, 100, 0, 3)).verdict, Verdict::Holds);
    }

    #[test]
    fn it_is_refuted_if_forced_updates_or_forced_reads_come_out_right() {
        assert_eq!(CLAIMS[0].verdict(&facts(0, 100, 0, 0)).verdict, Verdict::DoesNotHold);
        assert_eq!(CLAIMS[0].verdict(&facts(100, 0, 0, 0)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn locks_that_do_not_help_decide_nothing() {
        assert_eq!(CLAIMS[0].verdict(&facts(100, 100, 1, 0)).verdict, Verdict::Inconclusive);
        let usual = facts(100, 100, 0, 0);
        let mut let_in = Evidence::new().fact("readers kept out by a Mutex", 99);
        for fact in usual.facts().iter().filter(|fact| !fact.name.starts_with("readers kept")) {
            let_in = let_in.fact(&fact.name, fact.value.clone());
        }
        assert_eq!(CLAIMS[0].verdict(&let_in).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
