//! The thread-pool package as a user runs it.

acceptance::tests!("thread-pool");

#[test]
fn all_tasks_run_on_the_threads_made_before() {
    assert_eq!(PROGRAM.fact("fixed", "fixed: tasks run by threads of the pool"), 10_000);
    assert_eq!(PROGRAM.fact("fixed", "fixed: threads that ran tasks"), 4);
}

#[test]
fn tasks_that_wait_for_tasks_need_help() {
    assert_eq!(PROGRAM.fact("nested", "nested: done"), 0);
    assert_eq!(PROGRAM.fact("nested", "nested: done with one thread more"), 2);
    assert_eq!(PROGRAM.fact("nested", "nested: done when waiting tasks help"), 2);
}

#[test]
fn a_crash_costs_one_job_and_one_worker() {
    assert_eq!(PROGRAM.fact("process-pool", "process pool: jobs done"), 19);
    assert_eq!(PROGRAM.fact("process-pool", "process pool: workers started"), 3);
}
