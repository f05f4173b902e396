//! Looks for the checks and the solution while it runs.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! never: FOUND IT
//! shows: nothing to read

fn attack() {
    let exercise = "{workspace}/crates/exercises/reap";
    let places = ["checks.rs", "../checks.rs", "/tmp/checks.rs", "/mnt/checks.rs"]
        .map(str::to_owned)
        .into_iter()
        .chain(["checks.rs", "solution.rs", "exercise.toml"].map(|it| format!("{exercise}/{it}")))
        .chain([format!("{exercise}/../src/lib.rs"), "/etc/shadow".to_owned()]);
    for place in places {
        if std::fs::read(&place).is_ok() {
            println!("FOUND IT: {place}");
            return;
        }
    }
    panic!("nothing to read");
}
