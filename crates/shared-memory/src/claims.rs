//! What people say about shared memory, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "cross-process-threads",
        number: 29,
        says: "Threads of different processes cannot talk to each other directly.",
        expected: Verdict::Caveat,
        nuance: "A pointer means nothing in another process. But once a page is mapped in both, \
                 their threads wake each other like siblings, because a shared futex is known by \
                 its place in the file. Put offsets there, not pointers, and locks that are made for it.",
        judge: cross_process_threads,
        cannot_turn: None,
    },
    Claim {
        id: "ipc-by-shared-memory",
        number: 31,
        says: "They can talk through shared memory.",
        expected: Verdict::Caveat,
        nuance: "It is the fastest way, and it brings all hazards of threads back: races, and \
                 after a crash half-changed data behind a locked lock. For that region isolation \
                 is given up.",
        judge: ipc_by_shared_memory,
        cannot_turn: None,
    },
];

fn cross_process_threads(facts: &Evidence) -> Result<Judgement, Absent> {
    let read = facts.number("old pointer: the other process reads")?;
    let other = facts.text("new pointer: the other process gets")?;
    let woken = facts.number("shared futex: processes woken")?;
    let by_offset = facts.number("offset: the other process reads")?;
    let std_sleeps = facts.truth("std mutex: the other process sleeps on")?;
    if read == 42.0 || other == "42" {
        return Ok(Judgement::does_not_hold(format!(
            "a pointer worked in the other process: there it led to {read} and to {other}"
        )));
    }
    let pointers = format!("a pointer led to a stale {read} or to {other} in the other process");
    if woken < 1.0 || by_offset != 42.0 {
        let wakes = if woken < 1.0 { "did not wake it" } else { "woke it" };
        return Ok(Judgement::holds(format!(
            "{pointers}; in shared memory an offset led to {by_offset}, and a shared futex {wakes}"
        )));
    }
    let trap = if std_sleeps { "; std's mutex did not wake it" } else { "" };
    Ok(Judgement::caveat(format!(
        "{pointers}, but an offset led to {by_offset} and a shared futex woke it{trap}"
    )))
}

fn ipc_by_shared_memory(facts: &Evidence) -> Result<Judgement, Absent> {
    let sent = facts.number("messages through the ring")?;
    let arrived = facts.number("messages in order")?;
    let answer = facts.number("descriptor: the answer to 42")?;
    if arrived < sent {
        return Ok(Judgement::does_not_hold(format!(
            "message {arrived} of {sent} was lost, doubled or changed"
        )));
    }
    if answer != 43.0 {
        return Ok(Judgement::does_not_hold("a program wrote where the other one did not see it"));
    }
    let calls = facts.number("ring: system calls per message")?;
    let ran = format!("{sent} messages arrived in order, {calls:.5} system calls each");
    let mut but = Vec::new();
    let lock = facts.text("lock after its owner was killed")?;
    let total = facts.number("total that should be 100")?;
    if total != 100.0 {
        but.push(format!("a killed owner left 100 as {total} behind a lock ({lock})"));
    }
    let shrunk = facts.text("unsealed, shrunk: the reader gets")?;
    if shrunk.starts_with("SIG") {
        but.push(format!("a peer that shrinks the memory is {shrunk}"));
    }
    Ok(match but.is_empty() {
        true => Judgement::holds(ran),
        false => Judgement::caveat(format!("{ran}; but {}", but.join(", and "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(read: u64, crash: &str, woken: u64) -> Evidence {
        Evidence::new()
            .fact("old pointer: the other process reads", read)
            .fact("new pointer: the other process gets", crash)
            .fact("shared futex: processes woken", woken)
            .fact("offset: the other process reads", 42)
            .fact("std mutex: the other process sleeps on", true)
    }

    fn shared(arrived: u64, answer: u64, total: u64, shrunk: &str) -> Evidence {
        Evidence::new()
            .fact("messages through the ring", 1000)
            .fact("messages in order", arrived)
            .fact("ring: system calls per message", 0.001)
            .fact("descriptor: the answer to 42", answer)
            .fact("lock after its owner was killed", "EOWNERDEAD")
            .fact("total that should be 100", total)
            .fact("unsealed, shrunk: the reader gets", shrunk)
    }

    #[test]
    fn pointers_fail_and_a_futex_works() {
        let judgement = CLAIMS[0].verdict(&pointers(7, "SIGSEGV", 1));
        assert_eq!(judgement.verdict, Verdict::Caveat);
        assert!(judgement.because.contains("SIGSEGV"), "{}", judgement.because);
    }

    #[test]
    fn a_pointer_that_works_refutes_it() {
        assert_eq!(CLAIMS[0].verdict(&pointers(42, "SIGSEGV", 1)).verdict, Verdict::DoesNotHold);
        assert_eq!(CLAIMS[0].verdict(&pointers(7, "42", 1)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn a_pointer_to_what_the_other_has_there_by_itself_did_not_work() {
        assert_eq!(CLAIMS[0].verdict(&pointers(7, "0", 1)).verdict, Verdict::Caveat);
    }

    #[test]
    fn without_a_wake_up_it_holds() {
        let judgement = CLAIMS[0].verdict(&pointers(7, "SIGSEGV", 0));
        assert_eq!(judgement.verdict, Verdict::Holds);
        let seen = "an offset led to 42, and a shared futex did not wake it";
        assert!(judgement.because.ends_with(seen), "{}", judgement.because);
    }

    #[test]
    fn a_lost_message_refutes_it_and_is_named() {
        let judgement = CLAIMS[1].verdict(&shared(17, 43, 70, "SIGBUS"));
        assert_eq!(judgement.verdict, Verdict::DoesNotHold);
        assert!(judgement.because.contains("message 17 of 1000"), "{}", judgement.because);
    }

    #[test]
    fn memory_that_the_other_does_not_see_refutes_it() {
        let verdict = CLAIMS[1].verdict(&shared(1000, 42, 70, "SIGBUS")).verdict;
        assert_eq!(verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn torn_data_and_shrunk_memory_are_each_a_caveat() {
        let judged = |total, shrunk| CLAIMS[1].verdict(&shared(1000, 43, total, shrunk));
        assert_eq!(judged(100, "the data").verdict, Verdict::Holds);
        let torn = judged(70, "the data");
        assert_eq!(torn.verdict, Verdict::Caveat);
        assert!(torn.because.contains("as 70") && !torn.because.contains("shrinks"));
        let shrunk = judged(100, "SIGBUS");
        assert_eq!(shrunk.verdict, Verdict::Caveat);
        assert!(shrunk.because.contains("SIGBUS") && !shrunk.because.contains("killed"));
        // A lock that tells nobody of the death leaves the data as torn.
        let mut unnoticed = Evidence::new().fact("lock after its owner was killed", "ETIMEDOUT");
        unnoticed.merge(shared(1000, 43, 70, "the data"));
        assert_eq!(CLAIMS[1].verdict(&unnoticed).verdict, Verdict::Caveat);
    }

    #[test]
    fn a_missing_fact_is_a_failure() {
        assert_eq!(CLAIMS[1].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
