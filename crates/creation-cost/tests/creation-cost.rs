//! The creation-cost package as a user runs it.

acceptance::tests!("creation-cost");

/// The standard library falls back to fork as soon as `pre_exec` is used: seen, not assumed.
#[test]
fn command_forks_when_pre_exec_is_set() {
    for (way, call) in [
        ("thread", "clone"),
        ("pthread_create", "clone"),
        ("vfork-style clone", "vfork"),
        ("fork", "fork"),
        ("posix_spawn", "vfork, exec"),
        ("fork and exec", "fork, exec"),
        ("Command", "vfork, exec"),
        ("Command with pre_exec", "fork, exec"),
    ] {
        assert_eq!(PROGRAM.fact("table", &format!("{way} is made by")), call, "{way}");
    }
}
