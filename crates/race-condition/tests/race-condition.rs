//! The race-condition package as a user runs it.

acceptance::tests!("race-condition");

#[test]
fn every_forced_round_loses_one_update_and_tears_one_read() {
    let updates = PROGRAM.fact("lost-update", "updates in forced rounds").as_u64().unwrap();
    let lost = PROGRAM.fact("lost-update", "updates lost in forced rounds").as_u64().unwrap();
    assert_eq!(lost * 2, updates);
    let reads = PROGRAM.fact("torn-read", "forced reads");
    assert_eq!(PROGRAM.fact("torn-read", "torn reads, forced"), reads);
    assert_eq!(PROGRAM.fact("torn-read", "readers kept out by a Mutex"), reads);
}

#[test]
fn the_same_rounds_lose_nothing_with_one_step_instead_of_three() {
    assert_eq!(PROGRAM.fact("lost-update", "updates lost with fetch_add"), 0);
    assert_eq!(PROGRAM.fact("lost-update", "wrong reads of data that nobody writes"), 0);
}

#[test]
fn the_smallest_sum_is_two() {
    assert_eq!(PROGRAM.fact("smallest-sum", "smallest sum in any order"), 2);
    assert_eq!(PROGRAM.fact("smallest-sum", "sum of the threads that were led there"), 2);
}

#[test]
fn the_compiler_refuses_the_four_programs() {
    assert_eq!(PROGRAM.fact("compile-fail", "refused programs"), 4);
}

#[test]
fn without_a_compiler_the_program_says_so_and_goes_on() {
    let mut command = PROGRAM.command(&["compile-fail"]);
    let output = command.env("PATH", "/nonexistent").output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(said.contains("there is no rustc here"), "{said}");
}
