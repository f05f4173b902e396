//! What is drawn: from what watching knows to rows of a terminal, and nothing else.

use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use super::state::{Mode, Said, State};
use crate::escape::clean;
use crate::show::{Style, cut};
use crate::submission;
use crate::terminal::Size;

/// A screen full.
pub struct Frame {
    /// As many as the terminal has, none of them wider than it.
    pub rows: Vec<String>,
    /// The first line of the body in it.
    pub top: usize,
    /// How many lines of the body there is room for.
    pub page: usize,
}

/// The header that always stands, the part of the body that is looked at, and the keys.
pub fn frame(state: &State, size: Size, colour: bool) -> Frame {
    let style = Style { colour, width: size.columns };
    let mut header = header(state, size, style);
    header.truncate(size.rows.saturating_sub(3));
    let mut footer = footer(state, size, style);
    footer.truncate(size.rows.saturating_sub(header.len() + 2).max(1));
    let page = size.rows.saturating_sub(header.len() + footer.len() + 1);
    let body = fitting(&body(state, style), style);
    let mut top = state.top.min(body.len().saturating_sub(page));
    if let Some(row) = must_be_seen(state) {
        top = top.min(row).max((row + 1).saturating_sub(page));
    }
    let seen = body.iter().skip(top).take(page);
    let mut rows = header;
    rows.extend(seen.cloned());
    rows.resize(size.rows.saturating_sub(footer.len() + 1), String::new());
    rows.push(cut(&position(top, page, body.len(), style), size.columns));
    rows.extend(footer);
    rows.truncate(size.rows);
    // However narrow the terminal is: a row that is too long would be two.
    for row in rows.iter_mut().filter(|row| display_width(row) > size.columns) {
        *row = fitting(row, style).swap_remove(0);
    }
    Frame { rows, top, page }
}

/// What exercise it is and what is to be done, its file and points, the progress over all.
fn header(state: &State, size: Size, style: Style) -> Vec<String> {
    let exercise = state.exercise();
    let task = format!("{}: {} (chapter {})", exercise.name, exercise.task, exercise.concept);
    let mut rows = match size.rows {
        20.. => some(fitting(&task, style), 3, style),
        _ => vec![cut(&task, style.width)],
    };
    // The name stands in the first row, unless that is too narrow for it.
    if let Some(rest) = rows[0].strip_prefix(&exercise.name) {
        rows[0] = format!("{}{rest}", style.paint("1", &exercise.name));
    }
    let narrow = style.width < 60;
    let standing = state.standing();
    let (got, all) = match &state.said {
        Said::Verdict(told, _) => (told.verdict.points(), told.verdict.possible),
        _ => (standing.points, exercise.points()),
    };
    let points = match &state.said {
        _ if narrow => format!("{got}/{all} points"),
        Said::Judging(..) if !state.judges_all() => "judging ...".to_owned(),
        Said::Verdict(told, _) if told.verdict.passed() => format!("passed, {got} of {all} points"),
        Said::Verdict(..) => format!("not yet, {got} of {all} points"),
        _ => match standing.state() {
            "" => format!("{all} points"),
            state => format!("{state}, {got} of {all} points"),
        },
    };
    let painted = match &state.said {
        Said::Verdict(told, _) if told.verdict.passed() => style.good(&points),
        Said::Verdict(..) => style.bad(&points),
        _ => points.clone(),
    };
    let path = clean(&submission::shown(&exercise.submission()), false);
    let path = cut_in_front(&path, style.width.saturating_sub(points.len() + 2));
    rows.push(format!("{path}  {painted}"));
    let passed = state.passed();
    let exercises = state.exercises.len();
    let label = if narrow {
        format!("{passed}/{exercises} passed")
    } else {
        let points: u32 = state.standings.iter().map(|it| it.points).sum();
        let possible: u32 = state.exercises.iter().map(|it| it.points()).sum();
        format!("{passed} of {exercises} passed, {points} of {possible} points")
    };
    let room = style.width.saturating_sub(label.len() + 1).min(42);
    rows.push(format!("{} {label}", Style { width: room, ..style }.bar(passed, exercises)));
    if size.rows >= 16 {
        rows.push("-".repeat(style.width));
    }
    rows
}

/// The end of a path says more than its beginning.
fn cut_in_front(path: &str, width: usize) -> String {
    if display_width(path) <= width {
        return path.to_owned();
    }
    let mut short: String = path.chars().rev().collect();
    short = cut(&short, width);
    short.chars().rev().collect()
}

