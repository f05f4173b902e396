//! The fork package as a user runs it.

acceptance::tests!("fork");

#[test]
fn the_child_returns_its_exit_status() {
    assert_eq!(PROGRAM.fact("returns-twice", "child's exit status"), 7);
}

#[test]
fn a_second_open_has_an_offset_of_its_own() {
    assert_eq!(PROGRAM.fact("shared-offset", "offset after the child's read"), 100);
    assert_eq!(PROGRAM.fact("shared-offset", "offset of a second open"), 0);
}
