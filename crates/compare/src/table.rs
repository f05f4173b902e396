//! The classic table of process against thread, with figures in both columns.

use lab::{Evidence, Fact, Summary, Value, Verdict};
use serde_json::{Value as Json, json};

use crate::answer::{Answer, Found};
use crate::colour::Colour;

/// One row of the table: the figures by which its statements were judged.
pub struct Row {
    /// What the classic table calls it.
    pub name: &'static str,
    /// What was asked.
    pub question: &'static str,
    package: &'static str,
    /// Facts of the package: of the process, of the thread, and their paired ratio.
    facts: [&'static str; 3],
    claims: &'static [&'static str],
}

const fn row(
    name: &'static str,
    question: &'static str,
    package: &'static str,
    facts: [&'static str; 3],
    claims: &'static [&'static str],
) -> Row {
    Row { name, question, package, facts, claims }
}

/// Where there is nothing to divide.
const NO_RATIO: &str = "";

/// The rows.
pub const ROWS: &[Row] = &[
    row(
        "memory",
        "a write reaches the other",
        "address-space",
        ["process: other sees the write", "thread: other sees the write", NO_RATIO],
        &["own-address-space", "threads-share-memory"],
    ),
    row(
        "creation",
        "make one by fork, wait for its end",
        "creation-cost",
        ["fork", "thread", "fork / thread"],
        &["thread-creation-faster"],
    ),
    row(
        "communication",
        "CPU time of 16 MiB by the kernel, or a pointer",
        "ipc-cost",
        [
            "a large message through the kernel",
            "a large message as a pointer",
            "through the kernel / as a pointer",
        ],
        &["ipc-slower"],
    ),
    row(
        "overhead",
        "memory for each that sleeps",
        "memory-footprint",
        ["memory per forked process", "memory per thread", "memory: forked process / thread"],
        &["threads-lightweight"],
    ),
    row(
        "switching",
        "CPU time of a round trip on one CPU, much memory in use",
        "context-switch",
        [
            "working set: process at the largest",
            "working set: thread at the largest",
            "largest working set: process / thread",
        ],
        &["thread-switch-faster"],
    ),
    row(
        "crash impact",
        "survivors of a null write",
        "crash-isolation",
        ["process: survivors", "thread: survivors", NO_RATIO],
        &["process-crash-contained", "thread-crash-kills-process"],
    ),
    row(
        "use",
        "a variable that Python's task has set, seen by its caller",
        "spawn-join",
        ["python fork: variable after it", "python thread: variable after it", NO_RATIO],
        &["python-process-listing", "python-thread-listing"],
    ),
];

/// A row with its figures, and the verdict of the statements that it stands for.
pub struct Filled {
    /// The row itself.
    pub row: &'static Row,
    process: Option<Fact>,
    thread: Option<Fact>,
    ratio: Option<Fact>,
    /// The statements that it stands for: number and id.
    pub statements: Vec<(u32, &'static str)>,
    /// The worst verdict of its statements.
    pub verdict: Verdict,
    /// Its reason or caveat, in a few words.
    pub brief: String,
    /// How busy others kept the machine.
    pub busy: Option<String>,
}

/// The longest caveat or reason in a row.
const BRIEF: usize = 60;

/// Fills the rows that stand for one of the answers, from what was found.
pub fn fill(answers: &[Answer], found: &[Found]) -> Vec<Filled> {
    ROWS.iter()
        .filter_map(|row| {
            let answers: Vec<&Answer> =
                answers.iter().filter(|answer| row.claims.contains(&answer.entry.id)).collect();
            // Of two that are alike the first, whose caveat is shown.
            let worst = answers.iter().rev().max_by_key(|answer| weight(answer.verdict))?;
            let evidence: Vec<&Evidence> = found
                .iter()
                .filter(|found| found.package == row.package)
                .filter_map(|found| found.evidence.as_ref().ok())
                .collect();
            let [process, thread, ratio] = row.facts.map(|name| {
                evidence.iter().flat_map(|e| e.facts()).find(|fact| fact.name == name).cloned()
            });
            Some(Filled {
                row,
                process,
                thread,
                ratio,
                statements: answers
                    .iter()
                    .map(|answer| (answer.entry.number, answer.entry.id))
                    .collect(),
                verdict: worst.verdict,
                brief: shortened(worst.brief()),
                busy: answers.iter().find_map(|answer| answer.evidence.busy().map(str::to_owned)),
            })
        })
        .collect()
}

/// What stands in a row for several statements: a failure before a refutation, and that before what
/// could not be shown.
fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failed => 5,
        Verdict::DoesNotHold => 4,
        Verdict::Inconclusive => 3,
        Verdict::Caveat => 2,
        Verdict::Holds => 1,
        Verdict::Lexical => 0,
    }
}

/// At most so many characters as a row has room for, cut between words.
fn shortened(text: &str) -> String {
    if text.chars().count() <= BRIEF {
        return text.to_owned();
    }
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.chars().count() + word.chars().count() + 1 > BRIEF - 4 {
            break;
        }
        short += if short.is_empty() { "" } else { " " };
        short += word;
    }
    short.trim_end_matches([',', ';', ':']).to_owned() + " ..."
}

