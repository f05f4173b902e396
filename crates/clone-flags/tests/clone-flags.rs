//! The clone-flags package as a user runs it.

acceptance::tests!("clone-flags");

#[test]
fn each_flag_shares_what_clone_says_and_nothing_else() {
    let fact = |name: &str| PROGRAM.fact("matrix", name);
    assert_eq!(fact("flag sets that share what is said"), fact("flag sets"));
    assert_eq!(fact("THREAD without SIGHAND: answer"), "EINVAL");
    assert_eq!(fact("THREAD SIGHAND without VM: answer"), "EINVAL");
}

#[test]
fn fork_leaves_out_what_belongs_to_the_parent_alone() {
    let fact = |name: &str| PROGRAM.fact("fork", &format!("fork: {name}"));
    for name in ["pending signal", "alarm", "record lock", "other thread", "DONTFORK memory"] {
        assert_eq!(fact(name), "left out", "{name}");
    }
    assert_eq!(fact("offset"), "shared");
    assert_eq!(fact("memory"), "copied");
}

#[test]
fn a_thread_that_opts_out_keeps_the_memory_in_common() {
    let fact = |name: &str| PROGRAM.fact("unshare", &format!("after unshare: {name}"));
    assert_eq!(fact("descriptors"), "own");
    assert_eq!(fact("directory"), "own");
    assert_eq!(fact("memory"), "both");
}
