//! What was seen of a run: the story, the evidence, the verdicts.

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::transcript::{Transcript, VERDICTS};
use anyhow::{Context, Result};
use lab::{Evidence, NoEvidence};
use serde_json::Value as Json;

use super::child;

/// What one experiment printed and found.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The experiment.
    pub name: String,
    /// The lines of its story, the question first.
    pub story: Vec<String>,
    /// Its facts, or why there are none.
    pub evidence: Result<Evidence, NoEvidence>,
}

/// A claim and its verdict in words.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The claim.
    pub id: String,
    /// What it says.
    pub claim: String,
    /// In words.
    pub verdict: String,
    /// What the book expects, in words.
    pub expected: String,
    /// In a sentence.
    pub because: String,
    /// Why no break turns it, if none can.
    pub cannot_turn: Option<String>,
}

/// What a run of some of a package's experiments showed.
#[derive(Clone, Debug)]
pub struct Run {
    /// In the order in which they ran.
    pub experiments: Vec<Seen>,
    /// Those that could be judged.
    pub claims: Vec<Judged>,
}

impl Run {
    /// The experiment of this name, if it ran.
    pub fn experiment(&self, name: &str) -> Option<&Seen> {
        self.experiments.iter().find(|seen| seen.name == name)
    }
}

/// Runs a package's program, all of it or one experiment. What it finds is kept in `evidence`;
/// where `given` is, claims are judged with that of the other experiments.
pub fn run(
    program: &Path,
    experiment: Option<&str>,
    evidence: &Path,
    given: Option<&Path>,
) -> Result<Run> {
    let _ = fs::remove_file(evidence);
    let mut command = Command::new(program);
    command.args(experiment).arg("--evidence").arg(evidence);
    if let Some(given) = given {
        command.arg("--given").arg(given);
    }
    let output = child::output(&mut command)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = fs::read_to_string(evidence)
        .with_context(|| format!("{name} ended without evidence: {}", errors.trim()))?;
    let json: Json = serde_json::from_str(&text).with_context(|| format!("{name}'s evidence"))?;
    read(&json, &printed).with_context(|| format!("{name}'s evidence has another shape"))
}

fn read(json: &Json, printed: &str) -> Option<Run> {
    let names: Vec<String> = json["experiments"]
        .as_array()?
        .iter()
        .map(|one| Some(one["name"].as_str()?.to_owned()))
        .collect::<Option<_>>()?;
    let sections = Transcript::of_output("", printed, &names).sections;
    let experiments = json["experiments"].as_array()?.iter().map(|one| {
        let name = one["name"].as_str()?;
        let section = sections.iter().find(|s| s.name == name && s.name != VERDICTS);
        Some(Seen {
            name: name.to_owned(),
            story: section.map(|section| section.lines.clone()).unwrap_or_default(),
            evidence: match (one["error"].as_str(), one["unavailable"].as_str()) {
                (Some(why), _) => Err(NoEvidence::Failed(why.to_owned())),
                (None, Some(why)) => Err(NoEvidence::Unavailable(why.to_owned())),
                (None, None) => Ok(Evidence::from_json(one)?),
            },
        })
    });
    let claims = json["claims"].as_array()?.iter().map(|one| {
        let text = |key: &str| one[key].as_str().map(str::to_owned);
        Some(Judged {
            id: text("id")?,
            claim: text("claim")?,
            verdict: text("verdict")?,
            expected: text("expected")?,
            because: text("because")?,
            cannot_turn: text("cannot_turn"),
        })
    });
    Some(Run {
        experiments: experiments.collect::<Option<_>>()?,
        claims: claims.collect::<Option<_>>()?,
    })
}
