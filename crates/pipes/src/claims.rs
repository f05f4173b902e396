//! What people say about processes that talk, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "to-process",
        number: 4,
        says: "To process is to work on data.",
        expected: Verdict::Lexical,
        nuance: "That is the verb of the dictionary, and no statement about operating systems. A \
                 pipeline is a pun on it: processes that process.",
        judge: to_process,
        cannot_turn: Some("it is about a word, and no measurement speaks for or against a word"),
    },
    Claim {
        id: "processes-need-ipc",
        number: 25,
        says: "Processes need IPC to talk to each other.",
        expected: Verdict::Holds,
        nuance: "The list begins with what one hardly notices: arguments and environment on the \
                 way in, the exit status on the way out, signals and files beside them.",
        judge: processes_need_ipc,
        cannot_turn: None,
    },
];

fn to_process(facts: &Evidence) -> Result<Judgement, Absent> {
    let processes = facts.number("pipeline: processes")?;
    let lines = facts.number("pipeline: lines")?;
    Ok(Judgement::new(
        Verdict::Lexical,
        format!("{processes} processes have processed {lines} lines, which proves nothing"),
    ))
}

// ANCHOR: criterion
fn processes_need_ipc(facts: &Evidence) -> Result<Judgement, Absent> {
    let by_itself = facts.truth("pipes: the child's variable shows in the parent")?;
    let by_pipe = facts.truth("pipes: the pipe carries the number")?;
    let status = facts.number("pipes: exit status")?;
    Ok(if by_itself {
        Judgement::does_not_hold("what the child wrote to its variable was seen by the parent")
    } else if by_pipe {
        Judgement::holds(format!(
            "nothing came by itself, {status} by exit status, the whole number by a pipe"
        ))
    } else {
        Judgement::inconclusive("the number did not come through the pipe either")
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(by_itself: bool, by_pipe: bool) -> Evidence {
        Evidence::new()
            .fact("pipes: the child's variable shows in the parent", by_itself)
            .fact("pipes: the pipe carries the number", by_pipe)
            .fact("pipes: exit status", 44)
    }

    #[test]
    fn a_variable_that_is_seen_refutes_it() {
        let verdict = |facts| CLAIMS[1].verdict(&facts).verdict;
        assert_eq!(verdict(facts(false, true)), Verdict::Holds);
        assert_eq!(verdict(facts(true, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(facts(false, false)), Verdict::Inconclusive);
    }

    #[test]
    fn a_word_is_not_judged() {
        let facts = Evidence::new().fact("pipeline: processes", 3).fact("pipeline: lines", 20_000);
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Lexical);
    }
}
