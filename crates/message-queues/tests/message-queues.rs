//! The message-queues package as a user runs it.

acceptance::tests!("message-queues");

#[test]
fn messages_stay_whole_and_the_most_urgent_comes_first() {
    let fact = |name: &str| PROGRAM.fact("posix", &format!("queue: {name}"));
    assert_eq!(fact("each message whole"), true);
    assert_eq!(fact("the most urgent first"), true);
    assert_eq!(fact("full"), "EAGAIN");
    assert_eq!(fact("message too long"), "EMSGSIZE");
}

#[test]
fn a_receiver_is_told_once() {
    assert_eq!(PROGRAM.fact("notify", "notify: told of the first"), true);
    assert_eq!(PROGRAM.fact("notify", "notify: told of the second"), false);
}
