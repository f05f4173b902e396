//! Transcripts: runs a concept's program and keeps what it prints, and the facts of the same run.

use std::fs;
use std::path::Path;

use acceptance::transcript::{Grade, Section, Transcript, VERDICTS};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::workspace::{cargo, concepts, folder, top};
use crate::{breaks, schedules};

/// The package of the main job.
const COMPARISON: &str = "compare";

/// How often a new section is run to find its grade.
const TRIALS: usize = 4;

/// What can be recorded.
pub fn known() -> Result<Vec<String>> {
    let mut known = concepts()?;
    known.extend([COMPARISON, schedules::PACKAGE].map(str::to_owned));
    Ok(known)
}

/// Rewrites the transcripts of `packages`, of all concepts if none is named. A section keeps its
/// grade; a new one gets the strictest that several runs keep.
pub fn record(packages: &[String]) -> Result<()> {
    let known = known()?;
    for package in if packages.is_empty() { known.as_slice() } else { packages } {
        if package == COMPARISON {
            record_table()?;
            record_plots()?;
            continue;
        }
        if package == schedules::PACKAGE {
            continue;
        }
        let names: Vec<String> = run(package, &["--list"])?
            .lines()
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect();
        let path = folder(package).join("transcript.txt");
        let before = match fs::read_to_string(&path) {
            Ok(text) => {
                Transcript::parse(&text).with_context(|| path.display().to_string())?.sections
            }
            Err(_) => Vec::new(),
        };
        let facts = folder(package).join("facts.json");
        let evidence = facts.to_str().context("the checkout's path is not UTF-8")?;
        let output = run(package, &["--evidence", evidence])?;
        keep_facts(&facts).with_context(|| facts.display().to_string())?;
        let mut transcript = Transcript::of_output(package, &output, &names);
        let mut trials = Vec::new();
        for section in &mut transcript.sections {
            if let Some(kept) = before.iter().find(|kept| kept.name == section.name) {
                section.grade = kept.grade.clone();
            } else if section.name != VERDICTS {
                while trials.len() < TRIALS {
                    trials.push(Transcript::of_output(package, &run(package, &[])?, &names));
                }
                section.grade = grade(section, &trials);
                println!("{package} -- {}: {:?}", section.name, section.grade);
            }
        }
        fs::write(&path, transcript.text()).with_context(|| path.display().to_string())?;
    }
    let chosen = if packages.is_empty() { known } else { packages.to_vec() };
    schedules::record(&chosen)?;
    let programs = |name: &String| name != COMPARISON && name != schedules::PACKAGE;
    let concepts: Vec<String> = chosen.into_iter().filter(programs).collect();
    breaks::record(&concepts)
}

/// Keeps of what a program wrote with `--evidence` the facts, a line each: the book compares with them
/// what a reader predicts and finds.
fn keep_facts(path: &Path) -> Result<()> {
    let document: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let experiments = all(&document["experiments"]).into_iter().map(|experiment| {
        let facts = all(&experiment["facts"]).into_iter().map(|fact| {
            let kept =
                json!({ "name": fact["name"], "value": fact["value"], "unit": fact["unit"] });
            format!("      {kept}")
        });
        let facts: Vec<String> = facts.collect();
        let name = &experiment["name"];
        format!("    {{\"name\": {name}, \"facts\": [\n{}\n    ]}}", facts.join(",\n"))
    });
    let experiments: Vec<String> = experiments.collect();
    Ok(fs::write(
        path,
        format!("{{\n  \"experiments\": [\n{}\n  ]\n}}\n", experiments.join(",\n")),
    )?)
}

/// Keeps what the book's plots are drawn from, and draws them.
fn record_plots() -> Result<()> {
    let folder = folder(COMPARISON);
    let place = folder.to_str().context("the checkout's path is not UTF-8")?;
    run(COMPARISON, &["--full", "--record", place]).map(drop)
}

/// Keeps the table that the comparison prints. Its words are the same everywhere, its figures and
/// verdicts nowhere.
fn record_table() -> Result<()> {
    let output = run(COMPARISON, &[])?;
    let phrases = ["memory", "creation", "communication", "overhead", "crash impact", "use"];
    let section = Section {
        name: "table".to_owned(),
        grade: Grade::Varies(phrases.map(str::to_owned).to_vec()),
        lines: output.lines().map(|line| line.trim_end().to_owned()).collect(),
    };
    let transcript = Transcript { command: "$ cargo run".to_owned(), sections: vec![section] };
    let path = folder(COMPARISON).join("transcript.txt");
    fs::write(&path, transcript.text()).with_context(|| path.display().to_string())
}

/// The strictest grade that all trials keep.
fn grade(section: &Section, trials: &[Transcript]) -> Grade {
    let question = section.lines.first().cloned().unwrap_or_default();
    let kept = |grade: &Grade| {
        let section = Section { grade: grade.clone(), ..section.clone() };
        trials.iter().all(|trial| {
            let fresh = trial.sections.iter().find(|fresh| fresh.name == section.name);
            fresh.is_some_and(|fresh| section.compare(&fresh.lines).is_ok())
        })
    };
    [Grade::Exact, Grade::AnyOrder(Vec::new())]
        .into_iter()
        .find(kept)
        .unwrap_or(Grade::Varies(vec![question]))
}

fn run(package: &str, arguments: &[&str]) -> Result<String> {
    let output = cargo()
        .current_dir(top())
        .args(["run", "-q", "-p", package, "--"])
        .args(arguments)
        .output()
        .context("cargo run")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{package} failed: {}", errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{package} printed no UTF-8"))
}