/// Only so many rows, of which the last says that there is more.
fn some(mut rows: Vec<String>, most: usize, style: Style) -> Vec<String> {
    if rows.len() > most {
        let next = rows.swap_remove(most);
        rows.truncate(most);
        if let Some(last) = rows.last_mut() {
            *last = cut(&format!("{last} {next}"), style.width);
        }
    }
    rows
}

/// The line below the body: what of it is seen.
fn position(top: usize, page: usize, length: usize, style: Style) -> String {
    if length <= page {
        return "-".repeat(style.width);
    }
    let (first, last) = (top + 1, (top + page).min(length));
    let how = if last < length { "arrows, PgDn" } else { "arrows, PgUp" };
    let said = format!("-- {first} to {last} of {length} lines: {how} ");
    format!("{said:-<width$}", width = style.width)
}

/// What is to be known now, and the keys.
fn footer(state: &State, size: Size, style: Style) -> Vec<String> {
    let note = fitting(&state.note(), style);
    let note = some(note, if state.asks.is_some() { 3 } else { (size.rows / 8).max(1) }, style);
    let mut footer: Vec<String> = note.iter().map(|row| style.paint("1", row)).collect();
    let most = if state.all_keys { usize::MAX } else { (size.rows / 8).clamp(1, 4) };
    footer.extend(keys(state, most, style));
    footer
}

/// The keys in so many rows; a key and its word stay together.
fn keys(state: &State, most: usize, style: Style) -> Vec<String> {
    let keys = state.keys();
    let mut shown: Vec<String> = keys.iter().map(|(key, what)| format!("{key} {what}")).collect();
    let rows = |shown: &[String]| {
        let mut rows = vec![String::new()];
        for key in shown {
            let last = rows.last_mut().filter(|row| {
                row.is_empty() || display_width(row) + 3 + display_width(key) <= style.width
            });
            match last {
                Some(row) if row.is_empty() => row.push_str(key),
                Some(row) => row.push_str(&format!(" · {key}")),
                None => rows.push(key.clone()),
            }
        }
        rows
    };
    // Those that come first matter more, and one tells of the rest.
    while rows(&shown).len() > most && shown.len() > 1 {
        shown.pop();
        if let Some(last) = shown.last_mut() {
            *last = "? more".to_owned();
        }
    }
    rows(&shown).into_iter().map(|row| cut(&row, style.width)).collect()
}

/// The row that must be in sight.
fn must_be_seen(state: &State) -> Option<usize> {
    match &state.mode {
        Mode::List(list) => Some(list.chosen),
        Mode::All(all) => all.now(),
        _ => None,
    }
}

/// The whole body, in lines that may be too long.
pub fn body(state: &State, style: Style) -> String {
    let style = Style { width: style.width.clamp(40, 200), ..style };
    match &state.mode {
        Mode::Verdict => verdict(state, style),
        Mode::Hints(level, _) => hints(state, *level, style),
        Mode::Solution(solution) => solution.text(style),
        Mode::Keys => help(style),
        Mode::List(list) => list.rows(&state.exercises, &state.standings, style).join("\n"),
        Mode::All(all) => all.rows(&state.exercises, style).join("\n"),
    }
}

/// What the keys do.
const HELP: [(&str, &str); 12] = [
    ("h", "the next of its hints"),
    ("p", "walks the counter-example of the verdict, step by step"),
    ("e", "opens the file in your editor, which VISUAL or EDITOR names"),
    ("r", "judges it again; so does Enter"),
    ("s", "a solution, and why others fail; if yours has not passed yet, it asks first"),
    ("x", "puts the beginning back, and keeps what was there; it asks first"),
    ("n", "the next exercise that has not passed"),
    ("b", "back to where you were"),
    ("l", "the list: type to search it, Enter goes there"),
    ("a", "judges all exercises that you have begun"),
    ("q", "quits, as Ctrl-C does; Ctrl-Z suspends"),
    ("arrows", "and j, k, PgUp, PgDn, Space, Home, End: scroll"),
];

fn help(style: Style) -> String {
    let beside = Style { width: style.width - 8, ..style };
    let line = |(key, what): &(&str, &str)| {
        format!("{key:6}  {}\n", beside.wrapped(what).replace('\n', "\n        "))
    };
    let keys: String = HELP.iter().map(line).collect();
    format!("Save the file, and it is judged.\n\n{keys}")
}

