//! Verdicts for people.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use explorer::report::{Event, Failure, Kind, Obstacle, Place, Resource, Thread};
use indicatif::HumanCount;
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use crate::catalogue;
use crate::compile::MISFIT;
use crate::escape::clean;
use crate::judge::{Finding, Judged, Verdict};
use crate::names::names;
use crate::submission::Standing;

/// How a verdict is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether colour repeats what is said.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Style {
    /// That of standard output.
    pub fn of_terminal() -> Style {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced = set("CLICOLOR_FORCE") && !set("NO_COLOR");
        let colour = forced || messages::is_coloured(&std::io::stdout());
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let columns = || window().map(|size| usize::from(size.ws_col)).filter(|it| *it > 0);
        let width = width.or_else(columns).unwrap_or(100).clamp(40, 200);
        Style { colour, width }
    }

    /// For text that stands to the right of something.
    fn narrower(self, columns: usize) -> Style {
        Style { width: self.width.saturating_sub(columns), ..self }
    }

    /// In the colour of what passes.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// In the colour of what fails.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// How far an exercise is, in seven columns.
    pub fn state(self, standing: &Standing) -> String {
        let state = format!("{:7}", standing.state());
        match standing.passed {
            Some(true) => self.good(&state),
            Some(false) => self.bad(&state),
            None => state,
        }
    }

    /// A bar that is full when everything is done.
    pub fn bar(self, done: usize, all: usize) -> String {
        let length = self.width.saturating_sub(2).min(64);
        let full = (done * length).checked_div(all).unwrap_or(0);
        format!("[{}{}]", self.good(&"#".repeat(full)), "-".repeat(length - full))
    }

    /// Paragraphs in lines that fit, at most 100 columns long. Code stays as it is.
    pub fn wrapped(self, text: &str) -> String {
        // Broken at blanks alone: an option or a path stays whole.
        let options = Options::new(self.width.min(100)).break_words(false);
        let options = options.word_splitter(WordSplitter::NoHyphenation);
        let mut lines: Vec<Cow<str>> = Vec::new();
        let mut in_code = false;
        for paragraph in text.lines() {
            in_code ^= paragraph.starts_with("```");
            if in_code || paragraph.starts_with("    ") {
                lines.push(paragraph.into());
            } else {
                lines.extend(textwrap::wrap(paragraph.trim_start(), &options));
            }
        }
        lines.join("\n")
    }

    /// A line that stands `indent` columns to the right, broken between words where it is too long.
    pub fn folded(self, line: &str, indent: usize) -> String {
        let style = self.narrower(indent + 2);
        if line.chars().count() <= style.width {
            return line.to_owned();
        }
        style.wrapped(line.trim_start()).replace('\n', &format!("\n{:indent$}  ", ""))
    }

    /// In a colour or manner of the terminal.
    pub fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The size of the terminal of standard output, if it is one.
pub fn window() -> Option<libc::winsize> {
    // SAFETY: TIOCGWINSZ fills the structure that it is given, or fails.
    unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(1, libc::TIOCGWINSZ, &mut size) == 0).then_some(size)
    }
}

/// The sources that places point into: their names and texts.
pub type Sources<'a> = &'a [(&'a str, &'a str)];

