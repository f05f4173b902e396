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
                 its page. Put offsets there, not pointers, and locks that are made for it.",
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
    let crash = facts.text("new pointer: the other process gets")?;
    let woken = facts.number("shared futex: processes woken")?;
    let by_offset = facts.number("offset: the other process reads")?;
    let std_sleeps = facts.truth("std mutex: the other process sleeps on")?;
    if read == 42.0 || !crash.starts_with("SIG") {
        return Ok(Judgement::does_not_hold("a pointer worked in the other process"));
    }
    let pointers = format!("a pointer led to a stale {read} or to {crash} in the other process");
    if woken < 1.0 || by_offset != 42.0 {
        return Ok(Judgement::holds(format!("{pointers}, and shared memory carried nothing")));
    }
    let trap = if std_sleeps { "; std's mutex did not wake it" } else { "" };
    Ok(Judgement::caveat(format!(
        "{pointers}, but an offset led to {by_offset} and a shared futex woke it{trap}"
    )))
}

fn ipc_by_shared_memory(facts: &Evidence) -> Result<Judgement, Absent> {
    let messages = facts.number("messages through the ring")?;
    let noticed = facts.truth("consumer learns of the death")?;
    if !facts.truth("messages in order")? {
        return Ok(Judgement::does_not_hold("messages were lost, doubled or out of order"));
    }
    let calls = facts.number("ring: system calls per message")?;
    let arrived = format!("{messages} messages arrived in order, {calls:.5} system calls each");
    let lock = facts.text("lock after its owner was killed")?;
    let total = facts.number("total that should be 100")?;
    let repaired = facts.truth("repaired and locked again")?;
    let shrunk = facts.text("unsealed, shrunk: the reader gets")?;
    if lock != "EOWNERDEAD" || !repaired || !noticed {
        return Ok(Judgement::does_not_hold(format!(
            "{arrived}, but a peer's death went unnoticed or could not be repaired ({lock})"
        )));
    }
    if total == 100.0 && !shrunk.starts_with("SIG") {
        return Ok(Judgement::holds(arrived));
    }
    Ok(Judgement::caveat(format!(
        "{arrived}; but a killed owner left 100 as {total} behind a lock ({lock}), and a peer \
         that shrinks the memory is {shrunk}"
    )))
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

    fn ring(in_order: bool, lock: &str, total: u64) -> Evidence {
        Evidence::new()
            .fact("messages through the ring", 1000)
            .fact("messages in order", in_order)
            .fact("ring: system calls per message", 0.001)
            .fact("consumer learns of the death", true)
            .fact("lock after its owner was killed", lock)
            .fact("total that should be 100", total)
            .fact("repaired and locked again", lock == "EOWNERDEAD")
            .fact("unsealed, shrunk: the reader gets", "SIGBUS")
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
        assert_eq!(CLAIMS[0].verdict(&pointers(7, "a value", 1)).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn without_a_wake_up_it_holds() {
        assert_eq!(CLAIMS[0].verdict(&pointers(7, "SIGSEGV", 0)).verdict, Verdict::Holds);
    }

    #[test]
    fn order_and_recovery_are_required_and_torn_data_is_a_caveat() {
        let verdict = |facts| CLAIMS[1].verdict(&facts).verdict;
        assert_eq!(verdict(ring(true, "EOWNERDEAD", 70)), Verdict::Caveat);
        assert_eq!(verdict(ring(false, "EOWNERDEAD", 70)), Verdict::DoesNotHold);
        assert_eq!(verdict(ring(true, "ETIMEDOUT", 70)), Verdict::DoesNotHold);
        assert_eq!(verdict(Evidence::new()), Verdict::Failed);
    }
}
