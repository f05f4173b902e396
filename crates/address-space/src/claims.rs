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
                 and Sync demand at compile time. Thread-local variables are a copy for each.",
        judge: threads_share_memory,
        cannot_turn: None,
    },
];

fn own_address_space(facts: &Evidence) -> Result<Judgement, Absent> {
    let (child, parent) =
        (facts.number("fork: value in the child")?, facts.number("fork: value in the parent")?);
    let values = format!("after fork the child had {child} and the parent {parent}");
    if !facts.truth("fork: both use the same address")? || child == parent {
        return Ok(Judgement::does_not_hold(values));
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

fn threads_share_memory(facts: &Evidence) -> Result<Judgement, Absent> {
    if !facts.truth("threads: both use the same address")?
        || !facts.truth("thread: other sees the write")?
    {
        return Ok(Judgement::does_not_hold("a thread's write did not reach another thread"));
    }
    let (all, right) =
        (facts.number("published items")?, facts.number("published items read right")?);
    let figures = format!("{right} of {all} items were read right with Release and Acquire");
    if right < all {
        return Ok(Judgement::does_not_hold(figures));
    }
    Ok(if facts.truth("thread-local: other sees the write")? {
        Judgement::holds(figures)
    } else {
        Judgement::caveat(format!(
            "writes to statics, stack and heap were seen, {figures}; a thread-local was not shared"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(facts: Evidence) -> Verdict {
        CLAIMS[0].verdict(&facts).verdict
    }

    fn forked(parent: u32, shared: bool) -> Evidence {
        Evidence::new()
            .fact("fork: both use the same address", true)
            .fact("fork: value in the child", 42)
            .fact("fork: value in the parent", parent)
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
        assert_eq!(own(cloned(forked(42, true), true)), Verdict::DoesNotHold);
    }

    #[test]
    fn each_way_to_share_is_a_caveat() {
        assert_eq!(own(cloned(forked(0, true), false)), Verdict::Caveat);
        assert_eq!(own(cloned(forked(0, false), true)), Verdict::Caveat);
        assert_eq!(own(cloned(forked(0, false), false)), Verdict::Holds);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(own(forked(0, true)), Verdict::Failed);
    }

    fn threads(seen: bool, right: u32, local: bool) -> Verdict {
        let facts = Evidence::new()
            .fact("threads: both use the same address", true)
            .fact("thread: other sees the write", seen)
            .fact("thread-local: other sees the write", local)
            .fact("published items", 100)
            .fact("published items read right", right);
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn threads_share_if_every_write_arrives() {
        assert_eq!(threads(true, 100, false), Verdict::Caveat);
        assert_eq!(threads(true, 100, true), Verdict::Holds);
        assert_eq!(threads(true, 99, false), Verdict::DoesNotHold);
        assert_eq!(threads(false, 100, false), Verdict::DoesNotHold);
    }
}
