//! What people say about the cost of making threads and processes, and the criteria by which the
//! facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Value, Verdict};

/// How far a thread's cost may be from its own when it is measured twice in turn.
pub const NOISE: f64 = 0.1;

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
        cannot_turn: None,
    },
];

/// A process has to cost this many times a thread before "faster" is said.
const FORK_FASTER: f64 = 1.5;
/// The same for starting a program.
const SPAWN_FASTER: f64 = 5.0;
/// A process that costs less than this many threads is as cheap as a thread.
const AS_CHEAP: f64 = 2.0;

fn thread_creation_faster(facts: &Evidence) -> Result<Judgement, Absent> {
    let control = facts.number("thread again / thread")?;
    if (control - 1.0).abs() >= NOISE {
        let attempts = facts.number("attempts")?;
        return Ok(Judgement::inconclusive(format!(
            "too noisy: in each of {attempts} attempts a thread's cost differed from itself, at \
             last {control:.2} times"
        )));
    }
    let fork = facts.number("fork / thread")?;
    let spawn = facts.number("posix_spawn / thread")?;
    let borrowed = facts.number("vfork-style clone / thread")?;
    let costs = format!("fork costs {fork:.1} threads, posix_spawn {spawn:.1}");
    Ok(if fork < 1.0 || spawn < 1.0 {
        Judgement::does_not_hold(costs)
    } else if fork < FORK_FASTER || spawn < SPAWN_FASTER {
        Judgement::inconclusive(format!("{costs}: too close to call"))
    } else if borrowed < AS_CHEAP {
        Judgement::caveat(format!(
            "{costs}, but a process in the parent's address space {borrowed:.1}"
        ))
    } else {
        Judgement::holds(format!("{costs}, a process in the parent's address space {borrowed:.1}"))
    })
}

fn creation_slow_by_allocation(facts: &Evidence) -> Result<Judgement, Absent> {
    let mib = facts.number("parent's memory")?;
    let untouched = facts.number("mapped, not touched / nothing")?;
    let touched = facts.number("all of it, touched / nothing")?;
    let shared = facts.number("touched, but shared / nothing")?;
    let spawn = facts.number("posix_spawn, large / small")?;
    let figures = format!(
        "{mib} MiB make fork {untouched:.1} times as slow when they are only mapped, \
         {touched:.0} times when touched, {shared:.1} times when shared"
    );
    let huge = match facts.value("huge pages given") {
        Ok(Value::Truth(true)) => {
            format!(
                ", {:.1} times in huge pages",
                facts.number("touched, in huge pages / nothing")?
            )
        }
        Ok(_) | Err(Absent::Declared(_)) => String::new(),
        Err(failure) => return Err(failure),
    };
    Ok(if untouched >= 3.0 {
        Judgement::holds(figures)
    } else if touched >= 20.0 && shared <= 3.0 && spawn <= 2.0 {
        Judgement::does_not_hold(format!(
            "{figures}{huge}: it copies page-table entries; posix_spawn does not ({spawn:.1})"
        ))
    } else {
        Judgement::inconclusive(format!("{figures}, and posix_spawn {spawn:.1}: no clear picture"))
    })
}

fn thread_needs_only_a_stack(facts: &Evidence) -> Result<Judgement, Absent> {
    let mappings = facts.number("new mappings")?;
    let kernel = facts.number("kernel stack")?;
    Ok(if mappings >= 3.0 && kernel >= 4.0 {
        Judgement::does_not_hold(format!(
            "one thread added {mappings} mappings to the address space, and {kernel:.0} KiB of \
             stack in the kernel"
        ))
    } else {
        Judgement::holds(format!(
            "one thread added {mappings} mappings, and {kernel:.0} KiB in the kernel"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: Evidence) -> Judgement {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(&facts)
    }

    fn table(control: f64, borrowed: f64, fork: f64, spawn: f64) -> Judgement {
        let facts = Evidence::new()
            .fact("attempts", 3)
            .fact("thread again / thread", control)
            .fact("vfork-style clone / thread", borrowed)
            .fact("fork / thread", fork)
            .fact("posix_spawn / thread", spawn);
        verdict("thread-creation-faster", facts)
    }

    #[test]
    fn a_borrowing_process_as_cheap_as_a_thread_is_a_caveat() {
        assert_eq!(table(1.01, 0.9, 6.0, 20.0).verdict, Verdict::Caveat);
        assert_eq!(table(0.99, 4.0, 6.0, 20.0).verdict, Verdict::Holds);
    }

    #[test]
    fn a_fork_cheaper_than_a_thread_refutes_it() {
        assert_eq!(table(1.0, 0.5, 0.8, 20.0).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn a_thread_that_differs_from_itself_decides_nothing() {
        let judgement = table(1.3, 0.9, 6.0, 20.0);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert!(judgement.because.contains("3 attempts"), "{}", judgement.because);
        assert_eq!(table(1.0, 0.9, 1.2, 20.0).verdict, Verdict::Inconclusive);
    }

    fn sweep(untouched: f64, touched: f64, shared: f64, spawn: f64) -> Judgement {
        let facts = Evidence::new()
            .measured("parent's memory", 256, "MiB")
            .fact("mapped, not touched / nothing", untouched)
            .fact("all of it, touched / nothing", touched)
            .fact("touched, but shared / nothing", shared)
            .fact("posix_spawn, large / small", spawn)
            .missing("huge pages given", "there are none");
        verdict("creation-slow-by-allocation", facts)
    }

    #[test]
    fn touched_private_pages_alone_make_fork_slow() {
        assert_eq!(sweep(1.0, 80.0, 1.0, 1.0).verdict, Verdict::DoesNotHold);
        assert_eq!(sweep(1.0, 80.0, 50.0, 1.0).verdict, Verdict::Inconclusive);
        assert_eq!(sweep(1.0, 4.0, 1.0, 1.0).verdict, Verdict::Inconclusive);
        assert_eq!(sweep(50.0, 80.0, 1.0, 1.0).verdict, Verdict::Holds);
    }

    #[test]
    fn one_mapping_would_be_nothing_but_a_stack() {
        let thread = |mappings: i32, kernel: f64| {
            let facts = Evidence::new().fact("new mappings", mappings).fact("kernel stack", kernel);
            verdict("thread-needs-only-a-stack", facts).verdict
        };
        assert_eq!(thread(6, 16.0), Verdict::DoesNotHold);
        assert_eq!(thread(1, 0.0), Verdict::Holds);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
