//! The exercises as rows: a list that is searched as one types, and one that is judged from top to end.

use crate::catalogue::Exercise;
use crate::show::{Style, cut};
use crate::submission::Standing;
use crate::terminal::keys::Key;

/// A list in which one is chosen.
#[derive(Clone, Default)]
pub struct List {
    /// What was typed.
    pub search: String,
    /// The one that Enter takes, by its place among those found.
    pub chosen: usize,
}

/// What a key does to a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// It stays.
    Stays,
    /// It is closed.
    Closes,
    /// The exercise of this place is taken.
    Takes(usize),
}

impl List {
    /// The places of the exercises in which all words of the search are found.
    pub fn found(&self, exercises: &[Exercise], standings: &[Standing]) -> Vec<usize> {
        let search = self.search.to_lowercase();
        let fits = |place: &usize| {
            let Exercise { name, title, concept, .. } = &exercises[*place];
            let text = format!("{name} {title} {concept} {}", standings[*place].state());
            search.split_whitespace().all(|word| text.to_lowercase().contains(word))
        };
        (0..exercises.len()).filter(fits).collect()
    }

    /// What a key does; `found` is what it found before.
    pub fn press(&mut self, key: Key, found: &[usize], page: usize) -> Then {
        let last = found.len().saturating_sub(1);
        match key {
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(last),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(page),
            Key::PageDown => self.chosen = (self.chosen + page).min(last),
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = last,
            Key::Char(character) => self.look_for(|search| search.push(character)),
            Key::Backspace => self.look_for(|search| {
                search.pop();
            }),
            Key::TakeBack => self.look_for(String::clear),
            Key::Enter => return found.get(self.chosen).copied().map_or(Then::Stays, Then::Takes),
            Key::Escape => return Then::Closes,
            Key::Left | Key::Right | Key::EndOfFile | Key::Redraw | Key::Other => {}
        }
        Then::Stays
    }

    fn look_for(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.search);
        self.chosen = 0;
    }

    /// What was found, a row each.
    pub fn rows(
        &self,
        exercises: &[Exercise],
        standings: &[Standing],
        style: Style,
    ) -> Vec<String> {
        let found = self.found(exercises, standings);
        let row = |(number, place): (usize, &usize)| {
            let mark = if number == self.chosen { ">" } else { " " };
            let (exercise, standing) = (&exercises[*place], &standings[*place]);
            let state = style.state(standing);
            row(mark, exercise, &state, Some(standing.points), exercises, style)
        };
        found.iter().enumerate().map(row).collect()
    }
}

/// The state takes seven columns.
fn row(
    mark: &str,
    exercise: &Exercise,
    state: &str,
    points: Option<u32>,
    all: &[Exercise],
    style: Style,
) -> String {
    let longest = all.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let points = match points {
        Some(points) => format!("{points:>2}/{:<2}", exercise.points()),
        None => " ".repeat(5),
    };
    let room = style.width.saturating_sub(longest + 20);
    let title = if room < 12 { "" } else { &cut(&exercise.title, room) };
    let mark = if mark == ">" { style.paint("1", mark) } else { mark.to_owned() };
    let row = format!("{mark} {:longest$}  {state}  {points}  {title}", exercise.name);
    row.trim_end().to_owned()
}

/// How far one of all is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is yet to be judged.
    Waits,
    /// It is being judged.
    Now,
    /// There is no file of it.
    NotBegun,
    /// It was judged: whether it passed, and its points.
    Judged(bool, u32),
    /// The grader failed.
    Failed,
}

/// All exercises, which are judged one after the other.
#[derive(Clone)]
pub struct All {
    pub turns: Vec<Turn>,
}

impl All {
    pub fn begin(exercises: usize) -> All {
        All { turns: vec![Turn::Waits; exercises] }
    }

    /// Which one is judged now.
    pub fn now(&self) -> Option<usize> {
        self.turns.iter().position(|turn| *turn == Turn::Now)
    }

    /// Whose turn is next.
    pub fn next(&self) -> Option<usize> {
        self.turns.iter().position(|turn| *turn == Turn::Waits)
    }

