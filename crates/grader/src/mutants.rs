//! Wrong variants that are made from the right solutions by machine: one small edit each, of the kind
//! that people make where threads meet. Each must be caught by some check, or stand in the exercise's
//! `equivalent.toml` with the reason why it is as right as what it was made from.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::catalogue::{Exercise, Kind};
use crate::judge::{Manner, Verdict, judge};
use crate::toolchain::Toolchain;
use crate::workers;

/// One edit of one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mutant {
    /// The number of the line, from 0.
    line: usize,
    before: String,
    /// The line afterwards, empty if it was dropped.
    after: String,
}

impl Mutant {
    /// What it changes, as `equivalent.toml` says it.
    fn mutation(&self) -> String {
        match self.after.trim() {
            "" => format!("drop {}", self.before.trim()),
            after => format!("{} -> {after}", self.before.trim()),
        }
    }

    fn apply(&self, text: &str) -> String {
        let lines = text.lines().enumerate();
        let lines =
            lines.map(|(number, line)| if number == self.line { &self.after } else { line });
        lines.fold(String::new(), |text, line| text + line + "\n")
    }
}

/// A mutant that is right, and why.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
struct Equivalent {
    file: String,
    mutation: String,
    reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Equivalents {
    #[serde(default)]
    equivalent: Vec<Equivalent>,
}

/// What stands in one place and is put into another's: comparisons, steps of one, truths, ends of a
/// queue, signals, kinds of mappings.
const SWAPS: &[(&str, &str)] = &[
    (" == ", " != "),
    (" != ", " == "),
    (" < ", " <= "),
    (" <= ", " < "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" && ", " || "),
    (" || ", " && "),
    (" += ", " -= "),
    (" -= ", " += "),
    (" + 1", ""),
    (" - 1", ""),
    (".max(", ".min("),
    (".min(", ".max("),
    ("(0..", "(1.."),
    ("(1..", "(0.."),
    ("true", "false"),
    ("false", "true"),
    ("notify_all", "notify_one"),
    ("while ", "if "),
    ("push_back", "push_front"),
    ("pop_front", "pop_back"),
    ("SIGTERM", "SIGKILL"),
    ("SIGKILL", "SIGTERM"),
    ("MAP_SHARED", "MAP_PRIVATE"),
];

/// Orderings that are weakened where memory is weak.
const ORDERINGS: &[(&str, &str)] = &[
    ("Acquire", "Relaxed"),
    ("Release", "Relaxed"),
    ("AcqRel", "Relaxed"),
    ("AcqRel", "Acquire"),
    ("AcqRel", "Release"),
    ("SeqCst", "Relaxed"),
];

/// All mutants of a file, which is as rustfmt leaves it: a statement is a line, or begins one.
fn mutants(text: &str, kind: Kind) -> BTreeSet<Mutant> {
    let mut all = BTreeSet::new();
    let lines: Vec<&str> = text.lines().collect();
    for (line, before) in lines.iter().enumerate() {
        let code = before.trim_start();
        let plain = !["//", "use ", "pub use ", "#"].iter().any(|start| code.starts_with(start));
        if !plain {
            continue;
        }
        let mut add = |after: String| {
            all.insert(Mutant { line, before: (*before).to_owned(), after });
        };
        // Everything is in order where schedules are explored, whatever a program asks for.
        let orderings = if kind == Kind::Explored { &[] } else { ORDERINGS };
        for (from, to) in SWAPS.iter().chain(orderings) {
            for (at, _) in before.match_indices(from) {
                add(replaced(before, at..at + from.len(), to));
            }
        }
        for (at, _) in before.match_indices('!') {
            if is_negation(before, at) {
                add(replaced(before, at..at + 1, ""));
            }
        }
        for at in numbers(before) {
            let next = before[at.clone()].parse::<u64>().map_or(0, |number| number + 1);
            add(replaced(before, at, &next.to_string()));
        }
        calls(before).into_iter().for_each(|at| add(replaced(before, at, "")));
        flags(before).into_iter().for_each(|at| add(replaced(before, at, "")));
        waits_once(before).into_iter().for_each(&mut add);
        without_guard(before).into_iter().for_each(&mut add);
        if let Some((start, rest)) = before.split_once("let _")
            && let Some((_, value)) = rest.split_once(" = ")
            && !rest.starts_with(' ')
        {
            add(format!("{start}let _ = {value}"));
        }
        if is_statement(code) {
            add(String::new());
            if let Some(value) = code.strip_suffix("?;") {
                // The error is ignored.
                let indent = &before[..before.len() - code.len()];
                add(format!("{indent}let _ = {value};"));
            }
        }
        if let Some((name, value)) = locked(code) {
            for (line, before, after) in gives_way(&lines, line, name, value) {
                all.insert(Mutant { line, before, after });
            }
        }
    }
    all
}

fn replaced(line: &str, at: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &line[..at.start], &line[at.end..])
}