/// The verdict as text.
pub fn verdict(verdict: &Verdict, sources: Sources, style: Style) -> String {
    let mut text = String::new();
    if let Some(found) = &verdict.obstacle {
        return obstacle(found, style);
    }
    for judged in &verdict.checks {
        line(&mut text, judged, style);
    }
    let mut failed: Vec<&Judged> = verdict.checks.iter().filter(|judged| !judged.passed).collect();
    // The first failure is shown in full: the others are often the same again.
    let first = failed.iter().position(|judged| !judged.cut_short).unwrap_or(0);
    if !failed.is_empty() {
        let first = failed.remove(first);
        details(&mut text, &verdict.exercise, first, sources, style);
        others(&mut text, &verdict.exercise, &failed);
        warnings(&mut text, &verdict.warnings, style);
    }
    let (points, possible) = (verdict.points(), verdict.possible);
    let schedules = match verdict.schedules {
        0 => String::new(),
        1 => ", 1 schedule".to_owned(),
        number => format!(", {} schedules", HumanCount(number)),
    };
    let seconds = verdict.compiling + verdict.running;
    let _ = writeln!(text);
    if let Some(again) = run_again(verdict) {
        let all = format!(". All of it: cargo grade {}", verdict.exercise);
        let all = if verdict.passed() { all } else { String::new() };
        let said = format!("{}: {again}{all}", verdict.exercise);
        let code = if verdict.passed() { "1;32" } else { "1;31" };
        let _ = writeln!(text, "{}", style.paint(code, &said));
    } else {
        let (state, code) = if verdict.passed() { ("passed", "1;32") } else { ("not yet", "1;31") };
        let said = format!("{}: {state}, {points} of {possible} points", verdict.exercise);
        let rest = format!("{schedules}, {seconds:.2} s.");
        let fits = said.chars().count() + rest.chars().count() <= style.width;
        let rest = if fits { rest } else { rest.replacen(", ", ",\n", 1) };
        let _ = writeln!(text, "{}{rest}", style.paint(code, &said));
    }
    text
}

/// What became of what was run again, if this is about that.
pub fn run_again(verdict: &Verdict) -> Option<String> {
    let what = match verdict.replayed? {
        catalogue::Kind::Process => "run",
        catalogue::Kind::Explored | catalogue::Kind::Weak => "schedule",
    };
    Some(format!("this {what} {}", if verdict.passed() { "passes" } else { "fails" }))
}

/// How to see another failure in full, if one of them can be run again.
fn others(text: &mut String, exercise: &str, failed: &[&Judged]) {
    let mut findings = failed.iter().flat_map(|judged| &judged.findings);
    let Some(replay) = findings.find_map(|finding| finding.replay.as_ref()) else { return };
    let said = match failed.len() {
        1 => "1 more check fails. In full:".to_owned(),
        number => format!("{number} more checks fail. One of them in full:"),
    };
    let _ = writeln!(text, "\n  {said}\n  cargo grade {exercise} --replay {replay}");
}

/// How many warnings are shown.
const WARNINGS: usize = 3;

/// What the compiler warned of, which may say what is wrong.
fn warnings(text: &mut String, warnings: &[String], style: Style) {
    if warnings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}\n", style.paint("1", "The compiler warns:"));
    let shown: Vec<&str> = warnings.iter().take(WARNINGS).map(|it| it.trim_end()).collect();
    let _ = writeln!(text, "{}", clean(&shown.join("\n\n"), style.colour));
    let more = warnings.len().saturating_sub(WARNINGS);
    if more > 0 {
        let what = if more == 1 { "warning" } else { "warnings" };
        let _ = writeln!(text, "\n({more} more {what})");
    }
}

/// What keeps a submission from being run.
pub fn obstacle(obstacle: &Finding, style: Style) -> String {
    let heading = format!("This {}.", in_short(obstacle));
    let message = clean(obstacle.message.trim_end(), style.colour);
    format!("{}\n{message}\n", style.paint("1;31", &heading))
}

/// What is said of a submission that something keeps from being run.
pub fn in_short(obstacle: &Finding) -> &'static str {
    match obstacle.word.as_str() {
        "refused" => "cannot be judged",
        _ if obstacle.message.starts_with(MISFIT) => "does not fit the checks",
        _ => "does not compile",
    }
}

fn line(text: &mut String, judged: &Judged, style: Style) {
    let mark = if judged.passed { style.paint("32", "pass") } else { style.paint("31", "FAIL") };
    let points = if judged.passed { judged.points } else { 0 };
    let cut = if judged.cut_short { ", not tried to its end" } else { "" };
    let why = judged.findings.first().map(|it| format!(" [{}{cut}]", it.word)).unwrap_or_default();
    let (name, says) = (&judged.check, &judged.says);
    let beside = format!("{name}: {says}{why}");
    let rest = style.narrower(11).wrapped(&beside).replace('\n', "\n           ");
    let _ = writeln!(text, "{mark}  {points}/{}  {rest}", judged.points);
}

