//! The memory-isolation package as a user runs it.

acceptance::tests!("memory-isolation");

#[test]
fn the_kernel_names_the_address_of_every_fault() {
    let fact = |name: &str| PROGRAM.fact("wild-pointer", name);
    assert_eq!(fact("tries whose address the kernel names"), 5);
    assert_eq!(fact("read a guard page: code"), "SEGV_ACCERR");
    assert_eq!(fact("read past a file's end: code"), "BUS_ADRERR");
    assert_eq!(fact("parent's page: code"), "SEGV_MAPERR");
}

#[test]
fn threads_have_the_same_rights_on_a_page() {
    let fact = |name: &str| PROGRAM.fact("protect", name);
    for who in ["same thread", "other thread"] {
        assert_eq!(fact(&format!("after mprotect(PROT_READ): {who}")), "SEGV_ACCERR", "{who}");
        assert_eq!(fact(&format!("and mprotect by the other: {who}")), "no fault", "{who}");
    }
}
