//! Every exercise is proved: starters fail as they say, right ones pass, wrong ones are caught.

use std::process::{Command, Output};

#[test]
fn every_wrong_variant_is_caught_for_its_own_reason() {
    let Output { status, stdout, stderr } = grade("verify");
    let said = String::from_utf8_lossy(&stdout);
    let errors = String::from_utf8_lossy(&stderr);
    // Without a mount namespace, nobody can make shared memory with a name. Then it is not there to
    // be left, and what wants it fails at that.
    let isolation = grade("doctor").stdout;
    let names = String::from_utf8_lossy(&isolation).contains("\n  mount namespace\n");
    let lines = said.lines().filter(|line| line.contains("WRONG") && line.contains(".rs"));
    let wrong: Vec<&str> =
        lines.filter(|line| names || !line.contains("[shared-memory]")).collect();
    assert!(wrong.is_empty() && (status.success() || !names), "{said}\n{errors}");
    assert!(said.contains("wrong variants caught for their own reason"), "{said}\n{errors}");
}

fn grade(command: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grader")).arg(command).output().unwrap()
}
