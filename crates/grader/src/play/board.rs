//! The board of a game: what was done, where every thread stands, and who holds what.

use std::fmt::Write;

use explorer::report::{Obstacle, Place};
use explorer::walk::{Moment, Standing, Walk};

use super::game::Game;
use crate::escape::clean;
use crate::names::names;
use crate::show::{self, NARROWEST, Sources, Style, cell, cut, line_of};

/// How many steps are shown that have been made.
const STEPS: usize = 12;

/// The whole board as text.
pub fn board(game: &Game, name: &str, check: &str, sources: Sources, style: Style) -> String {
    let mut text = String::new();
    let (at, known) = game.position();
    let steps = match (at, known) {
        (0, 0) => "at the beginning".to_owned(),
        (0, 1) => "at the beginning of 1 step".to_owned(),
        (0, known) => format!("at the beginning of {known} steps"),
        (at, known) if at < known => format!("after step {at} of {known}"),
        (1, _) => "after 1 step".to_owned(),
        (at, _) => format!("after {at} steps"),
    };
    let _ = writeln!(text, "{}", style.paint("1", &format!("{name}, {check}: {steps}")));
    let (walk, standing, moment) = (game.walk(), game.standing(), game.moment());
    let names = names(&walk.resources, sources);
    let picture = Picture { walk, standing: &standing, moment: &moment, names: &names };
    let width = style.width.saturating_sub(2) / standing.len().max(1);
    let width = width.min(44);
    if width >= NARROWEST {
        picture.columns(&mut text, game.only_walks(), width, sources, style);
    } else {
        picture.rows(&mut text, game.only_walks(), sources, style);
    }
    for line in picture.locks() {
        let _ = writeln!(text, "  {}", style.folded(&line, 2));
    }
    if let Some(ways) = moment.asked {
        let what = match ways {
            0 => "Chance could have decided otherwise here: c tries it.".to_owned(),
            ways => format!("{ways} waited, and chance chose who is woken: c chooses another."),
        };
        let _ = writeln!(text, "  {what}");
    }
    if let Some(judged) = game.end() {
        if judged.findings.is_empty() {
            let _ = writeln!(text, "\n{}", style.good("It has ended, and nothing went wrong."));
        }
        show::details(&mut text, name, judged, sources, style);
    }
    if !game.said().is_empty() {
        let _ = writeln!(text, "\n{}", style.wrapped(game.said()));
    }
    // A key and its word stay together.
    let keys = keys(game, &moment).replace(" · ", "\n· ").replace(' ', "\u{a0}");
    let keys = style.wrapped(&keys.replace('\n', " ")).replace('\u{a0}', " ");
    let _ = writeln!(text, "\n{keys}");
    text
}

/// What can be done now.
fn keys(game: &Game, moment: &Moment) -> String {
    let mut keys = Vec::new();
    let mut can_run: Vec<usize> = moment.ready.iter().chain(&moment.timed).copied().collect();
    can_run.sort_unstable();
    let playing = game.end().is_none() && !game.only_walks();
    if playing && !can_run.is_empty() {
        let numbers: Vec<String> = can_run.iter().map(|it| (it + 1).to_string()).collect();
        keys.push(format!("{} run", numbers.join(" ")));
    }
    if game.has_more() {
        keys.push("n next".to_owned());
    }
    if game.position().0 > 0 {
        keys.push("u undo".to_owned());
    }
    if playing {
        keys.extend(["o on", "r random", "b break it"].map(str::to_owned));
    }
    keys.extend(["a again", "h help", "q quit"].map(str::to_owned));
    keys.join(" · ")
}

/// How everybody stands at a moment, in words.
pub struct Picture<'a> {
    /// The execution.
    pub walk: &'a Walk,
    /// How its threads stand.
    pub standing: &'a [Standing],
    /// The moment of it.
    pub moment: &'a Moment,
    /// What the resources are called.
    pub names: &'a [String],
}

