//! The privilege-separation package as a user runs it.

acceptance::tests!("privilege-separation");

#[test]
fn a_thread_reads_the_secret_and_a_filter_does_not_hear_of_it() {
    for (who, reads) in [("a thread", true), ("a thread with a filter", true), ("a process", false)]
    {
        let fact = PROGRAM.fact("plugin-thread", &format!("{who}: a load reads the secret"));
        assert_eq!(fact, reads, "{who}");
    }
    assert_eq!(PROGRAM.fact("plugin-thread", "a thread with a filter: pread"), "EPERM");
}

#[test]
fn nothing_gets_through_all_three_layers() {
    for attack in ["memory", "descriptor", "file", "signal"] {
        let bare = PROGRAM.fact("sandbox", &format!("sandbox: nothing: {attack}"));
        let confined = PROGRAM.fact("sandbox", &format!("sandbox: all three: {attack}"));
        assert_eq!(bare, "yes", "{attack}");
        assert_eq!(confined, "EPERM", "{attack}");
    }
}

#[test]
fn the_broker_gives_the_file_and_nothing_else() {
    let fact = |name: &str| PROGRAM.fact("descriptor-broker", name);
    assert_eq!(fact("broker: the plug-in opens it itself"), "EPERM");
    assert_eq!(fact("broker: reads from the descriptor"), "bytes");
    assert_eq!(fact("broker: writes to the descriptor"), "EBADF");
    assert_eq!(fact("broker: asked for the broker's environment"), "refused");
}