/// What is wrong with one check, in full.
pub fn details(text: &mut String, exercise: &str, judged: &Judged, sources: Sources, style: Style) {
    for finding in &judged.findings {
        let said = clean(&compared(finding), false);
        // One thread can do so, and then it is no race.
        let freed = said.split_once(":\n").filter(|(what, _)| what.starts_with("memory is "));
        let (heading, said) = freed.unwrap_or((heading(&finding.word), &said));
        let heading = format!("{}: {heading}", judged.check);
        let _ = writeln!(text, "\n{}", style.paint("1", &heading));
        for line in said.lines() {
            let _ = writeln!(text, "  {}", style.folded(line, 2));
        }
        if let Some(failure) = &finding.failure {
            explain(text, failure, sources, style);
        }
        again(text, exercise, finding, judged);
    }
    if !judged.output.trim().is_empty() {
        let cut = if judged.cut { " (the beginning of it)" } else { "" };
        let _ = writeln!(text, "\n  It printed{cut}:");
        printed(text, &clean(&judged.output, false), style);
    }
}

/// What a finding says. A comparison by the checks has what came on the left and what should have
/// come on the right, which the reader of a verdict need not know.
pub fn compared(finding: &Finding) -> Cow<'_, str> {
    let parts = || {
        let rest = finding.message.strip_prefix("assertion `left == right` failed: ")?;
        let (rest, right) = rest.split_once("\n right: ")?;
        let (what, left) = rest.split_once("\n  left: ")?;
        Some(format!("{what}\n  yours:    {left}\n  expected: {right}"))
    };
    match parts() {
        Some(said) if finding.word == "wrong" => said.into(),
        _ => finding.message.as_str().into(),
    }
}

/// The beginning of what was printed. Lines that come again and again are shown once.
fn printed(text: &mut String, output: &str, style: Style) {
    let lines: Vec<&str> = output.lines().collect();
    let groups: Vec<&[&str]> = lines.chunk_by(|one, other| one == other).collect();
    for group in groups.iter().take(20) {
        let _ = writeln!(text, "  | {}", style.folded(group[0], 4));
        if group.len() > 1 {
            let _ =
                writeln!(text, "  (this line {} times in a row)", HumanCount(group.len() as u64));
        }
    }
    let more: usize = groups.iter().skip(20).map(|group| group.len()).sum();
    if more > 0 {
        let what = if more == 1 { "line" } else { "lines" };
        let _ = writeln!(text, "  ({} more {what})", HumanCount(more as u64));
    }
}

fn again(text: &mut String, exercise: &str, finding: &Finding, judged: &Judged) {
    if let Some(replay) = &finding.replay {
        let how = match (judged.schedules, &finding.failure) {
            (number, Some(_)) if number > 1 => {
                format!("Found in schedule {}. ", HumanCount(number))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "\n  {how}The same again:");
        let _ = writeln!(text, "  cargo grade {exercise} --replay {replay}");
    }
}

/// What a word for a finding means.
pub fn heading(word: &str) -> &'static str {
    match word {
        "wrong" => "something else came than was expected",
        "panic" => "your code panicked",
        "deadlock" => "deadlock",
        "livelock" => "running without getting anywhere",
        "thread" => "a thread was left",
        "race" => "a data race",
        "stuck" => "it does not end",
        "crash" => "it crashed",
        "ended-early" => "it ended too early",
        "strayed" => "a child went astray",
        "zombie" => "zombies",
        "running" => "processes were left",
        "descriptor" => "descriptors were left open",
        "shared-memory" => "shared memory was left",
        "file" => "files were left",
        "unseen" => "something cannot be looked at",
        "memory" => "too much memory",
        "processes" => "too many processes and threads",
        "disk" => "too much was written to files",
        "output" => "too much output",
        "forged" => "the grader's channel was disturbed",
        _ => UNKNOWN,
    }
}

const UNKNOWN: &str = "a failure";

/// Whether there is a finding of this word.
pub fn is_finding(word: &str) -> bool {
    heading(word) != UNKNOWN
}

