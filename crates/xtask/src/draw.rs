//! Draws a trace as a figure: one column for each thread, one row for each event, a bar for each
//! stretch of time, pale where the thread waits. Rows are in the order of time, not to its scale: a
//! story of a microsecond and one of a second are read in the same way.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Width of a column, and of a character, in pixels of the figure.
const COLUMN: usize = 210;
const CHARACTER: usize = 7;
/// Room for the times on the left, and height of a line of text.
const MARGIN: usize = 80;
const LINE: usize = 17;

/// One event: when, in which column, what is said there, and what it begins or ends.
struct Event {
    microseconds: f64,
    column: usize,
    text: String,
    phase: char,
}

/// A thread that tells something.
#[derive(Clone)]
struct Column {
    name: String,
    process: i64,
}

/// A stretch of time that has begun: where, and whether its thread waits meanwhile.
#[derive(Clone, Copy)]
struct Stretch {
    top: usize,
    waits: bool,
}

/// Draws the trace in `from` as SVG into `to`; the figure takes the colour of the text around it,
/// and tells its story in words too, for those who don't see it.
pub fn draw(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
    let svg = figure(&text).with_context(|| from.display().to_string())?;
    fs::write(to, svg).with_context(|| to.display().to_string())
}

fn figure(trace: &str) -> Result<String> {
    let (threads, events) = read(trace)?;
    ensure!(!events.is_empty(), "no thread tells anything in this trace");
    let width = MARGIN + threads.len() * COLUMN;
    let start = events[0].microseconds;
    let (mut body, mut story) = (String::new(), Vec::new());
    let mut open: Vec<Vec<Stretch>> = vec![Vec::new(); threads.len()];
    let mut spoke_at = vec![0; threads.len()];
    let mut y = 3 * LINE;
    for event in &events {
        let x = MARGIN + event.column * COLUMN;
        match event.phase {
            'B' => {
                // The stretch begins with the sentence that announced it.
                let waits = event.text.starts_with("waits");
                open[event.column].push(Stretch { top: spoke_at[event.column], waits });
                continue;
            }
            'E' => {
                if let Some(stretch) = open[event.column].pop() {
                    bar(&mut body, x + 6 * open[event.column].len(), stretch, y);
                }
                continue;
            }
            _ => {}
        }
        spoke_at[event.column] = y - LINE;
        let after = time(event.microseconds - start);
        let who = escaped(&threads[event.column].name);
        story.push(format!("{after}, {who}: {}.", escaped(&event.text)));
        let lines = lines(&event.text, (COLUMN - 40) / CHARACTER);
        let _ = writeln!(
            body,
            r#"<text x="{}" y="{y}" text-anchor="end" opacity="0.8">{}</text>"#,
            MARGIN - 12,
            after
        );
        for line in &lines {
            let _ = writeln!(body, r#"<text x="{}" y="{y}">{}</text>"#, x + 22, escaped(line));
            y += LINE;
        }
        y += LINE / 3;
    }
    for (column, stretches) in open.iter().enumerate() {
        // What nobody ended was ended by a signal, or lasts to the end of the story.
        for (depth, stretch) in stretches.iter().enumerate() {
            bar(&mut body, MARGIN + column * COLUMN + 6 * depth, *stretch, y);
        }
    }
    let mut heads = String::new();
    for (column, Column { name, process }) in threads.iter().enumerate() {
        let x = MARGIN + column * COLUMN;
        let name = escaped(name);
        let _ = writeln!(
            heads,
            r#"<text x="{x}" y="{LINE}" font-weight="bold">{name}</text><text x="{x}" y="{}" opacity="0.8">process {process}</text>"#,
            2 * LINE
        );
    }
    let told: Vec<&str> = threads.iter().map(|thread| thread.name.as_str()).collect();
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {y}\" width=\"{width}\" \
         role=\"img\" fill=\"currentColor\" font-size=\"12\">\n<title>What happened when in {}\
         </title>\n<desc>{}</desc>\n{heads}{body}</svg>\n",
        told.join(", "),
        story.join(" ")
    ))
}

