//! The coroutines package as a user runs it.

acceptance::tests!("coroutines");

#[test]
fn the_kernel_counts_threads_and_no_tasks() {
    assert_eq!(PROGRAM.fact("executor", "executor: tasks under way at once"), 100_000);
    assert_eq!(PROGRAM.fact("executor", "executor: threads that the tasks added"), 0);
    assert_eq!(PROGRAM.fact("executor", "executor: threads that threads added"), 16);
}

#[test]
fn an_await_lets_the_others_run() {
    assert_eq!(PROGRAM.fact("starve", "starve: steps beside a task that does not await"), 0);
    assert_eq!(PROGRAM.fact("starve", "starve: steps beside a task that awaits"), 60);
}

#[test]
fn a_task_is_dropped_at_an_await_only() {
    assert_eq!(PROGRAM.fact("order", "cancel: destructors that ran"), 5);
    assert_eq!(PROGRAM.fact("order", "cancel: steps left half done"), 0);
}
