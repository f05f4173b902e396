//! What people say about fork, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "creation-duplicates-parent",
    number: 20,
    says: "Creating a process duplicates the parent, with a memory space and resources of its own.",
    expected: Verdict::Caveat,
    nuance: "The address space is copied page by page when someone writes, other threads are not \
             copied at all, and open file descriptions are shared. posix_spawn copies none of it.",
    judge: creation_duplicates_parent,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn creation_duplicates_parent(facts: &Evidence) -> Result<Judgement, Absent> {
    let separate =
        facts.truth("parent keeps its value")? && facts.truth("snapshot is consistent")?;
    if !separate {
        return Ok(Judgement::does_not_hold("a write in one process reached the other"));
    }
    let lazy = facts.truth("reading copies nothing")? && facts.truth("writing copies each page")?;
    let offset = facts.number("offset after the child's read")?;
    let stuck = facts.truth("child hangs")?;
    let mut but = Vec::new();
    if lazy {
        but.push("pages are copied at the first write only".to_owned());
    }
    if offset > 0.0 {
        but.push(format!("the child's read moved the parent's file offset to {offset}"));
    }
    if stuck {
        but.push("the thread that held a lock was not copied".to_owned());
    }
    Ok(if but.is_empty() {
        Judgement::holds("the child changed its copy and the parent kept its value")
    } else {
        Judgement::caveat(format!("the parent keeps its values, but {}", but.join(", and ")))
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(parent_keeps: bool, offset: u64) -> Evidence {
        Evidence::new()
            .fact("parent keeps its value", parent_keeps)
            .fact("snapshot is consistent", true)
            .fact("reading copies nothing", true)
            .fact("writing copies each page", true)
            .fact("offset after the child's read", offset)
            .fact("child hangs", true)
    }

    #[test]
    fn a_write_that_reaches_the_parent_refutes_it() {
        assert_eq!(CLAIMS[0].verdict(&facts(false, 100)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn shared_offsets_are_a_caveat() {
        let judgement = CLAIMS[0].verdict(&facts(true, 100));
        assert_eq!(judgement.verdict, Verdict::Caveat);
        assert!(judgement.because.contains("offset to 100"), "{}", judgement.because);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
