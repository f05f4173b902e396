//! What people say about parallel work, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "threads-run-in-parallel",
        number: 45,
        says: "Threads run in parallel.",
        expected: Verdict::Caveat,
        nuance: "They are concurrent everywhere and parallel only on several CPUs: on one they gain \
                 nothing. And what cannot be divided bounds what more CPUs bring (Amdahl's law), as \
                 does the bandwidth of memory.",
        judge: in_parallel,
        cannot_turn: None,
    },
    Claim {
        id: "fine-grained-parallelism",
        number: 47,
        says: "Threads are used for fine-grained parallelism.",
        expected: Verdict::Caveat,
        nuance: "A thread for each task is coarse: a task shorter than what it costs to make a \
                 thread is done sooner by whoever has it. Threads that are kept, each with a queue \
                 of its own from which others steal, make shorter tasks worth it. Finer still is \
                 what one CPU does at once: vector instructions.",
        judge: fine_grained,
        cannot_turn: None,
    },
    Claim {
        id: "multiprocessing-uses-cores-better",
        number: 48,
        says: "Processes use cores better than threads, without conflicts over memory.",
        expected: Verdict::DoesNotHold,
        nuance: "Threads use all cores as well. It is true where a lock of the language lets one \
                 thread run at a time, as in CPython, and in part where threads change their common \
                 address space all the time. Processes share nothing by accident; in what they share \
                 on purpose they conflict like threads.",
        judge: uses_cores_better,
        cannot_turn: None,
    },
    Claim {
        id: "multithreading-is-a-cpu-ability",
        number: 49,
        says: "Multithreading is the ability of a CPU to run several threads at once.",
        expected: Verdict::Caveat,
        nuance: "That is hardware multithreading (SMT, Hyper-Threading): one core shows itself as \
                 two CPUs or more. Without it there is nothing of the kind to see. Threads of the \
                 system need neither that nor a second core: they take turns.",
        judge: cpu_ability,
        cannot_turn: None,
    },
];

/// Below, nobody would call it faster.
const FASTER: f64 = 1.15;

// ANCHOR: criterion
fn in_parallel(facts: &Evidence) -> Result<Judgement, Absent> {
    let at_once = facts.number("scaling: CPUs at once, threads")?;
    let workers = facts.number("scaling: workers")?;
    let speed = facts.samples("scaling: all threads: speed-up")?;
    let crowded = facts.samples("scaling: all threads on one CPU: speed-up")?;
    let seen = format!(
        "{workers} threads ran on {at_once} CPUs at the same instant and were {:.2} times as fast \
         as one ({speed})",
        speed.median
    );
    let one_cpu = format!("{seen}; on one CPU {:.2} times ({crowded})", crowded.median);
    Ok(if at_once < 2.0 && speed.median < FASTER {
        Judgement::does_not_hold(format!("no two were seen at the same instant: {seen}"))
    } else if at_once < 2.0 || !speed.is_above(FASTER) {
        Judgement::undecided(format!("too close to call: {seen}"))
    } else if crowded.is_below(speed.p10) {
        Judgement::caveat(one_cpu).briefly("but only on several CPUs")
    } else if crowded.is_above(FASTER) {
        Judgement::holds(one_cpu)
    } else {
        Judgement::undecided(format!("too close to call: {one_cpu}"))
    })
}
// ANCHOR_END: criterion

fn fine_grained(facts: &Evidence) -> Result<Judgement, Absent> {
    let from = |way: &str| facts.number(&format!("granularity: {way} pays from"));
    let each = from("thread per task")?;
    let kept = from("pool")?.min(from("work stealing")?);
    let (shortest, longest) =
        (facts.number("granularity: shortest task")?, facts.number("granularity: longest task")?);
    let of_its_own = match (each > longest, facts.busy()) {
        (true, None) => format!("a thread for each task not even for {longest} µs"),
        (true, Some(_)) => "a thread for each task at no length while others want the CPUs".into(),
        (false, _) => format!("a thread for each task from {each} µs"),
    };
    Ok(if kept > longest && facts.busy().is_some() {
        // Who waits for a CPU that others have gains nothing by a second one.
        Judgement::undecided(format!("no way pays, not even for tasks of {longest} µs"))
    } else if kept > longest {
        Judgement::does_not_hold(format!("no way pays, not even for tasks of {longest} µs"))
    } else if each <= shortest {
        Judgement::holds(format!("{of_its_own} pays"))
    } else if 2.0 * kept <= each {
        let seen = format!("kept threads pay for tasks from {kept} µs, {of_its_own}");
        Judgement::caveat(seen).briefly("but with threads that are kept")
    } else {
        let seen = format!("kept threads pay from {kept} µs, {of_its_own}");
        Judgement::undecided(format!("too close to call: {seen}"))
    })
}

