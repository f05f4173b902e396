//! What people say about what is shared, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "threads-share-files",
        number: 16,
        says: "Threads share the open files of their process.",
        expected: Verdict::Caveat,
        nuance: "They do until one of them calls unshare(CLONE_FILES). Record locks belong to the \
                 process, so they keep no thread out; credentials belong to each thread, and libc \
                 changes them in all.",
        judge: threads_share_files,
        cannot_turn: None,
    },
    Claim {
        id: "process-own-resources",
        number: 17,
        says: "A process has system resources of its own.",
        expected: Verdict::Caveat,
        nuance: "Its table of descriptors is a copy, but each entry refers to the same open file. \
                 And what is its own is a choice of who makes it: each flag of clone takes one \
                 thing from the list.",
        judge: process_own_resources,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn threads_share_files(facts: &Evidence) -> Result<Judgement, Absent> {
    let before = facts.text("before unshare: descriptors")?;
    let after = facts.text("after unshare: descriptors")?;
    Ok(match (before, after) {
        ("both", "own") => Judgement::caveat(
            "each saw what the other opened and closed, until one thread called unshare",
        ),
        ("both", "both") => {
            Judgement::holds("each saw what the other opened and closed, to the end")
        }
        ("both", after) => Judgement::inconclusive(format!("after unshare one saw it: {after}")),
        _ => Judgement::does_not_hold("what one thread opened or closed, the other did not see"),
    })
}
// ANCHOR_END: criterion

/// What a process is said to have of its own, as things of the experiment.
const RESOURCES: [&str; 6] =
    ["memory", "descriptors", "directory", "umask", "signal actions", "limits"];

fn process_own_resources(facts: &Evidence) -> Result<Judgement, Absent> {
    let mut not_own = Vec::new();
    for name in RESOURCES {
        if facts.text(&format!("no flag: {name}"))? != "own" {
            not_own.push(name);
        }
    }
    if !not_own.is_empty() {
        let list = not_own.join(", ");
        return Ok(Judgement::does_not_hold(format!("a forked child shares {list}")));
    }
    let mut but = Vec::new();
    if facts.text("no flag: offset")? == "both" {
        but.push("the offset of an open file is common".to_owned());
    }
    // A process all the same, with a number of its own.
    if facts.text("FILES: process id")? == "own" && facts.text("FILES: descriptors")? == "both" {
        but.push("a process made with CLONE_FILES has its maker's descriptors".to_owned());
    }
    let own = format!("of a forked child, {} things of {0} are its own", RESOURCES.len());
    Ok(match but.is_empty() {
        true => Judgement::holds(own),
        false => Judgement::caveat(format!("{own}, but {}", but.join(", and "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(before: &str, after: &str) -> Verdict {
        let facts = Evidence::new()
            .fact("before unshare: descriptors", before)
            .fact("after unshare: descriptors", after);
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn who_can_stop_sharing_makes_a_caveat() {
        assert_eq!(files("both", "own"), Verdict::Caveat);
        assert_eq!(files("both", "both"), Verdict::Holds);
        assert_eq!(files("own", "own"), Verdict::DoesNotHold);
        assert_eq!(files("one way", "own"), Verdict::DoesNotHold);
    }

    fn resources(umask: &str, offset: &str, by_flag: &str) -> Judgement {
        let mut facts = Evidence::new().fact("no flag: umask", umask);
        for name in RESOURCES.into_iter().filter(|name| *name != "umask") {
            facts = facts.fact(&format!("no flag: {name}"), "own");
        }
        let facts = facts
            .fact("no flag: offset", offset)
            .fact("FILES: process id", "own")
            .fact("FILES: descriptors", by_flag);
        CLAIMS[1].verdict(&facts)
    }

    #[test]
    fn a_resource_that_is_common_refutes_and_each_caveat_follows_its_fact() {
        let shared = resources("both", "both", "both");
        assert_eq!(shared.verdict, Verdict::DoesNotHold);
        assert!(shared.because.contains("shares umask"), "{}", shared.because);
        assert_eq!(resources("own", "own", "own").verdict, Verdict::Holds);
        let offset = resources("own", "both", "own");
        assert_eq!(offset.verdict, Verdict::Caveat);
        assert!(offset.because.contains("offset"), "{}", offset.because);
        let flag = resources("own", "own", "both");
        assert_eq!(flag.verdict, Verdict::Caveat);
        assert!(flag.because.contains("CLONE_FILES"), "{}", flag.because);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed);
        }
    }
}
