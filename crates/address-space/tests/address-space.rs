//! The address-space package as a user runs it.

acceptance::tests!("address-space");

#[test]
fn one_address_holds_two_values_after_fork() {
    assert_eq!(PROGRAM.fact("fork", "fork: both use the same address"), true);
    assert_eq!(PROGRAM.fact("fork", "process: other sees the write"), false);
}

#[test]
fn every_published_item_is_read_right() {
    let fact = |fact| PROGRAM.fact("threads", fact);
    assert_eq!(fact("published items read right"), fact("published items"));
    assert_eq!(fact("thread: other sees the write"), true);
}

#[test]
fn only_the_shared_page_is_shared() {
    assert_eq!(PROGRAM.fact("map-shared", "private mapping: other sees the write"), false);
    assert_eq!(PROGRAM.fact("map-shared", "shared mapping: other sees the write"), true);
}

#[test]
fn a_cloned_process_has_an_id_of_its_own_and_its_parents_memory() {
    assert_eq!(PROGRAM.fact("clone-vm", "clone-vm: a process of its own"), true);
    assert_eq!(PROGRAM.fact("clone-vm", "clone-vm: other sees the write"), true);
}
