//! Evidence: the named facts an experiment found, with their units.

use std::fmt;

use serde_json::{Map, Value as Json, json};

#[cfg(target_os = "linux")]
use crate::sample::Comparison;

/// What was found, as a number, a truth value or a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A count or a measured quantity, in the fact's unit.
    Number(f64),
    /// Whether something was observed.
    Truth(bool),
    /// A name, such as an errno or a signal.
    Text(String),
}

macro_rules! value_from {
    ($($kind:ty => $make:expr),* $(,)?) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Value { $make(value) }
        }
    )*};
}

value_from! {
    f64 => Value::Number,
    u32 => |n| Value::Number(f64::from(n)),
    i32 => |n| Value::Number(f64::from(n)),
    u64 => |n| Value::Number(n as f64),
    i64 => |n| Value::Number(n as f64),
    usize => |n| Value::Number(n as f64),
    bool => Value::Truth,
    String => Value::Text,
    &str => |text: &str| Value::Text(text.to_owned()),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) if n.fract() == 0.0 && n.abs() < 1e15 => write!(f, "{n:.0}"),
            Value::Number(n) if n.abs() >= 100.0 => write!(f, "{n:.0}"),
            Value::Number(n) if n.abs() >= 10.0 => write!(f, "{n:.1}"),
            Value::Number(n) => write!(f, "{n:.2}"),
            Value::Truth(true) => f.write_str("yes"),
            Value::Truth(false) => f.write_str("no"),
            Value::Text(text) => f.write_str(text),
        }
    }
}

/// Many measurements of one quantity: how many, and four order statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of samples.
    pub n: usize,
    /// The smallest sample.
    pub min: f64,
    /// A tenth of the samples is smaller.
    pub p10: f64,
    /// Half of the samples are smaller.
    pub median: f64,
    /// Nine tenths of the samples are smaller.
    pub p90: f64,
}

impl Summary {
    /// Sorts and summarises `samples`; `None` if there are none.
    pub fn of(mut samples: Vec<f64>) -> Option<Summary> {
        samples.sort_by(f64::total_cmp);
        let last = samples.len().checked_sub(1)?;
        let at = |share: f64| samples[(last as f64 * share).round() as usize];
        let middle = samples.len() / 2;
        let median = if samples.len().is_multiple_of(2) {
            (samples[middle - 1] + samples[middle]) / 2.0
        } else {
            samples[middle]
        };
        Some(Summary { n: samples.len(), min: samples[0], p10: at(0.1), median, p90: at(0.9) })
    }
}

impl Summary {
    /// Whether all but a tenth of the samples are at least `bound`.
    pub fn is_above(&self, bound: f64) -> bool {
        self.p10 >= bound
    }

    /// Whether all but a tenth of the samples are below `bound`.
    pub fn is_below(&self, bound: f64) -> bool {
        self.p90 < bound
    }

    /// For a table: p10, median and p90, such as `6.9/7.1/7.4`.
    pub fn three(&self) -> String {
        [self.p10, self.median, self.p90].map(|number| Value::Number(number).to_string()).join("/")
    }
}

impl fmt::Display for Summary {
    /// From the 10th to the 90th percentile: `6.9 to 7.4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", Value::Number(self.p10), Value::Number(self.p90))
    }
}

/// One finding. Its name is unique within its package.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// What was looked at.
    pub name: String,
    /// What was found; for samples, the median.
    pub value: Value,
    /// The unit of the value, empty for counts, truths and words.
    pub unit: String,
    /// The distribution, where the value is a median.
    pub samples: Option<Summary>,
}

/// Why a criterion could not be applied.
#[derive(Clone, Debug, PartialEq)]
pub enum Absent {
    /// The experiment said that this machine cannot show it.
    Declared {
        /// Why.
        why: String,
        /// Whether a busy machine can be the cause.
        noisy: bool,
    },
    /// The experiment ended without the fact: a failure, never an excuse.
    Undeclared(String),
}

/// A fact that could not be established.
#[derive(Clone, Debug, PartialEq)]
struct Missing {
    name: String,
    why: String,
    noisy: bool,
}

/// The facts of one experiment, and those it could not establish here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    facts: Vec<Fact>,
    missing: Vec<Missing>,
    busy: Option<String>,
}

impl Evidence {
    /// No facts yet.
    pub fn new() -> Evidence {
        Evidence::default()
    }

    /// Adds a count, a truth or a word.
    pub fn fact(self, name: &str, value: impl Into<Value>) -> Evidence {
        self.measured(name, value, "")
    }

    /// Adds a quantity in `unit`.
    pub fn measured(mut self, name: &str, value: impl Into<Value>, unit: &str) -> Evidence {
        self.facts.push(Fact {
            name: name.to_owned(),
            value: value.into(),
            unit: unit.to_owned(),
            samples: None,
        });
        self
    }

