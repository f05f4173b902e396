//! Every statement of the ledger with the verdict that this machine gives.

use anyhow::Result;
use lab::{Evidence, Experiment, NoEvidence, Package, Run, Verdict};
use serde_json::{Value as Json, json};

use crate::ledger::{Entry, ledger};
use crate::turns::turns;

/// A statement and what became of it here.
pub struct Answer {
    /// The statement.
    pub entry: Entry,
    /// The experiments that bear on it.
    pub experiments: Vec<&'static str>,
    /// Computed from their facts.
    pub verdict: Verdict,
    /// Why, in a sentence with figures.
    pub because: String,
    /// The facts.
    pub evidence: Evidence,
    /// The breaks that turn the verdict, as `package/name`.
    pub turned_by: Vec<String>,
}

impl Answer {
    /// Whether this machine agrees with the book. What could not be shown here does not count.
    pub fn agrees(&self) -> bool {
        match self.verdict {
            Verdict::Inconclusive | Verdict::NotBuilt => true,
            Verdict::Failed => false,
            verdict => verdict == self.entry.expected,
        }
    }

    /// The answer as JSON.
    pub fn json(&self) -> Json {
        json!({
            "id": self.entry.id,
            "number": self.entry.number,
            "claim": self.entry.says,
            "package": self.entry.package,
            "experiment": self.experiments,
            "verdict": self.verdict.words(),
            "expected": self.entry.expected.words(),
            "because": self.because,
            "facts": self.evidence.facts_json(),
            "turned_by": self.turned_by,
            "cannot_turn": self.entry.cannot_turn,
        })
    }
}

/// What the experiments found, and the statements that their facts decide.
pub struct Outcome {
    /// In the order of the ledger.
    pub answers: Vec<Answer>,
    /// In the order in which they ran.
    pub found: Vec<Found>,
}

/// What one experiment found.
pub struct Found {
    /// The package.
    pub package: &'static str,
    /// The experiment's name.
    pub experiment: &'static str,
    /// Its facts, or why there are none.
    pub evidence: Result<Evidence, NoEvidence>,
}

/// The experiments that bear on one of the `wanted` claims; all that bear on any, if none is named.
pub fn experiments(
    packages: &[&'static Package],
    wanted: &[&str],
) -> Vec<(&'static Package, &'static Experiment)> {
    packages
        .iter()
        .flat_map(|package| {
            package.experiments.iter().map(move |experiment| (*package, experiment))
        })
        .filter(|(package, experiment)| {
            experiment.claims.iter().any(|id| {
                wanted.is_empty() || wanted.contains(id) || wanted.contains(&package.name)
            })
        })
        .collect()
}

/// Runs the experiments, each in a process of its own, and judges every statement.
/// An experiment that fails costs the statements that it bears on and nothing else.
pub fn answer(
    packages: &[&'static Package],
    chosen: &[(&'static Package, &'static Experiment)],
    run: &Run<'_>,
    mut progress: impl FnMut(&str),
) -> Result<Outcome> {
    let mut found = Vec::new();
    for (package, experiment) in chosen {
        progress(&format!("{} -- {}", package.name, experiment.name));
        let evidence = run.experiment(package.name, experiment);
        found.push(Found { package: package.name, experiment: experiment.name, evidence });
    }
    let mut judged = Vec::new();
    for package in packages {
        judged.extend(package.judge(|name| {
            let is_it = |found: &&Found| found.package == package.name && found.experiment == name;
            Some(found.iter().find(is_it)?.evidence.as_ref().map_err(Clone::clone))
        }));
    }
    let turning = turns();
    let answers = ledger()
        .into_iter()
        .filter_map(|entry| {
            let package = packages.iter().find(|package| package.name == entry.package);
            let experiments: Vec<_> = package
                .iter()
                .flat_map(|package| package.experiments)
                .filter(|experiment| experiment.claims.contains(&entry.id))
                .map(|experiment| experiment.name)
                .collect();
            let (verdict, because, evidence) =
                match judged.iter().find(|(claim, _, _)| claim.id == entry.id) {
                    Some((_, judgement, facts)) => {
                        (judgement.verdict, judgement.because.clone(), facts.clone())
                    }
                    None if experiments.is_empty() => {
                        (Verdict::NotBuilt, "no program answers it yet".to_owned(), Evidence::new())
                    }
                    // Its experiments exist but were not asked for.
                    None => return None,
                };
            let turned_by = turning
                .iter()
                .filter(|turn| turn.claim == entry.id)
                .map(|turn| format!("{}/{}", turn.package, turn.name))
                .collect();
            Some(Answer { entry, experiments, verdict, because, evidence, turned_by })
        })
        .collect();
    Ok(Outcome { answers, found })
}
