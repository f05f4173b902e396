//! The deadlock package as a user runs it.

acceptance::tests!("deadlock");

#[test]
fn two_locks_in_opposite_order_freeze_two_threads_every_time() {
    for _ in 0..10 {
        assert_eq!(PROGRAM.fact("lock-order", "threads in the cycle"), 2);
    }
    assert_eq!(PROGRAM.fact("lock-order", "threads that went on"), 1);
}

#[test]
fn the_detector_names_the_lines_that_wait() {
    let story = PROGRAM.run(&["detect"]).stdout;
    let source = std::fs::read_to_string("src/detect.rs").expect("the source");
    let mut waiting = 0;
    for (number, line) in (1..).zip(source.lines()) {
        let told = story.contains(&format!("waits at src/detect.rs:{number}\n"));
        assert!(!told || line.contains(".lock()"), "{number}: {line}");
        waiting += usize::from(told);
    }
    assert_eq!(waiting, 2, "{story}");
}

#[test]
fn one_order_freezes_nobody() {
    assert_eq!(PROGRAM.fact("ordering", "threads frozen in one order"), 0);
}

#[test]
fn a_livelock_gets_nothing_done() {
    assert_eq!(PROGRAM.fact("try-lock", "transfers in a livelock"), 0);
    for arm in ["a fixed pause", "a random pause", "a time limit"] {
        assert_eq!(PROGRAM.fact("try-lock", &format!("{arm}: transfers")), 2, "{arm}");
    }
    // Without a pause and without the barrier: what of it is the barrier's part.
    assert!(PROGRAM.fact("try-lock", "no barrier: attempts").as_f64() >= Some(2.0));
    assert!(PROGRAM.fact("try-lock", "CPU time in a livelock").is_number());
}

#[test]
fn philosophers_freeze_and_each_of_three_rules_frees_them() {
    let rules = ["the left fork first", "the lower fork first", "a seat left empty"];
    let frozen = |rule| PROGRAM.fact("philosophers", &format!("philosophers frozen with {rule}"));
    assert_eq!(rules.map(frozen), [5, 0, 0]);
    assert_eq!(frozen("both forks or none"), 0);
}

#[test]
fn the_kernel_finds_the_cycle_of_record_locks_alone() {
    assert_eq!(PROGRAM.fact("cross-process", "record locks answer"), "EDEADLK");
    assert_eq!(PROGRAM.fact("cross-process", "processes frozen by record locks"), 0);
    assert_eq!(PROGRAM.fact("cross-process", "processes frozen by flock"), 2);
    let description = "processes frozen by open file description locks";
    assert_eq!(PROGRAM.fact("cross-process", description), 2);
}

#[test]
fn breaking_any_of_the_four_conditions_is_enough() {
    assert_eq!(PROGRAM.fact("coffman", "frozen with all four conditions"), 2);
    for broken in
        ["without mutual exclusion", "without hold and wait", "with preemption", "without a circle"]
    {
        assert_eq!(PROGRAM.fact("coffman", &format!("frozen {broken}")), 0, "{broken}");
    }
}

#[test]
fn a_trace_shows_who_held_and_who_waited_in_the_process_that_was_ended() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("trace.json");
    let ended = PROGRAM.run(&["lock-order", "--trace", path.to_str().expect("UTF-8")]);
    let text = std::fs::read_to_string(&path).expect("the trace");
    assert!(ended.status.success(), "{ended:?}");
    let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a JSON array");
    let begins = |role: &str, name: &str| {
        let fits = |event: &&serde_json::Value| {
            event["ph"] == "B" && event["cat"] == role && event["name"] == name
        };
        events.iter().find(fits).unwrap_or_else(|| panic!("{role} never {name}: {text}"))["tid"]
            .clone()
    };
    for (role, held, wanted) in
        [("teller-1", "account A", "account B"), ("teller-2", "account B", "account A")]
    {
        let holder = begins(role, &format!("holds {held}"));
        let waiter = begins(role, &format!("waits for {wanted}"));
        assert_eq!(holder, waiter, "one thread holds and waits");
        let ends = |event: &&serde_json::Value| {
            event["ph"] == "E" && event["tid"] == waiter && event["cat"] == role
        };
        let ends: Vec<_> = events.iter().filter(ends).collect();
        let with_its_process = ends.iter().filter(|end| end["args"]["ended"].is_string());
        assert_eq!((ends.len(), with_its_process.count()), (2, 2), "{role} was freed: {ends:?}");
    }
}
