//! Says which isolation is in force here, tried out and not guessed.

use anyhow::Result;

use crate::catalogue;
use crate::compile;
use crate::machine;
use sandbox::{Allow, How, Job, Spec};

/// What an attempt says that was not prevented.
const REACHED: &str = "reached";

/// Prints what is in force and what is missing, and tries it out; whether nothing is missing, and all
/// that was tried is prevented.
pub fn doctor(without: &[String]) -> Result<bool> {
    let file = catalogue::workspace().join("Cargo.toml").display().to_string();
    let grader = std::process::id().to_string();
    // None of them does any harm where it is not prevented.
    let attempts = [
        ("reading a file of yours", "cat \"$1\" >/dev/null"),
        ("writing outside", "echo x >/var/tmp/grade-was-here && rm /var/tmp/grade-was-here"),
        ("sending a signal to the grader", "kill -0 \"$2\""),
    ];
    let job = |script: &str| Job {
        program: "/bin/sh".to_owned(),
        arguments: ["-c", &format!("{script} && echo {REACHED}; exit 0"), "sh", &file, &grader]
            .map(str::to_owned)
            .into(),
        allow: vec![Allow::Files, Allow::Processes],
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        ..Job::default()
    };
    let spec = Spec {
        unprivileged: true,
        jobs: attempts.iter().map(|(_, script)| job(script)).collect(),
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
    let lacks = account.lacks();
    if !lacks.is_empty() {
        println!("So a submission here:");
        for what in lacks {
            println!("  {what}");
        }
    }
    let judges = compile::try_out(without).map_err(|error| machine::named(&format!("{error:#}")));
    println!("Judging:");
    match &judges {
        Ok(()) => println!("  a program was compiled, linked and run"),
        Err(why) => println!("  NOT POSSIBLE: {why}"),
    }
    println!("Tried out:");
    let mut isolated = account.missing.is_empty();
    for ((what, _), end) in attempts.iter().zip(&account.ends) {
        let said = end.output.lines().next().unwrap_or_default();
        let result = match &end.how {
            How::Exited(_) if said == REACHED => {
                isolated = false;
                "NOT PREVENTED".to_owned()
            }
            How::Exited(_) => format!("prevented: {said}"),
            How::NotStarted(why) => {
                isolated = false;
                format!("NOT POSSIBLE: {}", machine::named(why))
            }
            _ => "it was ended".to_owned(),
        };
        println!("  {what}: {result}");
    }
    if judges.is_err() {
        println!("No submission can be judged here.");
    } else if isolated {
        println!("Submissions are isolated as far as this grader can isolate them.");
    } else {
        println!(
            "Submissions are judged all the same. Run them as a user who owns nothing, or in a \
             container, if they may be hostile."
        );
    }
    Ok(isolated && judges.is_ok())
}
