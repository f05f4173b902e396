//! What people say about the memory of threads and processes, and the criteria by which the facts
//! decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "isolation-costs-memory",
        number: 15,
        says: "Isolation takes more memory.",
        expected: Verdict::Holds,
        nuance: "The price of isolation is mostly page tables and the kernel's description of the \
                 address space, some tens of KiB; it is not a second copy of the program.",
        judge: isolation_costs_memory,
        cannot_turn: None,
    },
    Claim {
        id: "threads-lightweight",
        number: 22,
        says: "Threads are light, processes are heavy.",
        expected: Verdict::Caveat,
        nuance: "An idle forked process holds about three times what an idle thread holds, a \
                 program of its own about five times, not a thousand times. The resident set size \
                 suggests otherwise, because it counts shared pages in full for each process. Both \
                 count against the limit on processes.",
        judge: threads_lightweight,
        cannot_turn: None,
    },
];

/// A process's page tables have to be so many times a thread's.
const ISOLATION: f64 = 5.0;

fn isolation_costs_memory(facts: &Evidence) -> Result<Judgement, Absent> {
    let ratio = facts.samples("memory: forked process / thread")?;
    let thread_all = facts.number("memory per thread")?;
    let process_all = facts.number("memory per forked process")?;
    let thread = facts.number("thread: page tables")?;
    let process = facts.number("forked process: page tables")?;
    let figures = format!(
        "a forked process holds {process_all:.0} KiB, {process:.0} of them page tables; a thread \
         {thread_all:.0} and {thread:.1}"
    );
    Ok(if ratio.is_below(1.0) {
        Judgement::does_not_hold(figures)
    } else if ratio.is_above(1.0) && process >= thread * ISOLATION {
        Judgement::holds(figures)
    } else {
        Judgement::undecided(format!("{figures}: too close to call"))
    })
}

/// Heavier than this many threads is heavy without a caveat.
const HEAVY: f64 = 15.0;
/// Less than this is not heavier.
const HEAVIER: f64 = 1.5;
/// Where RSS is that many times PSS, it misleads.
const MISLEADS: f64 = 3.0;

fn threads_lightweight(facts: &Evidence) -> Result<Judgement, Absent> {
    let forked = facts.samples("memory: forked process / thread")?;
    let executed = match facts.number("memory: executed process / thread") {
        Err(Absent::Declared { .. }) => None,
        found => Some(found?),
    };
    let thread = facts.number("memory per thread")?;
    let process = facts.number("memory per forked process")?;
    let misled = facts.number("executed: RSS / PSS")?;
    let figures = format!(
        "a forked process holds {process:.0} KiB, {:.1} times a thread's {thread:.0} ({forked}){}",
        forked.median,
        executed.map_or(String::new(), |times| format!(", sleep(1) {times:.1} times"))
    );
    let briefly = match executed {
        Some(times) => format!("but {times:.1} x when it runs sleep(1), not 1,000 x"),
        None => "but not 1,000 x".to_owned(),
    };
    Ok(if forked.is_below(1.0) {
        Judgement::does_not_hold(figures)
    } else if forked.is_above(HEAVY) {
        Judgement::holds(figures)
    } else if !forked.is_above(HEAVIER) {
        Judgement::undecided(format!("{figures}: too close to call"))
    } else if misled >= MISLEADS {
        Judgement::caveat(format!("{figures}; for a program RSS says {misled:.1} times its share"))
            .briefly(briefly)
    } else {
        Judgement::caveat(figures).briefly(briefly)
    })
}

#[cfg(test)]
mod tests {
    use lab::sample::Comparison;

    use super::*;

    fn facts(thread: (f64, f64), process: (f64, f64)) -> Evidence {
        let around = |kib: f64| [kib * 0.98, kib, kib * 1.02];
        let pairs = around(process.0).map(|process| [process, thread.0]);
        let compare = |name: &str| {
            let names = [&format!("memory per {name}"), "memory per thread"];
            Comparison::paired(names, "KiB", &pairs).unwrap()
        };
        Evidence::new()
            .compared("memory: forked process / thread", &compare("forked process"))
            .compared("memory: executed process / thread", &compare("executed process"))
            .measured("thread: page tables", thread.1, "KiB")
            .measured("forked process: page tables", process.1, "KiB")
            .fact("executed: RSS / PSS", 8.0)
    }

    fn verdicts(facts: &Evidence) -> [Verdict; 2] {
        [0, 1].map(|claim: usize| CLAIMS[claim].verdict(facts).verdict)
    }

    #[test]
    fn three_times_as_much_holds_with_a_caveat() {
        let facts = facts((37.0, 4.0), (113.0, 48.0));
        assert_eq!(verdicts(&facts), [Verdict::Holds, Verdict::Caveat]);
        let because = CLAIMS[1].verdict(&facts).because;
        assert!(because.contains("3.1 times") && because.contains("8.0 times"), "{because}");
        assert!(because.contains("sleep(1) 3.1 times"), "a fork is the cheapest case: {because}");
    }

    #[test]
    fn a_thousand_times_as_much_holds() {
        assert_eq!(verdicts(&facts((4.0, 1.0), (4000.0, 100.0)))[1], Verdict::Holds);
    }

    #[test]
    fn a_process_that_holds_less_refutes_both() {
        let refuted = [Verdict::DoesNotHold; 2];
        assert_eq!(verdicts(&facts((40.0, 4.0), (39.0, 20.0))), refuted);
    }

    #[test]
    fn what_is_close_is_not_called() {
        let close = [Verdict::Inconclusive; 2];
        assert_eq!(verdicts(&facts((40.0, 10.0), (50.0, 20.0))), close);
    }

    #[test]
    fn too_few_processes_decide_nothing() {
        let why = "only 7 threads could be made";
        let facts = Evidence::new().missing("memory: forked process / thread", why);
        assert_eq!(verdicts(&facts), [Verdict::Inconclusive; 2]);
        assert_eq!(verdicts(&Evidence::new()), [Verdict::Failed; 2]);
    }
}
