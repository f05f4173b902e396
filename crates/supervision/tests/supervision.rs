//! The supervision package as a user runs it.

acceptance::tests!("supervision");

#[test]
fn processes_that_are_restarted_do_all_and_others_do_not() {
    let fact = |name: &str| PROGRAM.fact("one-for-one", name);
    assert_eq!(fact("processes, restarted: jobs done"), 1000);
    assert_eq!(fact("processes, restarted: restarts"), 10);
    assert_eq!(fact("processes, never restarted: jobs done"), 334);
    assert_eq!(fact("poison: jobs done"), 999);
    assert_eq!(fact("poison: jobs set aside"), 1);
}

#[test]
fn the_first_crash_ends_all_threads() {
    let fact = |name: &str| PROGRAM.fact("threads", name);
    assert_eq!(fact("threads, never restarted: crashes"), 1);
    // Job 37 crashes. The three others may have lost theirs, or have gone on for a moment.
    let done = fact("threads, never restarted: jobs done").as_u64().expect("a count");
    assert!((34..200).contains(&done), "{done}");
    assert_eq!(fact("threads, restarted: jobs done"), 1000);
}

#[test]
fn a_limit_ends_a_crash_loop_and_lets_rare_crashes_be() {
    let fact = |name: &str| PROGRAM.fact("intensity", name);
    assert_eq!(fact("limit: gives up"), true);
    assert_eq!(fact("limit: restarts"), 5);
    assert_eq!(fact("crash loop: gives up"), false);
    assert_eq!(fact("rare crashes: gives up"), false);
}

#[test]
fn the_others_go_on() {
    let fact = |name: &str| PROGRAM.fact("session", name);
    assert_eq!(fact("one is killed: others that beat on"), 2);
    assert_eq!(fact("one is killed: it is started again"), true);
    assert_eq!(fact("greedy, four processes: hearts that beat on"), 3);
}
