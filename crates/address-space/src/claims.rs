//! What people say about address spaces, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "own-address-space",
        number: 11,
        says: "Each process has an address space of its own.",
        expected: Verdict::Caveat,
        nuance: "What is its own is the map, not the memory: after fork, pages are shared until \
                 someone writes, program text and shared mappings stay shared, and CLONE_VM makes \
                 two processes with one map, as posix_spawn does for a moment.",
        judge: own_address_space,
        cannot_turn: None,
    },
    Claim {
        id: "threads-share-memory",
        number: 13,
        says: "The threads of a process share its memory.",
        expected: Verdict::Caveat,
        nuance: "When and in which order a write is seen takes synchronisation, which Rust's Send \
                 and Sync demand at compile time. A thread-local is one variable for each thread, \
                 in memory that all can reach.",
        judge: threads_share_memory,
        cannot_turn: None,
    },
];

fn own_address_space(facts: &Evidence) -> Result<Judgement, Absent> {
    let before = facts.number("fork: value before")?;
    let child = facts.number("fork: value in the child")?;
    let parent = facts.number("fork: value in the parent")?;
    let values = format!("after fork the child had {child} and the parent {parent}");
    if !facts.truth("fork: both use the same address")? {
        return Ok(Judgement::inconclusive("parent and child looked at two addresses"));
    }
    if child == before {
        return Ok(Judgement::inconclusive(format!("{values}: nobody wrote")));
    }
    if parent != before && parent != child {
        return Ok(Judgement::inconclusive(format!("{values}: that is not what the child wrote")));
    }
    if parent != before {
        return Ok(Judgement::does_not_hold(format!("{values}: the write reached the parent")));
    }
    if !facts.truth("mappings: the child wrote to both")? {
        return Ok(Judgement::inconclusive("the child did not write to both pages"));
    }
    if facts.truth("private mapping: other sees the write")? {
        return Ok(Judgement::does_not_hold("a write to a private mapping reached the parent"));
    }
    let mut but = Vec::new();
    if facts.truth("shared mapping: other sees the write")? {
        but.push("a shared mapping was the same memory in both");
    }
    if facts.truth("clone-vm: other sees the write")?
        && facts.truth("clone-vm: a process of its own")?
    {
        but.push("two processes made with CLONE_VM had one address space");
    }
    let values = format!("{values} at the same address");
    Ok(if but.is_empty() {
        Judgement::holds(values)
    } else {
        Judgement::caveat(format!("{values}, but {}", but.join(", and ")))
    })
}

