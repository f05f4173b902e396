//! The process-lifecycle package as a user runs it.

acceptance::tests!("process-lifecycle");

#[test]
fn three_forks_make_eight_processes() {
    assert_eq!(PROGRAM.fact("fork-order", "three forks: processes"), 8);
}

#[test]
fn a_death_signal_comes_only_to_who_asks_in_time() {
    let fact = |name: &str| PROGRAM.fact("orphan", &format!("orphan: {name}"));
    assert_eq!(fact("asked in time, is killed"), true);
    assert_eq!(fact("asked too late, is killed"), false);
    assert_eq!(fact("getppid tells that it was too late"), true);
}

#[test]
fn a_signal_is_taken_by_a_thread_that_does_not_block_it() {
    let fact = |name: &str| PROGRAM.fact("signals", &format!("signals: {name}"));
    assert_eq!(fact("taken by the only one that does not block"), fact("sent each time"));
    assert_eq!(fact("taken by the one addressed"), fact("sent each time"));
}