fn uses_cores_better(facts: &Evidence) -> Result<Judgement, Absent> {
    let lost = facts.number("contention: updates that processes lost")?;
    let ratio = facts.samples("scaling: processes / threads")?;
    let mut seen = format!(
        "processes took {:.2} times as long as threads ({ratio}), and lost {lost} updates of what \
         they share",
        ratio.median
    );
    // Where it is true is told with it, as far as it is seen here; that does not decide.
    if let Ok(mapping) = facts.samples("contention: map and unmap: threads / processes")
        && (mapping.is_above(1.0) || mapping.is_below(1.0))
    {
        seen += &format!(
            "; where all map and unmap memory, threads took {:.2} times as long as processes",
            mapping.median
        );
    }
    let python = facts.samples("gil: two threads / one after the other");
    if let (Ok(threads), Ok(lock)) = (python, facts.text("gil: lock")) {
        seen += &format!(
            "; in Python, whose lock is {lock}, two threads took {:.2} times as long as one after \
             the other",
            threads.median
        );
    }
    let faster = ratio.is_below(1.0 / FASTER);
    Ok(if !faster && !ratio.is_above(1.0 / FASTER) {
        Judgement::undecided(format!("too close to call: {seen}"))
    } else {
        match (faster, lost > 0.0) {
            (true, false) => Judgement::holds(seen),
            (true, true) => Judgement::caveat(seen).briefly("but what they share is at risk"),
            (false, false) => Judgement::caveat(seen).briefly("but threads are as fast"),
            (false, true) => Judgement::does_not_hold(seen),
        }
    })
}

