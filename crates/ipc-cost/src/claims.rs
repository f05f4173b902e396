//! What people say about the cost of communication, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "ipc-slower",
        number: 26,
        says: "IPC is slower than talking between threads.",
        expected: Verdict::Caveat,
        nuance: "The mechanism decides, not the boundary. The same call costs the same between \
                 threads, and memory that two processes share is as fast as memory that two \
                 threads share. Slower is what copies through the kernel, for both.",
        judge: ipc_slower,
        cannot_turn: None,
    },
    Claim {
        id: "ipc-more-complex",
        number: 27,
        says: "IPC is harder to program.",
        expected: Verdict::Holds,
        nuance: "Framing, short reads, ends to be closed, a byte order, names to clean up, and a \
                 peer that can die. In exchange the interface is explicit and can be tested.",
        judge: ipc_more_complex,
        cannot_turn: Some("it counts words in this package's own sources, the same everywhere"),
    },
    Claim {
        id: "ipc-costs-more",
        number: 28,
        says: "IPC takes more resources.",
        expected: Verdict::Caveat,
        nuance: "So it is where the kernel carries each message. A ring in shared memory needs no \
                 system call for a message. Waiting for each message is dear on both sides, and \
                 buffering cheap.",
        judge: ipc_costs_more,
        cannot_turn: None,
    },
];

/// Bytes that are copied because of the boundary have to cost this many pointers.
const COPIED: f64 = 10.0;

/// What this kernel does at a switch to another address space that makes it dearer, if it says so.
fn what_makes_a_switch_dear(facts: &Evidence) -> String {
    let untagged = facts.truth("translations are tagged (PCID)") == Ok(false);
    let barrier =
        facts.text("branch predictor, IBPB").ok().filter(|said| said.contains("disabled"));
    let mut reasons = String::new();
    if untagged {
        reasons.push_str("; translations are not tagged (no PCID), so a switch flushes them");
    }
    if let Some(said) = barrier {
        reasons.push_str(&format!(
            "; indirect-branch speculation is {said}, so a barrier stands between processes"
        ));
    }
    reasons
}

fn ipc_slower(facts: &Evidence) -> Result<Judgement, Absent> {
    let measured = facts.number("mechanisms measured")?;
    let same = facts.number("mechanisms that cost the same")?;
    let slower = facts.number("mechanisms slower to a process")?;
    let trips = facts.number("round trips, process to thread")?;
    let copied = facts.samples("through the kernel / as a pointer")?;
    let mebibytes = facts.number("bytes of the largest message")? / 1024.0 / 1024.0;
    let small = format!(
        "a round trip to a process cost {trips:.2} times one to a thread, the same by {same} of \
         {measured} mechanisms"
    );
    let bulk = format!(
        "{mebibytes} MiB through the kernel took {:.0} times as long as a pointer ({copied})",
        copied.median
    );
    Ok(if 2.0 * slower > measured {
        Judgement::holds(format!("{small}, and {bulk}{}", what_makes_a_switch_dear(facts)))
    } else if 2.0 * same <= measured {
        Judgement::undecided(format!("too noisy: {small}"))
    } else if copied.is_above(COPIED) {
        Judgement::caveat(format!("{small}, but {bulk}"))
            .briefly(format!("but the same call costs the same ({trips:.2} x)"))
    } else if copied.is_below(COPIED) {
        Judgement::does_not_hold(format!("{small}, and {bulk}"))
    } else {
        Judgement::undecided(format!("too close to call: {small}, and {bulk}"))
    })
}

fn ipc_more_complex(facts: &Evidence) -> Result<Judgement, Absent> {
    const MEASURES: [&str; 3] = ["lines", "calls in the source", "places that can fail"];
    let of = |version: &str| -> Result<[f64; 3], Absent> {
        let mut sizes = [0.0; 3];
        for (size, measure) in sizes.iter_mut().zip(MEASURES) {
            *size = facts.number(&format!("{version}: {measure}"))?;
        }
        Ok(sizes)
    };
    let threads = of("threads")?;
    let mut said = format!(
        "in the sources, threads took {} lines and {} failure paths",
        threads[0], threads[2]
    );
    let mut fewest = true;
    for version in ["pipes", "sockets", "shared memory"] {
        let sizes = of(version)?;
        fewest &= threads.iter().zip(sizes).all(|(threads, other)| *threads < other);
        said.push_str(&format!(", {version} {} and {}", sizes[0], sizes[2]));
    }
    Ok(if fewest { Judgement::holds(said) } else { Judgement::does_not_hold(said) })
}

