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
    Ok(if sent < 1.0 {
        Judgement::inconclusive("no message was sent")
    } else if received < sent {
        Judgement::does_not_hold(format!("{received} of {sent} messages arrived"))
    } else if !whole {
        let seen = format!("{sent} messages were sent, and {received} arrived, not all the same");
        Judgement::does_not_hold(seen)
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
        let judged = |sent: u32, received: u32, whole: bool| {
            let facts = Evidence::new()
                .fact("queue: messages sent", sent)
                .fact("queue: messages received", received)
                .fact("queue: each message whole", whole)
                .fact("queue: the most urgent first", true)
                .fact("queue: outlives the sender", true);
            CLAIMS[0].verdict(&facts)
        };
        assert_eq!(judged(3, 3, true).verdict, Verdict::Holds);
        assert_eq!(judged(3, 2, false).verdict, Verdict::DoesNotHold);
        assert_eq!(judged(2, 2, true).verdict, Verdict::Holds, "what was sent is what counts");
        assert_eq!(judged(0, 0, true).verdict, Verdict::Inconclusive);
        let another = judged(3, 3, false);
        assert_eq!(another.verdict, Verdict::DoesNotHold);
        assert!(another.because.ends_with("not all the same"), "{}", another.because);
    }
}
