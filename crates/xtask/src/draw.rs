//! Draws a trace as a figure: one column for each thread, one row for each event, a bar for each
//! stretch of time, pale where the thread waits. Threads of one role that follow each other share a
//! column. Rows are in the order of time, not to its scale: a story of a microsecond and one of a
//! second are read in the same way.

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
    task: i64,
    text: String,
    phase: char,
}

/// A thread that tells something, or several of one role, one after the other.
struct Column {
    role: String,
    tasks: Vec<i64>,
    processes: Vec<i64>,
}

impl Column {
    fn name(&self) -> String {
        format!("{} {}", self.role, listed(&self.tasks))
    }
}

/// A stretch of time that has begun: where, and whether its thread waits meanwhile.
#[derive(Clone, Copy)]
struct Stretch {
    top: usize,
    waits: bool,
}

/// Draws the trace in `from` as SVG into `to`; the figure takes the colour of the text around it,
/// and tells its story in words too, for those who don't see it.
pub fn draw(from: &Path, to: &Path, roles: &[String]) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
    let svg = figure(&text, roles).with_context(|| from.display().to_string())?;
    fs::write(to, svg).with_context(|| to.display().to_string())
}

fn figure(trace: &str, roles: &[String]) -> Result<String> {
    let (threads, events) = read(trace, roles)?;
    ensure!(!events.is_empty(), "no thread tells anything in this trace");
    let width = MARGIN + threads.len() * COLUMN;
    let start = events[0].microseconds;
    let (mut body, mut story) = (String::new(), Vec::new());
    let mut open: Vec<Vec<Stretch>> = vec![Vec::new(); threads.len()];
    let mut spoke_at = vec![0; threads.len()];
    let mut tasks: Vec<i64> = threads.iter().map(|thread| thread.tasks[0]).collect();
    let mut y = 3 * LINE;
    for event in &events {
        let x = MARGIN + event.column * COLUMN;
        if tasks[event.column] != event.task {
            // What the one before has not ended, its own end has.
            while let Some(stretch) = open[event.column].pop() {
                bar(&mut body, x + 6 * open[event.column].len(), stretch, y);
            }
            tasks[event.column] = event.task;
        }
        match event.phase {
            'B' => {
                // The stretch begins with the sentence that announced it.
                let waits = ["waits", "wants"].iter().any(|it| event.text.starts_with(it));
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
        let who = escaped(&format!("{} {}", threads[event.column].role, event.task));
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
    for (column, thread) in threads.iter().enumerate() {
        let x = MARGIN + column * COLUMN;
        let (name, process) = (escaped(&thread.name()), listed(&thread.processes));
        let _ = writeln!(
            heads,
            r#"<text x="{x}" y="{LINE}" font-weight="bold">{name}</text><text x="{x}" y="{}" opacity="0.8">process {process}</text>"#,
            2 * LINE
        );
    }
    let told: Vec<String> = threads.iter().map(Column::name).collect();
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

/// The threads of these roles that tell something, with their processes, by first appearance, and
/// the events in the order of time. Without roles all are read but `main`, who tells the story.
fn read(trace: &str, roles: &[String]) -> Result<(Vec<Column>, Vec<Event>)> {
    // The trace of a program that was killed lacks its end.
    let whole = trace.trim_end().trim_end_matches(']').trim_end().trim_end_matches(',');
    let all: Vec<Value> =
        serde_json::from_str(&format!("{whole}]")).context("this is not a trace")?;
    let role = |event: &Value| event["cat"].as_str().unwrap_or_default().to_owned();
    // The process that only starts the experiment says so.
    let starter = all.iter().find(|event| event["name"] == "started").map(|event| &event["pid"]);
    let drawn = |event: &&Value| match roles {
        [] => role(event) != "main",
        roles => roles.contains(&role(event)),
    };
    let mut told: Vec<&Value> = all
        .iter()
        .filter(|event| event["ph"] != "M" && Some(&event["pid"]) != starter)
        .filter(drawn)
        .collect();
    told.sort_by(|a, b| {
        a["ts"].as_f64().unwrap_or(0.0).total_cmp(&b["ts"].as_f64().unwrap_or(0.0))
    });
    let mut threads: Vec<Column> = Vec::new();
    let mut events = Vec::new();
    for (number, event) in told.iter().enumerate() {
        let task = event["tid"].as_i64().unwrap_or(0);
        let process = event["pid"].as_i64().unwrap_or(0);
        let known = threads.iter().position(|column| column.tasks.contains(&task));
        // A process's first thread also tells what became of the others, in their name.
        let of_role = threads.iter().position(|column| column.role == role(event));
        let told_of = of_role.filter(|&column| {
            task == process && known != of_role && threads[column].processes.contains(&process)
        });
        let ended = |column: &Column| {
            let mut later = told[number..].iter().filter_map(|event| event["tid"].as_i64());
            !later.any(|task| column.tasks.contains(&task))
        };
        let same_role = |column: &Column| column.role == role(event) && ended(column);
        let column =
            told_of.or(known).or_else(|| threads.iter().position(same_role)).unwrap_or_else(|| {
                let column = Column { role: role(event), tasks: vec![], processes: vec![] };
                threads.push(column);
                threads.len() - 1
            });
        let Column { tasks, processes, .. } = &mut threads[column];
        if told_of.is_none() && !tasks.contains(&task) {
            tasks.push(task);
        }
        if told_of.is_none() && !processes.contains(&process) {
            processes.push(process);
        }
        events.push(Event {
            microseconds: event["ts"].as_f64().context("an event has no time")?,
            column,
            task: if told_of.is_some() { *tasks.last().unwrap_or(&task) } else { task },
            text: event["name"].as_str().unwrap_or_default().to_owned(),
            phase: event["ph"].as_str().and_then(|phase| phase.chars().next()).unwrap_or('i'),
        });
    }
    Ok((threads, events))
}

/// Numbers of tasks, as a column's head shows them.
fn listed(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
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
        let svg = figure(TRACE, &[]).unwrap();
        for text in ["holder 2", "waiter 3", "holds &lt;A&gt;", "waits for A", "2.5 ms"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(
            svg.contains("<desc>0 µs, holder 2: holds &lt;A&gt;. 2.5 ms, waiter 3: waits for A.")
        );
        assert_eq!(svg.matches("<rect").count(), 2, "one ended, one did not: {svg}");
        let ended =
            format!("{TRACE}{{\"ph\":\"M\",\"name\":\"end\",\"pid\":0,\"tid\":0,\"args\":{{}}}}]");
        assert_eq!(figure(&ended, &[]).unwrap(), svg);
    }

    #[test]
    fn one_after_the_other_share_a_column() {
        let event = |time: u32, task: u32| {
            format!(
                "{{\"ph\":\"i\",\"ts\":{time},\"pid\":1,\"tid\":{task},\"cat\":\"reader\",\"name\":\"reads\"}},"
            )
        };
        let columns = |order: [u32; 4]| {
            let events: Vec<String> =
                (0..).zip(order).map(|(time, who)| event(time, who)).collect();
            figure(&format!("[{}", events.concat()), &[]).unwrap().matches("font-weight").count()
        };
        assert_eq!(columns([2, 2, 3, 3]), 1);
        assert_eq!(columns([2, 3, 2, 3]), 2);
    }

    #[test]
    fn what_is_not_a_trace_is_said() {
        assert!(figure("no trace", &[]).is_err());
        assert!(figure("[]", &[]).is_err());
    }
}
