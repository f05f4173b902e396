//! The scheduler for who plays it: `cargo grade NAME --play` lets the learner say which thread of their
//! own file runs next, undo, let chance run on, or have the rest look for a way to go wrong. On a
//! terminal it reads keys, otherwise lines of words.
//!
//! Nothing is kept between two steps: each one runs the check again, from its beginning, in a sandbox
//! of its own, along the schedule so far.

mod board;
mod game;
mod keys;
mod page;

use std::io::{BufRead, IsTerminal};

use anyhow::Result;
use explorer::walk::Then;
use nix::sys::signal::Signal;

use crate::catalogue::{Check, Exercise, Kind};
use crate::judge::{Finding, Manner, Stage, Verdict, judge};
use crate::show::{self, Sources, Style};
use crate::terminal::{self, keys::Key};

use game::{Game, walk_of};
use keys::{Input, Keys};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// This thread makes a step, counted from 1.
    Run(usize),
    /// The next step of the schedule that is there, or on to the next choice.
    Go,
    Next,
    Back,
    On,
    Random,
    Break,
    Chance,
    Begin,
    End,
    Help,
    Quit,
}

impl Command {
    /// The command of a word; its first letter is the key.
    fn of(word: &str) -> Option<Command> {
        if let Ok(number) = word.parse() {
            return Some(Command::Run(number));
        }
        Some(match word {
            "" => Command::Go,
            "n" | "next" => Command::Next,
            "u" | "undo" | "back" => Command::Back,
            "o" | "on" => Command::On,
            "r" | "random" => Command::Random,
            "b" | "break" => Command::Break,
            "c" | "chance" => Command::Chance,
            "a" | "again" => Command::Begin,
            "e" | "end" => Command::End,
            "h" | "help" | "?" => Command::Help,
            "q" | "quit" => Command::Quit,
            _ => return None,
        })
    }
}

const HELP: &str = "\
A step goes from one operation that other threads can see to the next: a lock, a wait, an atomic, a \
message, the start or the end of a thread.
1, 2, ...  this thread makes a step
n  next    the next step of the schedule that is there: of a counter-example, or of what was undone
u  undo    back by one step
o  on      goes on as long as only one thread can run
r  random  runs on from here as chance has it, to the end
b  break   looks for a way to go wrong from here; n then walks it
c  chance  what chance has decided in this step goes otherwise: who is woken, whether a wait ends for \
no reason
a  again   back to the beginning
e  end     to the end of the schedule that is there
q  quit
Enter is n if a schedule is there, and otherwise o.";

/// The commands; where a counter-example is only walked, those that walk.
fn help(only_walks: bool) -> String {
    if !only_walks {
        return HELP.to_owned();
    }
    let walks =
        |line: &&str| ["n  ", "u  ", "a  ", "e  ", "q  "].iter().any(|it| line.starts_with(it));
    let commands: Vec<&str> = HELP.lines().filter(walks).collect();
    format!(
        "A step is an atomic operation, a fence, the start or the end of a thread, and what lies \
         before it. The steps are those of the counter-example.\n{}\nEnter is n.",
        commands.join("\n")
    )
}

/// Plays a check of a submission, and tells how that ended.
pub fn play(
    exercise: &Exercise,
    check: Option<&str>,
    replay: Option<&str>,
    source: &[u8],
    manner: &Manner,
    style: Style,
) -> Result<Played> {
    let check = match check {
        Some(name) => exercise.check(name)?,
        None => worth_playing(exercise, source, manner)?,
    };
    let stage = match Stage::build(exercise, check, source, manner)? {
        Ok(stage) => stage,
        Err(obstacle) => {
            print!("{}", show::obstacle(&obstacle, style));
            return Ok(Played::Not);
        }
    };
    let text = String::from_utf8_lossy(source);
    let (file, checks) = (exercise.file_name(), exercise.file(harness::CHECKS)?);
    let sources = [(file.as_str(), &*text), (harness::CHECKS, checks.as_str())];
    let mut game = Game::begin(stage, exercise.kind == Kind::Weak, replay)?;
    let mut table = Table { game: &mut game, name: &exercise.name, check, sources: &sources };
    let signal = if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        table.by_keys()?
    } else {
        table.by_lines(style)?;
        None
    };
    Ok(match signal {
        Some(signal) => Played::Signal(signal),
        None => Played::Left { failed: game.has_failed() },
    })
}

/// A verdict as a page, with its first counter-example step by step.
pub fn page(
    exercise: &Exercise,
    source: &[u8],
    verdict: &Verdict,
    sources: Sources,
    manner: &Manner,
) -> Result<String> {
    let mut found = verdict
        .checks
        .iter()
        .flat_map(|judged| judged.findings.iter().map(|finding| (judged.check.as_str(), finding)));
    let found =
        found.find_map(|(check, it)| Some((check, it.failure.as_ref()?, it.replay.as_ref())));
    let execution = match found {
        Some((check, failure, _)) if exercise.kind == Kind::Weak => Some((check, walk_of(failure))),
        Some((check, _, Some(replay))) => {
            let schedule = replay.split_once(':').map_or("", |(_, schedule)| schedule);
            let manner = Manner { replay: None, ..manner.clone() };
            let stage = Stage::build(exercise, exercise.check(check)?, source, &manner)?;
            let walk = match stage {
                Ok(stage) => stage.run(schedule, Then::End)?.walk,
                Err(_) => None,
            };
            walk.map(|walk| (check, walk))
        }
        // Without a schedule there are its last steps.
        Some((check, failure, None)) => Some((check, walk_of(failure))),
        None => None,
    };
    let execution = execution.as_ref().map(|(check, walk)| (*check, walk));
    Ok(page::page(verdict, execution, sources))
}

