//! What people say about deadlock, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "deadlock-freezes",
    number: 37,
    says: "Two threads that wait for each other freeze the program.",
    expected: Verdict::Caveat,
    nuance: "They freeze those in the circle and those who need them; other threads go on. \
             Processes deadlock as well, by locked files or full pipes, and safe Rust does not \
             prevent any of it. One order for all locks does.",
    judge: deadlock_freezes,
    cannot_turn: None,
}];

fn deadlock_freezes(facts: &Evidence) -> Result<Judgement, Absent> {
    let frozen = facts.number("threads in the cycle")?;
    let seen = facts.number("threads in the detector's cycle")?;
    if frozen < 2.0 || seen < 2.0 {
        return Ok(Judgement::does_not_hold(format!(
            "of two threads with two locks {frozen} waited in a circle, and {seen} of two beside a \
             detector"
        )));
    }
    let transfers = facts.number("transfers in one order")?;
    let in_order = facts.number("threads frozen in one order")?;
    if in_order > 0.0 {
        return Ok(Judgement::inconclusive(format!(
            "{frozen} threads froze, but so did {in_order} where both took the locks in one order"
        )));
    }
    let freeze = format!(
        "{frozen} threads with two locks in opposite order froze, in one order none did in \
         {transfers} transfers"
    );
    let mut but = Vec::new();
    if facts.number("threads that went on")? > 0.0 {
        but.push("a third thread went on".to_owned());
    }
    let processes = facts.number("processes frozen by flock")?;
    if processes > 0.0 {
        but.push(format!("flock froze {processes} processes as well"));
    }
    let answer = facts.text("record locks answer")?;
    if answer == "EDEADLK" {
        but.push("with record locks the kernel answers EDEADLK".to_owned());
    }
    if facts.number("transfers in a livelock")? == 0.0 {
        let attempts = facts.number("attempts of each in a livelock")?;
        but.push(format!("two that only try got nothing done in {attempts} attempts each"));
    }
    Ok(if but.is_empty() {
        Judgement::holds(freeze)
    } else {
        Judgement::caveat(format!("{freeze}; but {}", but.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(frozen: u32, frozen_in_order: u32, went_on: u32) -> Evidence {
        Evidence::new()
            .fact("threads in the cycle", frozen)
            .fact("threads that went on", went_on)
            .fact("threads in the detector's cycle", frozen)
            .fact("transfers in one order", 10_000)
            .fact("threads frozen in one order", frozen_in_order)
            .fact("transfers in a livelock", 0)
            .fact("attempts of each in a livelock", 1000)
            .fact("record locks answer", "EDEADLK")
            .fact("processes frozen by flock", 2)
    }

    fn verdict(facts: &Evidence) -> Verdict {
        CLAIMS[0].verdict(facts).verdict
    }

    #[test]
    fn threads_that_go_on_are_a_caveat() {
        let judgement = CLAIMS[0].verdict(&facts(2, 0, 1));
        assert_eq!(judgement.verdict, Verdict::Caveat);
        assert!(judgement.because.contains("third thread"), "{}", judgement.because);
        assert!(judgement.because.contains("2 processes"), "{}", judgement.because);
    }

    #[test]
    fn locks_in_opposite_order_that_freeze_nobody_refute_it() {
        assert_eq!(verdict(&facts(0, 0, 1)), Verdict::DoesNotHold);
    }

    #[test]
    fn without_a_control_that_runs_nothing_is_decided() {
        assert_eq!(verdict(&facts(2, 2, 1)), Verdict::Inconclusive);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(verdict(&Evidence::new()), Verdict::Failed);
    }
}
