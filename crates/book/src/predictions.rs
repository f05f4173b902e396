//! Predictions: what a reader guesses before a run, and the facts that say whether it held.
//!
//! In a chapter a prediction is a comment with a question below it, so that the page reads well by
//! itself:
//!
//! ```text
//! <!-- predict: number, fork copy-on-write "faults while writing", within 1.1 -->
//! How many of the 1000 pages are copied while the child writes to them?
//!
//! <!-- predict: choice, pipes capacity "bytes that fit" -->
//! How many bytes fit?
//!
//! - fewer than 10,000 <!-- < 10000 -->
//! - more <!-- >= 10000 -->
//!
//! <!-- predict: order, creation-cost ladder -->
//! Which takes least?
//!
//! - a thread <!-- "thread" -->
//! - a process <!-- "fork" -->
//! ```
//!
//! A number holds if it differs from the fact by at most a factor (1, if none is given), a choice if
//! its condition is true of the fact, an order if the facts ascend. This puts all that into the page,
//! with the recorded values, and the theme's script makes a form of it.

use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use serde_json::{Value, json};

use crate::recorded::Recorded;

/// Runs after the links to the glossary, on every chapter.
pub struct Predictions;

const MARK: &str = "<!-- predict: ";

impl Preprocessor for Predictions {
    fn name(&self) -> &str {
        "predictions"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let recorded = Recorded::beside(&context.root);
        let mut fault = None;
        book.for_each_chapter_mut(|chapter| match with_forms(&chapter.content, &recorded) {
            Ok(content) => chapter.content = content,
            Err(error) => {
                fault.get_or_insert(error.context(chapter.name.clone()));
            }
        });
        fault.map_or(Ok(book), Err)
    }
}

/// One prediction, as a chapter asks for it.
#[derive(Debug)]
pub struct Prediction {
    pub kind: Kind,
    pub package: String,
    pub experiment: String,
    pub question: String,
}

/// How it is given, and judged.
#[derive(Debug)]
pub enum Kind {
    /// Differs from the fact by at most this factor.
    Number { fact: String, within: f64 },
    /// The options in words, each with what is true of the fact then.
    Choice { fact: String, options: Vec<(String, Condition)> },
    /// What is put in order in words, each with its fact.
    Order { items: Vec<(String, String)> },
}

/// What is true of a fact.
#[derive(Debug)]
pub enum Condition {
    /// `< 3`, `<= 3`, `> 3`, `>= 3`.
    Compared(&'static str, f64),
    /// `3..30`: from the first on, below the second.
    Between(f64, f64),
    /// `= true`, `= SIGSEGV`, `= 7`.
    Is(Value),
}

impl Condition {
    fn parse(text: &str) -> Result<Condition> {
        for comparison in ["<=", ">=", "<", ">"] {
            if let Some(bound) = text.strip_prefix(comparison) {
                let bound = bound.trim().parse();
                return Ok(Condition::Compared(comparison, bound.context("a bound is a number")?));
            }
        }
        if let Some(value) = text.strip_prefix('=') {
            let value = value.trim();
            return Ok(Condition::Is(serde_json::from_str(value).unwrap_or(json!(value))));
        }
        let (from, to) = text.split_once("..").with_context(|| format!("no condition: {text}"))?;
        let number = |text: &str| text.trim().parse().context("a bound is a number");
        Ok(Condition::Between(number(from)?, number(to)?))
    }

    /// As the page's script reads it: the comparison, then what is compared with.
    fn json(&self) -> Value {
        match self {
            Condition::Compared(comparison, bound) => json!([comparison, bound]),
            Condition::Between(from, to) => json!(["..", from, to]),
            Condition::Is(value) => json!(["=", value]),
        }
    }

