//! Which breaks turn which claims.

use crate::packages::PACKAGES;

/// A break that turns the verdict of a claim.
pub struct Turn {
    /// The claim.
    pub claim: &'static str,
    /// The package of both.
    pub package: &'static str,
    /// The break.
    pub name: String,
}

/// Every break that turns a claim, in the order of the book. A package whose breaks cannot be read
/// has none; a test says so.
pub fn turns() -> Vec<Turn> {
    let mut turns = Vec::new();
    for package in PACKAGES {
        let breaks = breaks::of(package).unwrap_or_default();
        for claim in package.claims {
            let turning = breaks.iter().filter(|one| one.turns(claim));
            turns.extend(turning.map(|one| Turn {
                claim: claim.id,
                package: package.name,
                name: one.name.clone(),
            }));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use lab::Package;

    use super::*;

    fn folder(package: &Package) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(package.name)
    }

    /// Claims that nothing turns and experiments that nothing disturbs.
    fn missing(package: &Package) -> Vec<String> {
        let breaks = breaks::of(package).expect("breaks.toml is well formed");
        let mut missing = Vec::new();
        for claim in package.claims {
            let turned = breaks.iter().any(|one| one.turns(claim));
            match (claim.cannot_turn, turned) {
                (None, false) => missing.push(format!("no break turns the claim {}", claim.id)),
                (Some(_), true) => missing.push(format!("{} cannot turn, but does", claim.id)),
                _ => {}
            }
        }
        for experiment in package.experiments {
            let of_it = |one: &&breaks::Break| one.experiment == experiment.name;
            if !breaks.iter().filter(of_it).any(|one| !one.expect.facts.is_empty()) {
                missing.push(format!("no break changes a fact of {}", experiment.name));
            }
        }
        missing
    }

    #[test]
    fn every_break_fits_its_package() {
        for package in PACKAGES {
            let experiments: Vec<&str> = package.experiments.iter().map(|e| e.name).collect();
            let claims: Vec<&str> = package.claims.iter().map(|claim| claim.id).collect();
            for one in breaks::of(package).expect("breaks.toml is well formed") {
                if let Err(error) = one.fits(&folder(package), &experiments, &claims) {
                    panic!("{} {}: {error:#}", package.name, one.name);
                }
            }
        }
    }

    #[test]
    fn every_break_is_recorded() {
        for package in PACKAGES {
            let page = std::fs::read_to_string(folder(package).join("breaks.md"));
            let page = page.unwrap_or_default();
            let recorded: Vec<&str> = page
                .split("<!-- ANCHOR: ")
                .skip(1)
                .filter_map(|section| section.split_whitespace().next())
                .collect();
            let breaks = breaks::of(package).expect("breaks.toml is well formed");
            let names: Vec<&str> = breaks.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(recorded, names, "scripts/record {} writes them", package.name);
        }
    }

    #[test]
    fn every_claim_can_turn_and_every_experiment_notices() {
        for package in PACKAGES {
            let missing = missing(package);
            assert!(missing.is_empty(), "{}: {}", package.name, missing.join("\n"));
        }
    }
}
