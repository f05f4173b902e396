//! The address-space package as a user runs it.

acceptance::tests!("address-space");

#[test]
fn one_address_holds_two_values_after_fork() {
    assert_eq!(PROGRAM.fact("fork", "fork: both use the same address"), true);
    assert_eq!(PROGRAM.fact("fork", "process: other sees the write"), false);
}

#[test]
fn a_page_comes_when_it_is_written() {
    let fact = |fact| PROGRAM.fact("layout", fact);
    assert_eq!(fact("pages of a new mapping in memory"), 0);
    assert_eq!(fact("pages in memory after that"), fact("pages written to"));
    assert_eq!(fact("something is mapped at the null pointer"), false);
}

#[test]
fn without_randomisation_the_stack_is_at_one_place() {
    // Some containers refuse to switch it off.
    let json = PROGRAM.json(&["aslr"]);
    if !json.to_string().contains("the layout cannot be fixed") {
        assert_eq!(PROGRAM.fact("aslr", "places of the stack without randomisation"), 1);
    }
}

#[test]
fn every_published_item_is_read_right() {
    let fact = |fact| PROGRAM.fact("order", fact);
    assert_eq!(fact("items read right"), fact("items published"));
    assert_eq!(fact("read while the writer wrote"), true);
}

#[test]
fn a_thread_has_a_thread_local_at_an_address_of_its_own() {
    let fact = |fact| PROGRAM.fact("threads", fact);
    assert_eq!(fact("thread: other sees the write"), true);
    assert_eq!(fact("thread-local: other sees the write"), false);
    assert_eq!(fact("thread-local: both use the same address"), false);
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
