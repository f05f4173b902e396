//! The parallelism package as a user runs it.

acceptance::tests!("parallelism");

/// Threads take turns on one CPU, whatever that CPU can do.
#[test]
fn threads_take_turns_on_one_cpu() {
    assert_eq!(PROGRAM.fact("smt", "smt: threads in turn on one CPU").as_i64(), Some(100));
    assert_eq!(PROGRAM.fact("smt", "smt: all had their turns").as_bool(), Some(true));
}

/// Of two updates that were both read before, one is lost, each time.
#[test]
fn processes_lose_updates_of_what_they_share() {
    let lost = PROGRAM.fact("contention", "contention: updates that processes lost");
    assert_eq!(lost.as_i64(), Some(200));
}