    /// Adds a sampled quantity in `unit`; its value is the median.
    pub fn sampled(mut self, name: &str, samples: Summary, unit: &str) -> Evidence {
        self.facts.push(Fact {
            name: name.to_owned(),
            value: Value::Number(samples.median),
            unit: unit.to_owned(),
            samples: Some(samples),
        });
        self
    }

    /// Adds a comparison: the ratio as the fact `name`, both sides and the control under their own
    /// names, and where it was measured. A ratio that is not to be trusted is missing with the
    /// reason, so that claims that turn on it are inconclusive; the sides are there all the same.
    #[cfg(target_os = "linux")]
    pub fn compared(mut self, name: &str, comparison: &Comparison) -> Evidence {
        self = match &comparison.doubt {
            None => self.sampled(name, comparison.ratio, ""),
            Some(why) => self.doubtful(name, why),
        };
        self = self.fact(&format!("{name}: measured"), comparison.place.as_str());
        // Several comparisons may have a side in common.
        let sides = comparison.sides.iter().map(|side| (side, comparison.unit.as_str()));
        for ((name, samples), unit) in sides.chain(comparison.control.iter().map(|c| (c, ""))) {
            if self.value(name).is_err() {
                self = self.sampled(name, *samples, unit);
            }
        }
        for ((side, _), switches) in
            comparison.sides.iter().zip(comparison.switches.iter().flatten())
        {
            self = self.sampled(&format!("{side}: switches each"), *switches, "switches");
        }
        self
    }

    /// Declares that this machine cannot show `name`, busy or not, and why.
    pub fn missing(mut self, name: &str, why: impl Into<String>) -> Evidence {
        self.missing.push(Missing { name: name.to_owned(), why: why.into(), noisy: false });
        self
    }

    /// Declares that `name` was looked at and is not to be trusted, and why: a figure swings, or
    /// something was not seen in time. A busy machine can be the cause.
    pub fn doubtful(mut self, name: &str, why: impl Into<String>) -> Evidence {
        self.missing.push(Missing { name: name.to_owned(), why: why.into(), noisy: true });
        self
    }

    /// Adds everything that `other` found.
    pub fn merge(&mut self, other: Evidence) {
        self.facts.extend(other.facts);
        self.missing.extend(other.missing);
        self.busy = self.busy.take().or(other.busy);
    }

    /// How busy others kept the machine meanwhile, if so busy that it matters.
    pub fn busy(&self) -> Option<&str> {
        self.busy.as_deref()
    }

    /// Says that others kept the machine busy while this was found.
    pub fn while_busy(&mut self, why: Option<String>) {
        self.busy = why.or(self.busy.take());
    }

    /// The same without the figures that were sampled: each is doubtful.
    pub(crate) fn without_samples(&self) -> Evidence {
        let mut rest = Evidence { missing: self.missing.clone(), ..Evidence::new() };
        for fact in &self.facts {
            match fact.samples {
                Some(_) => rest = rest.doubtful(&fact.name, "it was sampled on a busy machine"),
                None => rest.facts.push(fact.clone()),
            }
        }
        rest.busy.clone_from(&self.busy);
        rest
    }

    /// The facts, in the order in which they were found.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The value of the fact `name`.
    pub fn value(&self, name: &str) -> Result<&Value, Absent> {
        if let Some(fact) = self.facts.iter().find(|fact| fact.name == name) {
            return Ok(&fact.value);
        }
        Err(match self.missing.iter().find(|missing| missing.name == name) {
            Some(Missing { why, noisy, .. }) => {
                Absent::Declared { why: why.clone(), noisy: *noisy }
            }
            None => Absent::Undeclared(format!("the fact `{name}` was not established")),
        })
    }

    /// The fact `name` as a number.
    pub fn number(&self, name: &str) -> Result<f64, Absent> {
        match self.value(name)? {
            Value::Number(number) => Ok(*number),
            other => Err(Absent::Undeclared(format!("`{name}` is not a number but {other}"))),
        }
    }

    /// The samples of the fact `name`.
    pub fn samples(&self, name: &str) -> Result<Summary, Absent> {
        self.value(name)?;
        let fact = self.facts.iter().find(|fact| fact.name == name);
        fact.and_then(|fact| fact.samples)
            .ok_or_else(|| Absent::Undeclared(format!("`{name}` was not sampled")))
    }

    /// The fact `name` as a truth value.
    pub fn truth(&self, name: &str) -> Result<bool, Absent> {
        match self.value(name)? {
            Value::Truth(truth) => Ok(*truth),
            other => Err(Absent::Undeclared(format!("`{name}` is not yes or no but {other}"))),
        }
    }

