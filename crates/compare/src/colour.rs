//! Colours for verdicts on a terminal. They only repeat what the words say.

use std::io::IsTerminal;

use lab::Verdict;

/// Whether to colour.
#[derive(Clone, Copy)]
pub struct Colour(bool);

impl Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    pub fn here() -> Colour {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Colour(wanted && std::io::stdout().is_terminal())
    }

    /// The verdict's words, in its colour.
    pub fn verdict(self, verdict: Verdict) -> String {
        match self.0 {
            true => format!("\x1b[{}m{verdict}\x1b[0m", verdict.colour()),
            false => verdict.words().to_owned(),
        }
    }
}
