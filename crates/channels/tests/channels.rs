//! The channels package as a user runs it.

acceptance::tests!("channels");

#[test]
fn ownership_moves_and_bytes_do_not() {
    assert_eq!(PROGRAM.fact("handoff", "handoff: the message keeps its address"), true);
    assert_eq!(PROGRAM.fact("handoff", "handoff: what the other thread wrote is seen"), true);
}

#[test]
fn a_bound_holds_the_sender_back() {
    assert_eq!(PROGRAM.fact("bounded", "bounded: messages that fit"), 4);
    assert_eq!(PROGRAM.fact("bounded", "bounded: a message that nobody can take comes back"), true);
}

#[test]
fn all_ways_do_the_same_job() {
    let same = PROGRAM.fact("pipeline", "pipeline: all three give what one thread gives");
    assert_eq!(same, true);
}