/// A bar; a pale one where the thread waits.
fn bar(body: &mut String, x: usize, stretch: Stretch, bottom: usize) {
    let height = bottom.saturating_sub(stretch.top).saturating_sub(LINE / 2).max(LINE / 2);
    let top = stretch.top + LINE / 3;
    let opacity = if stretch.waits { "0.4" } else { "1" };
    let _ = writeln!(
        body,
        r#"<rect x="{x}" y="{top}" width="4" height="{height}" rx="2" opacity="{opacity}"/>"#
    );
}

/// The threads that tell something, with their processes, by first appearance, and the events in
/// the order of time.
fn read(trace: &str) -> Result<(Vec<Column>, Vec<Event>)> {
    // The trace of a program that was killed lacks its end.
    let whole = trace.trim_end().trim_end_matches(']').trim_end().trim_end_matches(',');
    let all: Vec<Value> =
        serde_json::from_str(&format!("{whole}]")).context("this is not a trace")?;
    let mut called = BTreeMap::new();
    for event in all.iter().filter(|event| event["name"] == "thread_name") {
        let name = event["args"]["name"].as_str().unwrap_or("?").to_owned();
        let process = event["pid"].as_i64().unwrap_or(0);
        called.entry(event["tid"].as_i64()).or_insert(Column { name, process });
    }
    let mut told: Vec<&Value> =
        all.iter().filter(|event| event["ph"] != "M" && event["cat"] != "main").collect();
    told.sort_by(|a, b| {
        a["ts"].as_f64().unwrap_or(0.0).total_cmp(&b["ts"].as_f64().unwrap_or(0.0))
    });
    let mut columns: Vec<Option<i64>> = Vec::new();
    let mut events = Vec::new();
    for event in told {
        let tid = event["tid"].as_i64();
        let column = columns.iter().position(|other| *other == tid).unwrap_or_else(|| {
            columns.push(tid);
            columns.len() - 1
        });
        events.push(Event {
            microseconds: event["ts"].as_f64().context("an event has no time")?,
            column,
            text: event["name"].as_str().unwrap_or_default().to_owned(),
            phase: event["ph"].as_str().and_then(|phase| phase.chars().next()).unwrap_or('i'),
        });
    }
    let nobody = Column { name: "?".to_owned(), process: 0 };
    let threads = columns.iter().map(|tid| called.get(tid).unwrap_or(&nobody).clone()).collect();
    Ok((threads, events))
}

/// The text in lines of at most `width` characters, where its words allow it.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

fn time(microseconds: f64) -> String {
    match microseconds {
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"[
{"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"holder 2"}},
{"ph":"i","ts":1.5,"pid":1,"tid":2,"cat":"holder","s":"t","name":"holds <A>"},
{"ph":"B","ts":1.6,"pid":1,"tid":2,"cat":"holder","name":"holds <A>"},
{"ph":"M","name":"thread_name","pid":1,"tid":3,"args":{"name":"waiter 3"}},
{"ph":"i","ts":2501.5,"pid":1,"tid":3,"cat":"waiter","s":"t","name":"waits for A"},
{"ph":"B","ts":2502,"pid":1,"tid":3,"cat":"waiter","name":"waits for A"},
{"ph":"E","ts":2600,"pid":1,"tid":2,"cat":"holder","name":""},
"#;

    #[test]
    fn a_trace_becomes_columns_and_bars() {
        let svg = figure(TRACE).unwrap();
        for text in ["holder 2", "waiter 3", "holds &lt;A&gt;", "waits for A", "2.5 ms"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(
            svg.contains("<desc>0 µs, holder 2: holds &lt;A&gt;. 2.5 ms, waiter 3: waits for A.")
        );
        assert_eq!(svg.matches("<rect").count(), 2, "one ended, one did not: {svg}");
        let ended =
            format!("{TRACE}{{\"ph\":\"M\",\"name\":\"end\",\"pid\":0,\"tid\":0,\"args\":{{}}}}]");
        assert_eq!(figure(&ended).unwrap(), svg);
    }

    #[test]
    fn what_is_not_a_trace_is_said() {
        assert!(figure("no trace").is_err());
        assert!(figure("[]").is_err());
    }
}
