//! The ledger: the statements that this project answers, in its own words.
//!
//! Each statement stands in the package that answers it, as a [`lab::Claim`] beside its criterion.

use lab::Verdict;

use crate::packages::PACKAGES;
use crate::turns::{Turn, turns};

/// One statement of the ledger.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The statement's number; the ledger counts from 1 without a gap.
    pub number: u32,
    /// The stable name.
    pub id: &'static str,
    /// The package that answers it.
    pub package: &'static str,
    /// The verdict that the book expects.
    pub expected: Verdict,
    /// The statement.
    pub says: &'static str,
    /// What an expert would add.
    pub nuance: &'static str,
    /// Why no break turns its verdict, where none can.
    pub cannot_turn: Option<&'static str>,
}

/// All statements, by number.
pub fn ledger() -> Vec<Entry> {
    let claims = PACKAGES.iter().flat_map(|package| {
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
    let mut all: Vec<Entry> = claims.collect();
    all.sort_by_key(|entry| entry.number);
    all
}

/// The ledger as a page of the book.
pub fn page() -> String {
    let mut page = String::from(
        "# The ledger\n\nEvery statement that this project answers, the verdict that the book \
         expects, and what an expert would add. The page is made from the programs: their \
         verdicts are computed on your machine by `cargo run`, and `cargo run -q -- --check` \
         says where it disagrees. A *break* is a small edit of an experiment that turns the verdict; \
         `cargo xtask break PACKAGE NAME` shows what it changes, also where the chapter \
         behind the link shows other breaks.\n",
    );
    let turning = turns();
    for entry in ledger() {
        let Entry { number, id, package, expected, says, .. } = entry;
        page += &format!(
            "\n## {number}. {says}\n\n`{id}` · **{expected}** · [{package}]({package}.md)\n"
        );
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
            page += &format!("\nNo break can turn it: {why}.\n");
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
    fn the_readme_counts_them() {
        let said = format!("All {} statements", ledger().len());
        assert!(include_str!("../../../README.md").contains(&said), "{said}");
    }

    #[test]
    fn every_statement_has_an_id_of_its_own() {
        let mut ids: Vec<&str> = ledger().iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
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
