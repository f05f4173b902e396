//! What people say about the life of a process, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "at-least-one-thread",
        number: 8,
        says: "No process exists without a thread.",
        expected: Verdict::Caveat,
        nuance: "To run, a process needs a thread, and ends with its last one. A zombie has none \
                 that could run: it is a number and a status that wait to be asked for.",
        judge: at_least_one_thread,
        cannot_turn: None,
    },
    Claim {
        id: "main-thread",
        number: 9,
        says: "The main thread is the one a process cannot do without.",
        expected: Verdict::Caveat,
        nuance: "The kernel needs a thread, and not the first. That all end when main returns is \
                 a rule of C and Rust: returning from main calls exit, which ends every thread.",
        judge: main_thread,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn at_least_one_thread(facts: &Evidence) -> Result<Judgement, Absent> {
    let alive = facts.number("zombie: threads while alive")?;
    let state = facts.text("zombie: state")?;
    let runnable = facts.number("zombie: threads that can run")?;
    Ok(if alive < 1.0 {
        Judgement::does_not_hold("a process that lives was seen without a thread")
    } else if state == "Z" && runnable == 0.0 {
        Judgement::caveat(format!(
            "alive it has {alive}; as a zombie it still has a number, and no thread"
        ))
    } else if state == "gone" {
        Judgement::holds(format!("alive it has {alive}, and with its last thread it was gone"))
    } else {
        Judgement::undecided(format!("it was not seen to end: its state was {state}"))
    })
}
// ANCHOR_END: criterion

fn main_thread(facts: &Evidence) -> Result<Judgement, Absent> {
    let goes_on = facts.truth("leader: the process goes on")?;
    let finishes = facts.truth("main returns: the worker finishes")?;
    Ok(match (goes_on, finishes) {
        (true, false) => Judgement::caveat(
            "the process went on when its first thread ended, but ended when main returned",
        ),
        (true, true) => Judgement::does_not_hold("threads went on without the first in both cases"),
        (false, _) => Judgement::holds("with its first thread the process ended"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    #[test]
    fn a_zombie_is_a_caveat_and_a_living_process_without_thread_a_refutation() {
        let facts = |alive: u32, state: &str| {
            Evidence::new()
                .fact("zombie: threads while alive", alive)
                .fact("zombie: state", state)
                .fact("zombie: threads that can run", 0)
        };
        let id = "at-least-one-thread";
        assert_eq!(verdict(id, &facts(1, "Z")), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(1, "gone")), Verdict::Holds);
        assert_eq!(verdict(id, &facts(0, "Z")), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(1, "S")), Verdict::Inconclusive);
    }

    #[test]
    fn the_first_thread_matters_to_the_language_and_not_to_the_kernel() {
        let facts = |goes_on: bool, finishes: bool| {
            Evidence::new()
                .fact("leader: the process goes on", goes_on)
                .fact("main returns: the worker finishes", finishes)
        };
        let id = "main-thread";
        assert_eq!(verdict(id, &facts(true, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(true, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(false, false)), Verdict::Holds);
    }
}
