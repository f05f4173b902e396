//! The ipc-cost package as a user runs it.

acceptance::tests!("ipc-cost");

#[test]
fn the_kernel_carries_each_message_of_a_pipe_and_none_of_the_ring() {
    let calls = |way: &str| {
        let fact = format!("{way}: system calls per message");
        PROGRAM.fact("per-message", &fact).as_f64().expect("a number")
    };
    assert!((1.9..2.2).contains(&calls("pipe, buffered")));
    assert!(calls("ring, in batches") < 0.1 && calls("channel, buffered") < 0.5);
    assert!(calls("pipe, awaited") > 3.0 && calls("channel, awaited") > 1.0);
}

#[test]
fn threads_are_the_shortest_version() {
    let lines = |version: &str| {
        PROGRAM.fact("complexity", &format!("{version}: lines")).as_u64().expect("a count")
    };
    assert!(["pipes", "sockets", "shared memory"].iter().all(|v| lines(v) > lines("threads")));
}
