//! Transcripts: what a program printed, kept for the book, and compared with what it prints now.
//!
//! A transcript's first line is the command. Then comes a section for each experiment and one for
//! the verdicts, between the anchors by which the book includes them. The line that opens a
//! section declares how much of it is the same in every run:
//!
//! - `exact`: the same lines in the same order; process ids and addresses are the same up to
//!   renaming, measured figures (with a fraction, or before a unit) may differ.
//! - `any-order`: the same lines, in any order but for what `"a" before "b"` demands.
//! - `varies`: every `"phrase"` stands in both, and most lines have a shape that was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};

/// The section that holds the verdicts, after those of the experiments.
pub const VERDICTS: &str = "verdicts";

/// The command that a package's transcript is the output of.
pub fn command(package: &str) -> String {
    format!("$ cargo run -q -p {package}")
}

/// A recorded transcript.
#[derive(Debug)]
pub struct Transcript {
    /// Its first line.
    pub command: String,
    /// In the order in which they were printed.
    pub sections: Vec<Section>,
}

/// What one experiment printed.
#[derive(Clone, Debug)]
pub struct Section {
    /// The experiment's name.
    pub name: String,
    /// How much of it is the same in every run.
    pub grade: Grade,
    /// What was printed.
    pub lines: Vec<String>,
}

/// How much of a section is the same in every run.
#[derive(Clone, Debug, PartialEq)]
pub enum Grade {
    /// All lines, in order.
    Exact,
    /// All lines; in each pair a line with the first phrase comes before one with the second.
    AnyOrder(Vec<(String, String)>),
    /// The phrases, and the shapes of most lines.
    Varies(Vec<String>),
}

impl Grade {
    /// Reads the grade of a line that opens a section.
    ///
    /// # Errors
    ///
    /// If there is no such grade, or a phrase has no partner.
    pub fn parse(text: &str) -> Result<Grade> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let phrases = quoted(rest);
        Ok(match word {
            "exact" => Grade::Exact,
            "any-order" => {
                ensure!(phrases.len().is_multiple_of(2), "phrases come in pairs: {text}");
                let pairs = phrases.chunks(2).map(|p| (p[0].clone(), p[1].clone()));
                Grade::AnyOrder(pairs.collect())
            }
            "varies" => Grade::Varies(phrases),
            other => bail!("there is no grade '{other}'"),
        })
    }

    /// As it stands in the line that opens a section.
    pub fn text(&self) -> String {
        match self {
            Grade::Exact => "exact".to_owned(),
            Grade::AnyOrder(pairs) => pairs.iter().fold("any-order".to_owned(), |text, (a, b)| {
                format!("{text} \"{a}\" before \"{b}\"")
            }),
            Grade::Varies(phrases) => phrases
                .iter()
                .fold("varies".to_owned(), |text, phrase| format!("{text} \"{phrase}\"")),
        }
    }
}

