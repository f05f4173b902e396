//! What people say about scheduling, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "smallest-schedulable-unit",
        number: 7,
        says: "The thread is the smallest thing the system schedules.",
        expected: Verdict::Caveat,
        nuance: "Autogroup and cgroups share among groups of threads first, and then the group is \
                 the unit. Coroutines are smaller than threads, but the system does not see them.",
        judge: smallest_unit,
        cannot_turn: None,
    },
    Claim {
        id: "process-own-scheduling",
        number: 10,
        says: "Execution context and scheduling belong to the process.",
        expected: Verdict::DoesNotHold,
        nuance: "On Linux they belong to each thread. POSIX wants one nice value for the whole \
                 process; Linux deviates, and pthreads(7) says so.",
        judge: process_own,
        cannot_turn: None,
    },
    Claim {
        id: "os-schedules",
        number: 50,
        says: "The system schedules processes and threads and keeps the CPUs busy.",
        expected: Verdict::Holds,
        nuance: "It schedules threads. It keeps a CPU busy only with threads that may run there: \
                 who pins threads takes the choice away from it.",
        judge: schedules,
        cannot_turn: None,
    },
    Claim {
        id: "os-considers-priorities",
        number: 51,
        says: "The scheduler respects priorities.",
        expected: Verdict::Holds,
        nuance: "A nice value is a weight, about 1.25 for each step, not a rank, and it counts \
                 inside one group only. Real-time priorities are ranks and outdo every nice value.",
        judge: priorities,
        cannot_turn: None,
    },
    Claim {
        id: "os-is-fair",
        number: 52,
        says: "The scheduler is fair.",
        expected: Verdict::Caveat,
        nuance: "It is fair to threads, or to groups of them, and not to processes or users as \
                 such: with more threads one gets more of a CPU.",
        judge: fair,
        cannot_turn: None,
    },
    Claim {
        id: "os-avoids-starvation",
        number: 53,
        says: "The scheduler lets nobody starve.",
        expected: Verdict::Caveat,
        nuance: "In the fair class everybody gets a turn, however small. A real-time thread leaves \
                 the others only what the kernel keeps back, 5 % by default. And a lock in the \
                 program can starve a thread whatever the scheduler does.",
        judge: starvation,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
/// How many threads the two processes have that want one CPU.
fn sizes(facts: &Evidence) -> Result<[f64; 2], Absent> {
    let of = |which: &str| facts.number(&format!("fairness: threads of the {which} process"));
    Ok([of("first")?, of("second")?])
}

fn smallest_unit(facts: &Evidence) -> Result<Judgement, Absent> {
    let same = facts.number("fairness: seven / one")?;
    let apart = facts.number("fairness: seven / one, own sessions")?;
    let [first, second] = sizes(facts)?;
    let seen =
        format!("a process of {first} threads gets {same:.1} times what one of {second} gets");
    // Half way, as factors, between what equal processes and what equal threads would get.
    let bound = (first / second).max(second / first).sqrt();
    let more = |ratio: f64| if first < second { 1.0 / ratio } else { ratio };
    Ok(if first == second {
        Judgement::inconclusive(format!("{seen}, whatever is counted"))
    } else if facts.truth("fairness: the first two in own sessions")? {
        Judgement::inconclusive(format!("{seen}, each in its own session, which may be a group"))
    } else if more(same) < bound {
        Judgement::does_not_hold(format!("{seen}: threads are not what is counted"))
    } else if more(apart) < 1.8 {
        Judgement::caveat(format!("{seen}, but {apart:.1} times if each process is a group"))
            .briefly("but groups of threads come first")
    } else {
        Judgement::caveat(format!(
            "{seen}, and {apart:.1} times in sessions of their own, which are no groups here; a \
             cgroup is one where the system makes it"
        ))
        .briefly("but a cgroup of threads comes first")
    })
}
// ANCHOR_END: criterion

fn process_own(facts: &Evidence) -> Result<Judgement, Absent> {
    let asked = facts.number("policies: threads that asked")?;
    let nices = facts.number("policies: different nice values")?;
    let policies = facts.number("policies: different policies")?;
    let seen = format!(
        "{asked} threads of one process have {policies} policies and {nices} nice values at a time"
    );
    Ok(if facts.number("policies: different things asked for")? < 2.0 {
        Judgement::inconclusive(format!("{asked} threads did not ask for different ones"))
    } else if nices > 1.0 || policies > 1.0 {
        Judgement::does_not_hold(seen)
    } else {
        Judgement::holds(format!("{asked} threads asked for different ones, and all have the last"))
    })
}

fn schedules(facts: &Evidence) -> Result<Judgement, Absent> {
    let all = facts.number("affinity: CPUs looked at")?;
    let used = facts.number("affinity: CPUs used by free threads")?;
    let preempted = facts.truth("affinity: free threads are preempted")?;
    let idle = facts.number("affinity: idle while threads want a CPU")?;
    let seen =
        format!("on {used} of {all} CPUs, which had nothing to do for {idle:.0} % of the time");
    let threads = facts.number("affinity: threads")?;
    Ok(if all < 2.0 {
        Judgement::inconclusive("with one CPU there is none that could be left without work")
    } else if threads <= all || facts.truth("affinity: free threads slept")? {
        let why = format!("{threads} threads on {all} CPUs did not want them all, all the time");
        Judgement::inconclusive(why)
    } else if idle > 30.0 {
        Judgement::does_not_hold(format!("more threads than CPUs ran {seen}"))
    } else if used < all {
        Judgement::undecided(format!(
            "the threads ran on {used} of {all} CPUs, and others had the rest"
        ))
    } else if !preempted {
        Judgement::does_not_hold("no thread was made to give up its CPU to another")
    } else {
        Judgement::holds(format!("more threads than CPUs ran in turns {seen}"))
    })
}

fn priorities(facts: &Evidence) -> Result<Judgement, Absent> {
    let ratio = facts.number("nice: usual / nicer")?;
    let (step, steps) = (facts.number("nice: factor for a step")?, facts.number("nice: steps")?);
    let seen = format!("over {steps} steps a nice value makes a factor of {ratio:.1}");
    Ok(if steps == 0.0 {
        Judgement::inconclusive(format!("{seen}: neither was nicer than the other"))
    } else if step > 1.12 {
        Judgement::holds(format!("{seen}, {step:.2} for each"))
    } else {
        Judgement::does_not_hold(seen)
    })
}

fn fair(facts: &Evidence) -> Result<Judgement, Absent> {
    let equal = facts.number("fairness: most / least")?;
    let processes = facts.number("fairness: seven / one")?;
    let [first, second] = sizes(facts)?;
    let seen = format!(
        "of {} equal threads the most favoured gets {equal:.2} times what the least gets",
        facts.number("fairness: equal threads")?
    );
    Ok(if equal > 1.8 {
        Judgement::does_not_hold(seen)
    } else if processes.max(1.0 / processes) > 1.8 {
        Judgement::caveat(format!(
            "{seen}; but a process of {first} threads gets {processes:.1} times what one of \
             {second} gets"
        ))
        .briefly("but to threads, not to processes")
    } else {
        Judgement::holds(format!(
            "{seen}, and a process of {first} threads {processes:.1} times what one of {second} gets"
        ))
    })
}

fn starvation(facts: &Evidence) -> Result<Judgement, Absent> {
    let idle = "starvation: SCHED_IDLE beside nice 0";
    let nice = "starvation: nice 19 beside nice 0";
    let mut seen = Vec::new();
    for pair in [idle, nice] {
        match (facts.truth(&format!("{pair} gets a turn")), facts.number(pair)) {
            (Ok(true), Ok(share)) if share > 30.0 => {
                return Ok(Judgement::inconclusive(format!(
                    "{}: the one that was to be weak got {share:.0} %, and was not",
                    pair.trim_start_matches("starvation: ")
                )));
            }
            (Ok(true), Ok(share)) => seen.push(format!("{share:.1} %")),
            (Ok(false), _) => {
                let what = pair.trim_start_matches("starvation: ");
                return Ok(Judgement::does_not_hold(format!("{what} gets nothing")));
            }
            (Err(Absent::Declared { .. }), _) => {}
            (Err(absent), _) | (_, Err(absent)) => return Err(absent),
        }
    }
    if seen.is_empty() {
        facts.truth(&format!("{idle} gets a turn"))?;
    }
    let seen = format!("beside one other the weakest fair threads get {}", seen.join(" and "));
    let fifo = "starvation: beside SCHED_FIFO";
    Ok(match (facts.number(fifo), facts.number(&format!("{fifo}: time"))) {
        (Ok(share), Ok(time)) if share < 20.0 => Judgement::caveat(format!(
            "{seen}, but beside a real-time thread a usual one gets {share:.1} % in {time:.0} ms"
        ))
        .briefly("but real-time threads leave little"),
        (Ok(share), _) => {
            Judgement::holds(format!("{seen}, and {share:.0} % beside a real-time thread"))
        }
        (Err(Absent::Declared { .. }), _) => Judgement::caveat(format!(
            "{seen}; what a real-time thread would leave cannot be seen without the right to be one"
        ))
        .briefly("but the weakest get a turn seldom"),
        (Err(absent), _) => return Err(absent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    fn two_processes(first: u32, second: u32) -> Evidence {
        Evidence::new()
            .fact("fairness: equal threads", 4)
            .fact("fairness: the first two in own sessions", false)
            .fact("fairness: threads of the first process", first)
            .fact("fairness: threads of the second process", second)
    }

    #[test]
    fn threads_are_counted_or_something_else() {
        let facts = |same: f64, apart: f64| {
            two_processes(7, 1)
                .fact("fairness: seven / one", same)
                .fact("fairness: seven / one, own sessions", apart)
        };
        let id = "smallest-schedulable-unit";
        assert_eq!(verdict(id, &facts(7.1, 1.0)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(7.1, 7.0)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(1.0, 1.0)), Verdict::DoesNotHold);
        let equal = two_processes(7, 7)
            .fact("fairness: seven / one", 1.0)
            .fact("fairness: seven / one, own sessions", 1.0);
        assert_eq!(verdict(id, &equal), Verdict::Inconclusive);
        let sized = |first, second, same: f64| {
            two_processes(first, second)
                .fact("fairness: seven / one", same)
                .fact("fairness: seven / one, own sessions", 1.0)
        };
        assert_eq!(verdict(id, &sized(2, 1, 2.0)), Verdict::Caveat, "2 is all that 2 can get");
        assert_eq!(verdict(id, &sized(1, 7, 0.14)), Verdict::Caveat);
        assert_eq!(verdict(id, &sized(1, 7, 1.0)), Verdict::DoesNotHold);
    }

    #[test]
    fn attributes_belong_to_threads_if_they_differ() {
        let asked = |wishes: u32, nices: u32, policies: u32| {
            Evidence::new()
                .fact("policies: threads that asked", 3)
                .fact("policies: different things asked for", wishes)
                .fact("policies: different nice values", nices)
                .fact("policies: different policies", policies)
        };
        let id = "process-own-scheduling";
        assert_eq!(verdict(id, &asked(3, 3, 3)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &asked(3, 1, 1)), Verdict::Holds);
        assert_eq!(verdict(id, &asked(1, 1, 1)), Verdict::Inconclusive, "nobody asked");
    }

    #[test]
    fn an_idle_cpu_beside_a_waiting_thread_refutes() {
        let facts = |all: u32, used: u32, preempted: bool, idle: f64| {
            Evidence::new()
                .fact("affinity: CPUs looked at", all)
                .fact("affinity: threads", 2 * all)
                .fact("affinity: free threads slept", false)
                .fact("affinity: CPUs used by free threads", used)
                .fact("affinity: free threads are preempted", preempted)
                .measured("affinity: idle while threads want a CPU", idle, "%")
        };
        let id = "os-schedules";
        assert_eq!(verdict(id, &facts(2, 2, true, 0.0)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(2, 1, true, 50.0)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(2, 1, true, 0.0)), Verdict::Inconclusive);
        assert_eq!(verdict(id, &facts(2, 2, true, 50.0)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(2, 2, false, 0.0)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(1, 1, true, 0.0)), Verdict::Inconclusive);
    }

    #[test]
    fn a_nice_value_must_weigh_something() {
        let facts = |ratio: f64, steps: i32| {
            Evidence::new()
                .fact("nice: usual / nicer", ratio)
                .fact("nice: factor for a step", ratio.powf(1.0 / f64::from(steps.max(1))))
                .fact("nice: steps", steps)
        };
        assert_eq!(verdict("os-considers-priorities", &facts(3.05, 5)), Verdict::Holds);
        assert_eq!(verdict("os-considers-priorities", &facts(1.02, 5)), Verdict::DoesNotHold);
        assert_eq!(verdict("os-considers-priorities", &facts(1.0, 0)), Verdict::Inconclusive);
        assert_eq!(verdict("os-considers-priorities", &facts(1.25, 1)), Verdict::Holds);
    }

    #[test]
    fn fair_to_whom() {
        let facts = |equal: f64, processes: f64| {
            two_processes(7, 1)
                .fact("fairness: most / least", equal)
                .fact("fairness: seven / one", processes)
        };
        assert_eq!(verdict("os-is-fair", &facts(1.05, 7.0)), Verdict::Caveat);
        assert_eq!(verdict("os-is-fair", &facts(1.05, 1.0)), Verdict::Holds);
        assert_eq!(verdict("os-is-fair", &facts(3.1, 7.0)), Verdict::DoesNotHold);
    }

    #[test]
    fn who_gets_nothing_starves() {
        let fair =
            |idle: bool| {
                Evidence::new()
                    .fact("starvation: SCHED_IDLE beside nice 0 gets a turn", idle)
                    .measured("starvation: SCHED_IDLE beside nice 0", 0.4, "%")
            };
        let extreme = |facts: Evidence, right: bool| match right {
            true => facts.fact("starvation: nice 19 beside nice 0 gets a turn", true).measured(
                "starvation: nice 19 beside nice 0",
                0.1,
                "%",
            ),
            false => facts.missing("starvation: nice 19 beside nice 0 gets a turn", "no right"),
        };
        let fifo =
            |facts: Evidence, share: Option<f64>| match share {
                Some(share) => facts
                    .measured("starvation: beside SCHED_FIFO", share, "%")
                    .measured("starvation: beside SCHED_FIFO: time", 1100.0, "ms"),
                None => facts
                    .missing("starvation: beside SCHED_FIFO", "no right")
                    .missing("starvation: beside SCHED_FIFO: time", "no right"),
            };
        let id = "os-avoids-starvation";
        let facts = |idle, share, right| fifo(extreme(fair(idle), right), share);
        assert_eq!(verdict(id, &facts(true, Some(4.5), true)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(true, Some(50.0), true)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(true, None, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(false, None, false)), Verdict::DoesNotHold);
        let nothing = Evidence::new()
            .missing("starvation: SCHED_IDLE beside nice 0 gets a turn", "no right")
            .missing("starvation: nice 19 beside nice 0 gets a turn", "no right");
        assert_eq!(verdict(id, &nothing), Verdict::Inconclusive);
    }
}
