//! Claims: what people say, and the criterion by which facts decide it.

use std::fmt;

use crate::evidence::{Absent, Evidence};

/// What the facts say about a claim on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// True as said.
    Holds,
    /// True, but an expert would add something.
    Caveat,
    /// False as said.
    DoesNotHold,
    /// This machine cannot show it: one CPU, no permission, too noisy.
    Inconclusive,
    /// Not a statement about operating systems.
    Lexical,
    /// The experiment crashed, hung or ended without its facts.
    Failed,
}

impl Verdict {
    /// All verdicts, in the order in which they are counted.
    pub const ALL: [Verdict; 6] = [
        Verdict::Holds,
        Verdict::Caveat,
        Verdict::DoesNotHold,
        Verdict::Inconclusive,
        Verdict::Lexical,
        Verdict::Failed,
    ];

    /// The words that stand in tables and JSON.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Caveat => "holds, with a caveat",
            Verdict::DoesNotHold => "does not hold",
            Verdict::Inconclusive => "inconclusive here",
            Verdict::Lexical => "lexical",
            Verdict::Failed => "failed",
        }
    }
}

impl Verdict {
    /// The SGR code of its colour on a terminal, ECMA-48: green for what holds, yellow for what
    /// holds in part, red for what does not, grey for what says nothing.
    pub fn colour(self) -> u8 {
        match self {
            Verdict::Holds => 32,
            Verdict::Caveat => 33,
            Verdict::DoesNotHold => 31,
            Verdict::Failed => 35,
            Verdict::Inconclusive | Verdict::Lexical => 90,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// A verdict and the figures it rests on, in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What the facts say.
    pub verdict: Verdict,
    /// Why, in one sentence with figures.
    pub because: String,
    /// The same in a few words, for a row of a table.
    pub brief: Option<String>,
    /// Whether a busy machine can be why nothing was decided: figures were too close to each other
    /// or too far apart, or something did not come about in time. A limit, a missing CPU or a missing
    /// right decides nothing on an idle machine either.
    pub noisy: bool,
}

impl Judgement {
    /// A verdict with its reason.
    pub fn new(verdict: Verdict, because: impl Into<String>) -> Judgement {
        Judgement { verdict, because: because.into(), brief: None, noisy: false }
    }

    /// The same with its reason or caveat in at most 60 characters, which follow the verdict:
    /// "but a vfork-style process costs 0.9 threads".
    pub fn briefly(mut self, brief: impl Into<String>) -> Judgement {
        self.brief = Some(brief.into());
        self
    }

    /// [`Verdict::Holds`].
    pub fn holds(because: impl Into<String>) -> Judgement {
        Judgement::new(Verdict::Holds, because)
    }

    /// [`Verdict::Caveat`].
    pub fn caveat(because: impl Into<String>) -> Judgement {
        Judgement::new(Verdict::Caveat, because)
    }

    /// [`Verdict::DoesNotHold`].
    pub fn does_not_hold(because: impl Into<String>) -> Judgement {
        Judgement::new(Verdict::DoesNotHold, because)
    }

    /// [`Verdict::Inconclusive`], busy or not.
    pub fn inconclusive(because: impl Into<String>) -> Judgement {
        Judgement::new(Verdict::Inconclusive, because)
    }

    /// [`Verdict::Inconclusive`] by figures or moments that a busy machine can be to blame for.
    pub fn undecided(because: impl Into<String>) -> Judgement {
        Judgement { noisy: true, ..Judgement::inconclusive(because) }
    }
}

/// A statement about processes and threads that a package answers.
pub struct Claim {
    /// The stable name, as in the ledger.
    pub id: &'static str,
    /// Its number in the ledger, 1 to 70.
    pub number: u32,
    /// The statement, in the project's own words.
    pub says: &'static str,
    /// The verdict that the book expects.
    pub expected: Verdict,
    /// What an expert would add.
    pub nuance: &'static str,
    /// The criterion: facts in, verdict and reason out.
    pub judge: fn(&Evidence) -> Result<Judgement, Absent>,
    /// Why no break turns the verdict, where none can; otherwise the package has one that does.
    pub cannot_turn: Option<&'static str>,
}

impl Claim {
    /// Applies the criterion. A fact that is missing for a declared reason makes the claim
    /// inconclusive; one that is missing without a reason makes it failed. Sampled figures refute
    /// nothing where others kept the machine busy: they are why both sides took long.
    pub fn verdict(&self, evidence: &Evidence) -> Judgement {
        let judgement = self.criterion(evidence);
        let refutes = |judgement: &Judgement| judgement.verdict == Verdict::DoesNotHold;
        let by_figures = || !refutes(&self.criterion(&evidence.without_samples()));
        match refutes(&judgement) && evidence.busy().is_some() && by_figures() {
            true => Judgement::undecided(judgement.because),
            false => judgement,
        }
    }

    fn criterion(&self, evidence: &Evidence) -> Judgement {
        match (self.judge)(evidence) {
            Ok(judgement) => judgement,
            Err(Absent::Declared { why, noisy }) => {
                Judgement { noisy, ..Judgement::inconclusive(why) }
            }
            Err(Absent::Undeclared(why)) => Judgement::new(Verdict::Failed, why),
        }
    }
}