    /// The fact `name` as a word.
    pub fn text(&self, name: &str) -> Result<&str, Absent> {
        match self.value(name)? {
            Value::Text(text) => Ok(text),
            other => Err(Absent::Undeclared(format!("`{name}` is not a word but {other}"))),
        }
    }

    /// The facts as JSON: `name`, `value`, `unit`, and for samples `n`, `min`, `p10`,
    /// `median`, `p90`.
    pub fn facts_json(&self) -> Json {
        self.facts.iter().map(Fact::json).collect()
    }

    /// Everything as JSON, for the way from the experiment's process to its supervisor.
    pub fn to_json(&self) -> Json {
        let missing = self.missing.iter().map(|it| json!([it.name, it.why, it.noisy]));
        let missing: Json = missing.collect();
        json!({ "facts": self.facts_json(), "missing": missing, "busy": self.busy })
    }

    /// The reverse of [`Evidence::to_json`]; `None` if the text is not of that shape.
    pub fn from_json(json: &Json) -> Option<Evidence> {
        let facts = json["facts"].as_array()?.iter().map(fact_from_json).collect::<Option<_>>()?;
        let missing = json["missing"]
            .as_array()?
            .iter()
            .map(|it| {
                let (name, why) = (it[0].as_str()?.to_owned(), it[1].as_str()?.to_owned());
                Some(Missing { name, why, noisy: it[2].as_bool()? })
            })
            .collect::<Option<_>>()?;
        let busy = json["busy"].as_str().map(str::to_owned);
        Some(Evidence { facts, missing, busy })
    }
}

impl Fact {
    /// As JSON: `name`, `value`, `unit`, and for samples `n`, `min`, `p10`, `median`, `p90`.
    pub fn json(&self) -> Json {
        let mut object = Map::new();
        object.insert("name".into(), json!(self.name));
        object.insert(
            "value".into(),
            match &self.value {
                // A count is written as a count: 7, not 7.0.
                Value::Number(n) if n.fract() == 0.0 && n.abs() < 1e15 => json!(*n as i64),
                Value::Number(number) => json!(number),
                Value::Truth(truth) => json!(truth),
                Value::Text(text) => json!(text),
            },
        );
        object.insert("unit".into(), json!(self.unit));
        if let Some(samples) = self.samples {
            object.insert("n".into(), json!(samples.n));
            object.insert("min".into(), json!(samples.min));
            object.insert("p10".into(), json!(samples.p10));
            object.insert("median".into(), json!(samples.median));
            object.insert("p90".into(), json!(samples.p90));
        }
        Json::Object(object)
    }
}

fn fact_from_json(json: &Json) -> Option<Fact> {
    let value = match &json["value"] {
        Json::Number(number) => Value::Number(number.as_f64()?),
        Json::Bool(truth) => Value::Truth(*truth),
        Json::String(text) => Value::Text(text.clone()),
        _ => return None,
    };
    let samples = match json["n"].as_u64() {
        None => None,
        Some(n) => Some(Summary {
            n: n as usize,
            min: json["min"].as_f64()?,
            p10: json["p10"].as_f64()?,
            median: json["median"].as_f64()?,
            p90: json["p90"].as_f64()?,
        }),
    };
    Some(Fact {
        name: json["name"].as_str()?.to_owned(),
        value,
        unit: json["unit"].as_str()?.to_owned(),
        samples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_takes_the_middle_of_an_even_number_of_samples() {
        let summary = Summary::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.n, summary.min, summary.median), (4, 1.0, 2.5));
        assert_eq!(summary.three(), "1/2.50/4");
        assert_eq!(Summary::of(vec![]), None);
    }

    #[test]
    fn evidence_survives_the_way_through_json() {
        let evidence = Evidence::new()
            .fact("children", 2)
            .fact("lived", true)
            .measured("signal", "SIGSEGV", "")
            .sampled("fork", Summary::of(vec![1.0, 2.0, 3.0]).unwrap(), "µs")
            .missing("smt", "this CPU has no SMT")
            .doubtful("ratio", "too noisy");
        assert_eq!(Evidence::from_json(&evidence.to_json()), Some(evidence));
    }

    #[test]
    fn a_fact_nobody_declared_is_a_failure() {
        let evidence = Evidence::new().missing("smt", "no SMT").doubtful("ratio", "too noisy");
        let declared = |why: &str, noisy| Absent::Declared { why: why.to_owned(), noisy };
        assert_eq!(evidence.number("ratio"), Err(declared("too noisy", true)));
        assert_eq!(evidence.number("smt"), Err(declared("no SMT", false)));
        assert!(matches!(evidence.number("fork"), Err(Absent::Undeclared(_))));
    }
}
