//! What people say about Python's ways to run a task, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "python-process-listing",
        number: 58,
        says: "In Python, a task runs as a process with multiprocessing.Process.",
        expected: Verdict::Caveat,
        nuance: "The line breaks matter, and so does the start method: fork on Linux up to Python \
                 3.13, forkserver from 3.14, spawn on macOS and Windows. All but fork need the \
                 task to be importable, hence `if __name__ == \"__main__\"`.",
        judge: python_process_listing,
        cannot_turn: None,
    },
    Claim {
        id: "python-thread-listing",
        number: 59,
        says: "In Python, threading.Thread is the equivalent for a thread.",
        expected: Verdict::Caveat,
        nuance: "Equivalent in shape only. Memory, pickled arguments, exceptions, exit codes and \
                 the interpreter lock differ, and neither join returns what the task returned.",
        judge: python_thread_listing,
        cannot_turn: None,
    },
];

fn python_process_listing(facts: &Evidence) -> Result<Judgement, Absent> {
    let code = facts.number("python process: exit code")?;
    let prints = facts.text("python: process listing prints")?;
    if !facts.truth("python process: process id differs")? || code != 0.0 || prints.is_empty() {
        return Ok(Judgement::does_not_hold(format!(
            "the task did not run in a process of its own: exit code {code}, printed \"{prints}\""
        )));
    }
    if !facts.truth("process: process id differs")? {
        return Ok(Judgement::does_not_hold("the same in Rust ran in the parent"));
    }
    let version = facts.text("python: version")?;
    let method = facts.text("python: default start method")?;
    let ran = format!("Python {version} ran it in another process, which exited with {code}");
    let mut but = vec![format!(
        "how that process starts depends on the start method, here {method} by default"
    )];
    if !facts.truth("python: a listing on one line compiles")? {
        but.insert(0, "printed on one line the listing is a SyntaxError".to_owned());
    }
    Ok(Judgement::caveat(format!("{ran}, but {}", but.join(", and "))))
}

fn python_thread_listing(facts: &Evidence) -> Result<Judgement, Absent> {
    let prints = facts.text("python: thread listing prints")?;
    if facts.truth("python thread: process id differs")?
        || !facts.truth("python thread: thread id differs")?
        || prints.is_empty()
    {
        return Ok(Judgement::does_not_hold("the task did not run in a thread of the process"));
    }
    if !facts.truth("thread: same process id")? || !facts.truth("thread: thread id differs")? {
        return Ok(Judgement::does_not_hold("the same in Rust ran in another process"));
    }
    let mut but = Vec::new();
    let only_the_thread = |thread, process| Ok(facts.truth(thread)? && !facts.truth(process)?);
    if only_the_thread("python thread: global changed", "python process: global changed")? {
        let in_rust = only_the_thread("thread: global changed", "process: global changed")?;
        let as_in_rust = if in_rust { ", as in Rust" } else { "" };
        but.push(format!("it changed a global variable, which a process did not{as_in_rust}"));
    }
    let code = facts.number("python process: exit code of a task that raises")?;
    if code != 0.0 && !facts.truth("python thread: join raises what the task raised")? {
        but.push(format!(
            "a failing task shows in a process's exit code ({code}) and not in a thread's join"
        ));
    }
    let ran = "a thread of the same process ran the task";
    Ok(if but.is_empty() {
        Judgement::holds(ran)
    } else {
        Judgement::caveat(format!("{ran}, but {}", but.join(", and ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(differs: bool, code: i32, one_line: bool) -> Verdict {
        let facts = Evidence::new()
            .fact("python: version", "3.11.7")
            .fact("python: default start method", "fork")
            .fact("python: process listing prints", "a task")
            .fact("python: a listing on one line compiles", one_line)
            .fact("python process: process id differs", differs)
            .fact("python process: exit code", code)
            .fact("process: process id differs", true);
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn the_task_must_run_in_another_process_and_succeed() {
        assert_eq!(process(true, 0, false), Verdict::Caveat);
        assert_eq!(process(false, 0, false), Verdict::DoesNotHold);
        assert_eq!(process(true, 1, false), Verdict::DoesNotHold);
    }

    #[test]
    fn without_python_nothing_is_decided() {
        let facts = Evidence::new().missing("python process: exit code", "no python3");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
    }

    fn thread(same_pid: bool, process_changes: bool, raises: bool) -> Verdict {
        let facts = Evidence::new()
            .fact("python: thread listing prints", "a task")
            .fact("python thread: process id differs", !same_pid)
            .fact("python thread: thread id differs", true)
            .fact("python thread: global changed", true)
            .fact("python process: global changed", process_changes)
            .fact("python process: exit code of a task that raises", 1)
            .fact("python thread: join raises what the task raised", raises)
            .fact("thread: same process id", true)
            .fact("thread: thread id differs", true)
            .fact("thread: global changed", true)
            .fact("process: global changed", process_changes);
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn equivalent_are_a_thread_and_a_process_only_if_nothing_tells_them_apart() {
        assert_eq!(thread(true, true, true), Verdict::Holds);
        assert_eq!(thread(true, false, true), Verdict::Caveat);
        assert_eq!(thread(true, true, false), Verdict::Caveat);
        assert_eq!(thread(false, false, false), Verdict::DoesNotHold);
    }
}
