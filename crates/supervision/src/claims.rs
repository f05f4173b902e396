//! What people say about stability by isolation, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "isolation-gives-stability",
        number: 42,
        says: "Isolation makes a system of processes stable.",
        expected: Verdict::Caveat,
        nuance: "Isolation only contains. That the work goes on is the doing of whoever starts again \
                 what crashed, and tries again what was lost; and that one needs limits, for crash \
                 loops and for jobs that crash every time.",
        judge: isolation_gives_stability,
        cannot_turn: None,
    },
    Claim {
        id: "os-runs-apps-as-processes",
        number: 64,
        says: "A system runs its applications in separate processes.",
        expected: Verdict::Holds,
        nuance: "Processes of their own keep crashes apart, users of their own keep secrets apart, \
                 and only quotas (cgroups) keep greed apart: CPU time and memory are shared.",
        judge: os_runs_apps_as_processes,
        cannot_turn: None,
    },
];

fn isolation_gives_stability(facts: &Evidence) -> Result<Judgement, Absent> {
    let jobs = facts.number("jobs")?;
    let restarted = facts.number("processes, restarted: jobs done")?;
    let contained = facts.number("processes, never restarted: jobs done")?;
    let threads = facts.number("threads, never restarted: jobs done")?;
    let crashes = facts.number("processes, restarted: crashes")?;
    let gives_up = facts.truth("limit: gives up")?;
    for (who, again) in [("processes", ""), ("processes", "never "), ("threads", "never ")] {
        if facts.number(&format!("{who}, {again}restarted: crashes"))? == 0.0 {
            return Ok(Judgement::inconclusive(format!(
                "none of the {who} that were {again}restarted crashed, which was to be contained"
            )));
        }
    }
    if restarted < jobs {
        return Ok(Judgement::does_not_hold(format!(
            "processes that were started again did {restarted} of {jobs} jobs"
        )));
    }
    if threads >= contained {
        return Ok(Judgement::does_not_hold(format!(
            "threads did {threads} of {jobs} jobs, processes not more: {contained}"
        )));
    }
    let done = format!(
        "in spite of {crashes} crashes, processes that were started again did {restarted} of {jobs} \
         jobs"
    );
    if contained == jobs && gives_up {
        return Ok(Judgement::holds(done));
    }
    let loops = match gives_up {
        true => "a limit ends a crash loop",
        false => "a crash loop was not ended by its limit",
    };
    Ok(Judgement::caveat(format!(
        "{done}; isolation alone {contained}, threads {threads}; {loops}"
    ))
    .briefly(format!("restarts do it: isolation alone did {contained} of {jobs} jobs")))
}

