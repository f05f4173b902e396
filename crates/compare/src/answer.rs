//! Every statement of the ledger with the verdict that this machine gives.

use std::time::Instant;

use lab::{Evidence, Experiment, Judgement, NoEvidence, Package, Run, Verdict};
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
    /// The reason or the caveat in a few words, if the criterion said so.
    pub brief: Option<String>,
    /// The facts.
    pub evidence: Evidence,
    /// The breaks that turn the verdict, as `package/name`.
    pub turned_by: Vec<String>,
}

impl Answer {
    /// The reason or the caveat for a row of a table: what the criterion said in a few words, or
    /// else what its reason says first behind "but".
    pub fn brief(&self) -> &str {
        match &self.brief {
            Some(brief) => brief,
            None if self.verdict == Verdict::Caveat => behind_but(&self.because),
            None => &self.because,
        }
    }

    /// Whether this machine agrees with the book. What could not be shown here does not count.
    pub fn agrees(&self) -> bool {
        match self.verdict {
            Verdict::Inconclusive => true,
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
            "caveat": (self.verdict == Verdict::Caveat).then(|| self.brief()),
            "busy": self.evidence.busy(),
            "facts": self.evidence.facts_json(),
            "turned_by": self.turned_by,
            "cannot_turn": self.entry.cannot_turn,
        })
    }
}

/// Of "so it was, but this, and that" the words "but this"; all of it where there is no "but".
fn behind_but(because: &str) -> &str {
    let but = [", but ", "; but "].iter().filter_map(|but| because.find(but)).min();
    let from = but.map_or(because, |at| &because[at + 2..]);
    let end = [", and ", ": "].iter().filter_map(|end| from.find(end)).min();
    end.filter(|_| but.is_some()).map_or(from, |at| &from[..at])
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
    /// How long it took.
    pub seconds: f64,
}

impl Found {
    /// What ran and how long it took, as JSON.
    pub fn json(&self) -> Json {
        json!({ "package": self.package, "experiment": self.experiment, "seconds": self.seconds })
    }
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
) -> Outcome {
    let mut found = Vec::new();
    for (package, experiment) in chosen {
        progress(&format!("{} -- {}", package.name, experiment.name));
        let start = Instant::now();
        let evidence = run.experiment(package.name, experiment);
        let seconds = start.elapsed().as_secs_f64();
        found.push(Found { package: package.name, experiment: experiment.name, evidence, seconds });
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
            // One whose experiments were not asked for is not judged.
            let (_, judgement, evidence) =
                judged.iter().find(|(claim, _, _)| claim.id == entry.id)?;
            let (Judgement { verdict, because, brief, .. }, evidence) =
                (judgement.clone(), evidence.clone());
            let turned_by = turning
                .iter()
                .filter(|turn| turn.claim == entry.id)
                .map(|turn| format!("{}/{}", turn.package, turn.name))
                .collect();
            Some(Answer { entry, experiments, verdict, because, brief, evidence, turned_by })
        })
        .collect();
    Outcome { answers, found }
}

#[cfg(test)]
mod tests {
    use super::behind_but;

    #[test]
    fn a_caveat_is_what_stands_behind_but() {
        assert_eq!(
            behind_but("7 of 7 lived; but harm went by 5 ways: a, b"),
            "but harm went by 5 ways"
        );
        assert_eq!(behind_but("no, but frames are shared, and files"), "but frames are shared");
        assert_eq!(behind_but("it was so"), "it was so");
    }
}
