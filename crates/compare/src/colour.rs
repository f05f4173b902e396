//! Colours for verdicts on a terminal. They only repeat what the words say.

use lab::Verdict;

/// Whether to colour.
#[derive(Clone, Copy)]
pub struct Colour(bool);

impl Colour {
    /// On a terminal that can, unless `NO_COLOR` is set.
    pub fn here() -> Colour {
        Colour(messages::is_coloured(&std::io::stdout()))
    }

    /// The verdict's words, in its colour.
    pub fn verdict(self, verdict: Verdict) -> String {
        match self.0 {
            true => format!("\x1b[{}m{verdict}\x1b[0m", verdict.colour()),
            false => verdict.words().to_owned(),
        }
    }
}
