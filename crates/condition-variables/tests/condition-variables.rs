//! The condition-variables package as a user runs it.

acceptance::tests!("condition-variables");

#[test]
fn the_lock_closes_the_moment_between_looking_and_sleeping() {
    assert_eq!(PROGRAM.fact("lost-wakeup", "lost wake-up: broken goes on"), false);
    assert_eq!(PROGRAM.fact("lost-wakeup", "lost wake-up: fixed goes on"), true);
}

#[test]
fn one_notification_brings_two_back() {
    assert_eq!(PROGRAM.fact("spurious", "spurious: returns from wait"), 2);
}

#[test]
fn all_wake_and_one_gets_the_item() {
    assert_eq!(PROGRAM.fact("herd", "herd: woken by notify_one"), 1);
    assert_eq!(PROGRAM.fact("herd", "herd: woken by notify_all"), 8);
}

#[test]
fn what_was_stolen_is_missed_by_who_does_not_look_again() {
    assert_eq!(PROGRAM.fact("stolen", "stolen: the thief was faster"), true);
    assert_eq!(PROGRAM.fact("stolen", "stolen: with if, got an item"), false);
    assert_eq!(PROGRAM.fact("stolen", "stolen: with while, got an item"), true);
}
