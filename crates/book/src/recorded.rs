//! What is recorded beside each package: its transcript, the facts of the same run, its breaks.
//! Whatever the book can run is found here, by its name.

use std::fs;
use std::path::{Path, PathBuf};

use acceptance::transcript::{Section, Transcript, VERDICTS};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The folder `crates` of the checkout, of which only the names that are there are known.
#[derive(Clone)]
pub struct Recorded {
    crates: PathBuf,
}

impl Recorded {
    /// What is recorded in the checkout of the book at `root`.
    pub fn beside(root: &Path) -> Self {
        Self { crates: root.join("../crates") }
    }

    /// The names of the packages that have a transcript.
    pub fn packages(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.crates).into_iter().flatten().flatten();
        let recorded = entries.filter(|entry| entry.path().join("transcript.txt").is_file());
        let mut names: Vec<String> =
            recorded.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// What the package's experiments printed; nothing for a package that is not there.
    pub fn experiments(&self, package: &str) -> Vec<Section> {
        let transcript = self
            .read(package, "transcript.txt")
            .and_then(|text| Transcript::parse(&text).ok())
            // The transcript of the comparison is of no package's experiments.
            .filter(|transcript| transcript.command == acceptance::transcript::command(package));
        let sections = transcript.map(|transcript| transcript.sections).unwrap_or_default();
        sections.into_iter().filter(|section| section.name != VERDICTS).collect()
    }

    /// The names of the package's breaks; none for a package that is not there.
    pub fn breaks(&self, package: &str) -> Vec<String> {
        let text = self.read(package, "breaks.toml").unwrap_or_default();
        let breaks = breaks::parse(&text).unwrap_or_default();
        breaks.into_iter().map(|one| one.name).collect()
    }

    /// The facts of an experiment, as the program wrote them with `--evidence`; none if none are kept.
    pub fn facts(&self, package: &str, experiment: &str) -> Vec<Value> {
        let text = self.read(package, "facts.json").unwrap_or_default();
        let document = serde_json::from_str(&text).unwrap_or(Value::Null);
        facts_in(&document, experiment)
    }

    /// The value of one fact of an experiment.
    ///
    /// # Errors
    ///
    /// If there is no such package, experiment or fact.
    pub fn fact(&self, package: &str, experiment: &str, fact: &str) -> Result<Value> {
        if !self.experiments(package).iter().any(|section| section.name == experiment) {
            bail!("there is no experiment '{experiment}' of a package '{package}'");
        }
        let facts = self.facts(package, experiment);
        let found = facts.into_iter().find(|found| found["name"] == fact);
        found.with_context(|| {
            format!("crates/{package}/facts.json has no fact '{fact}' of '{experiment}'")
        })
    }

    /// A file of a package that is there by this very name: no name is ever made part of a path
    /// before it was found in the folder.
    fn read(&self, package: &str, file: &str) -> Option<String> {
        let package = self.packages().into_iter().find(|known| known == package)?;
        fs::read_to_string(self.crates.join(package).join(file)).ok()
    }
}

/// The facts of an experiment in what a program wrote with `--evidence`.
pub fn facts_in(document: &Value, experiment: &str) -> Vec<Value> {
    let found = experiment_in(document, experiment);
    found.and_then(|one| one["facts"].as_array().cloned()).unwrap_or_default()
}

/// What an experiment lacks on this machine, in what a program wrote with `--evidence`.
pub fn not_here(document: &Value, experiment: &str) -> Option<String> {
    let why = experiment_in(document, experiment)?["unavailable"].as_str()?;
    Some(why.trim_start_matches(&format!("{experiment}: ")).to_owned())
}

fn experiment_in<'a>(document: &'a Value, experiment: &str) -> Option<&'a Value> {
    document["experiments"].as_array()?.iter().find(|one| one["name"] == experiment)
}
