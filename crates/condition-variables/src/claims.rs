//! What people say about condition variables, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "condvar-waits",
    number: 36,
    says: "A condition variable lets a thread wait until something is so.",
    expected: Verdict::Holds,
    nuance: "It wakes threads and knows nothing of what they wait for. That is a condition of the \
             program's own, checked under the lock, before the sleep and after it.",
    judge: condvar_waits,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn condvar_waits(facts: &Evidence) -> Result<Judgement, Absent> {
    let sent = facts.number("queue: items sent")?;
    let received = facts.number("queue: items received")?;
    let right = facts.truth("queue: each once and in order")?;
    let asleep = facts.truth("queue: the consumer was seen asleep")?;
    let share = facts.number("queue: CPU used while waiting")?;
    let seen = format!("{received} of {sent} items came, {share:.1} % of a CPU while waiting");
    Ok(if received < sent || !right {
        Judgement::does_not_hold(seen)
    } else if !asleep {
        Judgement::undecided("the consumer was not seen asleep, so nobody knows that it waited")
    } else if share < 20.0 {
        Judgement::holds(seen)
    } else {
        Judgement::does_not_hold(seen)
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(received: u32, asleep: bool, share: f64) -> Evidence {
        Evidence::new()
            .fact("queue: items sent", 1000)
            .fact("queue: items received", received)
            .fact("queue: each once and in order", received == 1000)
            .fact("queue: the consumer was seen asleep", asleep)
            .measured("queue: CPU used while waiting", share, "%")
    }

    #[test]
    fn lost_items_and_a_burnt_cpu_refute_it() {
        let verdict = |facts| CLAIMS[0].verdict(&facts).verdict;
        assert_eq!(verdict(facts(1000, true, 0.3)), Verdict::Holds);
        assert_eq!(verdict(facts(1, true, 0.3)), Verdict::DoesNotHold);
        assert_eq!(verdict(facts(1000, true, 99.0)), Verdict::DoesNotHold);
        assert_eq!(verdict(facts(1000, false, 0.3)), Verdict::Inconclusive);
    }
}
