//! The pipes package as a user runs it.

acceptance::tests!("pipes");

#[test]
fn an_exit_status_has_eight_bits_and_a_pipe_carries_all() {
    let fact = |name: &str| PROGRAM.fact("minimal", &format!("pipes: {name}"));
    assert_eq!(fact("exit status"), 44);
    assert_eq!(fact("an exit status has eight bits"), true);
    assert_eq!(fact("the pipe carries the number"), true);
}

#[test]
fn small_records_stay_whole() {
    assert_eq!(PROGRAM.fact("capacity", "pipe: torn records of PIPE_BUF bytes"), 0);
}

#[test]
fn nobody_reads_is_a_signal_or_an_error() {
    assert_eq!(PROGRAM.fact("capacity", "pipe: nobody reads"), "was ended by SIGPIPE");
    assert_eq!(PROGRAM.fact("capacity", "pipe: nobody reads, SIGPIPE ignored"), "EPIPE");
}

#[test]
fn without_a_directory_for_temporary_files_tmpdir_is_named() {
    let ended = PROGRAM.command(&["fifo"]).env("TMPDIR", "/nonexistent").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    assert!(said.contains("inconclusive here") && said.contains("TMPDIR=/nonexistent"), "{said}");
}
