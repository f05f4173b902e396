//! What people say about coroutines, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "coroutines-are-cooperative",
        number: 54,
        says: "The system manages threads, the application its coroutines, cooperatively.",
        expected: Verdict::Caveat,
        nuance: "The thread below is still the system's: where a task blocks it, all its tasks \
                 stand still. Most runtimes spread tasks over several threads. Some do not rely on \
                 manners alone: Go interrupts a goroutine since 1.14, Erlang counts a process's \
                 calls, Tokio gives each task a budget.",
        judge: coroutines_are_cooperative,
        cannot_turn: None,
    },
    Claim {
        id: "coroutines-finer-control",
        number: 55,
        says: "Coroutines give finer control over the order of execution.",
        expected: Verdict::Holds,
        nuance: "The control is that nothing changes between two awaits. The price: every function \
                 that may wait must say so, every await is a place where the task may end, and \
                 with several threads below, the order is as open as theirs.",
        judge: coroutines_finer_control,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn coroutines_are_cooperative(facts: &Evidence) -> Result<Judgement, Absent> {
    let tasks = facts.number("executor: tasks under way at once")?;
    let added = facts.number("executor: threads that the tasks added")?;
    let ran_on = facts.number("executor: threads that ran tasks")?;
    let starved = facts.number("starve: steps beside a task that does not await")?;
    let polite = facts.number("starve: steps beside a task that awaits")?;
    let preempted = facts.truth("starve: another thread ran beside one that computes")?;
    let blocked = facts.number("blocking: steps beside a task that blocks")?;
    let situations = facts.truth("starve: the other task ran before")?
        && facts.truth("starve: the other thread ran before")?
        && facts.truth("starve: both threads were on the same CPU")?
        && facts.truth("blocking: the other task ran before")?;
    let threads = if preempted { "another thread ran" } else { "no other thread ran" };
    let seen = format!(
        "{tasks:.0} tasks on {ran_on:.0} thread; beside one that computes {threads}, and another \
         task took {starved:.0} steps"
    );
    Ok(if !situations {
        Judgement::undecided("the tasks or threads were not under way together on one CPU")
    } else if tasks < 2.0 || added > 0.0 || ran_on > 1.0 || starved > 0.0 || polite == 0.0 {
        Judgement::does_not_hold(format!("{seen}; {polite:.0} beside one that awaits"))
    } else if !preempted {
        Judgement::does_not_hold(seen)
    } else if blocked == 0.0 {
        Judgement::caveat(format!("{seen}; a blocking call stops all tasks of its thread"))
            .briefly("but a call that blocks the thread stops all its tasks")
    } else {
        Judgement::holds(seen)
    })
}
// ANCHOR_END: criterion

fn coroutines_finer_control(facts: &Evidence) -> Result<Judgement, Absent> {
    let tasks = facts.number("order: different traces of tasks")?;
    let runs = facts.number("order: runs of tasks")?;
    let several = facts.truth("order: more than one trace of threads")?;
    let threads = facts.number("order: different traces of threads")?;
    let of = facts.number("order: runs of threads")?;
    let halves = facts.number("cancel: steps left half done")?;
    let cancelled = facts.number("cancel: tasks dropped while they wait")?;
    let freed = facts.number("cancel: destructors that ran")?;
    let seen = format!(
        "tasks took {tasks:.0} order in {runs:.0} runs, threads {threads:.0} in {of:.0}; of \
         {cancelled:.0} tasks dropped at an await {freed:.0} gave back what they held"
    );
    Ok(if cancelled == 0.0 {
        Judgement::inconclusive("no task could be dropped at an await")
    } else if tasks != 1.0 || freed < cancelled {
        Judgement::does_not_hold(seen)
    } else if halves > 0.0 {
        Judgement::does_not_hold(format!("{seen}, and {halves:.0} left a step half done"))
    } else if !several {
        Judgement::inconclusive(format!("{seen}: nothing to compare with"))
    } else {
        Judgement::holds(seen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(added: u32, starved: u32, polite: u32, preempted: bool, blocked: u32) -> Verdict {
        let facts = Evidence::new()
            .fact("executor: tasks under way at once", 1000)
            .fact("executor: threads that the tasks added", added)
            .fact("executor: threads that ran tasks", 1)
            .fact("starve: steps beside a task that does not await", starved)
            .fact("starve: steps beside a task that awaits", polite)
            .fact("starve: another thread ran beside one that computes", preempted)
            .fact("starve: the other task ran before", true)
            .fact("starve: the other thread ran before", true)
            .fact("starve: both threads were on the same CPU", polite != 8)
            .fact("blocking: the other task ran before", polite != 7)
            .fact("blocking: steps beside a task that blocks", blocked);
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn cooperative_is_who_is_never_interrupted() {
        assert_eq!(managed(0, 0, 60, true, 0), Verdict::Caveat);
        assert_eq!(managed(0, 0, 60, true, 5), Verdict::Holds);
        assert_eq!(managed(4, 0, 60, true, 0), Verdict::DoesNotHold);
        assert_eq!(managed(0, 9, 60, true, 0), Verdict::DoesNotHold);
        assert_eq!(managed(0, 0, 0, true, 0), Verdict::DoesNotHold);
        assert_eq!(managed(0, 0, 60, false, 0), Verdict::DoesNotHold);
        assert_eq!(managed(0, 0, 7, true, 0), Verdict::Inconclusive);
        assert_eq!(managed(0, 0, 8, true, 0), Verdict::Inconclusive);
    }

    fn control(tasks: u32, threads: u32, freed: u32, halves: u32) -> Verdict {
        cancelled(5, tasks, threads, freed, halves)
    }

    fn cancelled(dropped: u32, tasks: u32, threads: u32, freed: u32, halves: u32) -> Verdict {
        let facts = Evidence::new()
            .fact("order: different traces of tasks", tasks)
            .fact("order: runs of tasks", 1000)
            .fact("order: more than one trace of threads", threads > 1)
            .fact("order: different traces of threads", threads)
            .fact("order: runs of threads", 100)
            .fact("cancel: tasks dropped while they wait", dropped)
            .fact("cancel: destructors that ran", freed)
            .fact("cancel: steps left half done", halves);
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn control_is_one_order_and_no_half_step() {
        assert_eq!(control(1, 40, 5, 0), Verdict::Holds);
        assert_eq!(control(1, 1, 5, 0), Verdict::Inconclusive);
        assert_eq!(control(6, 40, 5, 0), Verdict::DoesNotHold);
        assert_eq!(control(1, 40, 4, 0), Verdict::DoesNotHold);
        assert_eq!(control(1, 40, 5, 3), Verdict::DoesNotHold);
        assert_eq!(cancelled(0, 1, 40, 0, 0), Verdict::Inconclusive);
    }
}
