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

    /// The verdict's words: green, yellow, red, or grey where nothing was decided.
    pub fn verdict(self, verdict: Verdict) -> String {
        let colour = match verdict {
            Verdict::Holds => 32,
            Verdict::Caveat => 33,
            Verdict::DoesNotHold | Verdict::Failed => 31,
            Verdict::Inconclusive | Verdict::Lexical | Verdict::NotBuilt => 90,
        };
        match self.0 {
            true => format!("\x1b[{colour}m{verdict}\x1b[0m"),
            false => verdict.words().to_owned(),
        }
    }
}
