//! What watching knows, and what keys ask for. Nothing here reads, writes or waits.

use super::judgement::Told;
use super::list::{self, All, List};
use crate::catalogue::{Exercise, Kind};
use crate::submission::{Solution, Standing};
use crate::terminal::keys::Key;

/// All that the screen shows.
pub struct State {
    /// In the order of teaching.
    pub exercises: Vec<Exercise>,
    /// How far the learner is with each.
    pub standings: Vec<Standing>,
    /// The exercise that is watched, by its place.
    pub at: usize,
    /// Those that were watched before.
    pub before: Vec<usize>,
    /// What is known of its file.
    pub said: Said,
    pub mode: Mode,
    /// What is to be answered before anything else.
    pub asks: Option<Question>,
    /// A sentence for the footer, until the next key.
    pub note: String,
    /// Whether the footer shows every key, however little room there is.
    pub all_keys: bool,
    /// The first line of the body that is seen.
    pub top: usize,
    /// How many lines of the body there was room for.
    pub page: usize,
}

/// What is known of the file.
pub enum Said {
    Nothing,
    /// It is being judged, for so many seconds; what was said meanwhile.
    Judging(u64, String),
    /// The verdict, and what was said beside it.
    Verdict(Box<Told>, String),
    /// Why there is no verdict.
    Failed(String),
}

/// What the body shows.
#[derive(Clone)]
pub enum Mode {
    Verdict,
    /// So many hints, of so many.
    Hints(usize, usize),
    Solution(Solution),
    /// What the keys do.
    Keys,
    List(List),
    All(All),
}

/// What wants a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Reset,
    GiveUp,
}

/// What a key asks the loop to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    Judge,
    Hint,
    /// Whether it is shown although the learner's own has not passed.
    Solution(bool),
    Reset,
    /// Watch the exercise of this place; whether one can go back from there.
    GoTo(usize, bool),
    Edit,
    Walk,
    JudgeAll,
    Stop,
    Redraw,
    Quit,
}

impl State {
    /// At the exercise of this place; nothing is known yet.
    pub fn new(exercises: Vec<Exercise>, at: usize) -> State {
        State {
            standings: vec![Standing::default(); exercises.len()],
            exercises,
            at,
            before: Vec::new(),
            said: Said::Nothing,
            mode: Mode::Verdict,
            asks: None,
            note: String::new(),
            all_keys: false,
            top: 0,
            page: 10,
        }
    }

    /// Takes over how far the learner is; hints that were shown stay so, if they could not be kept.
    pub fn take(&mut self, standings: Vec<Standing>) {
        let before = std::mem::replace(&mut self.standings, standings);
        for (now, before) in self.standings.iter_mut().zip(before) {
            now.hints = now.hints.max(before.hints);
        }
    }

    pub fn exercise(&self) -> &Exercise {
        &self.exercises[self.at]
    }

    pub fn standing(&self) -> &Standing {
        &self.standings[self.at]
    }

    /// Whether the verdict says that it passes.
    pub fn passes(&self) -> bool {
        matches!(&self.said, Said::Verdict(told, _) if told.verdict.passed())
    }

    /// How many exercises have passed.
    pub fn passed(&self) -> usize {
        self.standings.iter().filter(|it| it.passed == Some(true)).count()
    }

    /// The check of the counter-example that can be walked, and its replay.
    pub fn counter_example(&self) -> Option<(&str, Option<&str>)> {
        match &self.said {
            Said::Verdict(told, _) if self.exercise().kind != Kind::Process => {
                told.counter_example()
            }
            _ => None,
        }
    }

    /// The next exercise that has not passed; if all have, the next one.
    pub fn next(&self) -> usize {
        let all = self.exercises.len();
        let mut others = (1..all).map(|step| (self.at + step) % all);
        let open = others.find(|place| self.standings[*place].passed != Some(true));
        open.unwrap_or((self.at + 1) % all)
    }

    /// Where the learner was before; else the exercise before this one.
    fn back(&self) -> Option<usize> {
        self.before.last().copied().or(self.at.checked_sub(1))
    }

    /// Whether all exercises are being judged.
    pub fn judges_all(&self) -> bool {
        matches!(&self.mode, Mode::All(all) if all.now().is_some())
    }

    /// Shows something else, from its beginning.
    pub fn show(&mut self, mode: Mode) {
        self.mode = mode;
        self.top = 0;
    }

