//! What people say about processes that talk through sockets, and the criteria by which the facts
//! decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "ipc-by-sockets",
        number: 30,
        says: "They can talk through sockets.",
        expected: Verdict::Holds,
        nuance: "In bytes: who wants messages says where they end. Unix sockets alone can say who is \
                 at the other end, and carry open files; all others reach further.",
        judge: by_sockets,
        cannot_turn: None,
    },
    Claim {
        id: "processes-suit-distribution",
        number: 65,
        says: "Processes suit distributed systems.",
        expected: Verdict::Caveat,
        nuance: "Processes that only exchange messages can be moved apart, threads that share memory \
                 cannot. It is necessary and not enough: a network adds peers that are neither there \
                 nor gone, and who uses it needs time limits, and must be able to ask twice.",
        judge: suit_distribution,
        cannot_turn: None,
    },
    Claim {
        id: "database-and-web-server",
        number: 68,
        says: "A database and a web server are processes that talk through sockets.",
        expected: Verdict::Holds,
        nuance: "So one can die, be replaced or move while the other stays. An embedded database \
                 such as SQLite chooses the opposite: calls within the process, and one fate.",
        judge: database_and_web_server,
        cannot_turn: None,
    },
];

fn by_sockets(facts: &Evidence) -> Result<Judgement, Absent> {
    let sent = facts.number("unix: messages sent")?;
    let intact = facts.number("unix: messages that came back intact")?;
    let whole = facts.truth("unix: a message in two pieces arrives whole")?;
    Ok(if sent < 1.0 || !facts.truth("unix: it came in more than one piece")? {
        Judgement::inconclusive("no message was sent, or none came in two pieces")
    } else if intact < sent {
        Judgement::does_not_hold(format!("{intact} of {sent} messages came back as they were"))
    } else if !whole {
        Judgement::does_not_hold("a message that came in two pieces did not arrive whole")
    } else {
        Judgement::holds(format!("{intact} of {sent} messages came back as they were"))
    })
}

// ANCHOR: criterion
fn suit_distribution(facts: &Evidence) -> Result<Judgement, Absent> {
    let same = facts.truth("transports: same answers over all")?;
    let kinds = facts.number("transports: on one machine")?;
    let by_time_alone = facts.truth("transports: a silent database is told by time alone")?;
    let apart = match facts.truth("transports: another network gives the same") {
        Ok(_) => "and across two networks".to_owned(),
        Err(Absent::Declared { why, .. }) => format!("and none across networks here ({why})"),
        Err(undeclared) => return Err(undeclared),
    };
    let answers = facts.number("transports: answers over each")?;
    Ok(if answers < 1.0 || kinds < 2.0 {
        Judgement::inconclusive(format!("{answers} answers over {kinds} kinds of connection"))
    } else if !same {
        Judgement::does_not_hold("the same programs got other answers over another connection")
    } else if by_time_alone {
        Judgement::caveat(format!(
            "the same answers over {kinds} kinds of connection on one machine {apart}; but of a \
             peer that is silent only a time limit tells"
        ))
    } else {
        Judgement::holds(format!("the same answers over {kinds} kinds of connection {apart}"))
    })
}
// ANCHOR_END: criterion

fn database_and_web_server(facts: &Evidence) -> Result<Judgement, Absent> {
    let status = |when: &str| facts.number(&format!("web: status {when}"));
    let seen =
        [status("before")?, status("while the database is dead")?, status("when it is back")?];
    let same = facts.truth("web: one process gave all answers")?;
    let [before, during, after] = seen;
    let said = format!("{before}, {during} while the database was dead, {after}");
    Ok(if seen == [200.0, 503.0, 200.0] && same {
        Judgement::holds(format!("{said}, all from one process"))
    } else {
        let who = if same { "" } else { ", and not all from one process" };
        Judgement::does_not_hold(format!("{said}{who}; 0 is no answer"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    #[test]
    fn a_message_that_is_lost_or_torn_refutes_sockets() {
        for (intact, whole, wanted) in [
            (5, true, Verdict::Holds),
            (4, true, Verdict::DoesNotHold),
            (5, false, Verdict::DoesNotHold),
        ] {
            let facts = Evidence::new()
                .fact("unix: messages sent", 5)
                .fact("unix: it came in more than one piece", true)
                .fact("unix: messages that came back intact", intact)
                .fact("unix: a message in two pieces arrives whole", whole);
            assert_eq!(verdict("ipc-by-sockets", &facts), wanted);
        }
        for (sent, pieces) in [(0, true), (5, false)] {
            let untried = Evidence::new()
                .fact("unix: messages sent", sent)
                .fact("unix: it came in more than one piece", pieces)
                .fact("unix: messages that came back intact", sent)
                .fact("unix: a message in two pieces arrives whole", true);
            assert_eq!(verdict("ipc-by-sockets", &untried), Verdict::Inconclusive);
        }
    }

    #[test]
    fn distribution_needs_the_same_answers_and_more() {
        for (same, silent, wanted) in [
            (true, true, Verdict::Caveat),
            (true, false, Verdict::Holds),
            (false, true, Verdict::DoesNotHold),
        ] {
            let facts = Evidence::new()
                .fact("transports: on one machine", 3)
                .fact("transports: answers over each", 400)
                .fact("transports: same answers over all", same)
                .fact("transports: a silent database is told by time alone", silent);
            assert_eq!(verdict("processes-suit-distribution", &facts), Verdict::Failed);
            let name = "transports: another network gives the same";
            let here = facts.clone().fact(name, same);
            assert_eq!(verdict("processes-suit-distribution", &here), wanted);
            let refused = facts.missing(name, "unshare: EPERM");
            assert_eq!(verdict("processes-suit-distribution", &refused), wanted);
        }
        for (kinds, answers) in [(3, 0), (1, 400)] {
            let untried = Evidence::new()
                .fact("transports: on one machine", kinds)
                .fact("transports: answers over each", answers)
                .fact("transports: same answers over all", true)
                .fact("transports: a silent database is told by time alone", true)
                .fact("transports: another network gives the same", true);
            assert_eq!(verdict("processes-suit-distribution", &untried), Verdict::Inconclusive);
        }
    }

    #[test]
    fn the_sequence_is_200_503_200_from_one_process() {
        for (statuses, same, wanted) in [
            ([200, 503, 200], true, Verdict::Holds),
            ([200, 503, 200], false, Verdict::DoesNotHold),
            ([200, 0, 0], false, Verdict::DoesNotHold),
            ([200, 503, 404], true, Verdict::DoesNotHold),
        ] {
            let facts = Evidence::new()
                .fact("web: status before", statuses[0])
                .fact("web: status while the database is dead", statuses[1])
                .fact("web: status when it is back", statuses[2])
                .fact("web: one process gave all answers", same);
            assert_eq!(verdict("database-and-web-server", &facts), wanted);
        }
    }
}
