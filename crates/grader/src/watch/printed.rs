//! For terminals that can only print: what has changed, line after line.

use std::mem::discriminant;

use super::screen::body;
use super::state::{Mode, Said, State};
use crate::show::Style;

/// What was printed last.
#[derive(Default)]
pub struct Printed {
    shown: Option<std::mem::Discriminant<Mode>>,
    lines: Vec<String>,
    below: String,
}

impl Printed {
    /// Prints what is new: all of it, if something else is shown than before.
    pub fn show(&mut self, state: &State) {
        let text = self.news(state, Style::of_terminal());
        print!("{text}");
        crate::output::flush();
    }

    fn news(&mut self, state: &State, style: Style) -> String {
        let text = body(state, style);
        let lines: Vec<String> = text.trim_end().lines().map(str::to_owned).collect();
        let shown = Some(discriminant(&state.mode));
        let same = self.shown == shown;
        let is_new = |line: &&String| !same || !line.is_empty() && !self.lines.contains(line);
        let mut news: Vec<String> = lines.iter().filter(is_new).cloned().collect();
        let keys: Vec<String> =
            state.keys().into_iter().map(|(key, what)| format!("{key} {what}")).collect();
        let keys = style.wrapped(&format!("Keys: {}", keys.join(", ")));
        let below = format!("{}\n{keys}", style.wrapped(&state.note()));
        // A verdict is about to come, and the keys with it.
        let judging = matches!((&state.mode, &state.said), (Mode::Verdict, Said::Judging(..)));
        if !judging && (!news.is_empty() || below != self.below) {
            news.push(below.trim_start().to_owned());
        }
        (self.shown, self.lines, self.below) = (shown, lines, below);
        news.into_iter().map(|line| line + "\n").collect()
    }
}
