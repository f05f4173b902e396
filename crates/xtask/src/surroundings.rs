//! The whole matrix of what may go wrong around a concept's program: each kind of call that it makes
//! fails, each unusual surroundings, stops; counted by package.

use std::path::Path;
use std::time::Duration;

use acceptance::{Counts, Kind, Program, Trials};
use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, concepts, top};

/// Tries `packages`, all concepts if none is named, for at most so many seconds of injected failures
/// each, and prints what came out; of the trials those alone whose name contains `only`. `programs` is
/// where they are, if they are not to be built.
///
/// # Errors
///
/// If something happened that must not, after all of it was printed.
pub fn try_all(
    packages: &[String],
    seconds: u64,
    only: &str,
    programs: Option<&Path>,
) -> Result<()> {
    let known = concepts()?;
    print!(
        "{:<18} {:>6} {:>8} {:>12} {:>7}",
        "package", "runs", "as usual", "inconclusive", "failed"
    );
    for kind in Kind::ALL {
        print!("  {kind}");
    }
    println!();
    let mut complaints = Vec::new();
    for name in if packages.is_empty() { &known } else { packages } {
        let counts = try_one(name, seconds, only, programs)?;
        let Counts { runs, unharmed, inconclusive, failed, .. } = counts;
        print!("{name:<18} {runs:>6} {unharmed:>8} {inconclusive:>12} {failed:>7}");
        for kind in Kind::ALL {
            print!("  {:>width$}", counts.of(kind), width = kind.to_string().len());
        }
        println!();
        complaints.extend(counts.complaints);
    }
    complaints.sort_by_key(|complaint| complaint.kind);
    for complaint in &complaints {
        println!("{}: {}", complaint.kind, complaint.what);
    }
    ensure!(complaints.is_empty(), "{} of the runs went wrong", complaints.len());
    Ok(())
}

fn try_one(name: &str, seconds: u64, only: &str, programs: Option<&Path>) -> Result<Counts> {
    let here = std::env::current_exe().context("this program's path")?.with_file_name(name);
    let path = match programs {
        Some(folder) => folder.join(name),
        None => build(name).map(|()| here.clone())?,
    };
    // A program's names are constants in its tests; here they are kept until the end.
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let program = |path: &Path| Program {
        name: keep(name),
        path: keep(&path.display().to_string()),
        transcript: "",
    };
    // What the book expects is asked of the program as it is now.
    let whole = program(&here).json(&[]);
    let tried = program(&path);
    let mut trials = Trials::new(&tried, &whole);
    trials.only = only.to_owned();
    trials.surround(true);
    // Moments that are spread over the run; a golden ratio's multiples never meet.
    let mut moment = 0.0;
    let mut share = || {
        moment = (moment + 0.618) % 1.0;
        moment
    };
    if only.is_empty() {
        trials.stop_and_continue(6, Duration::from_secs(1), &mut share);
    }
    trials.inject(Duration::from_secs(seconds));
    Ok(trials.counts)
}

/// Builds the package's program, beside this one.
fn build(name: &str) -> Result<()> {
    let status = cargo()
        .current_dir(top())
        .args(["build", "--quiet", "--package", name])
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "{name} does not build");
    Ok(())
}
