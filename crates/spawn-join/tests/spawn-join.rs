//! The spawn-join package as a user runs it.

acceptance::tests!("spawn-join");

#[test]
fn an_exit_status_keeps_eight_bits_and_join_keeps_everything() {
    assert_eq!(PROGRAM.fact("process", "process: status"), "exited with 47");
    assert_eq!(PROGRAM.fact("process", "process: result returned by"), "exit status, 8 bits");
    assert_eq!(PROGRAM.fact("process", "process: whole result through a pipe"), true);
    assert_eq!(
        PROGRAM.fact("process", "process: status of one that was killed"),
        "was ended by SIGKILL"
    );
    assert_eq!(PROGRAM.fact("thread", "thread: result returned by"), "join, any type");
    assert_eq!(PROGRAM.fact("thread", "thread: result is right"), true);
}

#[test]
fn only_what_lies_outside_the_process_survives_it() {
    let fact = |fact: &str| PROGRAM.fact("what-survives", fact);
    for (change, survives_a_process) in
        [("global", false), ("environment", false), ("directory", false), ("file", true)]
    {
        assert_eq!(fact(&format!("thread: {change} changed")), true, "{change}");
        assert_eq!(fact(&format!("process: {change} changed")), survives_a_process, "{change}");
    }
}

#[test]
fn without_python_its_claims_are_inconclusive_and_say_why() {
    let mut command = PROGRAM.command(&["--json"]);
    let output = command.env("PATH", "/nonexistent").output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    for claim in json["claims"].as_array().expect("claims") {
        assert_eq!(claim["verdict"], "inconclusive here", "{claim:#}");
        assert!(claim["because"].as_str().expect("words").contains("no python3"), "{claim:#}");
    }
}

#[test]
fn where_python_is_installed_its_listings_are_run_by_each_start_method() {
    let python = std::process::Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        return;
    }
    let fact = |fact: &str| PROGRAM.fact("python", fact);
    assert_eq!(fact("python thread: the listing prints"), "a task in a thread");
    for (method, found) in [("fork", "set"), ("spawn", "imported")] {
        let fact = |what: &str| fact(&format!("python {method}: {what}"));
        assert_eq!(fact("the listing prints"), "a task in a process of its own");
        assert_eq!(fact("process id"), "another");
        assert_eq!(fact("variable it finds"), found);
        assert_eq!(fact("a task that raises"), "exitcode 1");
    }
}
