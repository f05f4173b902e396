//! What people say about the wall between processes, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "no-direct-access",
    number: 12,
    says: "A process cannot reach into the memory of another without IPC.",
    expected: Verdict::Caveat,
    nuance: "No load or store gets there. But a debugger reads and writes without the other's help, \
             by a call to the kernel, and whether it may is a matter of users, capabilities, being \
             dumpable and policies such as Yama, and not of the process as such.",
    judge: no_direct_access,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn no_direct_access(facts: &Evidence) -> Result<Judgement, Absent> {
    if facts.truth("parent's page: a load reads it")? {
        return Ok(Judgement::does_not_hold("a plain load read what the parent had written"));
    }
    let fault = facts.text("parent's page: code")?;
    if fault == "no fault" {
        return Ok(Judgement::inconclusive(
            "the child came to no fault, and not to what the parent had written",
        ));
    }
    let load = format!("a load at the other's address got {fault}");
    let ways = ["process_vm_readv", "/proc/PID/mem"];
    let mut answers = Vec::new();
    for way in ways {
        answers.push((way, facts.text(&format!("same user: {way}"))?));
    }
    let open: Vec<&str> =
        answers.iter().filter(|(_, answer)| *answer == "read").map(|(way, _)| *way).collect();
    if !open.is_empty() {
        return Ok(Judgement::caveat(format!(
            "{load}, but the same user's process read it by {}",
            open.join(" and ")
        )));
    }
    // Only a right that is missing keeps somebody out; what is not there, or is something else, does not.
    const NO_RIGHT: [&str; 5] = ["EPERM", "EACCES", "ENOENT", "ENOSYS", "EIO"];
    if let Some((way, answer)) = answers.iter().find(|(_, answer)| !NO_RIGHT.contains(answer)) {
        return Ok(Judgement::inconclusive(format!(
            "the same user's process was not refused by {way}, and did not read it: {answer}"
        )));
    }
    Ok(match facts.number("Yama: scope")? {
        scope if scope >= 2.0 => {
            Judgement::holds(format!("{load}, and Yama (scope {scope}) keeps its own user out"))
        }
        _ => Judgement::inconclusive(format!(
            "the same user's process was refused too: {}",
            answers.iter().map(|(_, answer)| *answer).collect::<Vec<_>>().join(", ")
        )),
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(load: bool, call: &str, file: &str, scope: u32) -> Judgement {
        let facts = Evidence::new()
            .fact("parent's page: a load reads it", load)
            .fact("parent's page: code", if load { "no fault" } else { "SEGV_MAPERR" })
            .fact("same user: process_vm_readv", call)
            .fact("same user: /proc/PID/mem", file)
            .fact("Yama: scope", scope);
        CLAIMS[0].verdict(&facts)
    }

    #[test]
    fn a_load_that_gets_there_refutes_it() {
        assert_eq!(judged(true, "read", "read", 0).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn one_open_way_is_a_caveat_and_is_named() {
        let by_file = judged(false, "ENOSYS", "read", 0);
        assert_eq!(by_file.verdict, Verdict::Caveat);
        assert!(by_file.because.ends_with("by /proc/PID/mem"), "{}", by_file.because);
        assert_eq!(judged(false, "read", "EACCES", 1).verdict, Verdict::Caveat);
    }

    #[test]
    fn two_closed_ways_hold_by_policy_and_decide_nothing_otherwise() {
        assert_eq!(judged(false, "EPERM", "EACCES", 2).verdict, Verdict::Holds);
        let refused = judged(false, "EPERM", "ENOENT", 0);
        assert_eq!(refused.verdict, Verdict::Inconclusive);
        assert!(refused.because.contains("EPERM, ENOENT"), "{}", refused.because);
    }

    #[test]
    fn a_policy_that_is_not_shown_matters_only_where_all_is_closed() {
        let judged = |answer: &str| {
            let facts = Evidence::new()
                .fact("parent's page: a load reads it", false)
                .fact("parent's page: code", "SEGV_MAPERR")
                .fact("same user: process_vm_readv", answer)
                .fact("same user: /proc/PID/mem", "ENOENT")
                .missing("Yama: scope", "/proc is not mounted here");
            CLAIMS[0].verdict(&facts).verdict
        };
        assert_eq!(judged("read"), Verdict::Caveat);
        assert_eq!(judged("EPERM"), Verdict::Inconclusive);
    }

    #[test]
    fn what_is_not_there_is_not_called_refused() {
        for answer in ["read something else", "ESRCH"] {
            let judged = judged(false, answer, "EACCES", 2);
            assert_eq!(judged.verdict, Verdict::Inconclusive);
            assert!(judged.because.contains("was not refused"), "{}", judged.because);
        }
    }

    #[test]
    fn a_child_that_meets_no_fault_and_no_secret_decides_nothing() {
        let facts = Evidence::new()
            .fact("parent's page: a load reads it", false)
            .fact("parent's page: code", "no fault");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
