//! What people say about isolation and security, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "isolation-gives-security",
    number: 43,
    says: "Isolation makes a system of processes secure.",
    expected: Verdict::Caveat,
    nuance: "A process is a mechanism for security, not security: the same user's process reads, \
             traces and signals it. The wall comes with another user or a sandbox, and it is as \
             good as the kernel and the broker behind it. Side channels such as Spectre cross the \
             borders inside one address space first, which is why browsers isolate sites by \
             process.",
    judge: isolation_gives_security,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn isolation_gives_security(facts: &Evidence) -> Result<Judgement, Absent> {
    // Without isolation the secret is lost; otherwise there is nothing to be secured.
    if !facts.truth("a thread: a load reads the secret")? {
        return Ok(Judgement::inconclusive("even a thread did not read the secret"));
    }
    if facts.truth("a process: a load reads the secret")? {
        return Ok(Judgement::does_not_hold("a plain load read the secret of another process"));
    }
    let open = |prefix: &str, ways: &[&'static str]| -> Result<Vec<&'static str>, Absent> {
        let mut open = Vec::new();
        for way in ways {
            if facts.text(&format!("{prefix}: {way}"))? == "yes" {
                open.push(*way);
            }
        }
        Ok(open)
    };
    let sandboxed = open("sandbox: all three", &["memory", "descriptor", "file"])?;
    if !sandboxed.is_empty() {
        return Ok(Judgement::does_not_hold(format!(
            "the plug-in got out of its sandbox: {}",
            sandboxed.join(", ")
        )));
    }
    // What nobody could get at without a sandbox, no sandbox keeps from anybody.
    if open("sandbox: nothing", &["memory", "descriptor", "file"])?.is_empty() {
        return Ok(Judgement::inconclusive("without a sandbox the plug-in got at nothing either"));
    }
    let ways = ["process_vm_readv", "/proc/PID/mem", "descriptor"];
    let bare = open("dumpable", &ways)?;
    let mut dumpable = true;
    for way in ways {
        dumpable &= facts.truth(&format!("dumpable: {way}: PR_GET_DUMPABLE"))?;
    }
    Ok(match (bare.is_empty(), dumpable) {
        (false, _) => Judgement::caveat(format!(
            "a process of the same user read the secret ({}), and one with no_new_privs, Landlock \
             and seccomp around it did not",
            bare.join(", ")
        )),
        (true, false) => Judgement::holds("the host is not dumpable, and its user read nothing"),
        (true, true) => Judgement::inconclusive("the same user's process was refused everything"),
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(thread: bool, process: bool, bare: &str, dumpable: bool, sandbox: &str) -> Verdict {
        let mut facts = Evidence::new()
            .fact("a thread: a load reads the secret", thread)
            .fact("a process: a load reads the secret", process);
        for way in ["process_vm_readv", "/proc/PID/mem", "descriptor"] {
            facts = facts.fact(&format!("dumpable: {way}"), bare);
            facts = facts.fact(&format!("dumpable: {way}: PR_GET_DUMPABLE"), dumpable);
        }
        for way in ["memory", "descriptor", "file"] {
            facts = facts.fact(&format!("sandbox: all three: {way}"), sandbox);
            facts = facts.fact(&format!("sandbox: nothing: {way}"), "yes");
        }
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn a_process_alone_is_no_wall_and_a_sandbox_is() {
        assert_eq!(judged(true, false, "yes", true, "EPERM"), Verdict::Caveat);
    }

    #[test]
    fn a_load_across_or_a_way_out_of_the_sandbox_refutes_it() {
        assert_eq!(judged(true, true, "yes", true, "EPERM"), Verdict::DoesNotHold);
        assert_eq!(judged(true, false, "yes", true, "yes"), Verdict::DoesNotHold);
    }

    #[test]
    fn who_hides_from_its_own_user_is_a_wall_and_an_unexplained_refusal_decides_nothing() {
        assert_eq!(judged(true, false, "EPERM", false, "EPERM"), Verdict::Holds);
        assert_eq!(judged(true, false, "EPERM", true, "EPERM"), Verdict::Inconclusive);
        assert_eq!(judged(false, false, "yes", true, "EPERM"), Verdict::Inconclusive);
    }

    #[test]
    fn a_layer_that_is_not_here_decides_nothing_and_a_missing_fact_is_a_failure() {
        let facts = Evidence::new()
            .fact("a thread: a load reads the secret", true)
            .fact("a process: a load reads the secret", false);
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Failed);
        let facts = facts.missing("sandbox: all three: memory", "landlock: not here");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
    }
}
