//! The context-switch package as a user runs it.

acceptance::tests!("context-switch");

/// Sleeping is counted as voluntary, yielding and computing are not, and a call alone is no switch.
#[test]
fn the_kernel_counts_who_gives_its_cpu_up_and_who_loses_it() {
    for (fact, seen) in [
        ("a call alone gives the CPU up", false),
        ("who sleeps gives its CPU up", true),
        ("who asks loses or gives up its CPU each time", true),
        ("who yields gives its CPU up", false),
        ("who computes loses it", true),
    ] {
        assert_eq!(PROGRAM.fact("counters", fact).as_bool(), Some(seen), "{fact}");
    }
}

/// What is timed without a switch has none: it costs less than a round trip.
#[test]
fn a_round_trip_costs_more_than_its_calls() {
    let cost = |fact: &str| PROGRAM.fact("direct", fact).as_f64().expect("a number");
    assert!(cost("round trip to a thread") > cost("the calls without a switch"));
    assert!((0.9..1.15).contains(&cost("round trip to a process: switches each")));
}