    /// Nothing more is judged.
    pub fn stop(&mut self) {
        for turn in self.turns.iter_mut().filter(|turn| **turn == Turn::Now) {
            *turn = Turn::Waits;
        }
    }

    /// How many were judged, and how many of them passed.
    pub fn counts(&self) -> (usize, usize) {
        let judged = |turn: &&Turn| matches!(turn, Turn::Judged(..));
        let passed = |turn: &&Turn| matches!(turn, Turn::Judged(true, _));
        (self.turns.iter().filter(judged).count(), self.turns.iter().filter(passed).count())
    }

    pub fn rows(&self, exercises: &[Exercise], style: Style) -> Vec<String> {
        let row = |(exercise, turn): (&Exercise, &Turn)| {
            let (state, points) = match turn {
                Turn::Waits => ("       ".to_owned(), None),
                Turn::Now => ("judging".to_owned(), None),
                Turn::NotBegun => ("no file".to_owned(), None),
                Turn::Judged(true, points) => (style.good("passed "), Some(*points)),
                Turn::Judged(false, points) => (style.bad("not yet"), Some(*points)),
                Turn::Failed => (style.bad("failed "), None),
            };
            let mark = if *turn == Turn::Now { ">" } else { " " };
            row(mark, exercise, &state, points, exercises, style)
        };
        exercises.iter().zip(&self.turns).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn plain(width: usize) -> Style {
        Style { colour: false, width }
    }

    #[test]
    fn typing_searches_and_keys_choose() {
        let exercises = catalogue::all().unwrap();
        let mut standings = vec![Standing::default(); exercises.len()];
        standings[3].passed = Some(true);
        let mut list = List::default();
        let mut found = list.found(&exercises, &standings);
        assert_eq!(found.len(), exercises.len());
        for character in "pAss sEm".chars() {
            assert_eq!(list.press(Key::Char(character), &found, 5), Then::Stays);
            found = list.found(&exercises, &standings);
        }
        assert_eq!(found, [3], "{:?}", list.search);
        assert_eq!(list.press(Key::Enter, &found, 5), Then::Takes(3));
        list.press(Key::Char('!'), &found, 5);
        found = list.found(&exercises, &standings);
        assert_eq!(list.press(Key::Enter, &found, 5), Then::Stays, "nothing is found");
        list.press(Key::TakeBack, &found, 5);
        found = list.found(&exercises, &standings);
        for (key, chosen) in [
            (Key::Down, 1),
            (Key::PageDown, 6),
            (Key::Up, 5),
            (Key::End, exercises.len() - 1),
            (Key::Down, exercises.len() - 1),
            (Key::Home, 0),
            (Key::PageUp, 0),
        ] {
            list.press(key, &found, 5);
            assert_eq!(list.chosen, chosen, "{key:?}");
        }
        assert_eq!(list.press(Key::Escape, &found, 5), Then::Closes);
    }

    #[test]
    fn rows_fit_and_say_what_is_known() {
        let exercises = catalogue::all().unwrap();
        let standings = vec![Standing::default(); exercises.len()];
        let mut all = All::begin(exercises.len());
        all.turns[0] = Turn::Judged(true, 10);
        all.turns[1] = Turn::Now;
        all.turns[2] = Turn::NotBegun;
        for width in [40, 60, 80, 120] {
            let rows = all.rows(&exercises, plain(width));
            let list = List::default().rows(&exercises, &standings, plain(width));
            for row in rows.iter().chain(&list) {
                assert!(row.chars().count() <= width, "{width}: {row}");
            }
            assert!(rows[0].contains("passed   10/"), "{}", rows[0]);
            assert!(rows[1].starts_with('>') && rows[1].contains("judging"), "{}", rows[1]);
            assert!(rows[2].contains("no file"), "{}", rows[2]);
            assert_eq!(list[0].contains(&exercises[0].title), width >= 60, "{}", list[0]);
        }
        assert_eq!((all.now(), all.next(), all.counts()), (Some(1), Some(3), (1, 1)));
        all.stop();
        assert_eq!((all.now(), all.next()), (None, Some(1)));
    }
}
