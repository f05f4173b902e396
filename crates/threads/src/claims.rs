//! What people say about threads, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "path-of-execution",
        number: 5,
        says: "A thread is one path of execution inside a process.",
        expected: Verdict::Holds,
        nuance: "What belongs to the path: registers, stack, thread-local variables, errno, the \
                 signal mask and the scheduling attributes. The rest is the process's.",
        judge: path_of_execution,
        cannot_turn: None,
    },
    Claim {
        id: "threads-inside-processes",
        number: 6,
        says: "Threads live inside processes, one or more in each.",
        expected: Verdict::Caveat,
        nuance: "The kernel's own threads belong to no program. To Linux both are tasks: a process \
                 is a group of tasks with one id, and its first thread may end before the others.",
        judge: threads_inside_processes,
        cannot_turn: None,
    },
    Claim {
        id: "stack-inside-process",
        number: 14,
        says: "A thread's stack lies in the address space of its process.",
        expected: Verdict::Holds,
        nuance: "It is private by agreement only. Its size is reserved; pages come when they are \
                 first used. Newer C libraries guard it without a mapping that could be seen.",
        judge: stack_inside_process,
        cannot_turn: None,
    },
];

fn path_of_execution(facts: &Evidence) -> Result<Judgement, Absent> {
    if !facts.truth("each stack pointer is in its own stack")? {
        return Ok(Judgement::does_not_hold(
            "a stack pointer was not found in the stack of its own thread alone",
        ));
    }
    let own = ["thread-local variable is private", "errno is private", "signal mask is private"];
    for fact in own {
        if !facts.truth(fact)? {
            return Ok(Judgement::does_not_hold(format!("it was not seen that the {fact}")));
        }
    }
    let (reader, locker) = (facts.text("the reader waits in")?, facts.text("the locker waits in")?);
    if reader == locker && !facts.truth("program counters differ")? {
        return Ok(Judgement::inconclusive(format!(
            "both threads waited at the same place, in {reader}, as one path could"
        )));
    }
    Ok(Judgement::holds(format!(
        "at one moment one thread of a process waited in {reader} and another in {locker}, each on \
         a stack of its own"
    )))
}

const KERNEL_THREAD: &str = "kernel thread without memory";

fn threads_inside_processes(facts: &Evidence) -> Result<Judgement, Absent> {
    let started = facts.number("threads started")?;
    let (pids, tids) = (facts.number("process ids")?, facts.number("thread ids")?);
    let listed = facts.number("threads listed by the kernel")?;
    let figures = format!("{} threads had {pids} process id and {tids} thread ids", started + 1.0);
    if pids != 1.0 || tids != started + 1.0 || listed != tids {
        return Ok(Judgement::does_not_hold(format!("{figures}; the kernel listed {listed}")));
    }
    if facts.truth("main returns: worker finishes")? {
        return Ok(match facts.truth("main returns: main has ended")? {
            true => Judgement::does_not_hold("a worker went on after main had returned"),
            false => Judgement::inconclusive("the worker was let go before main had ended"),
        });
    }
    let mut but = Vec::new();
    if facts.truth("main's thread ends alone: worker finishes")? {
        but.push("a process ran on without its first thread");
    }
    // In a container's pid namespace the kernel's threads cannot be seen, which decides nothing.
    if !matches!(facts.truth(KERNEL_THREAD), Err(Absent::Declared { .. }))
        && facts.truth(KERNEL_THREAD)?
    {
        but.push("the kernel has threads that are in no program");
    }
    Ok(if but.is_empty() {
        Judgement::holds(figures)
    } else {
        Judgement::caveat(format!("{figures}, but {}", but.join(", and ")))
    })
}

fn stack_inside_process(facts: &Evidence) -> Result<Judgement, Absent> {
    let (all, inside) =
        (facts.number("stacks looked at")?, facts.number("locals inside the process's mappings")?);
    let found = format!("{inside} of {all} stacks were found in the process's mappings");
    if inside < all {
        return Ok(Judgement::does_not_hold(found));
    }
    if !facts.truth("write to another stack arrives")? {
        return Ok(Judgement::does_not_hold(
            "what one thread wrote to another's stack did not arrive there",
        ));
    }
    Ok(Judgement::holds(format!("{found}, and another thread could write there")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    fn paths(locker: &str, own_stack: bool, errno: bool) -> Evidence {
        Evidence::new()
            .fact("the reader waits in", "read")
            .fact("the locker waits in", locker)
            .fact("program counters differ", locker != "read")
            .fact("each stack pointer is in its own stack", own_stack)
            .fact("thread-local variable is private", true)
            .fact("errno is private", errno)
            .fact("signal mask is private", true)
    }

    #[test]
    fn paths_hold_only_if_all_is_private() {
        let id = "path-of-execution";
        assert_eq!(verdict(id, &paths("futex", true, true)), Verdict::Holds);
        assert_eq!(verdict(id, &paths("futex", false, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &paths("futex", true, false)), Verdict::DoesNotHold);
    }

    #[test]
    fn two_threads_at_one_place_decide_nothing() {
        assert_eq!(verdict("path-of-execution", &paths("read", true, true)), Verdict::Inconclusive);
    }

    #[test]
    fn a_kernel_that_hides_registers_is_inconclusive() {
        let facts = Evidence::new().missing("each stack pointer is in its own stack", "hidden");
        assert_eq!(verdict("path-of-execution", &facts), Verdict::Inconclusive);
    }

    fn containment(pids: u32, listed: u32, outlives: bool, alone: bool) -> Evidence {
        Evidence::new()
            .fact("threads started", 3)
            .fact("process ids", pids)
            .fact("thread ids", 4)
            .fact("threads listed by the kernel", listed)
            .fact("main returns: main has ended", true)
            .fact("main returns: worker finishes", outlives)
            .fact("main's thread ends alone: worker finishes", alone)
    }

    #[test]
    fn threads_with_several_process_ids_are_not_inside_one_process() {
        let id = "threads-inside-processes";
        let kernel = |facts: Evidence, seen| facts.fact(KERNEL_THREAD, seen);
        assert_eq!(verdict(id, &kernel(containment(1, 4, false, true), true)), Verdict::Caveat);
        assert_eq!(verdict(id, &kernel(containment(1, 4, false, false), false)), Verdict::Holds);
        assert_eq!(verdict(id, &containment(4, 4, false, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &containment(1, 3, false, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &containment(1, 4, true, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &containment(1, 4, false, true)), Verdict::Failed);
        let hidden = containment(1, 4, false, true).missing(KERNEL_THREAD, "a pid namespace");
        assert_eq!(verdict(id, &hidden), Verdict::Caveat);
    }

    #[test]
    fn a_worker_that_was_let_go_too_early_decides_nothing() {
        let early = containment(1, 4, true, true);
        let mut facts = Evidence::new().fact("main returns: main has ended", false);
        facts.merge(early);
        assert_eq!(verdict("threads-inside-processes", &facts), Verdict::Inconclusive);
    }

    #[test]
    fn a_stack_must_be_mapped_and_reachable_however_an_overflow_ends() {
        let verdict = |inside: u32, reached: bool| {
            let facts = Evidence::new()
                .fact("stacks looked at", 3)
                .fact("locals inside the process's mappings", inside)
                .fact("write to another stack arrives", reached);
            verdict("stack-inside-process", &facts)
        };
        assert_eq!(verdict(3, true), Verdict::Holds);
        assert_eq!(verdict(2, true), Verdict::DoesNotHold);
        assert_eq!(verdict(3, false), Verdict::DoesNotHold);
    }
}