    /// Whether it is true of the fact.
    #[cfg(test)]
    fn is_true_of(&self, fact: &Value) -> bool {
        let number = fact.as_f64().unwrap_or(f64::NAN);
        match self {
            Condition::Compared("<=", bound) => number <= *bound,
            Condition::Compared(">=", bound) => number >= *bound,
            Condition::Compared("<", bound) => number < *bound,
            Condition::Compared(_, bound) => number > *bound,
            Condition::Between(from, to) => (*from..*to).contains(&number),
            Condition::Is(value) => value == fact || value.as_f64() == Some(number),
        }
    }
}

impl Prediction {
    /// Reads the block that begins with the mark: the question, and the list below it.
    fn parse(block: &str) -> Result<Prediction> {
        let (mark, rest) = block
            .strip_prefix(MARK)
            .and_then(|block| block.split_once("-->"))
            .context("the comment does not end")?;
        let parts = split_outside_quotes(mark);
        let [kind, fact, more @ ..] = &parts[..] else { bail!("it names no fact") };
        let (names, fact) = fact.split_once('"').unwrap_or((fact, ""));
        let fact = fact.trim_end_matches('"').to_owned();
        let names: Vec<&str> = names.split_whitespace().collect();
        let [package, experiment] = names[..] else { bail!("it names no package, experiment") };
        let rest = rest.trim();
        let (question, list) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let items = list.trim().lines().filter(|line| !line.is_empty()).map(|line| {
            let item = line.strip_prefix("- ").context("it is no list of single lines")?;
            let (words, mark) = item.split_once("<!--").context("an item has no comment")?;
            let mark = mark.trim().strip_suffix("-->").context("a comment does not end")?;
            Ok((words.trim().to_owned(), mark.trim().to_owned()))
        });
        let kind = match (kind.as_str(), more) {
            ("number", []) => Kind::Number { fact, within: 1.0 },
            ("number", [within]) => {
                let factor = within.strip_prefix("within ").and_then(|it| it.parse().ok());
                let within = factor.filter(|it| *it >= 1.0).context("'within' is a factor")?;
                Kind::Number { fact, within }
            }
            ("choice", []) => {
                let option = |(words, condition): (String, String)| {
                    anyhow::Ok((words, Condition::parse(&condition)?))
                };
                let options =
                    items.map(|item| item.and_then(option)).collect::<Result<Vec<_>>>()?;
                ensure!(options.len() > 1, "a choice has two options or more");
                Kind::Choice { fact, options }
            }
            ("order", []) => {
                let named = |(words, fact): (String, String)| (words, fact.replace('"', ""));
                let items = items.map(|item| item.map(named)).collect::<Result<Vec<_>>>()?;
                ensure!(items.len() > 1, "an order has two items or more");
                Kind::Order { items }
            }
            (other, _) => bail!("there is no kind '{other}' of predictions like this"),
        };
        ensure!(!question.trim().is_empty(), "it asks nothing");
        Ok(Prediction {
            kind,
            package: package.to_owned(),
            experiment: experiment.to_owned(),
            question: question.to_owned(),
        })
    }

    /// The names of the facts that it is judged by.
    pub fn facts(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Number { fact, .. } | Kind::Choice { fact, .. } => vec![fact],
            Kind::Order { items } => items.iter().map(|(_, fact)| fact.as_str()).collect(),
        }
    }

    /// What the page's script needs to know.
    fn json(&self, recorded: &Recorded) -> Result<Value> {
        let facts = self.facts().into_iter();
        let facts = facts.map(|fact| recorded.fact(&self.package, &self.experiment, fact));
        let facts = facts.collect::<Result<Vec<Value>>>()?;
        let mut json = json!({
            "runs": format!("run/{}/{}", self.package, self.experiment),
            "facts": self.facts(),
            "recorded": facts.iter().map(|fact| &fact["value"]).collect::<Vec<_>>(),
            "unit": facts[0]["unit"],
        });
        let numbers = facts.iter().all(|fact| fact["value"].is_number());
        match &self.kind {
            Kind::Number { within, .. } => {
                ensure!(numbers, "'{}' is no number", self.facts()[0]);
                json["kind"] = json!("number");
                json["within"] = json!(within);
            }
            Kind::Choice { options, .. } => {
                json["kind"] = json!("choice");
                json["options"] = options.iter().map(|(_, condition)| condition.json()).collect();
            }
            Kind::Order { .. } => {
                ensure!(numbers, "one of {:?} is no number", self.facts());
                json["kind"] = json!("order");
            }
        }
        Ok(json)
    }

    /// The question and its list, without the comments.
    fn text(&self) -> String {
        let words: Vec<&str> = match &self.kind {
            Kind::Number { .. } => Vec::new(),
            Kind::Choice { options, .. } => options.iter().map(|(words, _)| &**words).collect(),
            Kind::Order { items } => items.iter().map(|(words, _)| &**words).collect(),
        };
        let list: String = words.iter().map(|words| format!("- {words}\n")).collect();
        format!("{}\n\n{list}", self.question)
    }
}

/// The parts between commas that stand in no quotes.
fn split_outside_quotes(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    });
    parts.map(|part| part.trim().to_owned()).collect()
}

/// Where the predictions of a chapter stand: the question's block, and that of the list below it. What
/// stands between fences is an example.
fn blocks(chapter: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let fenced = |at: usize| chapter[..at].matches("\n```").count() % 2 == 1;
    let starts = chapter.match_indices(MARK).map(|(at, _)| at);
    for start in starts.filter(|at| chapter[..*at].ends_with('\n') && !fenced(*at)) {
        let paragraph = |from: usize| {
            chapter[from..].find("\n\n").map_or(chapter.len(), |length| from + length + 1)
        };
        let mut end = paragraph(start);
        if chapter[end..].starts_with("\n- ") {
            end = paragraph(end + 1);
        }
        found.push(start..end);
    }
    found
}

