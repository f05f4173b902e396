//! What people say about message queues, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "ipc-by-message-queues",
    number: 32,
    says: "They can talk through message queues.",
    expected: Verdict::Holds,
    nuance: "Within limits that are small by default: ten messages of 8 KiB. What is called a \
             message queue today is mostly a broker that one reaches through sockets.",
    judge: by_message_queues,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn by_message_queues(facts: &Evidence) -> Result<Judgement, Absent> {
    let sent = facts.number("queue: messages sent")?;
    let received = facts.number("queue: messages received")?;
    let whole = facts.truth("queue: each message whole")?;
    let urgent_first = facts.truth("queue: the most urgent first")?;
    let outlives = facts.truth("queue: outlives the sender")?;
    Ok(if received < sent || !whole {
        Judgement::does_not_hold(format!("{received} of {sent} messages arrived as they were sent"))
    } else {
        let order = if urgent_first { "the most urgent first" } else { "not by priority" };
        let ended = if outlives { ", after their sender had ended" } else { "" };
        Judgement::holds(format!("{received} of {sent} messages arrived whole, {order}{ended}"))
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_lost_or_torn_refutes_it() {
        let verdict = |received: u32, whole: bool| {
            let facts = Evidence::new()
                .fact("queue: messages sent", 3)
                .fact("queue: messages received", received)
                .fact("queue: each message whole", whole)
                .fact("queue: the most urgent first", true)
                .fact("queue: outlives the sender", true);
            CLAIMS[0].verdict(&facts).verdict
        };
        assert_eq!(verdict(3, true), Verdict::Holds);
        assert_eq!(verdict(2, true), Verdict::DoesNotHold);
        assert_eq!(verdict(3, false), Verdict::DoesNotHold);
    }
}
