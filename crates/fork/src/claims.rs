//! What people say about fork, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "creation-duplicates-parent",
    number: 20,
    says: "Making a process duplicates the parent, with memory and resources of its own.",
    expected: Verdict::Caveat,
    nuance: "fork copies a page when one of the two writes to it, copies the calling thread alone, \
             and shares open file descriptions. posix_spawn copies descriptors and no memory: the \
             child borrows its parent's until it calls exec.",
    judge: creation_duplicates_parent,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn creation_duplicates_parent(facts: &Evidence) -> Result<Judgement, Absent> {
    let pages = facts.number("pages")?;
    let found = facts.number("pages that the child finds")?;
    let kept = facts.number("pages that the parent keeps")?;
    if found < pages {
        let because = format!("the child found {found} of {pages} pages as its parent left them");
        return Ok(Judgement::does_not_hold(because));
    }
    let written = facts.number("pages that the child has written")?;
    if written < pages {
        return Ok(Judgement::inconclusive(format!(
            "the child wrote to {written} of {pages} pages"
        )));
    }
    if kept < pages {
        let because = format!("the child's writes reached {} of {pages} pages", pages - kept);
        return Ok(Judgement::does_not_hold(because));
    }
    if !facts.truth("the child summed in the middle of the transfer")? {
        return Ok(Judgement::undecided("the child did not sum in the middle of the transfer"));
    }
    let (before, saved) = (facts.number("sum before the transfer")?, facts.number("child's sum")?);
    if saved != before {
        let because = format!("the parent's writes reached the child: {saved} for {before}");
        return Ok(Judgement::does_not_hold(because));
    }
    let mut but = Vec::new();
    let reading = facts.number("faults while reading")?;
    let writing = facts.number("faults while writing")?;
    if writing >= pages && reading < pages / 10.0 {
        but.push(format!("its {pages} pages were copied at the first write, not at the fork"));
    }
    let offset = facts.number("offset after the child's read")?;
    if offset > 0.0 {
        but.push(format!("the child's read moved the parent's file offset to {offset}"));
    }
    let held = facts.truth("lock is held at the fork")? && facts.truth("child hangs")?;
    if held && facts.number("threads of the child")? == 1.0 {
        but.push("the thread that held a lock was not copied, and the lock was".to_owned());
    }
    let ran = "each kept its own values when the other wrote";
    Ok(match but.is_empty() {
        true => Judgement::holds(ran),
        false => Judgement::caveat(format!("{ran}, but {}", but.join(", and "))),
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where fork does what is said and nothing else, but for `change`.
    fn judged(change: &[(&str, f64)], overlap: bool, hangs: bool) -> Judgement {
        let usual = [
            ("pages", 1000.0),
            ("pages that the child finds", 1000.0),
            ("pages that the child has written", 1000.0),
            ("pages that the parent keeps", 1000.0),
            ("sum before the transfer", 50.0),
            ("child's sum", 50.0),
            ("faults while reading", 0.0),
            ("faults while writing", 0.0),
            ("offset after the child's read", 0.0),
            ("threads of the child", 1.0),
        ];
        let mut facts = Evidence::new()
            .fact("the child summed in the middle of the transfer", overlap)
            .fact("lock is held at the fork", true)
            .fact("child hangs", hangs);
        for (name, value) in usual {
            let changed = change.iter().find(|(changed, _)| *changed == name);
            facts = facts.fact(name, changed.map_or(value, |(_, value)| *value));
        }
        CLAIMS[0].verdict(&facts)
    }

    #[test]
    fn a_full_copy_holds_without_a_caveat() {
        assert_eq!(judged(&[], true, false).verdict, Verdict::Holds);
    }

    #[test]
    fn a_write_that_reaches_the_other_refutes_it() {
        let parent = judged(&[("pages that the parent keeps", 990.0)], true, true);
        assert_eq!(parent.verdict, Verdict::DoesNotHold);
        assert!(parent.because.contains("reached 10 of 1000 pages"), "{}", parent.because);
        let child = judged(&[("child's sum", 25.0)], true, true);
        assert_eq!(child.verdict, Verdict::DoesNotHold);
        assert!(child.because.contains("25 for 50"), "{}", child.because);
    }

    #[test]
    fn a_child_without_its_parents_memory_refutes_it() {
        let empty = judged(&[("pages that the child finds", 0.0)], true, true);
        assert_eq!(empty.verdict, Verdict::DoesNotHold);
        assert!(empty.because.contains("0 of 1000"), "{}", empty.because);
    }

    #[test]
    fn a_snapshot_that_was_not_taken_in_the_middle_decides_nothing() {
        assert_eq!(judged(&[("child's sum", 25.0)], false, true).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn each_caveat_follows_its_fact() {
        let lazy = judged(&[("faults while writing", 1000.0)], true, false);
        assert_eq!(lazy.verdict, Verdict::Caveat);
        assert!(lazy.because.contains("at the first write"), "{}", lazy.because);
        let eager = [("faults while writing", 1000.0), ("faults while reading", 1000.0)];
        assert_eq!(judged(&eager, true, false).verdict, Verdict::Holds);
        let shared = judged(&[("offset after the child's read", 100.0)], true, false);
        assert!(shared.because.contains("offset to 100"), "{}", shared.because);
        let stuck = judged(&[], true, true);
        assert!(stuck.because.contains("was not copied"), "{}", stuck.because);
        let copied = judged(&[("threads of the child", 2.0)], true, true);
        assert_eq!(copied.verdict, Verdict::Holds);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