impl Picture<'_> {
    fn name(&self, resource: usize) -> &str {
        self.names.get(resource).map_or("", String::as_str)
    }

    fn thread(&self, number: usize) -> &str {
        self.standing.get(number).map_or("", |it| it.thread.name.as_str())
    }

    /// The events of the last steps.
    fn steps(&self) -> &[explorer::report::Event] {
        let done = self.moment.events.saturating_sub(self.walk.earlier);
        let done = &self.walk.events[..done.min(self.walk.events.len())];
        &done[done.len().saturating_sub(STEPS)..]
    }

    /// What a thread does, or waits for.
    pub fn state(&self, number: usize, only_walks: bool) -> String {
        let Standing { thread, unlocks } = &self.standing[number];
        let (ready, timed) =
            (self.moment.ready.contains(&number), self.moment.timed.contains(&number));
        let what = || match &thread.blocked {
            Some((verb, Obstacle::Resource(resource), _)) => {
                format!("{verb} {}", self.name(*resource))
            }
            Some((verb, Obstacle::Thread(other), _)) => format!("{verb} {}", self.thread(*other)),
            Some((verb, Obstacle::Unnamed, _)) => verb.clone(),
            None => String::new(),
        };
        match (&thread.blocked, unlocks) {
            _ if thread.ended => "has ended".to_owned(),
            (Some(_), _) if ready => format!("can run: woken from {}", what()),
            (Some(_), _) if timed => format!("can run: its time may be up ({})", what()),
            (Some(_), _) => format!("blocked {}", what()),
            (None, Some(lock)) if ready => format!("can run: unlocks {}", self.name(*lock)),
            _ if thread.at.is_none() && ready => "can begin".to_owned(),
            _ if ready => "can run".to_owned(),
            _ if only_walks => String::new(),
            _ => "ran last".to_owned(),
        }
    }

    /// Where a thread goes on.
    pub fn place(&self, number: usize) -> Option<&Place> {
        let thread = &self.standing[number].thread;
        let blocked = thread.blocked.as_ref().map(|(_, _, at)| at);
        blocked.or(thread.at.as_ref()).filter(|at| at.is_known() && !thread.ended)
    }

    /// The line that a thread runs next.
    fn line(&self, number: usize, sources: Sources) -> Option<(String, String)> {
        let at = self.place(number)?;
        let (_, source) = sources.iter().find(|(name, _)| *name == at.file)?;
        let line = source.lines().nth((at.line as usize).checked_sub(1)?)?;
        Some((line_of(at), clean(line.trim(), false)))
    }

    fn columns(
        &self,
        text: &mut String,
        only_walks: bool,
        width: usize,
        sources: Sources,
        style: Style,
    ) {
        let mut heading = String::from("  ");
        for number in 0..self.standing.len() {
            let name = format!("{} {}", number + 1, self.thread(number));
            let _ = write!(heading, "{:width$}", cut(&name, width - 1));
        }
        let _ = writeln!(text, "{}", style.paint("4", heading.trim_end()));
        for event in self.steps() {
            show::step(text, event, self.names, event.thread, width);
        }
        let _ =
            writeln!(text, "  {}", "-".repeat((width * self.standing.len()).min(style.width - 4)));
        let columns: Vec<Vec<String>> = (0..self.standing.len())
            .map(|number| {
                let mut lines = cell(&self.state(number, only_walks), width - 1);
                if let Some((line, source)) = self.line(number, sources) {
                    for (index, part) in cell(&source, width - 5).into_iter().enumerate() {
                        let line = if index == 0 { line.as_str() } else { "" };
                        lines.push(format!("{line:>3} {part}"));
                    }
                }
                lines
            })
            .collect();
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        for row in 0..height {
            let mut line = String::from("  ");
            for column in &columns {
                let part = column.get(row).map_or("", String::as_str);
                let _ = write!(line, "{part:width$}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    /// The same where there are too many threads for columns.
    fn rows(&self, text: &mut String, only_walks: bool, sources: Sources, style: Style) {
        for event in self.steps() {
            let said = show::line_of_step(event, self.thread(event.thread), self.names, style);
            let _ = writeln!(text, "  {said}");
        }
        let _ = writeln!(text, "  {}", "-".repeat(style.width - 4));
        for number in 0..self.standing.len() {
            let state = self.state(number, only_walks);
            let line = self.line(number, sources);
            let line = line.map(|(line, source)| format!(" | {line} {source}")).unwrap_or_default();
            let said = format!("{} {}: {state}{line}", number + 1, self.thread(number));
            let _ = writeln!(text, "  {}", cut(&said, style.width - 2));
        }
    }

    /// Who holds what, and who waits for it.
    pub fn locks(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (resource, name) in self.names.iter().enumerate() {
            let of = |is: &dyn Fn(&Standing) -> bool| -> Vec<&str> {
                let them = self.standing.iter().filter(|it| !it.thread.ended && is(it));
                them.map(|it| it.thread.name.as_str()).collect()
            };
            let holders = of(&|it| it.thread.holds.iter().any(|(held, _)| *held == resource));
            let waits = |it: &Standing| {
                let waits_for = it.thread.blocked.as_ref().map(|(_, obstacle, _)| obstacle);
                waits_for == Some(&Obstacle::Resource(resource))
            };
            let waiting = of(&waits);
            let mut said = Vec::new();
            if !holders.is_empty() {
                said.push(format!("held by {}", holders.join(" and ")));
            }
            if !waiting.is_empty() {
                let verb = if waiting.len() == 1 { "waits" } else { "wait" };
                said.push(format!("{} {verb}", waiting.join(" and ")));
            }
            if !said.is_empty() {
                lines.push(format!("{name}: {}", said.join("; ")));
            }
        }
        lines
    }
}
