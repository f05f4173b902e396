//! The ledger: the statements that this project answers, in its own words.
//!
//! A statement whose package exists stands in that package, as a [`lab::Claim`] beside its
//! criterion. Here stand those that no program answers yet.

use lab::Verdict::{self, Caveat, DoesNotHold, Holds};

use crate::packages::PACKAGES;
use crate::turns::{Turn, turns};

/// One statement of the ledger.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The statement's number; the ledger counts from 1 without a gap.
    pub number: u32,
    /// The stable name.
    pub id: &'static str,
    /// The package that answers it, or will.
    pub package: &'static str,
    /// The verdict that the book expects.
    pub expected: Verdict,
    /// The statement.
    pub says: &'static str,
    /// What an expert would add; empty while no program answers the statement.
    pub nuance: &'static str,
    /// Why no break turns its verdict, where none can.
    pub cannot_turn: Option<&'static str>,
}

/// All statements, by number.
pub fn ledger() -> Vec<Entry> {
    let built = PACKAGES.iter().flat_map(|package| {
        package.claims.iter().map(|claim| Entry {
            number: claim.number,
            id: claim.id,
            package: package.name,
            expected: claim.expected,
            says: claim.says,
            nuance: claim.nuance,
            cannot_turn: claim.cannot_turn,
        })
    });
    let mut all: Vec<Entry> = built.chain(NOT_BUILT.iter().copied()).collect();
    all.sort_by_key(|entry| entry.number);
    all
}

const fn entry(
    number: u32,
    id: &'static str,
    package: &'static str,
    expected: Verdict,
    says: &'static str,
) -> Entry {
    Entry { number, id, package, expected, says, nuance: "", cannot_turn: None }
}

/// The statements that no program answers yet.
pub const NOT_BUILT: &[Entry] = &[
    entry(
        60,
        "choose-processes-when",
        "choosing",
        Caveat,
        "Choose processes for independent tasks, stability and security.",
    ),
    entry(
        61,
        "choose-threads-when",
        "choosing",
        Caveat,
        "Choose threads for related tasks that share data.",
    ),
    entry(
        62,
        "choice-depends",
        "choosing",
        Holds,
        "The choice depends on speed, security and complexity.",
    ),
];

/// The ledger as a page of the book.
pub fn page() -> String {
    let mut page = String::from(
        "# The ledger\n\nEvery statement that this project answers, the verdict that the book \
         expects, and what an expert would add. The page is made from the programs: their \
         verdicts are computed on your machine by `cargo run`, and `cargo run -q -- --check` \
         says where it disagrees. A *break* is a small edit of an experiment that turns the verdict; \
         `cargo xtask break PACKAGE NAME` shows what it changes.\n",
    );
    let turning = turns();
    for entry in ledger() {
        let built = PACKAGES.iter().any(|package| package.name == entry.package);
        let Entry { number, id, package, expected, says, .. } = entry;
        // What no program has computed is no verdict.
        page += &match built {
            true => format!(
                "\n## {number}. {says}\n\n`{id}` · **{expected}** · [{package}]({package}.md)\n"
            ),
            false => format!(
                "\n## {number}. {says}\n\n`{id}` · <span style=\"opacity: 0.7\">expected: \
                 {expected}; {package} is not built yet</span>\n"
            ),
        };
        if !entry.nuance.is_empty() {
            page += &format!("\n{}\n", entry.nuance);
        }
        let turning: Vec<String> = turning
            .iter()
            .filter(|turn| turn.claim == entry.id)
            .map(|Turn { package, name, .. }| {
                format!("[`{package} {name}`]({package}.md#break-it)")
            })
            .collect();
        if let Some(why) = entry.cannot_turn {
            page += &format!("\nNo break can turn it: {why}\n");
        } else if !turning.is_empty() {
            page += &format!("\nTurned by {}.\n", turning.join(", "));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_counts_from_1_without_a_gap() {
        let numbers: Vec<u32> = ledger().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
        assert!(numbers.len() >= 70);
    }

    #[test]
    fn every_statement_has_an_id_of_its_own() {
        let mut ids: Vec<&str> = ledger().iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    #[test]
    fn what_is_not_built_belongs_to_no_package_that_is() {
        for entry in NOT_BUILT {
            assert!(!PACKAGES.iter().any(|package| package.name == entry.package), "{}", entry.id);
        }
    }

    #[test]
    fn every_claim_is_borne_on_by_an_experiment_of_its_package() {
        for package in PACKAGES {
            for claim in package.claims {
                let borne = package.experiments.iter().any(|e| e.claims.contains(&claim.id));
                assert!(borne, "no experiment bears on {}", claim.id);
            }
            for experiment in package.experiments {
                for id in experiment.claims {
                    assert!(package.claims.iter().any(|claim| claim.id == *id), "{id}");
                }
            }
        }
    }

    #[test]
    fn the_books_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/ledger.md");
        let text = std::fs::read_to_string(path).expect("the page");
        assert_eq!(text, page(), "scripts/record rewrites it");
    }
}