/// The threads, the circle of waiting, and the schedule.
pub fn explain(text: &mut String, failure: &Failure, sources: Sources, style: Style) {
    let names = names(&failure.resources, sources);
    for said in meetings(failure, &names) {
        let said = style.narrower(4).wrapped(&said).replace('\n', "\n    ");
        let _ = writeln!(text, "  {said}");
    }
    for thread in failure.threads.iter().filter(|thread| !thread.ended) {
        let Some((verb, obstacle, at)) = &thread.blocked else {
            let endless = failure.kind == Kind::Livelock;
            if let Some(at) = thread.at.as_ref().filter(|_| endless) {
                let _ = writeln!(text, "  {} runs, and was last at {at}", thread.name);
            }
            continue;
        };
        let what = match obstacle {
            Obstacle::Resource(number) => {
                let kind = failure.resources.get(*number).map_or("", |r| r.kind.as_str());
                format!(" {kind} {}", names.get(*number).map_or("", String::as_str))
            }
            Obstacle::Thread(number) => {
                let name = failure.threads.get(*number).map_or("", |thread| thread.name.as_str());
                format!(" {name}")
            }
            Obstacle::Unnamed => String::new(),
        };
        let mut said = format!("{} is blocked {verb}{what} at {at}", thread.name);
        let held: Vec<String> = thread
            .holds
            .iter()
            .map(|(number, at)| {
                format!("{} (since {at})", names.get(*number).map_or("", String::as_str))
            })
            .collect();
        if !held.is_empty() {
            let _ = write!(said, ", and holds {}", held.join(" and "));
        }
        let said = style.narrower(4).wrapped(&said).replace('\n', "\n    ");
        let _ = writeln!(text, "  {said}");
    }
    if let Some(circle) = own_lock(failure, &names).or_else(|| circle(failure, &names)) {
        let circle = style.narrower(4).wrapped(&circle);
        let _ = writeln!(text, "  {}", circle.replace('\n', "\n    "));
    }
    // What one thread does alone is in its source, unless it waits for ever or chance had a hand in it.
    let waits = matches!(failure.kind, Kind::Deadlock | Kind::Livelock);
    let by_chance = failure.events.iter().any(|event| event.what.contains("for no reason"));
    if !failure.events.is_empty() && (failure.threads.len() > 1 || waits || by_chance) {
        lanes(text, failure, &names, style);
    }
}

/// Where threads were to meet, of which some never come: those that do not work at the same time.
fn meetings(failure: &Failure, names: &[String]) -> Vec<String> {
    let meeting = |(number, barrier): (usize, &Resource)| {
        let waits = |thread: &&Thread| matches!(thread.blocked, Some((_, Obstacle::Resource(it), _)) if it == number);
        let come = failure.threads.iter().filter(waits).count();
        if come == 0 || barrier.meets <= come {
            return None;
        }
        let (of, name) = (barrier.meets, names.get(number)?);
        let comes = if come == 1 { "1 has come" } else { &format!("{come} have come") };
        Some(format!(
            "{of} threads were to be at work at the same time: they wait for each other at {name}, \
             and only {comes}."
        ))
    };
    failure.resources.iter().enumerate().filter_map(meeting).collect()
}

/// Who waits for a lock that it holds itself.
fn own_lock(failure: &Failure, names: &[String]) -> Option<String> {
    failure.threads.iter().find_map(|thread| {
        let (_, Obstacle::Resource(wanted), _) = thread.blocked.as_ref()? else { return None };
        let (_, since) = thread.holds.iter().find(|(held, _)| held == wanted)?;
        let (name, lock) = (&thread.name, names.get(*wanted)?);
        Some(format!(
            "{name} waits for the lock {lock}, which it holds itself (locked at {since})."
        ))
    })
}

