//! What people say about Python's ways to run a task, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

use crate::python::{METHODS, prints};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "python-process-listing",
        number: 58,
        says: "In Python, a task runs as a process with multiprocessing.Process.",
        expected: Verdict::Caveat,
        nuance: "What the process starts with depends on the start method: fork is the default on \
                 Linux up to Python 3.13, forkserver from 3.14, spawn on macOS and Windows. All \
                 but fork import the script anew, hence `if __name__ == \"__main__\"`.",
        judge: python_process_listing,
        cannot_turn: None,
    },
    Claim {
        id: "python-thread-listing",
        number: 59,
        says: "In Python, threading.Thread is the equivalent for a thread.",
        expected: Verdict::Caveat,
        nuance: "Equivalent in shape only. Memory, exceptions and exit codes differ, as seen here; \
                 so do arguments, which a process may get pickled, and the interpreter lock, which \
                 threads share. Neither join returns what the task returned.",
        judge: python_thread_listing,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn python_process_listing(facts: &Evidence) -> Result<Judgement, Absent> {
    let version = facts.text("python: version")?;
    let default = facts.text("python: default start method")?;
    let (mut finds, mut but) = (Vec::new(), Vec::new());
    for method in METHODS {
        let listing = match facts.text(&prints(method)) {
            // A method that cannot be tried here decides nothing, unless it is the default.
            Err(Absent::Declared { .. }) if method != default => continue,
            listing => listing?,
        };
        let another = facts.text(&format!("python {method}: process id"))? == "another";
        let runs = listing == PROCESS_PRINTS;
        if another && runs {
            let found = facts.text(&format!("python {method}: variable it finds"))?;
            finds.push((method, found));
        } else if method == default {
            let place = facts.text(&format!("python {method}: process id"))?;
            return Ok(match place {
                "another" => {
                    Judgement::does_not_hold(format!("by {method} the listing printed {listing:?}"))
                }
                "unknown" => Judgement::inconclusive(format!("by {method} no task told of itself")),
                _ => Judgement::does_not_hold(format!(
                    "by {method} the task ran in the same process"
                )),
            });
        } else {
            but.push(format!("by {method} the listing printed {listing:?}"));
        }
    }
    if finds.iter().any(|(_, found)| *found != finds[0].1) {
        let found = finds.iter().map(|(method, found)| format!("{found} by {method}"));
        let found = found.collect::<Vec<_>>().join(", ");
        but.insert(0, format!("a variable that was set before was found {found}"));
    }
    let ran = format!("Python {version} ran the task in another process");
    Ok(match but.is_empty() {
        true => Judgement::holds(ran),
        false => Judgement::caveat(format!("{ran}, but {}", but.join(", and "))),
    })
}
// ANCHOR_END: criterion

/// What the two listings of the chapter print.
const PROCESS_PRINTS: &str = "a task in a process of its own";
const RAISES: &str = "a task that raises";
const THREAD_PRINTS: &str = "a task in a thread";

fn python_thread_listing(facts: &Evidence) -> Result<Judgement, Absent> {
    let version = facts.text("python: version")?;
    let prints = facts.text(&prints("thread"))?;
    if facts.text("python thread: process id")? == "unknown" {
        return Ok(Judgement::inconclusive("the task of the thread told nothing of itself"));
    }
    if facts.text("python thread: process id")? != "the same" {
        return Ok(Judgement::does_not_hold("the task ran in another process"));
    }
    if facts.text("python thread: thread id")? != "another" {
        return Ok(Judgement::does_not_hold("the task ran in the thread that started it"));
    }
    if prints != THREAD_PRINTS {
        return Ok(Judgement::does_not_hold(format!("the listing printed {prints:?}")));
    }
    let mut but = Vec::new();
    for (what, fact) in [("the variable", "variable after it"), ("a task that raises", RAISES)] {
        let (by_thread, by_process) = (
            facts.text(&format!("python thread: {fact}"))?,
            facts.text(&format!("python fork: {fact}"))?,
        );
        if by_thread != by_process {
            but.push(format!(
                "{what} is {by_thread} with a thread and {by_process} with a process"
            ));
        }
    }
    let ran = format!("Python {version} ran the task in another thread of the same process");
    Ok(match but.is_empty() {
        true => Judgement::holds(ran),
        false => Judgement::caveat(format!("{ran}, but {}", but.join(", and "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts of a Python that starts processes by `default`; each method with what its listing
    /// printed and what its task found.
    fn process(default: &str, another: bool, methods: &[(&str, &str, &str)]) -> Judgement {
        let id = if another { "another" } else { "the same" };
        let mut facts = Evidence::new()
            .fact("python: version", "3.11.7")
            .fact("python: default start method", default);
        for (method, listing, found) in methods {
            facts = facts
                .fact(&prints(method), *listing)
                .fact(&format!("python {method}: process id"), id)
                .fact(&format!("python {method}: variable it finds"), *found);
        }
        if !methods.iter().any(|(method, ..)| *method == "forkserver") {
            facts = facts.missing(&prints("forkserver"), "no /dev/shm of its own");
        }
        CLAIMS[0].verdict(&facts)
    }

    const FORK: (&str, &str, &str) = ("fork", PROCESS_PRINTS, "set");
    const SPAWN: (&str, &str, &str) = ("spawn", PROCESS_PRINTS, "imported");
    const SERVER: (&str, &str, &str) = ("forkserver", PROCESS_PRINTS, "imported");

    #[test]
    fn a_process_is_a_process_with_a_caveat_where_start_methods_differ() {
        let usual = process("fork", true, &[FORK, SPAWN, SERVER]);
        assert_eq!(usual.verdict, Verdict::Caveat);
        assert!(usual.because.contains("set by fork, imported by spawn"), "{}", usual.because);
        let alike = ("spawn", PROCESS_PRINTS, "set");
        assert_eq!(process("fork", true, &[FORK, alike]).verdict, Verdict::Holds);
    }

    #[test]
    fn the_default_method_must_run_the_listing_in_another_process() {
        assert_eq!(process("fork", false, &[FORK, SPAWN]).verdict, Verdict::DoesNotHold);
        let broken = ("spawn", "nothing", "imported");
        assert_eq!(process("spawn", true, &[FORK, broken]).verdict, Verdict::DoesNotHold);
        let other = process("fork", true, &[FORK, broken]);
        assert_eq!(other.verdict, Verdict::Caveat);
        assert!(other.because.contains("by spawn the listing printed"), "{}", other.because);
    }

    #[test]
    fn what_cannot_be_tried_decides_nothing() {
        let untried = process("forkserver", true, &[FORK, SPAWN]);
        assert_eq!(untried.verdict, Verdict::Inconclusive);
        let none = Evidence::new().missing("python: version", "no python3");
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&none).verdict, Verdict::Inconclusive);
        }
    }

    fn thread(process_id: &str, thread_id: &str, after: &str, raises: &str) -> Judgement {
        let facts = Evidence::new()
            .fact("python: version", "3.11.7")
            .fact(&prints("thread"), THREAD_PRINTS)
            .fact("python thread: process id", process_id)
            .fact("python thread: thread id", thread_id)
            .fact("python thread: variable after it", after)
            .fact("python fork: variable after it", "unchanged")
            .fact("python fork: a task that raises", "exitcode 1")
            .fact("python thread: a task that raises", raises);
        CLAIMS[1].verdict(&facts)
    }

    #[test]
    fn equivalent_are_a_thread_and_a_process_only_if_nothing_tells_them_apart() {
        let judged = |after, raises| thread("the same", "another", after, raises);
        assert_eq!(judged("unchanged", "exitcode 1").verdict, Verdict::Holds);
        assert_eq!(judged("changed", "exitcode 1").verdict, Verdict::Caveat);
        let lost = judged("unchanged", "lost");
        assert_eq!(lost.verdict, Verdict::Caveat);
        assert!(lost.because.contains("lost with a thread"), "{}", lost.because);
    }

    #[test]
    fn a_thread_must_be_another_thread_of_the_same_process() {
        for (process_id, thread_id) in [("another", "another"), ("the same", "the same")] {
            let judged = thread(process_id, thread_id, "unchanged", "lost");
            assert_eq!(judged.verdict, Verdict::DoesNotHold, "{process_id} {thread_id}");
        }
    }
}