fn ipc_costs_more(facts: &Evidence) -> Result<Judgement, Absent> {
    let calls = facts.number("pipe, buffered: system calls per message")?;
    let copies = facts.number("pipe, buffered: copies per message")?;
    let thread = facts.number("channel, buffered: system calls per message")?;
    let ring = facts.number("ring, in batches: system calls per message")?;
    let kernel = format!(
        "a pipe took {calls:.2} system calls and {copies:.2} copies a message, a channel of \
         threads that buffers as much {thread:.3} calls"
    );
    let ring_took = format!("a ring between processes {ring:.3}");
    Ok(if calls < 2.0 * thread || copies < 1.0 {
        Judgement::does_not_hold(kernel)
    } else if ring < 0.1 {
        Judgement::caveat(format!("{kernel}, but {ring_took}"))
            .briefly("but a ring in shared memory needs no call for a message")
    } else {
        Judgement::holds(format!("{kernel}, and {ring_took}"))
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn verdict(id: &str, facts: &Evidence) -> Verdict {
        CLAIMS.iter().find(|claim| claim.id == id).unwrap().verdict(facts).verdict
    }

    fn trips(same: u32, slower: u32, copied: f64) -> Evidence {
        let copied = Summary::of(vec![copied * 0.9, copied, copied * 1.1]).unwrap();
        Evidence::new()
            .fact("mechanisms measured", 6)
            .fact("mechanisms that cost the same", same)
            .fact("mechanisms slower to a process", slower)
            .fact("round trips, process to thread", 1.02)
            .sampled("through the kernel / as a pointer", copied, "")
            .fact("bytes of the largest message", 64 << 20)
    }

    #[test]
    fn equal_trips_and_slow_copies_are_a_caveat() {
        assert_eq!(verdict("ipc-slower", &trips(6, 0, 300.0)), Verdict::Caveat);
        assert_eq!(verdict("ipc-slower", &trips(6, 0, 2.0)), Verdict::DoesNotHold);
        assert_eq!(verdict("ipc-slower", &trips(1, 5, 300.0)), Verdict::Holds);
        assert_eq!(verdict("ipc-slower", &trips(2, 2, 300.0)), Verdict::Inconclusive);
        assert_eq!(verdict("ipc-slower", &trips(6, 0, 10.0)), Verdict::Inconclusive);
        assert_eq!(verdict("ipc-slower", &Evidence::new()), Verdict::Failed);
    }

    #[test]
    fn a_dearer_switch_names_what_the_kernel_flushes() {
        let flushed = trips(0, 6, 2000.0)
            .fact("translations are tagged (PCID)", false)
            .fact("branch predictor, IBPB", "always disabled");
        let said = ipc_slower(&flushed).unwrap().because;
        assert!(said.contains("no PCID") && said.contains("always disabled"), "{said}");
        let tagged = trips(0, 6, 2000.0).fact("translations are tagged (PCID)", true);
        assert!(!ipc_slower(&tagged).unwrap().because.contains("PCID"));
    }

    #[test]
    fn no_undisturbed_measurement_is_inconclusive() {
        let facts = Evidence::new().missing("mechanisms measured", "too much going on");
        assert_eq!(verdict("ipc-slower", &facts), Verdict::Inconclusive);
    }

    fn sizes(threads: [u32; 3]) -> Evidence {
        let mut facts = Evidence::new();
        for (version, sizes) in [
            ("threads", threads),
            ("pipes", [25, 5, 8]),
            ("sockets", [50, 8, 14]),
            ("shared memory", [30, 4, 6]),
        ] {
            let measures = ["lines", "calls in the source", "places that can fail"];
            for (measure, size) in measures.iter().zip(sizes) {
                facts = facts.fact(&format!("{version}: {measure}"), size);
            }
        }
        facts
    }

    #[test]
    fn threads_must_have_the_fewest_of_all() {
        assert_eq!(verdict("ipc-more-complex", &sizes([14, 2, 2])), Verdict::Holds);
        assert_eq!(verdict("ipc-more-complex", &sizes([14, 2, 7])), Verdict::DoesNotHold);
    }

    fn messages(calls: f64, thread: f64, ring: f64) -> Evidence {
        Evidence::new()
            .fact("pipe, buffered: system calls per message", calls)
            .fact("pipe, buffered: copies per message", 2.0)
            .fact("channel, buffered: system calls per message", thread)
            .fact("ring, in batches: system calls per message", ring)
    }

    #[test]
    fn a_ring_without_system_calls_is_a_caveat() {
        assert_eq!(verdict("ipc-costs-more", &messages(2.0, 0.01, 0.01)), Verdict::Caveat);
        assert_eq!(verdict("ipc-costs-more", &messages(2.0, 0.01, 2.0)), Verdict::Holds);
        assert_eq!(verdict("ipc-costs-more", &messages(2.0, 2.6, 0.01)), Verdict::DoesNotHold);
    }
}
