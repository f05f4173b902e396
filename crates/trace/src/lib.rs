//! What happened when, in which process and thread.
//!
//! Processes of an experiment append events and notes to one file, a line each, as they happen: none
//! knows the whole, and some are killed. [`complete`] makes a trace of it that keeps the rules of the
//! Trace Event Format (the JSON that Perfetto and chrome://tracing open): names, an order of lanes, a
//! slice for each life, ends for what was cut off, arrows with both ends. [`json()`] writes it, a
//! [`Picture`] draws it, [`violations`] says which rules a trace breaks.

mod check;
mod complete;
mod draw;
mod lanes;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

pub use check::violations;
pub use complete::complete;
pub use draw::{Picture, Row};

/// Category of the slice that a process or thread lives.
pub const LIFE: &str = "life";
/// Category of the slice that an experiment takes, in the process that has started it.
pub const EXPERIMENT: &str = "experiment";
/// Category of the event that tells how a life ended that something else has ended.
pub const END: &str = "end";
/// Category of a slice that no role tells of: a measurement.
pub const WORK: &str = "work";
/// Category of a slice that has no row in a picture: a wait for a child, a batch of a measurement.
pub const UNTOLD: &str = "untold";

/// Category of a counter: of page faults, of memory.
pub const COUNT: &str = "count";

/// The argument that tells how long a whole slice took, in nanoseconds.
const TOOK: &str = "took";

/// One event of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `B` and `E` for a slice, `X` for a whole one, `i` for an instant, `s` and `f` for the ends of
    /// an arrow, `C` for what a counter shows, `M` for metadata.
    pub phase: char,
    /// Nanoseconds on `CLOCK_MONOTONIC`.
    pub at: u64,
    /// The process.
    pub pid: i64,
    /// The thread, or a number that no thread has where a thread tells in several roles.
    pub tid: i64,
    /// The role of who tells it, or one of this crate's categories.
    pub category: String,
    /// What happens, in words.
    pub name: String,
    /// Which arrow an end belongs to; in a line that is not completed yet, a text.
    pub id: Option<Value>,
    /// What else is known of it.
    pub args: Map<String, Value>,
}

impl Event {
    /// An argument as a text.
    fn text(&self, key: &str) -> Option<&str> {
        self.args.get(key)?.as_str()
    }

    /// An argument as a number.
    fn number(&self, key: &str) -> Option<i64> {
        self.args.get(key)?.as_i64()
    }

    /// What a counter shows: its only argument.
    fn shown(&self) -> Option<i64> {
        self.args.values().next()?.as_i64()
    }

    fn of_json(json: &Value) -> Result<Event> {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let number =
            |key: &str| json[key].as_i64().with_context(|| format!("an event has no {key}"));
        let mut args = json["args"].as_object().cloned().unwrap_or_default();
        if let Some(took) = json.get("dur") {
            args.insert(TOOK.to_owned(), json!(nanoseconds(took)));
        }
        Ok(Event {
            phase: text("ph").chars().next().context("an event has no phase")?,
            at: nanoseconds(&json["ts"]),
            pid: number("pid")?,
            tid: number("tid")?,
            category: text("cat"),
            name: text("name"),
            id: json.get("id").cloned(),
            args,
        })
    }

    fn to_json(&self) -> Value {
        let mut json = json!({ "ph": self.phase.to_string(), "pid": self.pid, "tid": self.tid });
        json["name"] = json!(self.name);
        if self.phase != 'M' {
            json["ts"] = json!(self.at as f64 / 1e3);
            json["cat"] = json!(self.category);
        }
        if let Some(id) = &self.id {
            json["id"] = id.clone();
        }
        match self.phase {
            'i' => json["s"] = json!("t"),
            'f' => json["bp"] = json!("e"),
            _ => {}
        }
        if !self.args.is_empty() {
            json["args"] = Value::Object(self.args.clone());
        }
        json
    }
}

/// A time in microseconds, with three decimals, as nanoseconds.
fn nanoseconds(microseconds: &Value) -> u64 {
    (microseconds.as_f64().unwrap_or(0.0) * 1e3).round() as u64
}

/// Reads a trace, completed or not: that of a program that was killed lacks its end.
///
/// # Errors
///
/// If the text is no list of events.
pub fn read(text: &str) -> Result<Vec<Event>> {
    let whole = text.trim_end().trim_end_matches(']').trim_end().trim_end_matches(',');
    let whole = if whole.is_empty() { "[" } else { whole };
    let all: Vec<Value> =
        serde_json::from_str(&format!("{whole}]")).context("this is not a trace")?;
    all.iter().map(Event::of_json).collect()
}

/// A completed trace in the JSON array format, an event a line.
pub fn json(events: &[Event]) -> String {
    let lines: Vec<String> = events.iter().map(|event| event.to_json().to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}