/// Whether this `!` negates what follows, and is no part of `!=` or of a macro's name.
fn is_negation(line: &str, at: usize) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let macro_name = line[..at].ends_with(part_of_name);
    !macro_name
        && line[at + 1..].starts_with(|letter| part_of_name(letter) || "*(".contains(letter))
}

/// Where whole numbers stand.
fn numbers(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let part_of_word = |letter: char| letter.is_alphanumeric() || "_.".contains(letter);
    let mut start = 0;
    for word in line.split_inclusive(|letter| !part_of_word(letter)) {
        let digits = word.trim_end_matches(|letter| !part_of_word(letter));
        // `0..3` is two of them.
        let mut at = start;
        for part in digits.split("..") {
            if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
                found.push(at..at + part.len());
            }
            at += part.len() + 2;
        }
        start += word.len();
    }
    found
}

/// Where a call stands in a chain of calls and is followed by another one: `.name(...)`.
fn calls(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, _) in line.match_indices('.') {
        let rest = &line[start + 1..];
        let name = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        if let Some(name) = name.filter(|length| *length > 0)
            && let Some(end) = closing(&rest[name..])
            && rest[name + end..].starts_with('.')
        {
            found.push(start..start + 1 + name + end);
        }
    }
    found
}

/// Behind the parenthesis that closes the one at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// Where one of two flags stands, with what joins them: `A::B | A::C`.
fn flags(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let part_of_path = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
    for (bar, joint) in line.match_indices(" | ") {
        let before = line[..bar].rfind(|letter| !part_of_path(letter)).map_or(0, |at| at + 1);
        let rest = &line[bar + joint.len()..];
        let length = rest.find(|letter| !part_of_path(letter)).unwrap_or(rest.len());
        if line[before..bar].contains("::") && rest[..length].contains("::") {
            found.extend([before..bar + joint.len(), bar..bar + joint.len() + length]);
        }
    }
    found
}

/// An arm of a `match` whose `if` is always or never so.
fn without_guard(line: &str) -> Vec<String> {
    let Some((start, arm)) = line.split_once(" if ") else { return Vec::new() };
    let Some((_, does)) = arm.split_once(" => ") else { return Vec::new() };
    ["", " if false"].map(|guard| format!("{start}{guard} => {does}")).into()
}

/// The name of a guard and the expression that locks.
fn locked(code: &str) -> Option<(&str, &str)> {
    let code = code.strip_prefix("let ")?;
    let code = code.strip_prefix("mut ").unwrap_or(code);
    let (name, value) = code.strip_suffix(';')?.split_once(" = ")?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && value.ends_with(".lock().unwrap()")).then_some((name, value))
}

