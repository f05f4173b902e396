//! What people say about the cost of making threads and processes, and the criteria by which the
//! facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "thread-creation-faster",
        number: 18,
        says: "Making a thread is faster than making a process.",
        expected: Verdict::Caveat,
        nuance: "True of fork and of starting a program. A process that borrows the address space \
                 of its parent costs about as much as a thread: the price is that of the copied \
                 page tables and of loading the program, not of being a process.",
        judge: thread_creation_faster,
        cannot_turn: None,
    },
    Claim {
        id: "creation-slow-by-allocation",
        number: 19,
        says: "Processes are slow to make because memory must be allocated.",
        expected: Verdict::DoesNotHold,
        nuance: "fork copies and write-protects one page-table entry for every private page that \
                 is in use. Memory that is mapped but not touched, or shared, is skipped, and a \
                 huge page takes one entry instead of 512.",
        judge: creation_slow_by_allocation,
        cannot_turn: None,
    },
    Claim {
        id: "thread-needs-only-a-stack",
        number: 21,
        says: "A new thread needs a stack and nothing else.",
        expected: Verdict::DoesNotHold,
        nuance: "It gets a task with an id and a second stack in the kernel, thread-local \
                 variables, guard pages, a stack for signal handlers, and an arena of the \
                 allocator. The stack itself costs the two or three pages that are touched.",
        judge: thread_needs_only_a_stack,
        cannot_turn: Some(
            "the kernel gives every task a stack of its own, whatever a program does",
        ),
    },
];

/// A process has to cost this many times a thread before "faster" is said.
const FORK_FASTER: f64 = 1.5;
/// The same for starting a program.
const SPAWN_FASTER: f64 = 5.0;
/// A process that costs less than this many threads is as cheap as a thread.
const AS_CHEAP: f64 = 2.0;

fn thread_creation_faster(facts: &Evidence) -> Result<Judgement, Absent> {
    let fork = facts.samples("fork / thread")?;
    let spawn = facts.samples("posix_spawn / thread")?;
    let borrowed = facts.samples("vfork-style clone / thread")?;
    let costs =
        format!("fork costs {:.1} threads ({fork}), posix_spawn {:.1}", fork.median, spawn.median);
    let borrows = format!("a process in the parent's address space {:.1}", borrowed.median);
    Ok(if fork.is_below(1.0) || spawn.is_below(1.0) {
        Judgement::does_not_hold(costs)
    } else if !fork.is_above(FORK_FASTER) || !spawn.is_above(SPAWN_FASTER) {
        Judgement::undecided(format!("{costs}: too close to call"))
    } else if borrowed.is_below(AS_CHEAP) {
        Judgement::caveat(format!("{costs}, but {borrows}"))
            .briefly(format!("but a vfork-style process costs {:.1} threads", borrowed.median))
    } else if borrowed.is_above(AS_CHEAP) {
        Judgement::holds(format!("{costs}, {borrows}"))
    } else {
        Judgement::undecided(format!("{costs}, {borrows} ({borrowed}): too close to call"))
    })
}

/// From this factor on a fork has become slow.
const SLOW: f64 = 3.0;
/// What makes it slow makes it so much slower.
const MUCH_SLOWER: f64 = 20.0;
/// What changes nothing stays below this.
const UNCHANGED: f64 = 2.0;

fn creation_slow_by_allocation(facts: &Evidence) -> Result<Judgement, Absent> {
    let mib = facts.number("parent's memory")?;
    let strayed = facts.number("touched, of what was to be only mapped")?;
    if strayed > 0.0 {
        return Ok(Judgement::inconclusive(format!(
            "{strayed:.0} % of the memory that was to be only mapped were touched"
        )));
    }
    let untouched = facts.samples("mapped / nothing")?;
    let touched = facts.samples("all of it, touched / nothing")?;
    let shared = facts.samples("touched, but shared / nothing")?;
    let spawn = facts.samples("posix_spawn, large / small")?;
    let figures = format!(
        "{mib} MiB make fork {:.1} times as slow when they are only mapped, {:.0} times when \
         touched, {:.1} times when shared",
        untouched.median, touched.median, shared.median
    );
    let huge = match facts.truth("huge pages given")? {
        true => {
            format!(
                ", {:.1} times in huge pages",
                facts.number("touched, in huge pages / nothing")?
            )
        }
        false => String::new(),
    };
    let unchanged = shared.is_below(SLOW) && spawn.is_below(UNCHANGED) && untouched.is_below(SLOW);
    Ok(if untouched.is_above(SLOW) {
        Judgement::holds(figures)
    } else if touched.is_above(MUCH_SLOWER) && unchanged {
        Judgement::does_not_hold(format!(
            "{figures}{huge}: it copies page-table entries; posix_spawn does not ({:.1})",
            spawn.median
        ))
    } else {
        let spawn = spawn.median;
        Judgement::undecided(format!("{figures}, and posix_spawn {spawn:.1}: no clear picture"))
    })
}

