//! `diff A.json B.json`: where two machines differ, by more than the noise.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lab::child::explain_io;
use lab::{Value, Verdict, indented};
use serde_json::Value as Json;

use crate::machine;

/// Two runs of the comparison, and what became of what both measured.
pub struct Difference {
    /// What each run says about itself.
    pub runs: [Run; 2],
    /// Statements that both decided in the same way.
    pub same: usize,
    /// Statements that neither of them decided.
    pub neither: usize,
    /// Statements that both decided, and not in the same way.
    pub changed: Vec<Changed>,
    /// Statements that only one of them decided.
    pub undecided: Vec<Changed>,
    /// Statements that only one of them measured, or neither.
    pub alone: usize,
    /// Every sampled fact that both have.
    pub figures: Vec<Figure>,
    /// How many sampled facts only one of them has.
    pub lone_figures: usize,
}

/// What a run says about itself.
pub struct Run {
    /// The machine's description.
    pub machine: Json,
    /// Kernel and CPU.
    pub short: String,
    /// When, with what and how it was measured; older files do not say.
    pub occasion: Json,
    /// Why its figures may be disturbed.
    pub busy: Option<String>,
}

/// A statement and its verdicts on both machines.
pub struct Changed {
    /// Its number, if the file has it.
    pub number: Option<u64>,
    /// The statement.
    pub says: String,
    /// Verdict and reason on each.
    pub verdicts: [(String, String); 2],
}

/// A sampled fact of both machines.
pub struct Figure {
    /// The package and the fact.
    pub name: String,
    /// Empty for ratios.
    pub unit: String,
    /// Median, p10 and p90 on each.
    pub samples: [[f64; 3]; 2],
}

impl Figure {
    /// Whether the two spreads, from p10 to p90, do not meet: more than noise.
    pub fn differs(&self) -> bool {
        let [[_, low, high], [_, other_low, other_high]] = self.samples;
        high < other_low || other_high < low
    }

    /// One side in words: `10 µs (9 to 11)`.
    pub fn words(&self, side: usize) -> String {
        let [median, low, high] = self.samples[side].map(|n| Value::Number(n).to_string());
        let unit = if self.unit.is_empty() { "x" } else { &self.unit };
        format!("{median} {unit} ({low} to {high})")
    }
}

impl Difference {
    /// Compares two files.
    ///
    /// # Errors
    ///
    /// If one cannot be read, or is not what `--json` prints in this schema.
    pub fn read(a: &Path, b: &Path) -> Result<Difference> {
        Ok(Difference::of(&read(a)?, &read(b)?))
    }

    fn of(a: &Json, b: &Json) -> Difference {
        let mut found = Difference {
            runs: [run(a), run(b)],
            same: 0,
            neither: 0,
            changed: Vec::new(),
            undecided: Vec::new(),
            alone: 0,
            figures: Vec::new(),
            lone_figures: 0,
        };
        let id = |claim: &Json| claim["id"].as_str().map(str::to_owned);
        for claim in rows(a, "claims") {
            let other = rows(b, "claims").iter().find(|other| id(other) == id(claim));
            let Some(other) = other.filter(|other| measured(claim) && measured(other)) else {
                found.alone += usize::from(measured(claim) || other.is_some_and(measured));
                continue;
            };
            let verdicts =
                [claim, other].map(|claim| (text(&claim["verdict"]), text(&claim["because"])));
            let both = || Changed {
                number: claim["number"].as_u64(),
                says: text(&claim["claim"]),
                verdicts: verdicts.clone(),
            };
            match (decided(claim), decided(other)) {
                (false, false) => found.neither += 1,
                _ if verdicts[0].0 == verdicts[1].0 => found.same += 1,
                (true, true) => found.changed.push(both()),
                _ => found.undecided.push(both()),
            }
        }
        let only_b = rows(b, "claims").iter().filter(|claim| {
            measured(claim) && !rows(a, "claims").iter().any(|other| id(other) == id(claim))
        });
        found.alone += only_b.count();
        let (of_a, of_b) = (sampled(a), sampled(b));
        for (name, unit, first) in &of_a {
            let same = |(other, its, _): &&(String, String, _)| (other, its) == (name, unit);
            if let Some((_, _, second)) = of_b.iter().find(same) {
                let samples = [*first, *second];
                found.figures.push(Figure { name: name.clone(), unit: unit.clone(), samples });
            }
        }
        found.lone_figures = of_a.len() + of_b.len() - 2 * found.figures.len();
        found
    }