/// The texts between double quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Transcript {
    /// Reads a transcript.
    pub fn parse(text: &str) -> Result<Transcript> {
        let mut lines = text.lines();
        let command = lines.next().context("the transcript is empty")?.to_owned();
        let mut sections: Vec<Section> = Vec::new();
        let mut open = false;
        for line in lines {
            if let Some(rest) = line.strip_prefix("--- ANCHOR: ") {
                let (name, grade) = rest.split_once(" · ").context("no grade is declared")?;
                let grade = Grade::parse(grade).with_context(|| format!("section {name}"))?;
                sections.push(Section { name: name.to_owned(), grade, lines: Vec::new() });
                open = true;
            } else if line.starts_with("--- ANCHOR_END: ") {
                open = false;
            } else if open {
                sections.last_mut().expect("a section is open").lines.push(line.to_owned());
            } else {
                ensure!(line.is_empty(), "this line stands outside every section: {line}");
            }
        }
        Ok(Transcript { command, sections })
    }

    /// The text that [`Transcript::parse`] reads.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.command);
        for section in &self.sections {
            let name = &section.name;
            let _ = writeln!(text, "--- ANCHOR: {name} · {}", section.grade.text());
            for line in &section.lines {
                let _ = writeln!(text, "{line}");
            }
            let _ = writeln!(text, "--- ANCHOR_END: {name}");
        }
        text
    }

    /// Divides a program's output into sections, graded as exact. An experiment's section begins
    /// with a line `name: question`, the verdicts with the first statement in quotes.
    pub fn of_output(package: &str, output: &str, experiments: &[String]) -> Transcript {
        let mut sections: Vec<Section> = Vec::new();
        let mut after_blank = true;
        for line in output.lines() {
            let begins = |name: &str| line.starts_with(&format!("{name}: "));
            let name = match experiments.iter().find(|name| begins(name)) {
                Some(name) => Some(name.as_str()),
                None if after_blank && line.starts_with('"') => Some(VERDICTS),
                None => None,
            };
            after_blank = line.is_empty();
            let running = sections.last().map(|section| section.name.as_str());
            if let Some(name) = name.filter(|name| running != Some(name)) {
                let name = name.to_owned();
                sections.push(Section { name, grade: Grade::Exact, lines: Vec::new() });
            }
            if let Some(section) = sections.last_mut() {
                section.lines.push(line.to_owned());
            }
        }
        for section in &mut sections {
            while section.lines.last().is_some_and(String::is_empty) {
                section.lines.pop();
            }
            if section.name == VERDICTS {
                section.grade = Grade::Varies(Vec::new());
            }
        }
        Transcript { command: command(package), sections }
    }

    /// Compares a fresh output with this record.
    pub fn compare(&self, output: &str) -> Result<(), String> {
        let names: Vec<String> = self.sections.iter().map(|section| section.name.clone()).collect();
        let fresh = Transcript::of_output("", output, &names);
        let fresh_names: Vec<String> =
            fresh.sections.iter().map(|section| section.name.clone()).collect();
        if names != fresh_names {
            return Err(format!("sections: recorded {names:?}, printed {fresh_names:?}"));
        }
        for (recorded, fresh) in self.sections.iter().zip(&fresh.sections) {
            recorded.compare(&fresh.lines).map_err(|difference| {
                let (then, now) = (recorded.lines.join("\n"), fresh.lines.join("\n"));
                let name = &recorded.name;
                format!("{name}: {difference}\n--- recorded\n{then}\n--- printed\n{now}\n---")
            })?;
        }
        Ok(())
    }
}

impl Section {
    /// Compares lines printed now with this record, as its grade demands. What a line more says of
    /// figures that decide nothing is no difference.
    pub fn compare(&self, fresh: &[String]) -> Result<(), String> {
        let decided: Vec<String> = decided(fresh).into_iter().cloned().collect();
        match self.compare_all(fresh) {
            Err(_) if decided.len() < fresh.len() && !matches!(self.grade, Grade::Varies(_)) => {
                self.compare_all(&decided)
            }
            compared => compared,
        }
    }

