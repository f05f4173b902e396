//! The memory-footprint package as a user runs it.

acceptance::tests!("memory-footprint");

fn number(experiment: &str, fact: &str) -> f64 {
    PROGRAM.fact(experiment, fact).as_f64().expect(fact)
}

#[test]
fn pss_adds_up_to_what_is_held_and_rss_does_not() {
    let (facts, number) = (PROGRAM.facts("rss-vs-pss"), |name: &str| number("rss-vs-pss", name));
    let held = number("forked: what all hold");
    assert!((0.95..1.2).contains(&(number("forked: PSS of all") / held)), "{facts:#?}");
    assert!(number("forked: RSS of all") > 3.0 * held, "{facts:#?}");
    let written = number("a write raises PSS by");
    assert!(written > 14.0 * 1024.0, "{facts:#?}");
}

#[test]
fn a_deep_stack_is_kept_until_the_thread_ends() {
    let (facts, number) = (PROGRAM.facts("stacks"), |name: &str| number("stacks", name));
    let idle = number("in use for each idle thread");
    let deep = number("in use after each was deep");
    assert!(idle < 64.0 && deep - idle >= 240.0, "{facts:#?}");
    let threads = number("threads with stacks");
    assert!(number("in use after all have ended") < threads * deep / 2.0, "{facts:#?}");
}

#[test]
fn threads_and_processes_come_out_of_one_budget() {
    let (facts, number) = (PROGRAM.facts("limits"), |name: &str| number("limits", name));
    let (processes, threads) = (number("more processes allowed"), number("more threads allowed"));
    // Other tasks of an ordinary user come and go; root tries it as a user of its own.
    assert!((1.0..=20.0).contains(&processes) && (1.0..=20.0).contains(&threads), "{facts:#?}");
    if nix::unistd::getuid().is_root() {
        assert_eq!((processes, threads), (10.0, 10.0), "{facts:#?}");
    }
}

/// glibc makes arenas for threads, unless it is told not to.
#[test]
#[cfg(target_env = "gnu")]
fn arenas_are_told_of_where_there_are_any() {
    let mut command = PROGRAM.command(&["stacks"]);
    let output = command.env("MALLOC_ARENA_MAX", "1").output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("beyond the stacks nothing large is reserved"), "{said}");
    assert!(!said.contains("arena"), "{said}");
}

#[test]
fn an_executed_program_is_measured_beside_a_fork() {
    let (facts, number) = (PROGRAM.facts("idle"), |name: &str| number("idle", name));
    let [forked, executed] =
        ["forked", "executed"].map(|kind| number(&format!("memory: {kind} process / thread")));
    assert!(executed > forked, "a program of its own holds more than a copy: {facts:#?}");
}