fn hints(state: &State, level: usize, style: Style) -> String {
    let hints = match state.exercise().hints() {
        Ok(hints) => hints,
        Err(error) => return format!("{error:#}."),
    };
    let (all, mut text) = (hints.len(), String::new());
    for (number, hint) in hints.iter().enumerate().take(level) {
        let heading = format!("Hint {} of {all}:", number + 1);
        text.push_str(&format!("{}\n\n{}\n\n", style.paint("1", &heading), style.wrapped(hint)));
    }
    text
}

fn verdict(state: &State, style: Style) -> String {
    match &state.said {
        Said::Nothing => "Not judged yet.".to_owned(),
        Said::Judging(seconds, said) => {
            let file = submission::shown(&state.exercise().submission());
            let so_far = if *seconds > 0 { format!(" {seconds} s") } else { String::new() };
            let said = clean(said, false);
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            format!("Judging {file} ...{so_far}\n\n{last}")
        }
        Said::Failed(why) => {
            format!("{}\n{why}", style.bad("It could not be judged."))
        }
        Said::Verdict(told, beside) => {
            let mut text = told.text(state.exercise(), style);
            if !beside.is_empty() {
                text.push_str(&format!("{}\n", style.wrapped(beside)));
            }
            format!("{text}\n{}", style.wrapped(&what_next(state)))
        }
    }
}

/// Which key goes on from a verdict.
fn what_next(state: &State) -> String {
    let exercise = state.exercise();
    if !state.passes() {
        let walk = match state.counter_example() {
            Some(_) => " p walks the counter-example, step by step.",
            None => "",
        };
        return format!("Stuck? h shows a hint.{walk}");
    }
    let why = match exercise.has_solution() {
        true => " s shows why it is right, and why others fail.",
        false => "",
    };
    let next = state.next();
    match state.standings[next].passed {
        Some(true) => format!("All {} exercises are passed.{why}", state.exercises.len()),
        _ => format!("n goes on to what is next, {}.{why}", state.exercises[next].name),
    }
}

/// Text in lines that fit, whatever is in it; no colour goes on beyond its line.
pub fn fitting(text: &str, style: Style) -> Vec<String> {
    let options = Options::new(style.width.max(1)).word_splitter(WordSplitter::NoHyphenation);
    let fits = |line: &str| -> Vec<String> {
        let line = line.replace('\t', "    ");
        if display_width(&line) <= style.width {
            return vec![line];
        }
        textwrap::wrap(&line, &options).into_iter().map(|line| line.into_owned()).collect()
    };
    let close = |line: String| if line.contains('\x1b') { line + "\x1b[0m" } else { line };
    text.trim_end().lines().flat_map(fits).map(close).collect()
}

#[cfg(test)]
mod tests {
    use super::super::list::All;
    use super::super::list::List;
    use super::super::state::tests::{state, verdict};
    use super::super::state::{Act, Question};
    use super::*;
    use crate::submission::Solution;

    fn plain(columns: usize, rows: usize) -> Size {
        Size { columns, rows }
    }

    fn text(frame: &Frame) -> String {
        frame.rows.join("\n")
    }

