//! Carries tests of its own, of which none is run, and all are ignored.
//!
//! exercise: reap
//! verdict: codes [wrong]
//! never: TEST RUN

pub fn run_all(commands: &mut [std::process::Command]) -> std::io::Result<Vec<i32>> {
    Ok(vec![0; commands.len()])
}

#[cfg(test)]
mod tests {
    #[test]
    #[ignore]
    fn codes() {
        println!("TEST RUN");
    }
}
