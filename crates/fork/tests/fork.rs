//! The fork package as a user runs it.

acceptance::tests!("fork");

#[test]
fn a_terminal_that_only_prints_gets_no_colours() {
    for (term, escapes) in [("xterm", true), ("dumb", false), ("", false)] {
        let shown = acceptance::terminal::shown_on(term, PROGRAM.command(&["returns-twice"]));
        assert!(shown.contains("[parent"), "{shown}");
        assert_eq!(shown.contains('\x1b'), escapes, "{term}: {shown:?}");
    }
}

#[test]
fn the_child_is_a_zombie_until_its_status_is_collected() {
    assert_eq!(PROGRAM.fact("returns-twice", "child's state before waitpid"), "Z (zombie)");
    assert_eq!(PROGRAM.fact("returns-twice", "child's status"), "exited with 7");
}

#[test]
fn an_ordinary_user_may_not_fork_beyond_the_limit() {
    // Root without the right to change its user cannot try it.
    if !PROGRAM.facts("refused").is_empty() {
        assert_eq!(PROGRAM.fact("refused", "fork under the limit"), "EAGAIN");
        assert_eq!(PROGRAM.fact("refused", "fork without it"), "made a process");
    }
}

#[test]
fn pages_are_copied_when_they_are_written_and_not_before() {
    let fact = |fact| PROGRAM.fact("copy-on-write", fact).as_f64().expect("a number");
    assert!(fact("faults while reading") < 100.0);
    assert!(fact("faults while writing") >= 1000.0);
    let story = PROGRAM.run(&["copy-on-write"]).stdout;
    let told = story.lines().filter(|line| line.ends_with(" page faults")).count();
    assert_eq!(told, 2, "both counts are told: {story}");
}

#[test]
fn a_second_open_has_an_offset_of_its_own() {
    assert_eq!(PROGRAM.fact("shared-offset", "offset after the child's read"), 100);
    assert_eq!(PROGRAM.fact("shared-offset", "offset of a second open"), 0);
}

#[test]
fn exec_keeps_the_process_and_replaces_what_it_runs() {
    for (question, child, after_exec) in [
        ("process id", "a new one", "a new one"),
        ("current directory", "/proc", "/proc"),
        ("variable in memory", "7", "0"),
        ("action of SIGUSR1", "a handler", "default"),
        ("action of SIGUSR2", "ignored", "ignored"),
        ("descriptor", "open", "open"),
        ("with FD_CLOEXEC", "open", "closed"),
        ("pending signal", "none", "none"),
        ("alarm", "none", "none"),
    ] {
        let fact = |who: &str| PROGRAM.fact("inheritance", &format!("{question}: {who}"));
        assert_eq!(fact("child"), child, "{question}");
        assert_eq!(fact("after exec"), after_exec, "{question}");
    }
}

#[test]
fn rusts_standard_output_stays_locked_in_the_child() {
    assert_eq!(PROGRAM.fact("inherited-lock", "child hangs"), true);
    assert_eq!(PROGRAM.fact("inherited-lock", "child hangs though the lock is free"), false);
    assert_eq!(PROGRAM.fact("inherited-lock", "threads of the child"), 1);
    assert_eq!(PROGRAM.fact("inherited-lock", "child hangs in Rust's stdout"), true);
}

/// glibc sets its own locks right in the child; other C libraries may not.
#[test]
#[cfg(target_env = "gnu")]
fn the_locks_of_glibc_are_free_in_the_child() {
    assert_eq!(PROGRAM.fact("inherited-lock", "child hangs in C's stdout"), false);
    assert_eq!(PROGRAM.fact("inherited-lock", "children that hang in malloc"), 0);
}
