//! What people say about it, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "no-direct-access",
    number: 12,
    says: "A process cannot reach into the memory of another without IPC.",
    expected: Verdict::Caveat,
    nuance: "What an expert would add.",
    judge: tried,
    cannot_turn: None,
}];

fn tried(facts: &Evidence) -> Result<Judgement, Absent> {
    Ok(match facts.truth("the statement was tried")? {
        true => Judgement::holds("it was tried and it held"),
        false => Judgement::does_not_hold("it was tried and it failed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_decide() {
        for (fact, verdict) in [(true, Verdict::Holds), (false, Verdict::DoesNotHold)] {
            let facts = Evidence::new().fact("the statement was tried", fact);
            assert!(CLAIMS.iter().all(|claim| claim.verdict(&facts).verdict == verdict));
        }
    }
}
