//! `cargo xtask break`: small edits of experiments, applied in a scratch copy, with what must
//! change because of them.

mod child;
mod difference;
mod outcome;
mod page;
mod rounds;
mod scratch;
mod seen;
mod show;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::workspace::{concepts, folder, unknown};
use outcome::{Outcome, Shown, Tried};
use rounds::Of;
use trial::Trial;

/// The breaks of a package.
fn of(package: &str) -> Result<Vec<Of>> {
    let path = folder(package).join("breaks.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let breaks = breaks::parse(&text).with_context(|| path.display().to_string())?;
    Ok(breaks.into_iter().map(|one| Of { package: package.to_owned(), one }).collect())
}

/// Lists the breaks of a package, or tries one and shows what it changes.
pub fn one(package: &str, name: Option<&str>) -> Result<ExitCode> {
    let known = concepts()?;
    if !known.iter().any(|known| known == package) {
        return Ok(unknown(
            "package",
            package,
            known.iter().map(String::as_str),
            "README.md lists them",
        ));
    }
    let all = of(package)?;
    let Some(name) = name else {
        for Of { one, .. } in &all {
            println!(
                "{:<24} {}",
                one.name,
                one.asks.split_whitespace().collect::<Vec<_>>().join(" ")
            );
        }
        if all.is_empty() {
            println!("{package} has no breaks yet");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(chosen) = all.iter().find(|of| of.one.name == name) else {
        let names = all.iter().map(|of| of.one.name.as_str());
        let list = format!("cargo xtask break {package} lists them");
        return Ok(unknown("break", name, names, &list));
    };
    println!("{}", show::question(chosen)?);
    let mut trial = Trial::of(vec![chosen.clone()], vec![package.to_owned()])?;
    let tried = trial.run(|_| ())?;
    print!("{}", show::answer(&tried[0]));
    Ok(match tried[0].outcome {
        Outcome::Otherwise { .. } => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Tries the breaks of all packages, or of one in so many, beginning with number `turn`; compares them
/// with what is recorded, and prints the counts.
pub fn all(one_in: usize, turn: usize) -> Result<ExitCode> {
    let start = Instant::now();
    let packages = concepts()?.into_iter().skip(turn % one_in).step_by(one_in);
    let (packages, mut all) = (packages.collect::<Vec<String>>(), Vec::new());
    for package in &packages {
        all.extend(of(package)?);
    }
    let mut trial = Trial::of(all, packages)?;
    let (mut bad, mut not_here) = (0, 0);
    let tried = trial.run(|tried| {
        let name = format!("{} {}", tried.package, tried.one.name);
        match &tried.outcome {
            Outcome::AsExpected(_) => match page::compare(tried) {
                Ok(()) => println!("{name}"),
                Err(difference) => {
                    bad += 1;
                    println!("{name}: {difference}");
                    println!("  If the change is meant: scripts/record {}", tried.package);
                }
            },
            Outcome::NotHere(why) => {
                not_here += 1;
                println!("{name}: cannot be shown here: {why}");
            }
            Outcome::Otherwise { faults, .. } => {
                bad += 1;
                println!("{name}: {}", faults.join("; "));
            }
        }
    })?;
    let counts = Counts::of(&tried, &trial);
    println!(
        "\nBreaks: {}, in {} builds, {:.0} s. Not as expected: {bad}. Not to be shown here: \
         {not_here}.\nExperiments that were seen to notice: {} of {}.\nClaims that were seen to \
         turn: {} of {} that can; {} cannot, and say why.",
        tried.len(),
        trial.builds(),
        start.elapsed().as_secs_f64(),
        counts.noticed,
        counts.experiments,
        counts.turned,
        counts.can_turn,
        counts.cannot_turn,
    );
    Ok(if bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What breaks cover.
struct Counts {
    experiments: usize,
    noticed: usize,
    can_turn: usize,
    cannot_turn: usize,
    turned: usize,
}

impl Counts {
    fn of(tried: &[Tried], trial: &Trial) -> Counts {
        let (mut noticed, mut turned) = (BTreeSet::new(), BTreeSet::new());
        for one in tried {
            let Outcome::AsExpected(Shown::Ran { facts, verdicts, .. }) = &one.outcome else {
                continue;
            };
            if !facts.is_empty() {
                noticed.insert((&one.package, &one.one.experiment));
            }
            let others = verdicts.iter().filter(|(_, is)| is.verdict != is.expected);
            turned.extend(others.map(|(_, is)| is.id.clone()));
        }
        let claims = || trial.baselines().flat_map(|run| &run.claims);
        let cannot_turn = claims().filter(|claim| claim.cannot_turn.is_some()).count();
        Counts {
            experiments: trial.baselines().map(|run| run.experiments.len()).sum(),
            noticed: noticed.len(),
            can_turn: claims().count() - cannot_turn,
            cannot_turn,
            turned: turned.len(),
        }
    }
}

/// How often a break is run again to find the grade of its story.
const TRIALS: usize = 2;

/// Tries the breaks of these packages and writes their pages. Where one did not come out
/// as expected, that is said, and its package keeps the page it had.
pub fn record(packages: &[String]) -> Result<()> {
    let mut all = Vec::new();
    for package in packages {
        let breaks = of(package)?;
        if breaks.is_empty() {
            page::record(package, &[])?;
        }
        all.extend(breaks);
    }
    if all.is_empty() {
        return Ok(());
    }
    let broken: BTreeSet<String> = all.iter().map(|of| of.package.clone()).collect();
    let mut trial = Trial::of(all, broken.into_iter().collect())?;
    trial.repeat(TRIALS);
    let tried = trial.run(|_| ())?;
    let mut pages: BTreeMap<&str, Vec<&Tried>> = BTreeMap::new();
    let (mut faults, mut faulty) = (Vec::new(), BTreeSet::new());
    for one in &tried {
        match &one.outcome {
            Outcome::AsExpected(_) => {
                pages.entry(&one.package).or_default().push(one);
            }
            Outcome::NotHere(why) => {
                faulty.insert(one.package.as_str());
                faults
                    .push(format!("{} {}: cannot be shown here: {why}", one.package, one.one.name));
            }
            Outcome::Otherwise { faults: why, .. } => {
                faulty.insert(one.package.as_str());
                faults.push(format!("{} {}: {}", one.package, one.one.name, why.join("; ")));
            }
        }
    }
    for (package, tried) in pages.into_iter().filter(|(package, _)| !faulty.contains(package)) {
        page::record(package, &tried)?;
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