    #[test]
    fn every_screen_is_as_large_as_its_terminal() {
        let mut state = state("process-counter");
        state.note =
            "A sentence that is longer than many a terminal is wide, and goes on.".to_owned();
        let solution = Solution::of(state.exercise()).unwrap();
        let modes = [Mode::Verdict, Mode::Hints(3, 3), Mode::Solution(solution), Mode::Keys];
        let lists = [Mode::List(List::default()), Mode::All(All::begin(state.exercises.len()))];
        for mode in modes.into_iter().chain(lists) {
            state.show(mode);
            for said in [Said::Nothing, verdict(true), verdict(false)] {
                state.said = said;
                for (columns, rows) in [(1, 1), (3, 2), (17, 5), (40, 10), (80, 24), (250, 70)] {
                    for (asks, all_keys) in [(None, false), (Some(Question::GiveUp), true)] {
                        (state.asks, state.all_keys, state.top) = (asks, all_keys, usize::MAX);
                        for colour in [false, true] {
                            let drawn = frame(&state, plain(columns, rows), colour);
                            assert_eq!(drawn.rows.len(), rows, "{columns} x {rows}");
                            let widest = drawn.rows.iter().map(|row| display_width(row)).max();
                            assert!(widest <= Some(columns), "{columns}: {}", text(&drawn));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn header_and_keys_stand_while_the_body_scrolls() {
        let mut state = state("bounded-queue");
        state.said = verdict(false);
        state.standings[0].passed = Some(true);
        let solution = Solution::of(state.exercise()).unwrap();
        state.show(Mode::Solution(solution));
        for size in [plain(40, 10), plain(60, 20), plain(80, 24), plain(120, 40)] {
            state.top = 0;
            let first = frame(&state, size, false);
            state.top = usize::MAX;
            let last = frame(&state, size, false);
            for drawn in [&first, &last] {
                let text = text(drawn);
                assert!(text.starts_with("bounded-queue: Make push wait"), "{text}");
                assert!(text.contains("bounded-queue.rs  "), "{text}");
                assert!(text.contains("[#") && text.contains("-] 1"), "{text}");
                assert!(text.contains("Esc back to the verdict"), "{text}");
                assert!(text.contains(&format!(" of {} lines: arrows", last.top + last.page)));
            }
            assert_eq!(first.top, 0);
            assert!(last.top > 0 && last.page >= size.rows / 2 - 1, "{}", text(&last));
            assert!(!text(&first).contains("What fails, and why:"));
            state.top = last.top - 1;
            assert_eq!(frame(&state, size, false).top, last.top - 1);
        }
    }

    #[test]
    fn what_is_chosen_is_in_sight() {
        let mut state = state("parallel-sum");
        for chosen in [0, 9, 15] {
            state.show(Mode::List(List { chosen, ..List::default() }));
            let drawn = text(&frame(&state, plain(40, 10), false));
            let row = format!("> {}", state.exercises[chosen].name);
            assert!(drawn.contains(&row), "{drawn}");
            assert!(drawn.contains("Search: _ (16 of 16)"), "{drawn}");
        }
    }

    #[test]
    fn an_unknown_key_shows_all_that_there_are() {
        let mut state = state("semaphore");
        state.said = verdict(false);
        assert!(!text(&frame(&state, plain(40, 10), false)).contains("q quit"));
        assert_eq!(state.press(crate::terminal::keys::Key::Char('z')), None);
        let drawn = text(&frame(&state, plain(40, 10), false));
        assert!(drawn.contains("There is no key z here. There are:"), "{drawn}");
        for (key, what) in state.keys() {
            assert!(drawn.contains(&format!("{key} {what}")), "{key}: {drawn}");
        }
        assert_eq!(state.press(crate::terminal::keys::Key::Char('q')), Some(Act::Quit));
        assert!(state.note().is_empty());
    }

    #[test]
    fn the_help_tells_of_every_key() {
        let mut state = state("semaphore");
        state.said = verdict(true);
        let told = help(Style { colour: false, width: 40 });
        assert!(told.lines().all(|line| line.len() <= 40), "{told}");
        for (key, _) in state.keys().into_iter().filter(|(key, _)| *key != "?") {
            assert!(HELP.iter().any(|(told, _)| *told == key), "{key}");
        }
    }

    #[test]
    fn a_verdict_names_the_key_for_what_is_next() {
        let mut state = state("semaphore");
        state.said = verdict(true);
        let drawn = text(&frame(&state, plain(80, 24), false));
        assert!(drawn.contains("n goes on to what is next, bounded-queue. s shows why"), "{drawn}");
        assert!(drawn.contains("\nn next: bounded-queue · h hint"), "{drawn}");
        for standing in &mut state.standings {
            standing.passed = Some(true);
        }
        let drawn = text(&frame(&state, plain(80, 24), false));
        assert!(drawn.contains("All 16 exercises are passed."), "{drawn}");
        state.said = verdict(false);
        let drawn = text(&frame(&state, plain(80, 24), false));
        assert!(drawn.contains("Stuck? h shows a hint.\n"), "{drawn}");
    }

    #[test]
    fn lines_fit_whatever_is_in_them() {
        let style = Style { colour: true, width: 10 };
        let rows = fitting("\x1b[31mred and long\x1b[0m\n\ttab\n0123456789abc\n", style);
        assert!(rows.iter().all(|row| display_width(row) <= 10), "{rows:?}");
        assert_eq!(rows[0], "\x1b[31mred and\x1b[0m");
        assert_eq!(rows[2..], ["    tab", "0123456789", "abc"]);
        assert_eq!(cut_in_front("/some/where/x.rs", 10), "…here/x.rs");
    }
}
