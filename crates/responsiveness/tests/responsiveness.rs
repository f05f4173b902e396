//! The responsiveness package as a user runs it.

acceptance::tests!("responsiveness");

#[test]
fn a_stop_and_a_fork_are_felt_by_others() {
    let fact = |name: &str| PROGRAM.fact("stop-the-world", name);
    assert_eq!(fact("others that step while one is blocked in read"), 3);
    assert_eq!(fact("others that step after SIGSTOP to one"), 0);
    assert_eq!(fact("steps of those that have come"), 0);
}

#[test]
fn a_crash_takes_its_process() {
    let fact = |name: &str| PROGRAM.fact("browser", name);
    assert_eq!(fact("browser: tab as thread: the browser"), "was ended by SIGSEGV");
    assert_eq!(fact("browser: tab as process: the browser"), "goes on");
    assert_eq!(fact("browser: tab as process: whole downloads"), 2);
}

#[test]
fn what_was_saved_is_a_beginning_of_the_text() {
    let name = "word-processor: what was saved is a beginning of the text";
    assert_eq!(PROGRAM.fact("word-processor", name), true);
}

#[test]
fn without_a_directory_for_temporary_files_tmpdir_is_named() {
    let ended =
        PROGRAM.command(&["word-processor"]).env("TMPDIR", "/nonexistent").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    assert!(said.contains("inconclusive here") && said.contains("TMPDIR=/nonexistent"), "{said}");
}
