//! Every exercise is proved: starters fail as they say, right ones pass, wrong ones are caught.

use std::process::Command;

#[test]
fn every_wrong_variant_is_caught_for_its_own_reason() {
    let output = Command::new(env!("CARGO_BIN_EXE_grader")).arg("verify").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("WRONG"), "{said}\n{errors}");
    assert!(said.contains("wrong variants caught for their own reason"), "{said}");
}