    /// The keys that do something now, with a word or two for each.
    pub fn keys(&self) -> Vec<(&'static str, String)> {
        let key = |key, what: &str| (key, what.to_owned());
        if self.asks.is_some() {
            return vec![key("y", "yes"), key("other keys", "no")];
        }
        if self.judges_all() {
            return vec![key("Esc", "stop"), key("q", "quit")];
        }
        let mut keys = Vec::new();
        match &self.mode {
            Mode::List(_) => {
                let arrows = key("Up Down", "choose");
                return vec![
                    key("letters", "search"),
                    arrows,
                    key("Enter", "go"),
                    key("Esc", "back"),
                ];
            }
            Mode::Verdict => {}
            _ => keys.push(key("Esc", "back to the verdict")),
        }
        if self.passes() {
            keys.push(("n", format!("next: {}", self.exercises[self.next()].name)));
        }
        keys.push(match self.mode {
            Mode::Hints(seen, all) if seen < all => key("h", "next hint"),
            Mode::Hints(..) => key("h", "hints"),
            _ => key("h", "hint"),
        });
        if self.counter_example().is_some() {
            keys.push(key("p", "walk it"));
        }
        keys.extend([key("e", "edit"), key("r", "again"), key("s", "solution"), key("x", "reset")]);
        if !self.passes() {
            keys.push(key("n", "next"));
        }
        if self.back().is_some() {
            keys.push(key("b", "back"));
        }
        keys.extend([key("l", "list"), key("a", "judge all"), key("?", "help"), key("q", "quit")]);
        keys
    }

    /// What a key does: here, or what it asks for.
    pub fn press(&mut self, key: Key) -> Option<Act> {
        self.note.clear();
        self.all_keys = false;
        match (self.asks.take(), key) {
            (Some(Question::Reset), Key::Char('y' | 'Y')) => return Some(Act::Reset),
            (Some(Question::GiveUp), Key::Char('y' | 'Y')) => return Some(Act::Solution(true)),
            (Some(Question::Reset), _) => {
                self.note = "Your file stays as it is.".to_owned();
                return None;
            }
            (Some(Question::GiveUp), _) => return None,
            (None, Key::EndOfFile) => return Some(Act::Quit),
            (None, Key::Redraw) => return Some(Act::Redraw),
            (None, _) => {}
        }
        if let Mode::List(list) = &mut self.mode {
            let found = list.found(&self.exercises, &self.standings);
            return match list.press(key, &found, self.page) {
                list::Then::Stays => None,
                list::Then::Takes(place) if place != self.at => Some(Act::GoTo(place, true)),
                list::Then::Takes(_) | list::Then::Closes => {
                    self.show(Mode::Verdict);
                    None
                }
            };
        }
        if self.scrolls(key) {
            return None;
        }
        if self.judges_all() {
            return match key {
                Key::Escape | Key::Char('a') => Some(Act::Stop),
                Key::Char('q') => Some(Act::Quit),
                _ => self.unknown(key),
            };
        }
        match key {
            Key::Escape => return self.closes(),
            Key::Enter if !matches!(self.mode, Mode::Verdict) => return self.closes(),
            Key::Char('r') | Key::Enter => return Some(Act::Judge),
            Key::Char('h') => return Some(Act::Hint),
            Key::Char('s') => return Some(Act::Solution(false)),
            Key::Char('x') => self.asks = Some(Question::Reset),
            Key::Char('n') => return Some(Act::GoTo(self.next(), true)),
            Key::Char('b') => match self.back() {
                Some(place) => return Some(Act::GoTo(place, false)),
                None => self.note = "This is the first exercise.".to_owned(),
            },
            Key::Char('l') => {
                self.show(Mode::List(List { chosen: self.at, ..List::default() }));
            }
            Key::Char('e') => return Some(Act::Edit),
            Key::Char('p') if self.counter_example().is_some() => return Some(Act::Walk),
            Key::Char('p') => self.note = self.nothing_to_walk().to_owned(),
            Key::Char('a') => return Some(Act::JudgeAll),
            Key::Char('?') => self.show(Mode::Keys),
            Key::Char('q') => return Some(Act::Quit),
            _ => return self.unknown(key),
        }
        None
    }

    fn closes(&mut self) -> Option<Act> {
        self.show(Mode::Verdict);
        matches!(self.said, Said::Nothing).then_some(Act::Judge)
    }