    fn compare_all(&self, fresh: &[String]) -> Result<(), String> {
        if self.name == VERDICTS {
            return compare_statements(&self.lines, fresh);
        }
        if self.lines.first() != fresh.first() {
            return Err("the question differs".to_owned());
        }
        match &self.grade {
            Grade::Exact => {
                let (then, now) = (renamed(&self.lines), renamed(fresh));
                for (then, now) in then.iter().zip(&now) {
                    if !is_same(then, now) {
                        return Err(format!("recorded `{then}`, printed `{now}`"));
                    }
                }
                match then.len() == now.len() {
                    true => Ok(()),
                    false => Err(format!("recorded {} lines, printed {}", then.len(), now.len())),
                }
            }
            Grade::AnyOrder(pairs) => {
                let (mut then, mut now) = (anonymous(&self.lines), anonymous(fresh));
                then.sort();
                now.sort();
                let differ = |(then, now): &(&String, &String)| !is_same(then, now);
                if let Some((then, now)) = then.iter().zip(&now).find(differ) {
                    return Err(format!("in sorted order: recorded `{then}`, printed `{now}`"));
                }
                if then.len() != now.len() {
                    return Err(format!("recorded {} lines, printed {}", then.len(), now.len()));
                }
                for (first, second) in pairs {
                    for lines in [&self.lines, fresh] {
                        let at = |phrase: &str| lines.iter().position(|l| l.contains(phrase));
                        match (at(first), at(second)) {
                            (Some(first), Some(second)) if first < second => {}
                            _ => return Err(format!("not `{first}` before `{second}`")),
                        }
                    }
                }
                Ok(())
            }
            Grade::Varies(phrases) => {
                if phrases.is_empty() {
                    return Err("a section that varies needs a phrase that does not".to_owned());
                }
                for phrase in phrases {
                    for lines in [&self.lines, fresh] {
                        if !lines.iter().any(|line| line.contains(phrase)) {
                            return Err(format!("nobody says `{phrase}`"));
                        }
                    }
                }
                let known: BTreeSet<String> = self.lines.iter().map(|line| shape(line)).collect();
                let decided = decided(fresh);
                let strange: Vec<&&String> =
                    decided.iter().filter(|line| !known.contains(&shape(line))).collect();
                if strange.len() * 3 > fresh.len() {
                    return Err(format!("too many lines of a new shape: {strange:#?}"));
                }
                Ok(())
            }
        }
    }
}

/// How a program says that others had the CPUs.
pub(crate) const BUSY: &[&str] =
    &["machine is busy", "host is busy", "others had a part of the CPU", "others had the CPU"];

/// How a program says of a figure that it decides nothing here: because the machine is busy, or
/// because a control or a count of switches shows that something disturbed it.
const UNDECIDED: &[&str] =
    &["not decided", "not to be trusted", "not to be compared here", "too noisy: ", "rejected, "];

/// The lines without those that say, instead of a figure, why there is none. Such a reason goes on
/// in lines that are indented deeper under the same role.
fn decided(lines: &[String]) -> Vec<&String> {
    let sentence = |line: &str| {
        let narrated = line.strip_prefix('[').and_then(|line| line.split_once("] "));
        narrated.map(|(head, sentence)| (head.to_owned(), sentence.to_owned()))
    };
    let mut undecided: Option<(String, usize)> = None;
    let indent = |text: &str| text.len() - text.trim_start().len();
    let keep = |line: &&String| {
        let Some((head, text)) = sentence(line) else {
            undecided = None;
            return true;
        };
        let goes_on =
            undecided.as_ref().is_some_and(|(of, depth)| *of == head && indent(&text) > *depth);
        if goes_on {
            return false;
        }
        let says_why = UNDECIDED.iter().chain(BUSY).any(|why| text.contains(why));
        undecided = says_why.then(|| (head, indent(&text)));
        !says_why
    };
    lines.iter().filter(keep).collect()
}

