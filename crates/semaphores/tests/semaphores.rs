//! The semaphores package as a user runs it.

acceptance::tests!("semaphores");

#[test]
fn no_more_come_in_than_there_are_permits() {
    assert_eq!(PROGRAM.fact("bounded", "semaphore: most inside"), 3);
    assert_eq!(PROGRAM.fact("bounded", "without a semaphore: most inside"), 8);
    assert_eq!(PROGRAM.fact("buffer", "buffer: all in order"), true);
}

#[test]
fn a_permit_has_no_owner() {
    assert_eq!(PROGRAM.fact("named", "named: the permit of a killed process is lost"), true);
    assert_eq!(PROGRAM.fact("or-mutex", "or mutex: another thread may post"), true);
    assert_eq!(PROGRAM.fact("or-mutex", "or mutex: another thread's unlock"), "EPERM");
}
