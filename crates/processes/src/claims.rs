//! What people say about processes, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

use crate::instances::many;

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "running-instance",
        number: 1,
        says: "A process is one run of a program.",
        expected: Verdict::Holds,
        nuance: "A run has more than its program: a user, a directory, limits, open files, \
                 namespaces. They come from whoever started it.",
        judge: running_instance,
        cannot_turn: None,
    },
    Claim {
        id: "process-bundles-resources",
        number: 2,
        says: "A process holds code, data and system resources together.",
        expected: Verdict::Caveat,
        nuance: "Its code is a mapping and not a copy: all runs of a program share the frames of \
                 the file. What the kernel keeps may be shared too, as clone-flags shows.",
        judge: bundles_resources,
        cannot_turn: None,
    },
    Claim {
        id: "process-is-a-program",
        number: 3,
        says: "A process is a program.",
        expected: Verdict::DoesNotHold,
        nuance: "A program is a file that does nothing; a process is an activity. One program has \
                 many processes, and one process can run several programs in turn.",
        judge: is_a_program,
        cannot_turn: None,
    },
    Claim {
        id: "spreadsheet-instances",
        number: 69,
        says: "Several instances of a spreadsheet each run as a process of their own.",
        expected: Verdict::Caveat,
        nuance: "That is the program's choice. Many applications run once only: a second start \
                 hands its document to the first process and ends.",
        judge: spreadsheet_instances,
        cannot_turn: None,
    },
];

fn running_instance(facts: &Evidence) -> Result<Judgement, Absent> {
    let processes = facts.number("instances: processes")?;
    let files = facts.number("instances: program files")?;
    let states = facts.number("instances: states")?;
    let seen = format!(
        "three starts: {}, {}, {}",
        many(processes as usize, "process", "processes"),
        many(files as usize, "program", "programs"),
        many(states as usize, "state", "states")
    );
    Ok(if processes == 3.0 && files == 1.0 && states == 3.0 {
        Judgement::holds(seen)
    } else {
        Judgement::does_not_hold(seen)
    })
}

// ANCHOR: criterion
fn bundles_resources(facts: &Evidence) -> Result<Judgement, Absent> {
    let (all, own) =
        (facts.number("parts looked for")?, facts.number("parts found in own mappings")?);
    let kept = facts.number("things kept by the kernel")?;
    let shared = facts.truth("code is shared")?;
    let seen = format!("{own} of {all} parts are in its mappings, the kernel keeps {kept} more");
    Ok(if own < all || kept == 0.0 {
        Judgement::does_not_hold(seen)
    } else if shared {
        let (rss, pss) = (facts.number("code in memory")?, facts.number("code: own share")?);
        Judgement::caveat(format!("{seen}, but of {rss} KiB of code its share is {pss} KiB"))
    } else {
        Judgement::holds(seen)
    })
}
// ANCHOR_END: criterion

fn is_a_program(facts: &Evidence) -> Result<Judgement, Absent> {
    let files = facts.number("exec: files run by one process")?;
    Ok(if files > 1.0 {
        Judgement::does_not_hold(format!("one process ran {files} programs, one after the other"))
    } else {
        Judgement::holds("the process ran one program only")
    })
}

fn spreadsheet_instances(facts: &Evidence) -> Result<Judgement, Absent> {
    let processes = facts.number("instances: processes")?;
    let killed = facts.truth("instances: the first was killed")?;
    let unharmed = facts.truth("instances: the others are unharmed")?;
    let single = facts.number("single instance: processes after two starts")?;
    if processes < 3.0 || !unharmed {
        return Ok(Judgement::does_not_hold(format!(
            "three instances were {}{}",
            many(processes as usize, "process", "processes"),
            if unharmed { "" } else { ", and the end of one harmed another" }
        )));
    }
    if !killed {
        return Ok(Judgement::inconclusive("no instance was killed"));
    }
    let seen = format!("{processes} processes, and two go on when one is killed");
    Ok(if single == 1.0 {
        Judgement::caveat(format!("{seen}; but a single-instance program, started twice, is one"))
    } else {
        Judgement::holds(seen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    fn instances(processes: u32, unharmed: bool, single: u32) -> Evidence {
        Evidence::new()
            .fact("instances: processes", processes)
            .fact("instances: program files", 1)
            .fact("instances: states", processes)
            .fact("instances: the first was killed", true)
            .fact("instances: the others are unharmed", unharmed)
            .fact("single instance: processes after two starts", single)
    }

    #[test]
    fn three_starts_are_three_processes_or_the_statements_are_wrong() {
        let id = "running-instance";
        assert_eq!(verdict(id, &instances(3, true, 1)), Verdict::Holds);
        assert_eq!(verdict(id, &instances(1, true, 1)), Verdict::DoesNotHold);
        let id = "spreadsheet-instances";
        assert_eq!(verdict(id, &instances(3, true, 1)), Verdict::Caveat);
        assert_eq!(verdict(id, &instances(3, true, 2)), Verdict::Holds);
        assert_eq!(verdict(id, &instances(1, true, 1)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &instances(3, false, 1)), Verdict::DoesNotHold);
    }

    #[test]
    fn a_part_elsewhere_or_a_shared_one_is_said() {
        let facts = |own: u32, shared: bool| {
            Evidence::new()
                .fact("parts looked for", 6)
                .fact("parts found in own mappings", own)
                .fact("things kept by the kernel", 8)
                .fact("code is shared", shared)
                .measured("code in memory", 500, "KiB")
                .measured("code: own share", 100, "KiB")
        };
        let id = "process-bundles-resources";
        assert_eq!(verdict(id, &facts(6, true)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(6, false)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(5, true)), Verdict::DoesNotHold);
    }

    #[test]
    fn a_process_with_two_programs_is_none() {
        let facts = |files: u32| Evidence::new().fact("exec: files run by one process", files);
        assert_eq!(verdict("process-is-a-program", &facts(2)), Verdict::DoesNotHold);
        assert_eq!(verdict("process-is-a-program", &facts(1)), Verdict::Holds);
    }
}