/// Whether two lines differ by figures alone. Of a figure three digits are printed: one from 100 on looks
/// like a count, and is none where the other line has a figure.
fn is_same(then: &str, now: &str) -> bool {
    let (mut then, mut now) = (then.split(' '), now.split(' '));
    loop {
        match (then.next(), now.next()) {
            (None, None) => return true,
            (Some(then), Some(now)) if then == now => {}
            (Some(then), Some(now)) => {
                let (figure, other) = if then.contains('~') { (then, now) } else { (now, then) };
                let (before, after) = figure.split_once('~').unwrap_or((figure, ""));
                let digits = other.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                let is_large = |text: &str| {
                    text.len() >= 3
                        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
                };
                if !figure.contains('~') || !digits.is_some_and(is_large) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// The statements are the same; verdicts and reasons depend on the machine.
fn compare_statements(then: &[String], now: &[String]) -> Result<(), String> {
    let statements = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| line.starts_with('"')).cloned().collect()
    };
    match statements(then) == statements(now) {
        true => Ok(()),
        false => Err("the statements differ".to_owned()),
    }
}

/// A line's parts: a process id or another plain integer, an address, a measured figure, the rest.
enum Part<'a> {
    Integer(&'a str),
    Address(&'a str),
    Figure(&'a str),
    Text(&'a str),
}

/// Units before which a number is a measurement.
const UNITS: &[&str] = &[
    "ns", "µs", "us", "ms", "s", "x", "%", "B", "KiB", "MiB", "GiB", "kB", "MB", "GB", "GB/s",
    "MB/s", "times", "ratio",
];

/// Whether a number stands in a range such as `(148 to 162)`: what is measured lies in it, also where its
/// ends have no point, because three digits stand before it.
fn in_range(before: &str, after: &str) -> bool {
    let begins = before.ends_with('(')
        && after
            .strip_prefix(" to ")
            .is_some_and(|end| end.starts_with(|c: char| c.is_ascii_digit()));
    let start = before.strip_suffix(" to ").and_then(|start| start.rsplit('(').next());
    let is_number = |start: &str| {
        !start.is_empty()
            && start.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
    };
    begins || before.contains('(') && start.is_some_and(is_number) && after.starts_with(')')
}

fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = line;
    let mut in_word = false;
    while !rest.is_empty() {
        let first = rest.chars().next().expect("it is not empty");
        if rest.starts_with("0x") {
            let digits = rest[2..].bytes().take_while(u8::is_ascii_hexdigit).count();
            parts.push(Part::Address(&rest[..2 + digits]));
            rest = &rest[2 + digits..];
        } else if first.is_ascii_digit() && !in_word {
            let end = rest
                .char_indices()
                .find(|(at, c)| {
                    let inside =
                        rest[at + c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
                    !(c.is_ascii_digit() || (matches!(c, '.' | ',') && inside))
                })
                .map_or(rest.len(), |(at, _)| at);
            let (number, after) = rest.split_at(end);
            let unit = after.strip_prefix(' ').unwrap_or(after);
            let unit_end = unit.find(|c: char| !(c.is_alphanumeric() || c == '/' || c == '%'));
            let unit = &unit[..unit_end.unwrap_or(unit.len())];
            let measured = number.contains('.')
                || UNITS.contains(&unit)
                || number.len() >= 3 && in_range(&line[..line.len() - rest.len()], after);
            parts.push(if measured { Part::Figure(number) } else { Part::Integer(number) });
            rest = after;
            in_word = false;
        } else {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| c.is_ascii_digit())
                .map_or(rest.len(), |(at, _)| at);
            in_word = rest[..end].ends_with(|c: char| c.is_alphabetic() || c == '_');
            parts.push(Part::Text(&rest[..end]));
            rest = &rest[end..];
        }
    }
    parts
}

/// The ids of processes and threads that narrate, and of those that are called by their ids.
fn ids(lines: &[String]) -> BTreeSet<&str> {
    let mut ids = BTreeSet::new();
    for line in lines {
        let narrated = line.strip_prefix('[').and_then(|line| line.split_once(']'));
        if let Some((role, sentence)) = narrated {
            ids.extend(role.rsplit(' ').next());
            for word in ["child ", "process ", "thread ", "pid ", "tid ", "Pid("] {
                for (at, _) in sentence.match_indices(word) {
                    let after = &sentence[at + word.len()..];
                    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                    // A small number counts things; an id has at least three digits nearly always,
                    // and a smaller one is known by its role.
                    if digits > 2 {
                        ids.insert(&after[..digits]);
                    }
                }
            }
        }
    }
    ids
}

/// The lines with ids and addresses renamed in the order of their appearance.
fn renamed(lines: &[String]) -> Vec<String> {
    let ids = ids(lines);
    let mut names = BTreeMap::new();
    lines
        .iter()
        .map(|line| {
            let mut text = String::new();
            for part in parts(line) {
                let mut name = |kind: &str, it: &str| {
                    let next = names.len() + 1;
                    format!("{kind}{}", names.entry(it.to_owned()).or_insert(next))
                };
                match part {
                    Part::Integer(id) if ids.contains(id) => text += &name("#", id),
                    Part::Integer(number) => text += number,
                    Part::Address(address) => text += &name("@", address),
                    Part::Figure(_) => text += "~",
                    Part::Text(plain) => text += plain,
                }
            }
            spaces_folded(&text)
        })
        .collect()
}

/// The lines with ids, addresses and measured figures blanked.
pub fn anonymous(lines: &[String]) -> Vec<String> {
    let ids = ids(lines);
    lines
        .iter()
        .map(|line| {
            let text: String = parts(line)
                .into_iter()
                .map(|part| match part {
                    Part::Integer(id) if ids.contains(id) => "#",
                    Part::Integer(number) => number,
                    Part::Address(_) => "@",
                    Part::Figure(_) => "~",
                    Part::Text(plain) => plain,
                })
                .collect();
            spaces_folded(&text)
        })
        .collect()
}

/// The measured figures of a line.
pub fn figures(line: &str) -> Vec<f64> {
    let figure = |part| match part {
        Part::Figure(number) => number.replace(',', "").parse().ok(),
        _ => None,
    };
    parts(line).into_iter().filter_map(figure).collect()
}

/// A line with every number blanked, and every letter that stands alone: maps are drawn with them.
pub fn shape(line: &str) -> String {
    let text: String = parts(line)
        .into_iter()
        .map(|part| match part {
            Part::Integer(_) | Part::Figure(_) => "~",
            Part::Address(_) => "@",
            Part::Text(plain) => plain,
        })
        .collect();
    let is_letter = |word: &str| word.len() == 1 && word.as_bytes()[0].is_ascii_alphabetic();
    let words = text.split_whitespace().map(|word| if is_letter(word) { "·" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Columns are as wide as their figures need, so the number of spaces says nothing.
fn spaces_folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_measured_also_without_points() {
        let anonymous = |line: &str| anonymous(&lines(&[line]));
        let recorded = anonymous("[main 7] takes 53.8 times a task's (52.2 to 55.6)");
        assert_eq!(anonymous("[main 8] takes 153 times a task's (148 to 162)"), recorded);
        assert_eq!(figures("takes 3 (148 to 1,162)"), [148.0, 1162.0]);
        for counts in
            ["from 2 to 5", "(of 3 to come)", "(700) to 500", "(200 to 500 of them)", "(2 to 5)"]
        {
            assert!(!anonymous(counts)[0].ends_with('~'), "{counts}");
        }
        assert_eq!(figures("went from 2 to 5"), [0.0; 0]);
    }

    fn section(grade: Grade, lines: &[&str]) -> Section {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Section { name: "x".into(), grade, lines }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn exact_maps_ids_addresses_and_figures_and_nothing_else() {
        let recorded = section(
            Grade::Exact,
            &["x: Why?", "[parent   10] child 211 at 0x10 took 3.5 ms", "[child    211] 7 pages"],
        );
        let fresh = |id, pages| {
            lines(&[
                "x: Why?",
                "[parent   99] child 4243 at 0xff took 12 ms",
                &format!("[child  {id}] {pages} pages"),
            ])
        };
        assert_eq!(recorded.compare(&fresh(4243, 7)), Ok(()));
        assert!(recorded.compare(&fresh(4244, 7)).is_err(), "another process speaks");
        assert!(recorded.compare(&fresh(4243, 8)).is_err(), "a count differs");
        assert!(recorded.compare(&fresh(4243, 7)[..2]).is_err(), "a line is missing");
    }

    #[test]
    fn any_order_keeps_the_lines_and_the_order_that_is_demanded() {
        let grade = Grade::parse(r#"any-order "asks" before "answers""#).unwrap();
        let recorded =
            section(grade, &["x: Why?", "[a 100] asks", "[b 101] idles", "[c 102] answers"]);
        let ok = ["x: Why?", "[b 5] idles", "[a 7] asks", "[c 6] answers"];
        assert_eq!(recorded.compare(&lines(&ok)), Ok(()));
        let turned = ["x: Why?", "[b 5] idles", "[c 6] answers", "[a 7] asks"];
        assert!(recorded.compare(&lines(&turned)).is_err());
        let other = ["x: Why?", "[b 5] sleeps", "[a 7] asks", "[c 6] answers"];
        assert!(recorded.compare(&lines(&other)).is_err());
    }

    #[test]
    fn a_figure_from_100_on_is_printed_without_a_point_and_is_no_count() {
        let takes = |ratio: &str| {
            format!("[m 4711] takes {ratio} times as long, 5 of 300 (1.5 to {ratio})")
        };
        let recorded = section(Grade::Exact, &["x: Why?", &takes("54.9")]);
        assert_eq!(recorded.compare(&lines(&["x: Why?", &takes("296")])), Ok(()));
        assert!(recorded.compare(&lines(&["x: Why?", &takes("29")])).is_err());
        assert!(recorded.compare(&lines(&["x: Why?", &takes("many")])).is_err());
        let other = takes("54.9").replace("300", "299");
        assert!(recorded.compare(&lines(&["x: Why?", &other])).is_err());
        let large = section(Grade::Exact, &["x: Why?", &takes("296")]);
        assert_eq!(large.compare(&lines(&["x: Why?", &takes("54.9")])), Ok(()));
    }

    #[test]
    fn varies_keeps_its_phrases_and_most_shapes() {
        let recorded = section(
            Grade::Varies(vec!["updates were lost".into()]),
            &["x: Why?", "[main 7] 4711 updates were lost", "[main 7] odd run"],
        );
        let fresh = ["x: Why?", "[main 9] 3 updates were lost", "[main 9] another run"];
        assert_eq!(recorded.compare(&lines(&fresh)), Ok(()));
        assert!(recorded.compare(&lines(&["x: Why?", "[main 9] odd run"])).is_err());
        let strange = ["x: Why?", "[main 9] 3 updates were lost, now", "[main 9] b", "[main 9] c"];
        assert!(recorded.compare(&lines(&strange)).is_err());
        assert!(
            section(Grade::Varies(vec![]), &["x: Why?"]).compare(&lines(&["x: Why?"])).is_err()
        );
        let map = section(Grade::Varies(vec!["winner".into()]), &["winner:", "1/10  T  T  p"]);
        assert_eq!(map.compare(&lines(&["winner:", "1/10  P  t  p"])), Ok(()));
    }

    #[test]
    fn why_a_figure_decides_nothing_may_stand_in_its_place_and_nothing_else_may() {
        let recorded = section(
            Grade::Varies(vec!["on CPU".into()]),
            &["x: Why?", "[main 7] on CPU 1", "[one 7] 1.9 times as fast", "[two 7] 1.0 times"],
        );
        let busy = [
            "x: Why?",
            "[main 7] on CPU 1",
            "[one 7] not decided, others had the CPU",
            "[two 7] too noisy: it took 1.90 times itself, and more than",
            "[two 7]   one line is needed to say so",
        ];
        assert_eq!(recorded.compare(&lines(&busy)), Ok(()));
        let other =
            busy.map(|line| line.replace("not decided", "decided").replace("too noisy", "so"));
        assert!(recorded.compare(&other).is_err());
        assert!(recorded.compare(&lines(&busy[..1])).is_err(), "the phrase is missing");
        let exact = section(Grade::Exact, &["x: Why?", "[one 7] take 4 threads"]);
        let [question, _, _, noisy, goes_on] = busy;
        let more = [question, &noisy.replace("two", "one"), &goes_on.replace("two", "one"), ""];
        let with = |line: &str| exact.compare(&lines(&[&more[..3], &[line]].concat()));
        assert_eq!(with("[one 7] take 4 threads"), Ok(()));
        assert!(with("[one 7] take 5 threads").is_err());
    }

    #[test]
    fn a_transcript_survives_the_way_through_its_text() {
        let output = "a: One?\n[m 1] yes\n\nb: Two?\n[m 1] no\n\n\"A statement.\"\n  holds: so\n";
        let made = Transcript::of_output("p", output, &["a".into(), "b".into()]);
        let names: Vec<&str> = made.sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a", "b", VERDICTS]);
        let read = Transcript::parse(&made.text()).unwrap();
        assert_eq!(read.compare(output), Ok(()));
        assert!(read.compare(&output.replace("A statement", "Another")).is_err());
        assert!(read.compare("a: One?\n[m 1] yes\n").is_err());
    }
}
