//! Tries breaks: one scratch copy, one build for as many of them as may stand together, then each
//! one's experiment by itself, judged with what the others found without a break.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use breaks::Break;
use lab::Verdict;

use super::outcome::{Outcome, Shown, Tried, judge, judge_refusal, unnamed_changes};
use super::rounds::{Of, rounds};
use super::scratch::{Refusal, Scratch, build_unbroken};
use super::seen::{Judged, Run, run};
use crate::workspace::folder;

/// How often a break is run before it fails: figures are measured beside other programs.
const TRIES: usize = 3;
/// How often an experiment is run without a break to see whether a fact varies by itself.
const REPETITIONS: usize = 3;

/// Breaks, and the copy in which they are tried.
pub struct Trial {
    all: Vec<Of>,
    packages: Vec<String>,
    scratch: Scratch,
    /// The folder of the programs without any break.
    unbroken: PathBuf,
    before: BTreeMap<String, Run>,
    /// Facts that come out otherwise in every run, by package and experiment.
    varying: BTreeMap<(String, String), BTreeSet<String>>,
    repeat: usize,
    builds: usize,
}

impl Trial {
    /// Builds the programs of `packages` without a break and runs each once.
    pub fn of(all: Vec<Of>, packages: Vec<String>) -> Result<Trial> {
        // A wrong one costs no build.
        refuse_misfits(&all, |of| {
            let path = folder(&of.package).join(&of.one.file);
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            of.one.applied_to(&text).map(drop)
        })?;
        let scratch = Scratch::make()?;
        let unbroken = build_unbroken(&packages)?;
        let mut trial = Trial {
            all,
            packages,
            scratch,
            unbroken,
            before: BTreeMap::new(),
            varying: BTreeMap::new(),
            repeat: 0,
            builds: 0,
        };
        for package in trial.packages.clone() {
            trial.run_unbroken(&package)?;
        }
        refuse_misfits(&trial.all, |of| {
            let run = &trial.before[&of.package];
            let experiments: Vec<&str> = run.experiments.iter().map(|e| e.name.as_str()).collect();
            let claims: Vec<&str> = run.claims.iter().map(|claim| claim.id.as_str()).collect();
            of.one.fits(&folder(&of.package), &experiments, &claims)
        })?;
        Ok(trial)
    }

    /// Runs each break's experiment this many more times, for [`Tried::stories`].
    pub fn repeat(&mut self, times: usize) {
        self.repeat = times;
    }

    /// What was seen of each package without a break.
    pub fn baselines(&self) -> impl Iterator<Item = &Run> {
        self.before.values()
    }

    /// How many times broken programs were built.
    pub fn builds(&self) -> usize {
        self.builds
    }

    /// Tries all breaks, tells `report` of each, and returns them in the order given.
    pub fn run(&mut self, mut report: impl FnMut(&Tried)) -> Result<Vec<Tried>> {
        let mut tried: BTreeMap<usize, Tried> = BTreeMap::new();
        let broken: BTreeSet<&str> = self.all.iter().map(|of| of.package.as_str()).collect();
        let broken: Vec<String> = broken.into_iter().map(str::to_owned).collect();
        let mut rounds = rounds(&self.all)?;
        rounds.reverse();
        while let Some(round) = rounds.pop() {
            for at in &round {
                let Of { package, one } = &self.all[*at];
                self.scratch.apply(package, one)?;
            }
            let refusals = self.scratch.build(&broken)?;
            self.builds += 1;
            for at in &round {
                let of = self.all[*at].clone();
                let mine: Vec<&Refusal> =
                    refusals.iter().filter(|refusal| refusal.package == of.package).collect();
                let beside = round.iter().filter(|at| self.all[**at].package == of.package).count();
                if !mine.is_empty() && beside > 1 {
                    // One of several does not compile: each by itself says which.
                    rounds.push(vec![*at]);
                    continue;
                }
                let one = self.try_one(&of, &mine)?;
                report(&one);
                tried.insert(*at, one);
            }
            self.scratch.restore()?;
        }
        Ok(tried.into_values().collect())
    }

