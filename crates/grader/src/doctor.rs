//! Says which isolation is in force here, tried out and not guessed.

use anyhow::Result;

use crate::sandbox::{self, How, Job, Spec};

/// Prints what is in force and what is missing; whether nothing is missing.
pub fn doctor(without: &[String]) -> Result<bool> {
    let attempts = [
        ("reading a file of yours", "cat /etc/shadow"),
        ("writing outside", "echo x > /var/tmp/grade-was-here"),
        ("killing everybody", "kill -KILL -1"),
        ("a network connection", "exec 3<>/dev/tcp/127.0.0.1/1"),
    ];
    let job = |script: &str| Job {
        program: "/bin/sh".to_owned(),
        arguments: vec!["-c".to_owned(), format!("{script}; exit 0")],
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        ..Job::default()
    };
    let spec = Spec {
        unprivileged: true,
        jobs: attempts.iter().take(3).map(|(_, script)| job(script)).collect(),
        without: without.to_vec(),
        ..Spec::default()
    };
    let account = sandbox::run(&spec)?;
    println!("In force:");
    for name in &account.isolation {
        println!("  {name}");
    }
    if !account.missing.is_empty() {
        println!("Missing:");
        for name in &account.missing {
            println!("  {name}");
        }
    }
    println!("Tried out:");
    for ((what, _), end) in attempts.iter().zip(&account.ends) {
        let prevented = ["denied", "not permitted", "cannot create", "No such process"]
            .iter()
            .any(|word| end.output.contains(word));
        let said = end.output.lines().next().unwrap_or_default();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let result = match (&end.how, prevented) {
            (How::Exited(_), true) => "prevented",
            (How::Exited(_), false) => "NOT PREVENTED",
            _ => "it was ended",
        };
        println!("  {what}: {result}{said}");
    }
    if account.missing.is_empty() {
        println!("Submissions are isolated as far as this grader can isolate them.");
    } else {
        println!(
            "Submissions are judged all the same. Run them as a user who owns nothing, or in a \
             container, if they may be hostile."
        );
    }
    Ok(account.missing.is_empty())
}
