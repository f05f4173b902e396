//! The memory-footprint package as a user runs it.

acceptance::tests!("memory-footprint");

/// What a fact of one run says.
fn number(json: &serde_json::Value, name: &str) -> f64 {
    let facts = json["experiments"][0]["facts"].as_array().expect("facts");
    let fact = facts.iter().find(|fact| fact["name"] == name);
    fact.unwrap_or_else(|| panic!("no fact `{name}` in {json:#}"))["value"].as_f64().expect(name)
}

#[test]
fn pss_adds_up_to_what_is_held_and_rss_does_not() {
    let json = PROGRAM.json(&["rss-vs-pss"]);
    let held = number(&json, "forked: what all hold");
    assert!((0.95..1.2).contains(&(number(&json, "forked: PSS of all") / held)), "{json:#}");
    assert!(number(&json, "forked: RSS of all") > 3.0 * held, "{json:#}");
    let written = number(&json, "a write raises PSS by");
    assert!(written > 14.0 * 1024.0, "{json:#}");
}

#[test]
fn a_deep_stack_is_kept_until_the_thread_ends() {
    let json = PROGRAM.json(&["stacks"]);
    let idle = number(&json, "in use for each idle thread");
    let deep = number(&json, "in use after each was deep");
    assert!(idle < 64.0 && deep - idle >= 240.0, "{json:#}");
    let threads = number(&json, "threads with stacks");
    assert!(number(&json, "in use after all have ended") < threads * deep / 2.0, "{json:#}");
}

#[test]
fn threads_and_processes_come_out_of_one_budget() {
    let json = PROGRAM.json(&["limits"]);
    let (processes, threads) =
        (number(&json, "more processes allowed"), number(&json, "more threads allowed"));
    // Other tasks of an ordinary user come and go; root tries it as a user of its own.
    assert!((1.0..=20.0).contains(&processes) && (1.0..=20.0).contains(&threads), "{json:#}");
    if nix::unistd::getuid().is_root() {
        assert_eq!((processes, threads), (10.0, 10.0), "{json:#}");
    }
}
