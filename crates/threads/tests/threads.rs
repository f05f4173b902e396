//! The threads package as a user runs it.

acceptance::tests!("threads");

#[test]
fn a_process_outlives_its_first_thread_but_not_its_main() {
    let fact = |fact| PROGRAM.fact("main-returns", fact);
    assert_eq!(fact("main returns: worker finishes"), false);
    assert_eq!(fact("main joins: worker finishes"), true);
    assert_eq!(fact("main's thread ends alone: worker finishes"), true);
    assert_eq!(fact("main's thread ends alone: its state"), "Z (zombie), threads: 2");
}

#[test]
fn a_stack_is_reserved_at_once_and_filled_when_it_is_used() {
    let fact = |fact| PROGRAM.fact("stacks", fact).as_f64().expect("a number");
    let (reserved, after) = (fact("stack reserved"), fact("stack in memory after 1 MiB was used"));
    assert!(after >= 1024.0, "{after} KiB of 1 MiB that was used are in memory");
    assert!(after < reserved / 2.0, "{after} KiB of {reserved} KiB are in memory");
}

#[test]
fn a_scope_ends_after_its_threads() {
    assert_eq!(PROGRAM.fact("scoped", "scoped threads that had ended"), 2);
    assert_eq!(PROGRAM.fact("scoped", "sum of the squares"), 204);
}

#[test]
fn a_stranger_reads_a_thread_local_by_its_address() {
    assert_eq!(PROGRAM.fact("thread-local", "thread-local variable can be reached"), true);
}
