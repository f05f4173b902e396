//! The shared-state package as a user runs it.

acceptance::tests!("shared-state");

#[test]
fn frames_are_torn_every_time_without_a_rule_and_never_with_three_buffers() {
    assert_eq!(PROGRAM.fact("game", "game, raw: torn"), 100);
    assert_eq!(PROGRAM.fact("game", "game, two buffers: torn"), 50);
    assert_eq!(PROGRAM.fact("game", "game, three buffers: whole"), 100);
}

#[test]
fn an_update_is_lost_if_nobody_looks_again() {
    assert_eq!(PROGRAM.fact("snapshot", "snapshot: two additions, stored"), 1);
    assert_eq!(PROGRAM.fact("snapshot", "snapshot: two additions, replaced if unchanged"), 2);
}
