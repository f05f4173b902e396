//! What people say about crashes, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "process-crash-contained",
        number: 38,
        says: "A crash of a process stays in that process.",
        expected: Verdict::Caveat,
        nuance: "The memory management unit and exit see to it, for memory. What processes share \
                 on purpose carries the harm on.",
        judge: process_crash_contained,
        cannot_turn: None,
    },
    Claim {
        id: "faults-spread-indirectly",
        number: 39,
        says: "A fault in one process does not reach others directly.",
        expected: Verdict::Caveat,
        nuance: "\"Directly\" is the word to look at: isolation of memory is not isolation of \
                 locks, protocols, quotas or process groups.",
        judge: faults_spread_indirectly,
        cannot_turn: None,
    },
    Claim {
        id: "thread-crash-kills-process",
        number: 40,
        says: "A crash in one thread ends the whole process.",
        expected: Verdict::Caveat,
        nuance: "A fatal signal acts on the thread group. A panic ends one thread, unless the \
                 program was built with panic = \"abort\". A signal handler can keep a process \
                 alive after SIGSEGV, rarely wisely.",
        judge: thread_crash_kills_process,
        cannot_turn: None,
    },
    Claim {
        id: "thread-error-affects-all",
        number: 41,
        says: "An error in one thread can harm all the others.",
        expected: Verdict::Holds,
        nuance: "Soft errors are worse than crashes: nobody restarts a process that goes on with \
                 wrong data. That is why std::env::set_var is unsafe since the 2024 edition.",
        judge: thread_error_affects_all,
        cannot_turn: None,
    },
];

fn process_crash_contained(facts: &Evidence) -> Result<Judgement, Absent> {
    let crashes = match crashes_reach_no_sibling(facts)? {
        Ok(crashes) => crashes,
        Err(refuted) => return Ok(refuted),
    };
    let channels = facts.number("channels that carry harm")?;
    Ok(if channels == 0.0 {
        Judgement::holds(crashes)
    } else {
        let which = facts.text("harmful channels")?;
        Judgement::caveat(format!("{crashes}; but harm went through {channels} channels: {which}"))
    })
}

fn faults_spread_indirectly(facts: &Evidence) -> Result<Judgement, Absent> {
    let crashes = match crashes_reach_no_sibling(facts)? {
        Ok(crashes) => crashes,
        Err(refuted) => return Ok(refuted),
    };
    let open = facts.number("channels that carry harm")?;
    let all = facts.number("channels")?;
    let guarded = facts.number("harmful channels that a guard closes")?;
    Ok(if open == 0.0 {
        Judgement::holds(crashes)
    } else {
        Judgement::caveat(format!(
            "not directly: {crashes}; indirectly by {open} of {all} channels, {guarded} of those \
             closed by a guard"
        ))
    })
}

/// What the matrix of processes showed; a sibling that did not finish refutes the claim.
fn crashes_reach_no_sibling(facts: &Evidence) -> Result<Result<String, Judgement>, Absent> {
    let siblings = facts.number("process: siblings")?;
    let fewest = facts.number("process: fewest survivors")?;
    let faults = facts.number("process: faults")?;
    let harmless = facts.text("process: faults that ended nothing")?;
    if !harmless.is_empty() {
        let because = format!("a process was to end by a fault and did not: {harmless}");
        return Ok(Err(Judgement::inconclusive(because)));
    }
    Ok(if fewest < siblings {
        Err(Judgement::does_not_hold(format!(
            "after one of {faults} faults only {fewest} of {siblings} siblings finished"
        )))
    } else {
        Ok(format!("after each of {faults} faults {siblings} of {siblings} siblings finished"))
    })
}

fn thread_crash_kills_process(facts: &Evidence) -> Result<Judgement, Absent> {
    let null_write = facts.number("thread: null write: survivors")?;
    let fatal = facts.number("thread: faults that end all")?;
    if null_write > 0.0 {
        return Ok(Judgement::does_not_hold(format!(
            "{null_write} threads went on after another one's null write"
        )));
    }
    let all = facts.number("thread: faults")?;
    let contained = facts.text("thread: faults that end one thread")?;
    let joined = facts.truth("panic: join returns the error")?;
    let aborted = facts.text("abort: status")?;
    Ok(if fatal == all {
        Judgement::holds(format!("{fatal} of {all} faults ended all threads"))
    } else {
        let join = if joined { "; join returned the panic's message" } else { "" };
        Judgement::caveat(format!(
            "{fatal} of {all} faults ended all threads, others one: {contained}{join}; with a \
             hook that aborts, the process {aborted}"
        ))
    })
}

fn thread_error_affects_all(facts: &Evidence) -> Result<Judgement, Absent> {
    let (harmful, all) =
        (facts.number("mistakes that harm other threads")?, facts.number("mistakes")?);
    let which = facts.text("harmful mistakes")?;
    Ok(if harmful == all {
        Judgement::holds(format!("{harmful} of {all} mistakes harmed the other threads: {which}"))
    } else if harmful > 0.0 {
        Judgement::caveat(format!("only {harmful} of {all} mistakes harmed other threads: {which}"))
    } else {
        Judgement::does_not_hold(format!("none of {all} mistakes harmed another thread"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Judgement {
        CLAIMS.iter().find(|claim| claim.id == id).expect("the claim exists").verdict(facts)
    }

    fn processes(fewest: u32, channels: u32) -> Evidence {
        Evidence::new()
            .fact("process: siblings", 7)
            .fact("process: faults", 9)
            .fact("process: faults that ended nothing", "")
            .fact("process: fewest survivors", fewest)
            .fact("channels", 6)
            .fact("channels that carry harm", channels)
            .fact("harmful channels", "dead reader")
            .fact("harmful channels that a guard closes", channels)
    }

    #[test]
    fn a_sibling_that_dies_refutes_both_claims_about_processes() {
        for id in ["process-crash-contained", "faults-spread-indirectly"] {
            assert_eq!(verdict(id, &processes(6, 6)).verdict, Verdict::DoesNotHold);
            assert_eq!(verdict(id, &processes(7, 1)).verdict, Verdict::Caveat);
            assert_eq!(verdict(id, &processes(7, 0)).verdict, Verdict::Holds);
        }
    }

    fn threads(after_null_write: u32, contained: &str) -> Evidence {
        Evidence::new()
            .fact("thread: null write: survivors", after_null_write)
            .fact("thread: faults", 7 + u32::from(!contained.is_empty()))
            .fact("thread: faults that end all", 7)
            .fact("thread: faults that end one thread", contained)
            .fact("panic: join returns the error", true)
            .fact("abort: status", "was ended by SIGABRT")
    }

    #[test]
    fn a_contained_panic_is_a_caveat() {
        let id = "thread-crash-kills-process";
        let judgement = verdict(id, &threads(0, "panic"));
        assert_eq!(judgement.verdict, Verdict::Caveat);
        assert!(judgement.because.contains("others one: panic"), "{}", judgement.because);
        assert_eq!(verdict(id, &threads(0, "")).verdict, Verdict::Holds);
        assert_eq!(verdict(id, &threads(7, "panic")).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn mistakes_that_harm_nobody_refute_the_claim() {
        let facts = |harmful: u32| {
            Evidence::new()
                .fact("mistakes", 6)
                .fact("mistakes that harm other threads", harmful)
                .fact("harmful mistakes", "leak")
        };
        let id = "thread-error-affects-all";
        assert_eq!(verdict(id, &facts(6)).verdict, Verdict::Holds);
        assert_eq!(verdict(id, &facts(5)).verdict, Verdict::Caveat);
        assert_eq!(verdict(id, &facts(0)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