// ANCHOR: criterion
fn threads_share_memory(facts: &Evidence) -> Result<Judgement, Absent> {
    if !facts.truth("thread: the writer wrote")? {
        return Ok(Judgement::inconclusive("the thread that should write did not"));
    }
    if !facts.truth("threads: both use the same address")? {
        return Ok(Judgement::inconclusive("the two threads looked at two addresses"));
    }
    if !facts.truth("thread: other sees the write")? {
        return Ok(Judgement::does_not_hold("a thread's write did not reach another thread"));
    }
    if !facts.truth("read while the writer wrote")? {
        return Ok(Judgement::undecided("the reader began when the writer had ended"));
    }
    let (all, right) = (facts.number("items published")?, facts.number("items read right")?);
    let by = facts.text("items published by")?;
    let figures = format!("{right} of {all} items were read right by {by} while both ran");
    if right < all && by == "Release and Acquire" {
        return Ok(Judgement::does_not_hold(figures));
    }
    let unseen = facts.number("control: rounds in which neither saw it");
    if unseen.is_ok_and(|rounds| rounds > 0.0) {
        let control = facts.text("control: written and read by")?;
        let unseen = format!("two writes were both unseen by {control}, the control");
        return Ok(match control {
            "SeqCst" => Judgement::does_not_hold(unseen),
            _ => Judgement::inconclusive(unseen),
        });
    }
    // That memory is shared is seen by now. What is open is whether a late write is seen here, too.
    let neither = match facts.number("rounds in which neither saw the other's write") {
        Err(Absent::Declared { why, .. }) => {
            let unseen =
                format!("{figures}; whether a write is seen late is not shown here: {why}");
            return Ok(Judgement::caveat(unseen).briefly("but when a write is seen is not shown"));
        }
        found => found?,
    };
    let rounds = facts.number("rounds")?;
    let order = facts.text("written and read by")?;
    Ok(if neither > 0.0 {
        Judgement::caveat(format!(
            "{figures}, but in {neither} of {rounds} rounds by {order} neither of two threads saw \
             what the other had just written"
        ))
    } else if order == "SeqCst" {
        Judgement::holds(format!("{figures}, and in {rounds} rounds by {order} no write was late"))
    } else {
        Judgement::caveat(format!(
            "{figures}; a write that is seen late, which {order} allows, was not seen here in \
             {rounds} rounds"
        ))
        .briefly("but a write may be seen late, though none was here")
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn own(facts: Evidence) -> Verdict {
        CLAIMS[0].verdict(&facts).verdict
    }

    fn forked(child: u32, parent: u32, shared: bool) -> Evidence {
        Evidence::new()
            .fact("fork: both use the same address", true)
            .fact("fork: value before", 0)
            .fact("fork: value in the child", child)
            .fact("fork: value in the parent", parent)
            .fact("mappings: the child wrote to both", true)
            .fact("private mapping: other sees the write", false)
            .fact("shared mapping: other sees the write", shared)
    }

    fn cloned(facts: Evidence, seen: bool) -> Evidence {
        facts
            .fact("clone-vm: a process of its own", true)
            .fact("clone-vm: other sees the write", seen)
    }

    #[test]
    fn a_write_that_reaches_the_parent_refutes_it() {
        assert_eq!(own(cloned(forked(42, 42, true), true)), Verdict::DoesNotHold);
    }

    #[test]
    fn a_child_that_does_not_write_decides_nothing() {
        assert_eq!(own(cloned(forked(0, 0, true), true)), Verdict::Inconclusive);
        let another = forked(42, 7, true);
        assert_eq!(own(cloned(another, true)), Verdict::Inconclusive, "who wrote 7?");
    }

    #[test]
    fn each_way_to_share_is_a_caveat() {
        assert_eq!(own(cloned(forked(42, 0, true), false)), Verdict::Caveat);
        assert_eq!(own(cloned(forked(42, 0, false), true)), Verdict::Caveat);
        assert_eq!(own(cloned(forked(42, 0, false), false)), Verdict::Holds);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(own(forked(42, 0, true)), Verdict::Failed);
    }

    /// What is found where threads share memory, but for the arguments.
    fn threads(seen: bool, overlap: bool, right: u32, by: &str) -> Evidence {
        Evidence::new()
            .fact("threads: both use the same address", true)
            .fact("thread: the writer wrote", true)
            .fact("thread: other sees the write", seen)
            .fact("read while the writer wrote", overlap)
            .fact("items published", 100)
            .fact("items read right", right)
            .fact("items published by", by)
    }

    fn rounds(facts: Evidence, order: &str, neither: u32, by_seq_cst: u32) -> Judgement {
        let facts = facts
            .fact("rounds", 1000)
            .fact("written and read by", order)
            .fact("rounds in which neither saw the other's write", neither)
            .fact("control: written and read by", "SeqCst")
            .fact("control: rounds in which neither saw it", by_seq_cst);
        CLAIMS[1].verdict(&facts)
    }

    const ORDERED: &str = "Release and Acquire";

    #[test]
    fn a_write_that_is_seen_late_is_a_caveat() {
        let late = rounds(threads(true, true, 100, ORDERED), "Relaxed", 7, 0);
        assert_eq!(late.verdict, Verdict::Caveat);
        assert!(late.because.contains("in 7 of 1000 rounds by Relaxed"), "{}", late.because);
        let in_order = rounds(threads(true, true, 100, ORDERED), "SeqCst", 0, 0);
        assert_eq!(in_order.verdict, Verdict::Holds);
        let luck = rounds(threads(true, true, 100, ORDERED), "Relaxed", 0, 0);
        assert_eq!(luck.verdict, Verdict::Caveat, "shared it is, seen late or not");
        assert!(luck.because.contains("was not seen here in 1000 rounds"), "{}", luck.because);
    }

    #[test]
    fn a_write_that_never_arrives_or_arrives_late_against_a_promise_refutes_it() {
        let never = rounds(threads(false, true, 100, ORDERED), "Relaxed", 7, 0);
        assert_eq!(never.verdict, Verdict::DoesNotHold);
        let wrong = rounds(threads(true, true, 99, ORDERED), "Relaxed", 7, 0);
        assert_eq!(wrong.verdict, Verdict::DoesNotHold);
        let broken = rounds(threads(true, true, 100, ORDERED), "Relaxed", 7, 1);
        assert_eq!(broken.verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn the_sentence_names_the_orders_that_were_used() {
        let relaxed = rounds(threads(true, true, 99, "Relaxed and Relaxed"), "Relaxed", 7, 0);
        assert_eq!(relaxed.verdict, Verdict::Caveat);
        assert!(relaxed.because.contains("99 of 100"), "{}", relaxed.because);
        assert!(relaxed.because.contains("Relaxed and Relaxed"), "{}", relaxed.because);
    }

    #[test]
    fn without_overlap_nothing_is_decided_and_without_a_second_cpu_only_the_order_is_not() {
        let late_reader = rounds(threads(true, false, 100, ORDERED), "Relaxed", 7, 0);
        assert_eq!(late_reader.verdict, Verdict::Inconclusive);
        let one_cpu = threads(true, true, 100, ORDERED)
            .missing("rounds in which neither saw the other's write", "one CPU");
        let one_cpu = CLAIMS[1].verdict(&one_cpu);
        assert_eq!(one_cpu.verdict, Verdict::Caveat);
        assert!(one_cpu.because.ends_with("not shown here: one CPU"), "{}", one_cpu.because);
    }
}