/// A critical section that is split: the lock is given back before one of its statements and taken again.
fn gives_way(
    lines: &[&str],
    first: usize,
    name: &str,
    value: &str,
) -> Vec<(usize, String, String)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(lines[first]);
    let drops = format!("drop({name});");
    let of_section =
        |line: &&&str| line.trim().is_empty() || indent(line) >= own && line.trim() != drops;
    let length = lines[first + 1..].iter().take_while(of_section).count();
    let section = &lines[..first + 1 + length];
    let begins = |line: &str| {
        let goes_on = ["}", ")", ".", "//", "&&", "||"];
        let code = line.trim_start();
        indent(line) == own && !code.is_empty() && !goes_on.iter().any(|it| code.starts_with(it))
    };
    let is_name = |word: &str| word == name;
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let names = |line: &&str| line.split(|letter| !part_of_word(letter)).any(is_name);
    let mut found = Vec::new();
    // Where nothing has been done yet, or nothing is done any more, nothing is split.
    for number in first + 2..section.len() {
        let line = section[number];
        if begins(line) && section[number..].iter().any(names) {
            let (space, code) = line.split_at(own);
            let after = format!("{space}{drops} let mut {name} = {value}; {code}");
            found.push((number, line.to_owned(), after));
        }
    }
    found
}

/// `wait_while` without its condition.
fn waits_once(line: &str) -> Option<String> {
    let (start, rest) = line.split_once(".wait_while(")?;
    let (guard, rest) = rest.split_once(", ")?;
    let mut depth = 0;
    let end = rest.find(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        depth < 0
    })?;
    Some(format!("{start}.wait({guard}{}", &rest[end..]))
}

/// Whether a line is a statement of its own that can be dropped: a call or an assignment.
fn is_statement(code: &str) -> bool {
    let opened = code.matches(['(', '{', '[']).count();
    let closed = code.matches([')', '}', ']']).count();
    let declares =
        ["let ", "return", "pub ", "const ", "static ", "type ", "struct ", "}", ")", "."];
    code.ends_with(';') && opened == closed && !declares.iter().any(|it| code.starts_with(it))
}

/// Judges all mutants of these exercises, printing those that survive and a line for each exercise;
/// whether each survivor is one that is known to be right.
pub fn verify(exercises: &[Exercise]) -> Result<bool> {
    let mut good = true;
    for exercise in exercises {
        ensure!(exercise.has_solution(), "this is a handout: there is nothing to verify");
        good &= prove(exercise)?;
    }
    Ok(good)
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// The compiler refuses it.
    Refused,
    /// By this check and finding.
    Killed(String),
    Survives,
}

/// How many mutants are judged at a time for each processor: many of them wait until they are killed.
const AT_A_TIME: usize = 2;

fn prove(exercise: &Exercise) -> Result<bool> {
    let start = Instant::now();
    Toolchain::get(exercise.kind)?;
    let known = equivalents(exercise)?;
    let mut all = Vec::new();
    for file in exercise.right() {
        let text = exercise.file(&file)?;
        let made = mutants(&text, exercise.kind);
        all.extend(made.into_iter().map(|mutant| (file.clone(), mutant.apply(&text), mutant)));
    }
    let fates: Vec<Mutex<Option<Result<Fate>>>> = all.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let most = std::thread::available_parallelism().map_or(1, usize::from) * AT_A_TIME;
    workers::share(most.min(all.len()), || {
        while let Some((slot, (_, text, _))) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            fates.get(index).zip(all.get(index))
        } {
            let fate = fate(exercise, text);
            slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).replace(fate);
        }
    });
    let (mut refused, mut killed, mut unexplained) = (0, 0, 0);
    let mut judged = Vec::new();
    for ((file, _, mutant), fate) in all.iter().zip(fates) {
        let fate = fate.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fate = fate.context("a mutant was not judged")??;
        let mutation = mutant.mutation();
        match &fate {
            Fate::Refused => refused += 1,
            Fate::Killed(_) => killed += 1,
            Fate::Survives => {
                let same = |it: &Equivalent| it.file == *file && it.mutation == mutation;
                if !known.iter().any(same) {
                    unexplained += 1;
                    println!("  WRONG {file}:{} survives: {mutation}", mutant.line + 1);
                }
            }
        }
        judged.push((file.as_str(), mutation, fate));
    }
    let mut stale = 0;
    for it in &known {
        if let Some(why) = contradicted(it, &judged) {
            stale += 1;
            println!("  WRONG equivalent.toml lists, of {}, what {why}: {}", it.file, it.mutation);
        }
    }
    let made = all.len();
    println!(
        "{}: {made} mutants, {refused} do not compile, {killed} killed, {} equivalent \
         ({} listed with the reason, {stale} of them no longer so), {unexplained} unexplained, in {:.0} s",
        exercise.name,
        made - refused - killed - unexplained,
        known.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(unexplained == 0 && stale == 0)
}

