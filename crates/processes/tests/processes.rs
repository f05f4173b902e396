//! The processes package as a user runs it.

acceptance::tests!("processes");

#[test]
fn execve_keeps_what_the_kernel_keeps() {
    let fact = |name: &str| PROGRAM.fact("exec", name);
    assert_eq!(fact("exec: plain descriptor stays"), true);
    assert_eq!(fact("exec: close-on-exec descriptor stays"), false);
    assert_eq!(fact("exec: ignored signal stays ignored"), true);
    assert_eq!(fact("exec: handled signal stays handled"), false);
    assert_eq!(fact("exec by a thread: threads after"), 1);
}

#[test]
fn every_state_is_seen() {
    for state in ["sleeping", "stopped", "goes on", "runnable", "zombie", "gone after waitpid"] {
        assert_eq!(PROGRAM.fact("states", &format!("states: {state}")), true, "{state}");
    }
}
