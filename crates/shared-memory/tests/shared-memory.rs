//! The shared-memory package as a user runs it.

acceptance::tests!("shared-memory");

#[test]
fn programs_that_were_started_apart_share_memory() {
    assert_eq!(PROGRAM.fact("unrelated", "descriptor: the answer to 42"), 43);
    if std::path::Path::new("/dev/shm").is_dir() {
        assert_eq!(PROGRAM.fact("unrelated", "name: the answer to 42"), 43);
        assert_eq!(PROGRAM.fact("unrelated", "name: there without a user"), true);
        assert_eq!(PROGRAM.fact("unrelated", "name: after shm_unlink"), "ENOENT");
    }
}

#[test]
fn every_message_comes_in_order() {
    let fact = |name| PROGRAM.fact("ring", name);
    assert_eq!(fact("messages in order"), fact("messages through the ring"));
}

#[test]
fn a_pointer_reads_an_old_copy_or_nothing() {
    assert_eq!(PROGRAM.fact("pointer", "old pointer: the other process reads"), 7);
    assert_eq!(PROGRAM.fact("pointer", "new pointer: the other process gets"), "SIGSEGV");
    assert_eq!(PROGRAM.fact("pointer", "offset: the other process reads"), 42);
}

#[test]
fn a_killed_producer_loses_nothing_that_it_sent() {
    assert_eq!(PROGRAM.fact("ring", "messages of a producer that was killed"), 1000);
    assert_eq!(PROGRAM.fact("ring", "consumer learns of the death"), true);
}

#[test]
fn only_a_shared_futex_wakes_another_process() {
    assert_eq!(PROGRAM.fact("futex", "shared futex: processes woken"), 1);
    assert_eq!(PROGRAM.fact("futex", "shared futex: the sleeper"), "was woken");
    assert_eq!(PROGRAM.fact("futex", "private futex: processes woken"), 0);
}

#[test]
fn a_dead_owner_is_said_once_and_must_be_answered() {
    assert_eq!(PROGRAM.fact("robust", "lock after its owner was killed"), "EOWNERDEAD");
    assert_eq!(PROGRAM.fact("robust", "total that should be 100"), 70);
    assert_eq!(PROGRAM.fact("robust", "lock after nobody repaired"), "ENOTRECOVERABLE");
    assert_eq!(PROGRAM.fact("robust", "lock that is not robust"), "ETIMEDOUT");
}

#[test]
fn the_mutex_of_std_is_free_and_its_waiter_asleep() {
    assert_eq!(PROGRAM.fact("std-mutex-trap", "std mutex: unlocked, free again"), true);
    assert_eq!(PROGRAM.fact("std-mutex-trap", "std mutex: the other process sleeps on"), true);
}

#[test]
fn seals_are_kept() {
    assert_eq!(PROGRAM.fact("seals", "unsealed, shrunk: the reader gets"), "SIGBUS");
    assert_eq!(PROGRAM.fact("seals", "sealed: shrinking"), "EPERM");
    assert_eq!(PROGRAM.fact("seals", "sealed against writing while mapped"), "EBUSY");
}

#[test]
fn who_shrinks_the_memory_is_another_process() {
    let story = PROGRAM.run(&["seals"]).stdout;
    let pids = |role: &str| -> std::collections::BTreeSet<&str> {
        let lines = story.lines().filter_map(|line| line.strip_prefix(role));
        lines.filter_map(|rest| rest.trim_start().split(']').next()).collect()
    };
    let (peers, owners) = (pids("[peer "), pids("[owner "));
    assert!(!peers.is_empty() && owners.len() == 1 && peers.is_disjoint(&owners), "{story}");
}

#[test]
fn what_is_compared_was_measured_with_a_control_and_a_count_of_switches() {
    for (experiment, parties) in [
        ("ring", ["ring: one by one", "ring: in batches"]),
        ("futex", ["futex round trip, processes", "futex round trip, threads"]),
    ] {
        let control = format!("{} again / {0}", parties[0]);
        let counts = parties.map(|party| format!("{party}: switches each"));
        for fact in [&[control][..], &counts].concat() {
            assert!(PROGRAM.fact(experiment, &fact).is_number(), "{experiment}: {fact}");
        }
    }
}