fn cpu_ability(facts: &Evidence) -> Result<Judgement, Absent> {
    let threads = facts.number("smt: threads in turn on one CPU")?;
    let turns = facts.number("smt: turns of threads that never wait")?;
    if !facts.truth("smt: all had their turns")? {
        return Ok(Judgement::holds(format!(
            "on one CPU threads did not take turns: {threads} went on together, {turns} turns of \
             those that never wait"
        )));
    }
    let turned = format!("{threads} threads took turns on one CPU");
    // What a core with two hardware threads can do is seen on one only.
    let siblings = match facts.samples("smt: work of two threads on siblings / of one") {
        Err(Absent::Declared { why, .. }) => {
            return Ok(Judgement::inconclusive(format!(
                "{why}, so no CPU is seen to run two at once; {turned}, which takes no such ability"
            )));
        }
        found => found?,
    };
    let at_once = format!(
        "two threads on one core did {:.2} times the work of one ({siblings})",
        siblings.median
    );
    Ok(if siblings.is_above(1.0) {
        Judgement::caveat(format!("{at_once}; but {turned}, which takes no such ability"))
            .briefly("of hardware; the system needs one CPU")
    } else if siblings.is_below(1.0) {
        Judgement::does_not_hold(format!("{at_once}; {turned}"))
    } else {
        Judgement::undecided(format!("too close to call: {at_once}; {turned}"))
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn of(samples: [f64; 3]) -> Summary {
        Summary::of(samples.to_vec()).unwrap()
    }

    fn parallel(at_once: i64, speed: [f64; 3], crowded: [f64; 3]) -> Verdict {
        let facts = Evidence::new()
            .fact("scaling: workers", 4)
            .fact("scaling: CPUs at once, threads", at_once)
            .sampled("scaling: all threads: speed-up", of(speed), "")
            .sampled("scaling: all threads on one CPU: speed-up", of(crowded), "");
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn who_runs_at_the_same_instant_and_is_faster_runs_in_parallel() {
        assert_eq!(parallel(4, [3.5, 3.8, 4.0], [1.0, 1.0, 1.0]), Verdict::Caveat);
        assert_eq!(parallel(4, [3.5, 3.8, 4.0], [3.5, 3.6, 3.7]), Verdict::Holds);
        assert_eq!(parallel(1, [0.9, 1.0, 1.1], [1.0, 1.0, 1.0]), Verdict::DoesNotHold);
        assert_eq!(parallel(1, [0.9, 1.0, 2.1], [1.0, 1.0, 1.0]), Verdict::DoesNotHold);
        assert_eq!(parallel(1, [0.9, 2.0, 2.1], [1.0, 1.0, 1.0]), Verdict::Inconclusive);
        assert_eq!(parallel(4, [1.0, 1.1, 4.0], [1.0, 1.0, 1.0]), Verdict::Inconclusive);
        assert_eq!(parallel(4, [0.34, 3.2, 3.9], [1.0, 1.0, 1.0]), Verdict::Inconclusive);
        assert_eq!(parallel(4, [1.5, 3.2, 3.9], [0.5, 1.0, 3.0]), Verdict::Inconclusive);
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }

    fn fine(each: f64, pool: f64, stealing: f64) -> Verdict {
        CLAIMS[1].verdict(&grains(each, pool, stealing)).verdict
    }

    fn grains(each: f64, pool: f64, stealing: f64) -> Evidence {
        Evidence::new()
            .measured("granularity: thread per task pays from", each, "µs")
            .measured("granularity: pool pays from", pool, "µs")
            .measured("granularity: work stealing pays from", stealing, "µs")
            .measured("granularity: shortest task", 1.0, "µs")
            .measured("granularity: longest task", 100.0, "µs")
    }

    #[test]
    fn kept_threads_make_fine_grains_worth_it() {
        assert_eq!(fine(30.0, 3.0, 1.0), Verdict::Caveat);
        assert_eq!(fine(1000.0, 10.0, 1000.0), Verdict::Caveat);
        assert_eq!(fine(1.0, 1.0, 1.0), Verdict::Holds);
        assert_eq!(fine(1000.0, 1000.0, 1000.0), Verdict::DoesNotHold);
        assert_eq!(fine(30.0, 30.0, 30.0), Verdict::Inconclusive);
        let mut busy = grains(1000.0, 1000.0, 1000.0);
        busy.while_busy(Some("others took half".to_owned()));
        assert_eq!(CLAIMS[1].verdict(&busy).verdict, Verdict::Inconclusive);
    }

    fn better(processes: [f64; 3], lost: i64) -> Verdict {
        let facts = Evidence::new()
            .sampled("scaling: processes / threads", of(processes), "")
            .fact("contention: updates that processes lost", lost);
        CLAIMS[2].verdict(&facts).verdict
    }

    #[test]
    fn processes_would_have_to_be_faster_and_safe() {
        assert_eq!(better([0.4, 0.5, 0.6], 0), Verdict::Holds);
        assert_eq!(better([0.4, 0.5, 0.6], 200), Verdict::Caveat);
        assert_eq!(better([0.9, 1.0, 1.1], 0), Verdict::Caveat);
        assert_eq!(better([0.9, 1.0, 1.1], 200), Verdict::DoesNotHold);
        assert_eq!(better([1.5, 1.6, 1.7], 200), Verdict::DoesNotHold);
        assert_eq!(better([0.6, 0.8, 1.1], 200), Verdict::Inconclusive);
    }

    fn ability(in_turn: i64, all: bool, siblings: Option<[f64; 3]>) -> Judgement {
        let facts = Evidence::new()
            .fact("smt: threads in turn on one CPU", in_turn)
            .fact("smt: turns of threads that never wait", if all { 3 } else { 1 })
            .fact("smt: all had their turns", all);
        let name = "smt: work of two threads on siblings / of one";
        CLAIMS[3].verdict(&match siblings {
            Some(ratio) => facts.sampled(name, of(ratio), ""),
            None => facts.missing(name, "no two CPUs share a core"),
        })
    }

    #[test]
    fn only_siblings_show_what_a_cpu_is_able_to_do() {
        let verdict = |siblings| ability(100, true, siblings).verdict;
        assert_eq!(verdict(Some([1.1, 1.3, 1.4])), Verdict::Caveat);
        assert_eq!(verdict(Some([0.9, 1.1, 1.3])), Verdict::Inconclusive);
        assert_eq!(verdict(Some([0.7, 0.8, 0.9])), Verdict::DoesNotHold);
        assert_eq!(ability(100, false, None).verdict, Verdict::Holds);
        let without = ability(100, true, None);
        assert_eq!(without.verdict, Verdict::Inconclusive);
        assert!(without.because.contains("100 threads took turns"), "{}", without.because);
        assert!(!without.because.contains("side by side"), "{}", without.because);
    }
}
