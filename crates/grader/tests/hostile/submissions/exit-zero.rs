//! Ends itself with success before the check is done.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! shows: exit code 0

fn attack() {
    std::process::exit(0);
}