    /// How many figures differ by more than the noise.
    pub fn different(&self) -> usize {
        self.figures.iter().filter(|figure| figure.differs()).count()
    }

    /// What was measured on both and what became of it, in sentences.
    pub fn summary(&self) -> Vec<String> {
        let statements = |count: usize| match count {
            1 => "1 statement".to_owned(),
            count => format!("{count} statements"),
        };
        let both = self.same + self.neither + self.changed.len() + self.undecided.len();
        let mut said = vec![format!(
            "{} measured on both: {} with the same verdict, {} with another, {} decided on one of \
             them only.",
            statements(both),
            self.same,
            self.changed.len(),
            self.undecided.len()
        )];
        if self.neither > 0 {
            said.push(format!("{} decided on neither.", statements(self.neither)));
        }
        if self.alone > 0 {
            said.push(format!(
                "{} measured on one only, and not compared.",
                statements(self.alone)
            ));
        }
        said.push(format!(
            "{} of {} figures differ by more than the noise: their spreads, from p10 to p90, do not \
             meet.",
            self.different(),
            self.figures.len()
        ));
        if self.lone_figures > 0 {
            said.push(format!("{} figures stand in one file only.", self.lone_figures));
        }
        said
    }

    /// The two machines, the statements whose verdicts differ, and the figures that do, with their
    /// spread; with `all` every figure.
    pub fn text(&self, all: bool) -> String {
        let mut text = String::new();
        for (name, run) in ["a", "b"].iter().zip(&self.runs) {
            let busy = run.busy.as_ref().map_or(String::new(), |why| format!("; {why}"));
            let machine = indented(&format!("{}{busy}", run.short)).split_off(1);
            text += &format!("{name}:{machine}\n");
        }
        text.push('\n');
        for changed in self.changed.iter().chain(&self.undecided) {
            let number = changed.number.map_or(String::new(), |number| format!("{number}. "));
            text += indented(&format!("{number}{}", changed.says)).trim_start();
            text.push('\n');
            for (name, (verdict, because)) in ["a", "b"].iter().zip(&changed.verdicts) {
                let because =
                    if because.is_empty() { String::new() } else { format!(": {because}") };
                text += &format!("{}\n", indented(&format!("{name}: {verdict}{because}")));
            }
            text.push('\n');
        }
        for said in self.summary() {
            text += &format!("{}\n", indented(&said).trim_start());
        }
        let shown = |figure: &&Figure| all || figure.differs();
        for figure in self.figures.iter().filter(shown) {
            let mark = if figure.differs() { "differs" } else { "" };
            let (a, b) = (figure.words(0), figure.words(1));
            text += &format!("\n{}\n  {mark:<8}a {a:<32} b {b}\n", figure.name);
        }
        if !all && self.different() < self.figures.len() {
            text += match self.different() {
                0 => "\nNo figure differs; --all shows them.\n",
                _ => "\n--all shows those that do not differ, too.\n",
            };
        }
        text
    }
}

fn run(json: &Json) -> Run {
    Run {
        machine: json["machine"].clone(),
        short: machine::in_short(&json["machine"]),
        occasion: json["occasion"].clone(),
        busy: json["busy"]["because"].as_str().map(str::to_owned),
    }
}

/// Whether a program gave a verdict, of whatever kind.
fn measured(claim: &Json) -> bool {
    claim["verdict"] != Verdict::Failed.words()
}

fn decided(claim: &Json) -> bool {
    claim["verdict"] != Verdict::Inconclusive.words()
}

/// The sampled facts, each once, with the package that they are from, and their unit.
fn sampled(run: &Json) -> Vec<(String, String, [f64; 3])> {
    let mut all: Vec<(String, String, [f64; 3])> = Vec::new();
    for claim in rows(run, "claims") {
        for fact in rows(claim, "facts").iter().filter(|fact| fact["n"].is_u64()) {
            let name = format!("{}: {}", text(&claim["package"]), text(&fact["name"]));
            let [Some(median), Some(p10), Some(p90)] =
                ["median", "p10", "p90"].map(|key| fact[key].as_f64())
            else {
                continue;
            };
            if !all.iter().any(|(other, _, _)| *other == name) {
                all.push((name, text(&fact["unit"]), [median, p10, p90]));
            }
        }
    }
    all
}