/// What speaks against an entry of `equivalent.toml`, given what became of each mutant: its file, the mutation,
/// its fate. A mutation may stand in several lines, and is right if it is so in one of them.
fn contradicted(listed: &Equivalent, judged: &[(&str, String, Fate)]) -> Option<String> {
    if listed.reason.is_empty() {
        return Some("has no reason".to_owned());
    }
    let same = |(file, mutation, _): &&(&str, String, Fate)| {
        *file == listed.file && *mutation == listed.mutation
    };
    let mut why = None;
    for (_, _, fate) in judged.iter().filter(same) {
        match fate {
            Fate::Survives => return None,
            Fate::Refused => why = why.or_else(|| Some("does not compile".to_owned())),
            Fate::Killed(by) => why = Some(format!("is caught by {by}")),
        }
    }
    Some(why.unwrap_or_else(|| "is not made".to_owned()))
}

/// Judges a mutant; one check that fails is enough.
fn fate(exercise: &Exercise, text: &str) -> Result<Fate> {
    let manner = Manner { briefly: true, ..Manner::default() };
    let verdict = judge(exercise, text.as_bytes(), &manner)?;
    Ok(match verdict.passed() {
        _ if verdict.obstacle.is_some() => Fate::Refused,
        true => Fate::Survives,
        false => Fate::Killed(caught_by(&verdict)),
    })
}

fn caught_by(verdict: &Verdict) -> String {
    let failed = verdict.checks.iter().filter(|check| !check.passed);
    let said = failed.map(|check| {
        let words: Vec<&str> = check.findings.iter().map(|it| it.word.as_str()).collect();
        format!("{} [{}]", check.check, words.join(", "))
    });
    said.collect::<Vec<_>>().join(", ")
}