    fn try_one(&mut self, of: &Of, refusals: &[&Refusal]) -> Result<Tried> {
        let Of { package, one } = of;
        let outcome = match &one.expect.compile_error {
            Some(code) => judge_refusal(one, code, refusals),
            None if !refusals.is_empty() => Outcome::Otherwise {
                faults: vec![format!("it does not compile: {}", refusals[0].text)],
                shown: None,
            },
            None => self.observe(package, one)?,
        };
        let mut stories = Vec::new();
        if let Outcome::AsExpected(Shown::Ran { .. }) = outcome {
            for _ in 0..self.repeat {
                let run = self.run_broken(package, one)?;
                stories.extend(run.experiments.into_iter().map(|seen| seen.story));
            }
        }
        let before = self.before[package].experiment(&one.experiment).cloned();
        let before = before.context("the experiment did not run")?;
        Ok(Tried { package: package.clone(), one: one.clone(), before, outcome, stories })
    }

    /// Runs the broken experiment until it does as expected and all else can be told, a few times at
    /// most.
    fn observe(&mut self, package: &str, one: &Break) -> Result<Outcome> {
        let mut outcome = self.observe_once(package, one)?;
        for _ in 1..TRIES {
            if !may_be_noise(one, &outcome) {
                break;
            }
            self.run_unbroken(package)?;
            outcome = self.observe_once(package, one)?;
        }
        Ok(outcome)
    }

    fn observe_once(&mut self, package: &str, one: &Break) -> Result<Outcome> {
        let after = match self.run_broken(package, one) {
            Ok(after) => after,
            Err(error) => {
                let faults = vec![format!("{error:#}")];
                return Ok(Outcome::Otherwise { faults, shown: None });
            }
        };
        self.find_what_varies(package, one, &after)?;
        let key = (package.to_owned(), one.experiment.clone());
        let varying = self.varying.entry(key).or_default();
        Ok(judge(one, &self.before[package], &after, &|name| varying.contains(name)))
    }

    /// Runs the experiment without the break again where a fact changed that the break does not
    /// name: it may vary by itself.
    fn find_what_varies(&mut self, package: &str, one: &Break, after: &Run) -> Result<()> {
        let key = (package.to_owned(), one.experiment.clone());
        let evidence = |run: &Run| {
            run.experiment(&one.experiment).and_then(|seen| seen.evidence.as_ref().ok().cloned())
        };
        let (Some(was), Some(is)) = (evidence(&self.before[package]), evidence(after)) else {
            return Ok(());
        };
        for _ in 0..REPETITIONS {
            let known = self.varying.entry(key.clone()).or_default();
            if unnamed_changes(one, &was, &is).iter().all(|name| known.contains(name)) {
                break;
            }
            let program = self.unbroken.join(package);
            let again = run(&program, Some(&one.experiment), &self.scratch.file("again"), None)?;
            if let Some(again) = evidence(&again) {
                let known = self.varying.entry(key.clone()).or_default();
                known.extend(unnamed_changes(one, &was, &again));
            }
        }
        Ok(())
    }

    fn run_broken(&self, package: &str, one: &Break) -> Result<Run> {
        let given = self.scratch.file(package);
        let program = self.scratch.program(package);
        run(&program, Some(&one.experiment), &self.scratch.file("broken"), Some(&given))
    }

    fn run_unbroken(&mut self, package: &str) -> Result<()> {
        let program = self.unbroken.join(package);
        let seen = run(&program, None, &self.scratch.file(package), None)?;
        self.before.insert(package.to_owned(), seen);
        Ok(())
    }
}

/// Whether the machine may be the reason for what was seen, so that it is worth another look: not
/// what was expected, or a verdict that is inconclusive though the break does not say so, or without
/// the break.
fn may_be_noise(one: &Break, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Otherwise { .. } => true,
        Outcome::AsExpected(Shown::Ran { verdicts, .. }) => {
            let open = |judged: &Judged| judged.verdict == Verdict::Inconclusive.words();
            let expected = |judged: &Judged| one.expect.verdicts.contains_key(&judged.id);
            verdicts.iter().any(|(was, is)| open(was) || open(is) && !expected(is))
        }
        Outcome::NotHere(why) => why.contains("busy"),
        Outcome::AsExpected(Shown::Refused(_)) => false,
    }
}

/// Fails with all breaks that do not fit.
fn refuse_misfits(all: &[Of], fits: impl Fn(&Of) -> Result<()>) -> Result<()> {
    let misfit = |of: &Of| {
        let error = fits(of).err()?;
        Some(format!("{} {}: {error:#}", of.package, of.one.name))
    };
    let misfits: Vec<String> = all.iter().filter_map(misfit).collect();
    ensure!(misfits.is_empty(), "{}", misfits.join("\n"));
    Ok(())
}
