//! The sockets package as a user runs it.

acceptance::tests!("sockets");

#[test]
fn a_stream_has_no_messages() {
    let fact = |name: &str| PROGRAM.fact("unix", &format!("unix: {name}"));
    assert_eq!(fact("three writes, one read"), "one two three");
    assert_eq!(fact("a read of 300 bytes returns"), 100);
    assert_eq!(fact("the kernel says who connected"), true);
    assert_eq!(fact("what the passed descriptor reads"), "from a pipe that the sender made");
}

#[test]
fn what_was_stored_survives_the_database() {
    let fact = |name: &str| PROGRAM.fact("web-and-database", &format!("web: {name}"));
    assert_eq!(fact("what was stored is there again"), true);
}

#[test]
fn a_dead_peer_is_told_at_once() {
    assert_eq!(PROGRAM.fact("transports", "transports: a killed database is told at once"), true);
}