/// Who waits for whom, all the way round.
fn circle(failure: &Failure, names: &[String]) -> Option<String> {
    let waits_for = |thread: usize| -> Option<(usize, String)> {
        match failure.threads.get(thread)?.blocked.as_ref()?.1 {
            Obstacle::Thread(other) => Some((other, "the end of".to_owned())),
            Obstacle::Resource(number) => {
                let holds = |it: &Thread| it.holds.iter().any(|(held, _)| *held == number);
                let other = failure.threads.iter().position(holds)?;
                Some((other, format!("{}, held by", names.get(number)?)))
            }
            Obstacle::Unnamed => None,
        }
    };
    for first in 0..failure.threads.len() {
        let mut said = format!("The circle: {} waits for ", failure.threads[first].name);
        let mut now = first;
        for _ in 0..failure.threads.len() {
            let Some((next, what)) = waits_for(now) else { break };
            let _ = write!(said, "{what} {}", failure.threads[next].name);
            if next == first {
                return Some(format!("{said}."));
            }
            said.push_str(", which waits for ");
            now = next;
        }
    }
    None
}

/// How many steps of a schedule are shown.
const STEPS: usize = 40;

/// The narrowest column in which a step or a line of the source says anything.
pub const NARROWEST: usize = 18;

/// The schedule, one column for each thread that acts in it; if they are too many for that, lines
/// that begin with the thread's name.
fn lanes(text: &mut String, failure: &Failure, names: &[String], style: Style) {
    let again = repeated(&failure.events);
    let left_out = again.as_ref().map_or(0..0, |again| again.left_out.clone());
    let numbered = failure.events.iter().enumerate();
    let events: Vec<(usize, &Event)> =
        numbered.filter(|(number, _)| !left_out.contains(number)).collect();
    let skipped = events.len().saturating_sub(STEPS);
    let acts = |thread: usize| events[skipped..].iter().any(|(_, event)| event.thread == thread);
    let threads: Vec<usize> = (0..failure.threads.len()).filter(|number| acts(*number)).collect();
    if threads.is_empty() {
        return;
    }
    let width = ((style.width.saturating_sub(2)) / threads.len()).min(44);
    let columns = width >= NARROWEST;
    let _ = writeln!(text, "\n  The schedule, with line numbers:");
    let earlier = failure.earlier + skipped;
    if earlier > 0 {
        let _ = writeln!(text, "  ({} earlier steps left out)", HumanCount(earlier as u64));
    }
    if columns {
        let mut heading = String::from("  ");
        for number in &threads {
            let _ = write!(heading, "{:width$}", cut(&failure.threads[*number].name, width - 1));
        }
        let _ = writeln!(text, "{}", style.paint("4", heading.trim_end()));
    }
    for (number, event) in &events[skipped..] {
        if columns {
            let lane = threads.iter().position(|number| *number == event.thread).unwrap_or(0);
            step(text, event, names, lane, width);
        } else {
            let name = &failure.threads[event.thread].name;
            let _ = writeln!(text, "  {}", line_of_step(event, name, names, style));
        }
        if let Some(again) = again.as_ref().filter(|again| number + 1 == again.left_out.start) {
            let Repeated { steps, times, .. } = again;
            let what = if *steps == 1 { "this step" } else { &format!("these {steps} steps") };
            let _ = writeln!(text, "  ({what} {times} times in a row)");
        }
    }
    if events[skipped..].iter().any(|(_, event)| event.place.file == harness::CHECKS) {
        let _ = writeln!(text, "  (c: a line of the checks)");
    }
}

/// A step, in the lane of its thread.
pub fn step(text: &mut String, event: &Event, names: &[String], lane: usize, width: usize) {
    let what = told(event, names);
    let line = line_of(&event.place);
    for (number, part) in cell(&what, width - 5).into_iter().enumerate() {
        let line = if number == 0 { line.as_str() } else { "" };
        let _ = writeln!(text, "  {:1$}{line:>3} {part}", "", lane * width);
    }
}

/// A step in one line, with the name of its thread.
pub fn line_of_step(event: &Event, thread: &str, names: &[String], style: Style) -> String {
    let said = format!("{thread}: {} {}", line_of(&event.place), told(event, names));
    cut(&said, style.width.saturating_sub(2))
}

