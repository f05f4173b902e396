//! The creation-cost package as a user runs it.

acceptance::tests!("creation-cost");

/// The standard library falls back to fork as soon as `pre_exec` is used: seen, not assumed.
#[test]
fn command_forks_when_pre_exec_is_set() {
    let json = PROGRAM.json(&["table"]);
    let facts = json["experiments"][0]["facts"].as_array().expect("facts");
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
        let name = format!("{way} is made by");
        let fact = facts.iter().find(|fact| fact["name"] == name.as_str());
        assert_eq!(fact.expect("ptrace is permitted")["value"], call, "{way}");
    }
}