/// The predictions of a chapter.
///
/// # Errors
///
/// If one is written otherwise than this module says.
#[cfg(test)]
pub fn of(chapter: &str) -> Result<Vec<Prediction>> {
    blocks(chapter).into_iter().map(|block| Prediction::parse(&chapter[block])).collect()
}

/// The chapter with what the script needs around each prediction.
fn with_forms(chapter: &str, recorded: &Recorded) -> Result<String> {
    let mut text = String::with_capacity(chapter.len());
    let mut copied = 0;
    for block in blocks(chapter) {
        let written = &chapter[block.clone()];
        let first = || written.lines().next().unwrap_or_default().to_owned();
        let prediction = Prediction::parse(written).with_context(first)?;
        let json = prediction.json(recorded).with_context(first)?.to_string();
        let json = json
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        text.push_str(&chapter[copied..block.start]);
        text.push_str(&format!(
            "<div class=\"prediction\" data-prediction=\"{json}\">\n\n{}\n</div>\n",
            prediction.text()
        ));
        copied = block.end;
    }
    text.push_str(&chapter[copied..]);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::build;

    #[test]
    fn each_prediction_of_the_book_is_judged_by_a_recorded_fact() {
        let root = build::find().unwrap();
        let recorded = Recorded::beside(&root);
        let (mut kinds, mut chapters) = (BTreeMap::new(), 0);
        for entry in fs::read_dir(root.join("src")).unwrap() {
            let path = entry.unwrap().path();
            let Ok(chapter) = fs::read_to_string(&path) else { continue };
            let predictions = of(&chapter).unwrap_or_else(|e| panic!("{}: {e:#}", path.display()));
            chapters += usize::from(!predictions.is_empty());
            for prediction in predictions {
                let json = prediction.json(&recorded).unwrap();
                *kinds.entry(json["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                if let Kind::Choice { options, .. } = &prediction.kind {
                    let fact = &json["recorded"][0];
                    let holding = options.iter().filter(|(_, is)| is.is_true_of(fact)).count();
                    assert_eq!(holding, 1, "{prediction:?}: the fact is {fact}");
                }
            }
        }
        assert!(chapters >= 6, "{chapters} chapters ask for predictions");
        assert!(kinds.len() == 3 && kinds.values().all(|count| *count > 1), "{kinds:?}");
    }

    #[test]
    fn a_prediction_is_a_comment_and_what_stands_below_it() {
        let chapter = "# X\n\n<!-- predict: number, p e \"a, b\", within 1.5 -->\nHow\nmany?\n\nText.\n\n\
            <!-- predict: choice, p e \"c\" -->\nWhich?\n\n- none <!-- < 1 -->\n- some <!-- 1..3 -->\n\nMore.\n";
        let found = of(chapter).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].question, found[0].facts()), ("How\nmany?", vec!["a, b"]));
        assert!(matches!(found[0].kind, Kind::Number { within: 1.5, .. }));
        assert_eq!(found[1].text(), "Which?\n\n- none\n- some\n");
        assert_eq!(&chapter[blocks(chapter)[1].end..], "\nMore.\n");
        let order =
            "\n<!-- predict: order, p e -->\nFirst?\n\n- a <!-- \"x\" -->\n- b <!-- \"y\" -->\n";
        assert!(of(&format!("x\n\n```markdown{order}```\n")).unwrap().is_empty(), "an example");
        assert_eq!(of(order).unwrap()[0].facts(), ["x", "y"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (written, said) in [
            ("number, p e \"f\", within 0 -->\nHow?", "'within' is a factor"),
            ("number, p \"f\" -->\nHow?", "no package, experiment"),
            ("number, p e \"f\" -->\n", "asks nothing"),
            ("guess, p e \"f\" -->\nHow?", "no kind 'guess'"),
            ("choice, p e \"f\" -->\nHow?\n\n- a <!-- < 1 -->", "two options"),
            ("choice, p e \"f\" -->\nHow?\n\n- a <!-- less -->\n- b", "no condition: less"),
            ("order, p e -->\nHow?\n\n- a <!-- \"x\" -->\n- b", "no comment"),
            ("number, p e \"f\"", "does not end"),
        ] {
            let error = format!("{:#}", of(&format!("\n{MARK}{written}\n")).unwrap_err());
            assert!(error.contains(said), "{written}: {error}");
        }
    }

    #[test]
    fn conditions_say_what_is_true() {
        let is =
            |condition: &str, fact: Value| Condition::parse(condition).unwrap().is_true_of(&fact);
        assert!(is("< 3", json!(2)) && !is("< 3", json!(3)) && is(">= 3", json!(3)));
        assert!(is("3..30", json!(3)) && !is("3..30", json!(30)) && !is("3..30", json!("x")));
        assert!(is("= SIGSEGV", json!("SIGSEGV")) && is("= true", json!(true)));
        assert!(is("= 7", json!(7.0)) && !is("= 7", json!("7")));
    }
}
