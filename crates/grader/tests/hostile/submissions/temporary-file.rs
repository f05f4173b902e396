//! Leaves a temporary file.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [file]

fn attack() {
    std::fs::write(std::env::temp_dir().join("hostile-file"), "here").unwrap();
}