fn thread_needs_only_a_stack(facts: &Evidence) -> Result<Judgement, Absent> {
    /// A stack and its guard.
    const STACK: f64 = 2.0;
    let mappings = facts.number("new mappings")?;
    let added = format!("one thread added {mappings} mappings to the address space");
    match facts.number("kernel stack") {
        Ok(kernel) if mappings > STACK || kernel > 0.0 => Ok(Judgement::does_not_hold(format!(
            "{added}, and {kernel:.0} KiB of stack in the kernel"
        ))),
        Ok(_) => Ok(Judgement::holds(format!("{added}, and nothing in the kernel"))),
        // Either of the two refutes it alone.
        Err(Absent::Declared { why, .. }) if mappings > STACK => {
            Ok(Judgement::does_not_hold(format!("{added}; the kernel's stack is unknown: {why}")))
        }
        Err(absent) => Err(absent),
    }
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn verdict(id: &str, facts: Evidence) -> Judgement {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(&facts)
    }

    /// Samples that lie within a tenth of `median`.
    fn about(median: f64) -> Summary {
        Summary::of(vec![median * 0.95, median, median * 1.05]).unwrap()
    }

    fn table(borrowed: f64, fork: f64, spawn: f64) -> Judgement {
        let facts = Evidence::new()
            .sampled("vfork-style clone / thread", about(borrowed), "")
            .sampled("fork / thread", about(fork), "")
            .sampled("posix_spawn / thread", about(spawn), "");
        verdict("thread-creation-faster", facts)
    }

    #[test]
    fn a_borrowing_process_as_cheap_as_a_thread_is_a_caveat() {
        assert_eq!(table(0.9, 6.0, 20.0).verdict, Verdict::Caveat);
        assert_eq!(table(4.0, 6.0, 20.0).verdict, Verdict::Holds);
        assert_eq!(table(2.0, 6.0, 20.0).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_fork_cheaper_than_a_thread_refutes_it() {
        assert_eq!(table(0.5, 0.8, 20.0).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn what_is_close_or_not_to_be_trusted_decides_nothing() {
        assert_eq!(table(0.9, 1.5, 20.0).verdict, Verdict::Inconclusive);
        let facts = Evidence::new().missing("fork / thread", "a thread took 1.3 times itself");
        let judgement = verdict("thread-creation-faster", facts);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert!(judgement.because.contains("1.3 times itself"), "{}", judgement.because);
    }

    fn sweep(untouched: f64, touched: f64, shared: f64, spawn: f64) -> Judgement {
        let facts = Evidence::new()
            .measured("parent's memory", 256, "MiB")
            .measured("touched, of what was to be only mapped", 0, "%")
            .sampled("mapped / nothing", about(untouched), "")
            .sampled("all of it, touched / nothing", about(touched), "")
            .sampled("touched, but shared / nothing", about(shared), "")
            .sampled("posix_spawn, large / small", about(spawn), "")
            .fact("huge pages given", touched > 50.0)
            .sampled("touched, in huge pages / nothing", about(2.5), "");
        verdict("creation-slow-by-allocation", facts)
    }

    #[test]
    fn touched_private_pages_alone_make_fork_slow() {
        assert_eq!(sweep(1.0, 80.0, 1.0, 1.0).verdict, Verdict::DoesNotHold);
        assert_eq!(sweep(1.0, 80.0, 50.0, 1.0).verdict, Verdict::Inconclusive);
        assert_eq!(sweep(1.0, 4.0, 1.0, 1.0).verdict, Verdict::Inconclusive);
        assert_eq!(sweep(1.0, 80.0, 2.9, 1.0).verdict, Verdict::Inconclusive);
        assert_eq!(sweep(50.0, 80.0, 1.0, 1.0).verdict, Verdict::Holds);
    }

    #[test]
    fn memory_that_was_touched_decides_nothing_about_what_is_only_mapped() {
        let facts = Evidence::new().measured("parent's memory", 256, "MiB").measured(
            "touched, of what was to be only mapped",
            100,
            "%",
        );
        let verdict = verdict("creation-slow-by-allocation", facts).verdict;
        assert_eq!(verdict, Verdict::Inconclusive);
    }

    #[test]
    fn huge_pages_are_named_where_they_were_given() {
        assert!(sweep(1.0, 80.0, 1.0, 1.0).because.contains("2.5 times in huge pages"));
        assert!(!sweep(1.0, 40.0, 1.0, 1.0).because.contains("huge"));
    }

    #[test]
    fn either_a_mapping_or_a_kernel_stack_is_more_than_a_stack() {
        let thread = |mappings: i32, kernel: f64| {
            let facts = Evidence::new().fact("new mappings", mappings).fact("kernel stack", kernel);
            verdict("thread-needs-only-a-stack", facts).verdict
        };
        assert_eq!(thread(6, 16.0), Verdict::DoesNotHold);
        assert_eq!(thread(2, 16.0), Verdict::DoesNotHold);
        assert_eq!(thread(6, 0.0), Verdict::DoesNotHold);
        assert_eq!(thread(1, 0.0), Verdict::Holds);
        let unknown = |mappings: i32| {
            let facts = Evidence::new().fact("new mappings", mappings);
            verdict("thread-needs-only-a-stack", facts.missing("kernel stack", "others moved it"))
        };
        assert_eq!(unknown(6).verdict, Verdict::DoesNotHold);
        assert_eq!(unknown(2).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
