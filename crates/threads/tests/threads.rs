//! The threads package as a user runs it.

acceptance::tests!("threads");

#[test]
fn a_process_outlives_its_first_thread_but_not_its_main() {
    let fact = |fact| PROGRAM.fact("main-returns", fact);
    assert_eq!(fact("main returns: worker finishes"), false);
    assert_eq!(fact("main joins: worker finishes"), true);
    assert_eq!(fact("main's thread ends alone: worker finishes"), true);
    assert_eq!(fact("main's thread ends alone: its state"), "Z (zombie)");
}

#[test]
fn a_stack_is_reserved_at_once_and_filled_when_it_is_used() {
    let fact = |fact| PROGRAM.fact("stacks", fact).as_f64().expect("a number");
    let (used, after) = (fact("KiB of the stack written to"), fact("stack in memory after use"));
    assert!(after >= used, "{after} KiB of {used} KiB that were used are in memory");
    assert!(after < fact("stack reserved") / 2.0, "{after} KiB are in memory");
}

#[test]
fn an_overflow_is_noticed_at_the_guard_in_small_steps_and_in_one_large_one() {
    for way in ["endless recursion", "large local"] {
        let fact = |fact: &str| PROGRAM.fact("stacks", &format!("{way}: {fact}"));
        assert_eq!(fact("the process"), "was ended by SIGABRT");
        assert_eq!(fact("Rust names the overflow"), true);
    }
}

#[test]
fn a_scope_waits_for_closures_and_not_for_threads() {
    assert_eq!(PROGRAM.fact("scoped", "closures that had returned"), 2);
    assert_eq!(PROGRAM.fact("scoped", "sum of the squares"), 91);
    assert_eq!(PROGRAM.fact("scoped", "threads alive after the scope"), 2);
}

#[test]
fn some_calls_are_about_all_threads() {
    let fact = |fact| PROGRAM.fact("process-wide", fact);
    assert_eq!(fact("exit: the process"), "exited with 7");
    assert_eq!(fact("execve: the program runs in"), "1 thread");
    assert_eq!(fact("fork: the child has"), "1 thread");
    assert_eq!(fact("a deadly signal to one thread: the process"), "was ended by SIGTERM");
    assert_eq!(fact("a signal to the process is handled in"), "the one not blocking it");
}

#[test]
fn a_stranger_reads_a_thread_local_by_its_address() {
    assert_eq!(PROGRAM.fact("thread-local", "thread-local variable can be reached"), true);
}