fn os_runs_apps_as_processes(facts: &Evidence) -> Result<Judgement, Absent> {
    let others = facts.number("applications")? - 1.0;
    let going_on = facts.number("one is killed: others that beat on")?;
    if !facts.truth("applications: all beat")? {
        return Ok(Judgement::undecided("not all applications came to run"));
    }
    if going_on < others {
        return Ok(Judgement::does_not_hold(format!(
            "after one was killed only {going_on} of {others} others went on"
        )));
    }
    if !facts.truth("one is killed: it is started again")? {
        return Ok(Judgement::caveat("the one that was killed did not come back"));
    }
    let greedy = facts.number("greedy, four processes: hearts that beat on")?;
    let all = facts.number("applications")?;
    let lived = format!(
        "after one was killed {going_on} of {others} others went on, and it came back; beside four \
         greedy processes {greedy} of {all} went on"
    );
    if greedy < all {
        return Ok(Judgement::caveat(lived));
    }
    let reads = |whose: &str| facts.truth(&format!("{whose} user's memory map is readable"));
    Ok(match (reads("the same"), reads("another")) {
        (_, Ok(true)) => {
            Judgement::caveat(format!("{lived}; but one user can read another's memory map"))
        }
        (Ok(true), Ok(false)) => {
            Judgement::holds(format!("{lived}; another user's memory map is closed"))
        }
        // What is closed to its own user does not show what a user of one's own is good for.
        (Ok(false), Ok(false)) => Judgement::holds(format!(
            "{lived}; a memory map is closed here even to a process of the same user"
        )),
        // Who may not change users shows the rest all the same.
        (Err(Absent::Declared { .. }), _) | (_, Err(Absent::Declared { .. })) => {
            Judgement::holds(lived)
        }
        (Err(absent), _) | (_, Err(absent)) => return Err(absent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        let claim = CLAIMS.iter().find(|claim| claim.id == id).expect("the claim exists");
        claim.verdict(facts).verdict
    }

    #[test]
    fn restarts_make_the_difference_between_contained_and_stable() {
        let facts = |restarted: u32, contained: u32, threads: u32, gives_up: bool| {
            Evidence::new()
                .fact("jobs", 1000)
                .fact("processes, restarted: jobs done", restarted)
                .fact("processes, restarted: crashes", 10)
                .fact("processes, never restarted: crashes", 4)
                .fact("threads, never restarted: crashes", 1)
                .fact("processes, never restarted: jobs done", contained)
                .fact("threads, never restarted: jobs done", threads)
                .fact("limit: gives up", gives_up)
        };
        let id = "isolation-gives-stability";
        assert_eq!(verdict(id, &facts(1000, 334, 37, true)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(1000, 1000, 37, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(1000, 1000, 37, true)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(990, 334, 37, true)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(1000, 334, 334, true)), Verdict::DoesNotHold);
    }

    #[test]
    fn where_nothing_crashed_nothing_was_contained() {
        let arms =
            ["processes, restarted", "processes, never restarted", "threads, never restarted"];
        for without in arms {
            let mut facts = Evidence::new().fact("jobs", 1000).fact("limit: gives up", true);
            for arm in arms {
                facts = facts
                    .fact(&format!("{arm}: jobs done"), 1000)
                    .fact(&format!("{arm}: crashes"), u32::from(arm != without));
            }
            let found = verdict("isolation-gives-stability", &facts);
            assert_eq!(found, Verdict::Inconclusive, "{without}");
        }
    }

    #[test]
    fn others_must_go_on_and_the_killed_one_come_back() {
        let facts = |going_on: u32, back: bool, greedy: u32| {
            Evidence::new()
                .fact("applications", 3)
                .fact("applications: all beat", true)
                .fact("one is killed: others that beat on", going_on)
                .fact("one is killed: it is started again", back)
                .fact("greedy, four processes: hearts that beat on", greedy)
        };
        let id = "os-runs-apps-as-processes";
        let (own, map) =
            ("the same user's memory map is readable", "another user's memory map is readable");
        let closed = |own_is_open| {
            let facts = facts(2, true, 3).fact(own, own_is_open).fact(map, false);
            CLAIMS[1].verdict(&facts)
        };
        assert!(closed(true).because.ends_with("another user's memory map is closed"));
        assert!(closed(false).because.ends_with("even to a process of the same user"));
        assert_eq!(closed(false).verdict, Verdict::Holds);
        let facts = |going_on, back, greedy| facts(going_on, back, greedy).fact(own, true);
        assert_eq!(verdict(id, &facts(2, true, 3).fact(map, false)), Verdict::Holds);
        assert_eq!(verdict(id, &facts(2, true, 3).missing(map, "not root")), Verdict::Holds);
        assert_eq!(verdict(id, &facts(2, true, 3).fact(map, true)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(2, true, 2).fact(map, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(2, false, 3).fact(map, false)), Verdict::Caveat);
        assert_eq!(verdict(id, &facts(0, true, 3).fact(map, false)), Verdict::DoesNotHold);
        assert_eq!(verdict(id, &facts(2, true, 3)), Verdict::Failed);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        for claim in CLAIMS {
            assert_eq!(claim.verdict(&Evidence::new()).verdict, Verdict::Failed, "{}", claim.id);
        }
    }
}
