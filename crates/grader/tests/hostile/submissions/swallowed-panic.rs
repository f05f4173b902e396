//! A thread panics, and whoever joins it makes up a result.
//!
//! exercise: reap
//! verdict: signals [wrong]

use std::process::{Child, Command};

pub fn run_all(commands: &mut [Command]) -> std::io::Result<Vec<i32>> {
    let children: Vec<Option<Child>> =
        commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let wait = |mut child: Child| child.wait().unwrap().code().unwrap();
    let threads: Vec<_> = children
        .into_iter()
        .map(|child| std::thread::spawn(move || child.map_or(127, wait)))
        .collect();
    Ok(threads.into_iter().map(|thread| thread.join().unwrap_or(0)).collect())
}
