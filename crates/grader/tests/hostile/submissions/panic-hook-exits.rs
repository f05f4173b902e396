//! Turns every panic into success.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]

fn attack() {
    std::panic::set_hook(Box::new(|_| std::process::exit(0)));
    panic!("this counts as success");
}
