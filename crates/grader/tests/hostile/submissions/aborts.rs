//! Gives up.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]
//! shows: SIGABRT

fn attack() {
    std::process::abort();
}
