//! The condition-variables package as a user runs it.

acceptance::tests!("condition-variables");

#[test]
fn the_lock_closes_the_moment_between_looking_and_sleeping() {
    assert_eq!(PROGRAM.fact("lost-wakeup", "lost wake-up: broken wakes"), false);
    assert_eq!(PROGRAM.fact("lost-wakeup", "lost wake-up: fixed wakes"), true);
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