/// No report is as long as this, and a device may have no end.
const LARGEST: u64 = 64 << 20;

fn read(path: &Path) -> Result<Json> {
    let name = path.display();
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    let length = read.map_err(explain_io("read")).with_context(|| name.to_string())?;
    ensure!(
        length as u64 <= LARGEST,
        "{name} is longer than anything that cargo run -q -- --json prints"
    );
    let json: Json =
        serde_json::from_slice(&text).with_context(|| format!("{name} is not JSON"))?;
    match json["schema"].as_u64() {
        Some(schema) if schema == u64::from(crate::SCHEMA) => Ok(json),
        Some(schema) => bail!(
            "{name} is in schema {schema} and this program reads schema {}: print it anew there by \
             cargo run -q -- --json",
            crate::SCHEMA
        ),
        None => bail!("{name} is not the output of cargo run -q -- --json"),
    }
}

fn rows<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(verdict: &str, median: f64) -> Json {
        json!({
            "machine": { "kernel": "6", "model": null }, "busy": { "because": "others worked" },
            "claims": [
                { "id": "x", "number": 7, "claim": "A statement.", "package": "p",
                  "verdict": verdict, "because": "it was so",
                  "facts": [{ "name": "fork", "value": median, "unit": "µs", "n": 9,
                              "p10": median - 1.0, "median": median, "p90": median + 1.0 }] },
                { "id": "y", "claim": "Another.", "verdict": "failed", "facts": [] },
            ],
        })
    }

    #[test]
    fn what_is_the_same_is_counted_and_what_nobody_measured_is_not() {
        let text = Difference::of(&run("holds", 10.0), &run("holds", 10.5)).text(false);
        assert!(
            text.contains("1 statement measured on both: 1 with the same verdict, 0"),
            "{text}"
        );
        assert!(!text.contains("on one only"), "{text}");
        assert!(text.contains("others worked"), "{text}");
        assert!(text.contains("0 of 1 figures differ"), "{text}");
        assert!(text.ends_with("\nNo figure differs; --all shows them.\n"), "{text}");
        assert!(!text.contains("p: fork"), "{text}");
        let all = Difference::of(&run("holds", 10.0), &run("holds", 10.5)).text(true);
        assert!(all.contains("p: fork\n") && !all.contains("--all"), "{all}");
    }

    #[test]
    fn what_differs_by_more_than_the_noise_is_marked() {
        let text = Difference::of(&run("holds", 10.0), &run("does not hold", 20.0)).text(false);
        assert!(
            text.contains("7. A statement.\n  a: holds: it was so\n  b: does not hold"),
            "{text}"
        );
        assert!(text.contains("1 of 1 figures differ"), "{text}");
        assert!(text.contains("differs a 10 µs (9 to 11)"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn figures_in_different_units_are_not_compared() {
        let (a, mut b) = (run("holds", 10.0), run("holds", 10.0));
        b["claims"][0]["facts"][0]["unit"] = json!("ns");
        let found = Difference::of(&a, &b);
        assert_eq!((found.figures.len(), found.lone_figures), (0, 2));
    }

    #[test]
    fn an_undecided_statement_is_no_other_verdict() {
        let found = Difference::of(&run("holds", 1.0), &run("inconclusive here", 1.0));
        assert_eq!((found.same, found.changed.len(), found.undecided.len()), (0, 0, 1));
        let neither = run("inconclusive here", 1.0);
        let found = Difference::of(&neither, &neither);
        assert_eq!((found.same, found.neither, found.undecided.len()), (0, 1, 0));
        assert!(found.text(false).contains("1 statement decided on neither."));
        let mut alone = run("holds", 1.0);
        alone["claims"] = json!([]);
        let found = Difference::of(&alone, &run("holds", 1.0));
        assert_eq!((found.alone, found.lone_figures, found.figures.len()), (1, 1, 0));
    }
}