fn equivalents(exercise: &Exercise) -> Result<Vec<Equivalent>> {
    if !exercise.directory.join("equivalent.toml").exists() {
        return Ok(Vec::new());
    }
    let text = exercise.file("equivalent.toml")?;
    let listed: Equivalents =
        toml::from_str(&text).with_context(|| format!("{}/equivalent.toml", exercise.name))?;
    Ok(listed.equivalent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    const QUEUE: &str = "\
use std::sync::Mutex;
// while nothing == nothing
    while items.is_empty() && !closed {
        let _guard = lock();
        self.changed.notify_all();
    let state = changed.wait_while(state, |state| state.full()).unwrap();
    flag.store(1, Release);
        let read = self.stream.read(left)?;
        Err(error) if error.again() => {}
        let length = items.len().max(1);
        self.stream.flush()?;
        let open = Flags::READ | Flags::WRITE;
";

    const SECTION: &str = "{
    let mut state = self.state.lock().unwrap();
    let mine = state.next;
    state.next += 1;
    while state.serving != mine {
        state = self.changed.wait(state).unwrap();
    }
    self.changed.notify_all();
    true
}
";

    fn mutations(kind: Kind) -> Vec<String> {
        mutants(QUEUE, kind).iter().map(Mutant::mutation).collect()
    }

    #[test]
    fn each_line_is_changed_in_each_way() {
        let made = mutations(Kind::Explored);
        for expected in [
            "while items.is_empty() && !closed { -> if items.is_empty() && !closed {",
            "while items.is_empty() && !closed { -> while items.is_empty() || !closed {",
            "let _guard = lock(); -> let _ = lock();",
            "self.changed.notify_all(); -> self.changed.notify_one();",
            "drop self.changed.notify_all();",
            "let state = changed.wait_while(state, |state| state.full()).unwrap(); -> \
             let state = changed.wait(state).unwrap();",
            "drop flag.store(1, Release);",
            "while items.is_empty() && !closed { -> while items.is_empty() && closed {",
            "flag.store(1, Release); -> flag.store(2, Release);",
            "Err(error) if error.again() => {} -> Err(error) => {}",
            "Err(error) if error.again() => {} -> Err(error) if false => {}",
            "let length = items.len().max(1); -> let length = items.len().min(1);",
            "let length = items.len().max(1); -> let length = items.len().max(2);",
            "let length = items.len().max(1); -> let length = items.max(1);",
            "drop self.stream.flush()?;",
            "self.stream.flush()?; -> let _ = self.stream.flush();",
            "let open = Flags::READ | Flags::WRITE; -> let open = Flags::READ;",
            "let open = Flags::READ | Flags::WRITE; -> let open = Flags::WRITE;",
        ] {
            assert!(made.iter().any(|it| it == expected), "{expected}: {made:#?}");
        }
        assert_eq!(made.len(), 19, "{made:#?}");
    }

    #[test]
    fn a_critical_section_is_split_where_something_was_done_and_is_to_be_done() {
        let made = mutants(SECTION, Kind::Explored);
        let split = "drop(state); let mut state = self.state.lock().unwrap();";
        let before = made.iter().filter(|it| it.after.contains(split)).map(|it| it.line);
        assert_eq!(before.collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn orderings_are_weakened_where_memory_is_weak() {
        let weaker = "flag.store(1, Release); -> flag.store(1, Relaxed);".to_owned();
        assert!(mutations(Kind::Weak).contains(&weaker));
    }

    /// Whether the mutant that is listed as right can be made.
    fn exists(exercise: &Exercise, listed: &Equivalent) -> bool {
        let text = exercise.file(&listed.file).unwrap_or_default();
        let made = mutants(&text, exercise.kind);
        !listed.reason.is_empty() && made.iter().any(|mutant| mutant.mutation() == listed.mutation)
    }

    #[test]
    fn an_entry_is_stale_when_nothing_that_it_names_survives() {
        let text = |it: &str| it.to_owned();
        let listed = |mutation: &str| Equivalent {
            file: text("solution.rs"),
            mutation: text(mutation),
            reason: text("It is as right."),
        };
        let killed = || Fate::Killed(text("sum [wrong]"));
        let judged = [
            ("solution.rs", text("drop a();"), killed()),
            ("another.rs", text("drop a();"), Fate::Survives),
            ("solution.rs", text("drop b();"), killed()),
            ("solution.rs", text("drop b();"), Fate::Survives),
            ("solution.rs", text("drop c();"), Fate::Refused),
        ];
        let why = |mutation| contradicted(&listed(mutation), &judged);
        assert_eq!(why("drop a();"), Some(text("is caught by sum [wrong]")));
        assert_eq!(why("drop b();"), None);
        assert_eq!(why("drop c();"), Some(text("does not compile")));
        assert_eq!(why("drop d();"), Some(text("is not made")));
        let silent = Equivalent { reason: String::new(), ..listed("drop b();") };
        assert_eq!(contradicted(&silent, &judged), Some(text("has no reason")));
    }

    #[test]
    fn what_is_listed_as_equivalent_can_be_made() {
        for name in catalogue::names().unwrap() {
            let exercise = catalogue::load(&name).unwrap();
            for listed in equivalents(&exercise).unwrap() {
                assert!(exists(&exercise, &listed), "{name}: {listed:?}");
            }
        }
    }
}