impl Filled {
    /// The row as lines of the table: the figures, what was asked, and the caveat or reason.
    pub fn lines(&self, colour: Colour) -> String {
        let [process, thread, ratio] = self.cells();
        let numbers: Vec<String> =
            self.statements.iter().map(|(number, _)| number.to_string()).collect();
        let verdict = colour.verdict(self.verdict);
        let mut text = format!(
            "{:<13}{process:>19}{thread:>17}{ratio:>8}  {verdict}\n  {}: {}{}\n",
            self.row.name,
            numbers.join(", "),
            self.row.question,
            self.spread().map_or(String::new(), |spread| format!(", {spread}"))
        );
        if !self.brief.is_empty() {
            text += &format!("  {}\n", self.brief);
        }
        text
    }

    /// The row's cells in words: process, thread, ratio.
    pub fn cells(&self) -> [String; 3] {
        let ratio =
            self.ratio.as_ref().map_or(String::new(), |ratio| format!("{} x", short(&ratio.value)));
        [cell(&self.process), cell(&self.thread), ratio]
    }

    /// How far the ratio spread, and whether a busy machine had to do with it.
    pub fn spread(&self) -> Option<String> {
        let samples = self.ratio.as_ref()?.samples?;
        let busy = self.busy.as_ref().map_or("", |_| " (busy)");
        let [p10, p90] = [samples.p10, samples.p90].map(|x| short(&Value::Number(x)));
        Some(format!("{p10} to {p90} x{busy}"))
    }

    /// Of cells such as "7 of 8" the shares, 0 to 1: of the process and of the thread.
    pub fn shares(&self) -> Option<[f64; 2]> {
        Some([share(self.process.as_ref()?)?, share(self.thread.as_ref()?)?])
    }

    /// The samples of the row's ratio.
    pub fn ratio_samples(&self) -> Option<Summary> {
        self.ratio.as_ref()?.samples
    }

    /// The row as JSON. The figures are facts, as those of the statements are.
    pub fn json(&self) -> Json {
        let fact = |fact: &Option<Fact>| fact.as_ref().map(Fact::json);
        json!({
            "name": self.row.name,
            "question": self.row.question,
            "process": fact(&self.process),
            "thread": fact(&self.thread),
            "ratio": fact(&self.ratio),
            "verdict": self.verdict.words(),
            "caveat": self.brief,
            "busy": self.busy,
            "claims": self.row.claims,
        })
    }
}

fn share(fact: &Fact) -> Option<f64> {
    let text = fact.value.to_string();
    let (some, all) = text.split_once(" of ")?;
    Some(some.parse::<f64>().ok()? / all.parse::<f64>().ok()?)
}

/// The line above the rows.
pub fn heading() -> String {
    format!("{:<13}{:>19}{:>17}{:>8}  verdict", "", "process", "thread", "ratio")
}

fn cell(fact: &Option<Fact>) -> String {
    match fact {
        None => "-".to_owned(),
        Some(fact) if fact.unit.is_empty() => fact.value.to_string(),
        Some(fact) => format!("{} {}", fact.value, fact.unit),
    }
}

/// A ratio with one digit behind the point, as long as that says something.
fn short(value: &Value) -> String {
    match value {
        Value::Number(number) if number.abs() < 100.0 => format!("{number:.1}"),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lab::sample::Comparison;

    use super::*;
    use crate::ledger::ledger;

    #[test]
    fn a_ratio_is_that_of_neighbours_and_not_of_the_two_columns() {
        let pairs = [[2.0, 1.0], [8.0, 2.0]];
        let compared = Comparison::paired(["fork", "thread"], "µs", &pairs).unwrap();
        let evidence = Evidence::new().compared("fork / thread", &compared);
        let entry = *ledger().iter().find(|entry| entry.id == "thread-creation-faster").unwrap();
        let answer = Answer {
            entry,
            experiments: vec!["table"],
            verdict: Verdict::Holds,
            because: String::new(),
            brief: None,
            evidence: evidence.clone(),
            turned_by: Vec::new(),
        };
        let found = Found {
            package: "creation-cost",
            experiment: "table",
            evidence: Ok(evidence),
            seconds: 0.0,
        };
        let rows = fill(&[answer], &[found]);
        assert_eq!(rows[0].cells(), ["5 µs", "1.50 µs", "3.0 x"]);
    }

    #[test]
    fn a_long_caveat_is_cut_between_words() {
        let short = shortened(&"word ".repeat(20));
        assert!(short.len() <= BRIEF && short.ends_with("word ..."), "{short}");
        assert_eq!(shortened("but not always"), "but not always");
    }

    #[test]
    fn what_could_not_be_shown_does_not_hide_a_refutation() {
        let mut all = Verdict::ALL;
        all.sort_by_key(|verdict| weight(*verdict));
        let [.., undecided, refuted, failed] = all;
        let worst = [Verdict::Inconclusive, Verdict::DoesNotHold, Verdict::Failed];
        assert_eq!([undecided, refuted, failed], worst);
    }

    #[test]
    fn a_row_divides_nothing_itself() {
        for [process, thread, ratio] in ROWS.iter().map(|row| row.facts) {
            assert!(ratio == NO_RATIO || ratio.contains(" / "), "{ratio} is paired by lab::sample");
            assert!(!process.contains(" / ") && !thread.contains(" / "), "{process}, {thread}");
        }
    }
}
