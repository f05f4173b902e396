//! The mutexes package as a user runs it.

acceptance::tests!("mutexes");

#[test]
fn the_count_is_exact_and_the_waiter_sleeps() {
    assert_eq!(PROGRAM.fact("guard", "count under the mutex"), 100_000);
    assert_eq!(PROGRAM.fact("guard", "a waiter sleeps in futex"), true);
    assert_eq!(PROGRAM.fact("guard", "an early return unlocks"), true);
}

#[test]
fn only_the_two_state_lock_calls_the_kernel_when_it_is_free() {
    for (lock, calls) in [("spin", false), ("two-state", true), ("three-state", false)] {
        let fact = format!("a free {lock} lock calls the kernel");
        assert_eq!(PROGRAM.fact("futex", &fact), calls, "{lock}");
    }
}

#[test]
fn poison_is_noticed_by_std_alone() {
    assert_eq!(PROGRAM.fact("poison", "sum behind std's poison"), 50);
    assert_eq!(PROGRAM.fact("poison", "std's lock works after the repair"), true);
    assert_eq!(PROGRAM.fact("poison", "sum that parking_lot hands out"), 50);
}

#[test]
fn readers_are_inside_together_and_a_writer_is_not() {
    assert_eq!(PROGRAM.fact("readers-writer", "a writer is refused among readers"), true);
}

#[test]
fn nobody_overtakes_a_sleeper_whom_the_lock_is_handed_to() {
    assert_eq!(PROGRAM.fact("fairness", "sleeper overtaken, unlock_fair"), 0);
}

#[test]
fn inheritance_shortens_the_urgent_threads_wait_where_it_can_be_seen() {
    let json = PROGRAM.json(&["priority-inversion"]);
    let facts = json["experiments"][0]["facts"].as_array().expect("facts");
    if let [plain, inheriting] = &facts[..] {
        let ms = |fact: &serde_json::Value| fact["value"].as_f64().expect("a number");
        // Plain, the wait includes all that the busy thread computes; see COMPUTES.
        assert!(ms(plain) > 2.0 * ms(inheriting), "{facts:#?}");
    } else {
        assert!(facts.is_empty(), "{facts:#?}");
    }
}
