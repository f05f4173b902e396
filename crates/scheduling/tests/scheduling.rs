//! The scheduling package as a user runs it.

acceptance::tests!("scheduling");

#[test]
fn a_call_for_the_pid_changes_one_thread() {
    let fact = |name: &str| PROGRAM.fact("policies", name);
    assert_eq!(fact("policies: threads changed by a call for the pid"), 1);
    assert_eq!(fact("policies: a new thread inherits"), true);
}

#[test]
fn a_set_without_a_cpu_is_refused() {
    assert_eq!(PROGRAM.fact("affinity", "affinity: an empty set is refused"), true);
}