    fn nothing_to_walk(&self) -> &'static str {
        match &self.said {
            _ if self.exercise().kind == Kind::Process => {
                "This exercise runs as it is, not under schedules, so there is none to walk."
            }
            Said::Verdict(told, _) if told.verdict.passed() => {
                "There is no counter-example: yours passes."
            }
            Said::Verdict(..) => "There is no schedule in this verdict that could be walked.",
            _ => "There is no verdict yet.",
        }
    }

    fn unknown(&mut self, key: Key) -> Option<Act> {
        self.note = match key {
            Key::Char(character) if !character.is_control() => {
                format!("There is no key {character} here. There are:")
            }
            _ => "There is no such key here. There are:".to_owned(),
        };
        self.all_keys = true;
        None
    }

    /// Whether the key moves the body, which is cut to what there is when it is drawn.
    fn scrolls(&mut self, key: Key) -> bool {
        let page = self.page.saturating_sub(1).max(1);
        self.top = match key {
            Key::Up | Key::Char('k') => self.top.saturating_sub(1),
            Key::Down | Key::Char('j') => self.top.saturating_add(1),
            Key::PageUp => self.top.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => self.top.saturating_add(page),
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => usize::MAX,
            _ => return false,
        };
        true
    }

    /// The question, or what was said last, or what is searched for.
    pub fn note(&self) -> String {
        let name = &self.exercise().name;
        match (self.asks, &self.mode) {
            (Some(Question::Reset), _) => format!(
                "Put the beginning of {name} back? What is there now is kept beside it, under \
                 another name."
            ),
            (Some(Question::GiveUp), _) => {
                "Yours has not passed yet. Show the solution all the same?".to_owned()
            }
            (None, _) if !self.note.is_empty() => self.note.clone(),
            (None, Mode::List(list)) => {
                let found = list.found(&self.exercises, &self.standings).len();
                format!("Search: {}_ ({found} of {})", list.search, self.exercises.len())
            }
            (None, _) => String::new(),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::catalogue;
    use crate::judge::{Judged, Verdict};

    /// In the order of teaching, with nothing begun, at the exercise of this name.
    pub fn state(name: &str) -> State {
        let exercises = catalogue::all().unwrap();
        let at = exercises.iter().position(|it| it.name == name).unwrap();
        State::new(exercises, at)
    }

    /// A verdict of one check, which passes or does not.
    pub fn verdict(passed: bool) -> Said {
        let judged = Judged {
            check: "the-check".to_owned(),
            says: "what is true".to_owned(),
            passed,
            points: 5,
            ..Judged::default()
        };
        let verdict = Verdict { checks: vec![judged], possible: 5, ..Verdict::default() };
        Said::Verdict(Box::new(Told::of("", verdict)), String::new())
    }

    /// Every key that a footer names does something, in every mode, and no other is passed over.
    #[test]
    fn the_keys_that_are_named_are_those_there_are() {
        let mut state = state("semaphore");
        let mut judging = All::begin(state.exercises.len());
        judging.turns[3] = list::Turn::Now;
        let modes = [Mode::Verdict, Mode::Hints(2, 3), Mode::Keys, Mode::All(judging)];
        for said in [Said::Nothing, verdict(false), verdict(true)] {
            state.said = said;
            for mode in &modes {
                state.mode = mode.clone();
                let named: Vec<&str> = state.keys().into_iter().map(|(key, _)| key).collect();
                // Some scroll, p says why there is nothing to walk, and a stops what it began.
                for letter in ('!'..='~').filter(|letter| !"jkgGpa".contains(*letter)) {
                    state.press(Key::Char(letter));
                    let unknown = state.note.contains("There is no key");
                    let is_named = named.contains(&letter.to_string().as_str());
                    assert_eq!(unknown, !is_named, "{letter}: {named:?}");
                    (state.mode, state.asks) = (mode.clone(), None);
                }
            }
        }
        state.asks = Some(Question::GiveUp);
        assert_eq!(state.keys()[0], ("y", "yes".to_owned()));
    }

    #[test]
    fn what_cannot_be_undone_is_asked_for() {
        let mut state = state("semaphore");
        assert_eq!(state.press(Key::Char('x')), None);
        assert!(state.note().starts_with("Put the beginning of semaphore back?"));
        assert_eq!(state.press(Key::Char('x')), None, "x is no yes");
        assert_eq!(state.note(), "Your file stays as it is.");
        state.press(Key::Char('x'));
        assert_eq!(state.press(Key::Char('y')), Some(Act::Reset));
        assert_eq!(state.press(Key::Char('y')), None, "only once");
        state.asks = Some(Question::GiveUp);
        assert_eq!(state.press(Key::Enter), None);
        state.asks = Some(Question::GiveUp);
        assert_eq!(state.press(Key::Char('y')), Some(Act::Solution(true)));
    }

    #[test]
    fn next_is_what_is_open_and_back_where_one_was() {
        let mut state = state("parallel-sum");
        for place in [1, 2] {
            state.standings[place].passed = Some(true);
        }
        assert_eq!(state.press(Key::Char('n')), Some(Act::GoTo(3, true)));
        assert_eq!(state.press(Key::Char('b')), None);
        assert_eq!(state.note(), "This is the first exercise.");
        state.at = 15;
        assert_eq!(state.press(Key::Char('n')), Some(Act::GoTo(0, true)));
        assert_eq!(state.press(Key::Char('b')), Some(Act::GoTo(14, false)));
        state.before = vec![4];
        assert_eq!(state.press(Key::Char('b')), Some(Act::GoTo(4, false)));
        for standing in &mut state.standings {
            standing.passed = Some(true);
        }
        state.at = 7;
        assert_eq!(state.press(Key::Char('n')), Some(Act::GoTo(8, true)));
    }
}