/// What a step did, in a line.
pub fn told(event: &Event, names: &[String]) -> String {
    let name = event.resource.and_then(|number| names.get(number)).map_or("", String::as_str);
    let what = event.what.replace("{}", name);
    let what = what.lines().next().unwrap_or_default();
    match what.split_once("assertion `left == right` failed: ") {
        // The values stand above the schedule.
        Some((before, rest)) => {
            format!("{before}{}", rest.split("   left: ").next().unwrap_or_default())
        }
        None => what.to_owned(),
    }
}

/// The number of a line, which has a c before it if it is one of the checks.
pub fn line_of(place: &Place) -> String {
    match place.line {
        0 => String::new(),
        line if place.file == harness::CHECKS => format!("c{line}"),
        line => line.to_string(),
    }
}

/// What a step says, in at most three lines that fit.
pub fn cell(what: &str, width: usize) -> Vec<String> {
    let words: Vec<String> = what.split(' ').map(|word| broken(word, width)).collect();
    let lines = Style { colour: false, width }.wrapped(&words.join(" "));
    let mut lines: Vec<&str> = lines.lines().collect();
    let rest = lines.split_off(lines.len().min(3));
    let mut lines: Vec<String> = lines.into_iter().map(|line| cut(line, width)).collect();
    if let (Some(last), false) = (lines.last_mut(), rest.is_empty()) {
        *last = cut(&format!("{last} {}", rest.join(" ")), width);
    }
    lines
}

/// A word of a source that is too long for a line, in lines: broken where its parts are parted.
fn broken(word: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut columns = 0;
    let paths = word.split_inclusive("::");
    for part in paths.flat_map(|path| path.split_inclusive(['(', ','])) {
        let length = part.chars().count();
        if columns > 0 && columns + length > width {
            lines.push('\n');
            columns = 0;
        }
        lines.push_str(part);
        columns += length;
    }
    lines
}

/// Steps that come again and again.
struct Repeated {
    /// How many steps they are.
    steps: usize,
    /// How often they come.
    times: usize,
    /// All but the first time.
    left_out: Range<usize>,
}

/// The longest stretch of a schedule that is the same few steps three times or more.
fn repeated(events: &[Event]) -> Option<Repeated> {
    let mut longest: Option<Repeated> = None;
    for steps in 1..=12 {
        let mut start = 0;
        while start + 3 * steps <= events.len() {
            let same =
                (start + steps..events.len()).take_while(|at| events[*at] == events[at - steps]);
            let times = 1 + same.count() / steps;
            let left_out = start + steps..start + times * steps;
            if times >= 3 && longest.as_ref().is_none_or(|it| it.left_out.len() < left_out.len()) {
                longest = Some(Repeated { steps, times, left_out: left_out.clone() });
            }
            start = left_out.end.max(start + steps) - steps + 1;
        }
    }
    longest
}

