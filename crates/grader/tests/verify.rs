//! Every exercise is proved: starters fail as they say, right ones pass, wrong ones are caught.
//!
//! Of the wrong variants and of the right solutions beside the one that is shown, a share is judged that
//! is another one in each run and is printed; `GRADE_SHARE=1` judges them all, and `GRADE_SEED` those of a run that named it.

use std::process::{Command, Output};

use grader::share::Share;

/// One in so many, of each exercise.
const USUAL: usize = 8;

#[test]
fn every_wrong_variant_is_caught_for_its_own_reason() {
    let Share { one_in, seed } = Share::of_test(USUAL).unwrap();
    let share = ["--share", &one_in.to_string(), "--seed", &format!("{seed:x}")].map(str::to_owned);
    let Output { status, stdout, stderr } = grade("verify", &share);
    let said = String::from_utf8_lossy(&stdout);
    let errors = String::from_utf8_lossy(&stderr);
    // Without a mount namespace, nobody can make shared memory with a name. Then it is not there to
    // be left, and what wants it fails at that.
    let isolation = grade("doctor", &[]).stdout;
    let names = String::from_utf8_lossy(&isolation).contains("\n  mount namespace\n");
    let lines = said.lines().filter(|line| line.contains("WRONG") && line.contains(".rs"));
    let wrong: Vec<&str> =
        lines.filter(|line| names || !line.contains("[shared-memory]")).collect();
    assert!(wrong.is_empty() && (status.success() || !names), "{said}\n{errors}");
    // The table, and which variants were judged.
    let table = said.split("\nexercise ").nth(1);
    let table = table.unwrap_or_else(|| panic!("there is no table:\n{said}\n{errors}"));
    assert!(table.contains("right solutions were judged"), "{said}\n{errors}");
    for line in table.lines().skip(1).take_while(|line| !line.starts_with("Of ")) {
        // Its name, how the starter does, points, right ones, wrong ones that are killed.
        let killed = line.split_whitespace().nth(4).and_then(|it| it.split('/').next());
        let some = killed.is_some_and(|it| it.parse::<u32>().is_ok_and(|it| it > 0));
        assert!(some, "an exercise is left out: {line}");
    }
    // Past the test harness, which keeps what a test prints unless it fails.
    use std::io::Write;
    writeln!(std::io::stdout(), "exercise {table}").unwrap();
}

fn grade(command: &str, arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grader")).arg(command).args(arguments).output().unwrap()
}