/// What became of the wish to play.
pub enum Played {
    /// There was nothing that could be run.
    Not,
    /// The player has left, perhaps where the check has failed.
    Left { failed: bool },
    /// A signal ended it.
    Signal(Signal),
}

/// The first check that fails under a schedule, or else the first that has more than one.
fn worth_playing<'a>(exercise: &'a Exercise, source: &[u8], manner: &Manner) -> Result<&'a Check> {
    if std::io::stdout().is_terminal() {
        println!("Judging {}, to play a check that fails ...", exercise.name);
    }
    let verdict = judge(exercise, source, manner)?;
    // One thread alone leaves nothing to choose.
    let threads = |finding: &Finding| finding.failure.as_ref().map_or(0, |it| it.threads.len());
    let failed = |more_than: usize| {
        let is_it = |finding: &Finding| threads(finding) > more_than;
        verdict.checks.iter().find(|it| it.findings.iter().any(is_it))
    };
    let has_choices = || verdict.checks.iter().find(|it| it.schedules > 1 && !it.exhaustive);
    let worth = failed(1).or_else(|| failed(0)).or_else(has_choices).map(|it| it.check.as_str());
    exercise.check(worth.unwrap_or(&exercise.checks[0].name))
}

/// A game, and all that is needed to show it.
struct Table<'a, 'b> {
    game: &'a mut Game<'b>,
    name: &'a str,
    check: &'a Check,
    sources: Sources<'a>,
}

impl Table<'_, '_> {
    fn show(&self, style: Style) {
        let Table { game, name, check, sources } = self;
        print!("{}", board::board(game, name, &check.name, sources, style));
    }

    /// What a command does; whether the game goes on.
    fn does(&mut self, command: Command) -> Result<bool> {
        match command {
            Command::Run(number) => self.game.run(number)?,
            Command::Go if self.game.has_more() => self.game.next()?,
            Command::Go | Command::On => self.game.on()?,
            Command::Next => self.game.next()?,
            Command::Back => self.game.back()?,
            Command::Random => self.game.random()?,
            Command::Break => self.game.go_wrong()?,
            Command::Chance => self.game.chance()?,
            Command::Begin => self.game.show(0)?,
            Command::End => self.game.finish()?,
            Command::Help => self.game.say(&help(self.game.only_walks())),
            Command::Quit => return Ok(false),
        }
        Ok(true)
    }

    /// Reads words from standard input, which is no terminal, to its end.
    fn by_lines(&mut self, style: Style) -> Result<()> {
        self.show(style);
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let words =
                if line.trim().is_empty() { vec![""] } else { line.split_whitespace().collect() };
            for word in words {
                println!("\n> {word}\n");
                match Command::of(word) {
                    Some(command) if self.does(command)? => {}
                    Some(_) => return Ok(()),
                    None => self.game.say(&format!("There is no command {word:?}; h lists them.")),
                }
                self.show(style);
            }
        }
        Ok(())
    }

    /// Reads keys from the terminal until the player leaves, perhaps by a signal.
    fn by_keys(&mut self) -> Result<Option<Signal>> {
        let mut keys = Keys::enter()?;
        let mut number = String::new();
        loop {
            terminal::clear();
            self.show(Style::of_terminal());
            if !number.is_empty() {
                println!("Thread {number}... (Enter)");
            }
            let key = match keys.next()? {
                Input::Pressed(key) => key,
                Input::Left(signal) => return Ok(signal),
                Input::Resized => continue,
            };
            let command = match key {
                // Of more than nine threads, a number takes two keys.
                Key::Char(digit) if digit.is_ascii_digit() && self.game.threads() > 9 => {
                    number.push(digit);
                    continue;
                }
                Key::Enter | Key::Char(' ') => Command::of(&number),
                Key::Char(key) => Command::of(&key.to_string()),
                Key::Right | Key::Down => Some(Command::Next),
                Key::Left | Key::Up | Key::Backspace => Some(Command::Back),
                Key::EndOfFile => Some(Command::Quit),
                Key::Redraw => continue,
                _ => None,
            };
            number.clear();
            match command {
                Some(command) if self.does(command)? => {}
                Some(_) => return Ok(None),
                None => self.game.say("There is no such key; h lists them."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_played_only_what_walks_is_offered() {
        let said = help(true);
        for key in ["n  next", "u  undo", "a  again", "e  end", "q  quit"] {
            assert!(said.contains(&format!("\n{key}")), "{key}:\n{said}");
        }
        for key in ["1, 2", "o  on", "r  random", "b  break", "c  chance"] {
            assert!(HELP.contains(key) && !said.contains(key), "{key}:\n{said}");
        }
    }

    #[test]
    fn words_and_keys_are_the_same_commands() {
        for line in HELP.lines().filter(|line| line.get(1..3) == Some("  ")) {
            let mut words = line.split_whitespace();
            let (key, word) = (words.next().unwrap(), words.next());
            if key == "q" {
                assert_eq!(Command::of("quit"), Some(Command::Quit));
            } else if let Some(word) = word {
                assert_eq!(Command::of(key), Command::of(word), "{line}");
                assert!(Command::of(key).is_some(), "{line}");
            }
        }
        assert_eq!(Command::of("12"), Some(Command::Run(12)));
        assert_eq!(Command::of("x"), None);
    }
}