/// Text that takes no more columns than these.
pub fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if display_width(&short) >= width {
            short.pop();
            break;
        }
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_say_whose_value_is_whose() {
        let finding = |word: &str| Finding {
            word: word.into(),
            message: "assertion `left == right` failed: the sum\n  left: 1\n right: 3\nat c.rs:1"
                .into(),
            failure: None,
            replay: None,
        };
        let said = compared(&finding("wrong")).into_owned();
        assert_eq!(said, "the sum\n  yours:    1\n  expected: 3\nat c.rs:1");
        // An assertion of the submission's own may have them the other way round.
        assert!(compared(&finding("panic")).contains("left: 1"));
    }

    #[test]
    fn what_is_printed_again_and_again_is_shown_once() {
        let style = Style { colour: false, width: 60 };
        let mut text = String::new();
        let mut output = "waiting\n".repeat(2000) + &"word ".repeat(20) + "\n";
        output.extend((0..30).map(|number| format!("{number}\n")));
        printed(&mut text, &output, style);
        assert!(text.starts_with("  | waiting\n  (this line 2,000 times in a row)\n"), "{text}");
        assert!(text.ends_with("  | 17\n  (12 more lines)\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
    }

    #[test]
    fn a_step_takes_three_lines_at_most() {
        assert_eq!(cell("locks items", 20), ["locks items"]);
        assert_eq!(
            cell("fetch_add(1) on eating, which was 0", 25),
            ["fetch_add(1) on eating,", "which was 0"]
        );
        assert_eq!(
            cell("panics: a long story of one man there", 10),
            ["panics: a", "long story", "of one ma…"]
        );
        assert_eq!(cell("wakes_everybody_up now", 7), ["wakes_…", "now"]);
        assert_eq!(
            cell("let full = ring.pushed.load(Ordering::Relaxed);", 24),
            ["let full =", "ring.pushed.load(", "Ordering::Relaxed);"]
        );
        assert_eq!(cell("load(Ordering::Relaxed);", 14), ["load(", "Ordering::", "Relaxed);"]);
    }

    #[test]
    fn who_is_missing_at_a_meeting_is_told() {
        let thread = |blocked: Option<usize>| Thread {
            name: "caller".to_owned(),
            blocked: blocked
                .map(|it| ("waiting at".to_owned(), Obstacle::Resource(it), Place::default())),
            holds: Vec::new(),
            at: None,
            ended: blocked.is_none(),
        };
        let resource = |meets| Resource {
            kind: if meets > 0 { "barrier" } else { "mutex" }.to_owned(),
            made: Place::default(),
            used: Place::default(),
            rank: 0,
            siblings: 1,
            meets,
        };
        let mut failure = Failure::plain(Kind::Deadlock, String::new(), None);
        failure.resources = [0, 2, 3, 9].map(resource).into();
        failure.threads = [Some(0), Some(1), Some(2), Some(2), None].map(thread).into();
        let names = ["lock", "start", "meeting", "end"].map(str::to_owned);
        let told = "threads were to be at work at the same time: they wait for each other at";
        let expected = [
            format!("2 {told} start, and only 1 has come."),
            format!("3 {told} meeting, and only 2 have come."),
        ];
        assert_eq!(meetings(&failure, &names), expected);
    }

    #[test]
    fn many_threads_are_told_of_in_lines_and_few_in_columns() {
        let thread = |number: usize| explorer::report::Thread {
            name: format!("philosopher {number}"),
            blocked: None,
            holds: Vec::new(),
            at: None,
            ended: true,
        };
        let step = |(number, thread): (usize, usize)| Event {
            thread,
            what: "locks a fork".to_owned(),
            resource: None,
            place: Place { line: 1 + number as u32, ..Place::default() },
        };
        let shown = |threads: usize, steps: Vec<usize>| {
            let mut failure = Failure::plain(Kind::Deadlock, String::new(), None);
            failure.threads = (0..threads).map(thread).collect();
            failure.events = steps.into_iter().enumerate().map(step).collect();
            let mut text = String::new();
            lanes(&mut text, &failure, &[], Style { colour: false, width: 80 });
            text
        };
        let many = shown(7, (0..7).collect());
        assert!(many.contains("  philosopher 6: 7 locks a fork\n"), "{many}");
        assert!(!many.contains('…'), "{many}");
        // Those who acted before what is shown need no column.
        let few = shown(7, (0..7).chain([5, 6].into_iter().cycle().take(STEPS)).collect());
        assert!(!few.contains("philosopher 4"), "{few}");
        assert!(few.contains("  philosopher 5") && !few.contains("philosopher 5:"), "{few}");
    }

    #[test]
    fn steps_that_come_again_are_shown_once() {
        let steps = |names: &str| -> Vec<Event> {
            let step = |name: char| Event {
                thread: 0,
                what: name.to_string(),
                resource: None,
                place: Place::default(),
            };
            names.chars().map(step).collect()
        };
        let found = |names| repeated(&steps(names)).map(|it| (it.steps, it.times, it.left_out));
        assert_eq!(found("abcabd"), None);
        assert_eq!(found("xababababy"), Some((2, 4, 3..9)));
        assert_eq!(found("aaaa"), Some((1, 4, 1..4)));
        assert_eq!(found("xxxabcabcabcabca"), Some((3, 4, 6..15)));
        assert_eq!(found(""), None);
    }
}
