//! A scenario as a part of a page: its functions, how its schedules go, the shortest that goes wrong
//! as a table, and all its states as data for the script `book/theme/scheduler.js`.
//!
//! The part has no empty line, at which Markdown would take what follows for text.

use std::fmt::Write;

use anyhow::Result;
use lab::grouped;
use serde_json::{Value, json};

use crate::{Graph, Scenario, Schedules, State, Status, explore};

/// What the recorder writes, and a chapter includes.
///
/// # Errors
///
/// If the scenario cannot be explored, or does not go as it says.
pub fn fragment(scenario: &Scenario) -> Result<String> {
    let graph = explore(scenario)?;
    let schedules = graph.schedules()?;
    anyhow::ensure!(
        (schedules.wrong > 0) == scenario.goes_wrong,
        "scenario {}: {} of {} schedules go wrong",
        scenario.name,
        schedules.wrong,
        schedules.all
    );
    let mut html = String::new();
    let name = scenario.name;
    writeln!(html, r#"<section class="scheduler" aria-label="You are the scheduler: {name}">"#)?;
    let task = escaped(scenario.task);
    writeln!(html, r#"<p class="task">{task}</p>"#)?;
    html.push_str("<div class=\"threads\">\n");
    for (name, _, lines) in &graph.threads {
        writeln!(html, r#"<div class="thread"><p class="name">{}</p>"#, escaped(name))?;
        html.push_str("<ol class=\"lines\">\n");
        for line in lines {
            // Three columns stand side by side if lines begin further left.
            let text = line.trim_start();
            let indent = (line.len() - text.len()) / 2;
            writeln!(html, "<li>{:indent$}{}</li>", "", escaped(text))?;
        }
        html.push_str("</ol></div>\n");
    }
    html.push_str("</div>\n");
    let sentence = sentence(&schedules);
    match &schedules.shortest {
        Some(path) => {
            writeln!(html, r#"<details class="every"><summary>{sentence}</summary>"#)?;
            html.push_str(&table(&graph, path)?);
            html.push_str("</details>\n");
        }
        None => writeln!(html, r#"<p class="every">{sentence}</p>"#)?,
    }
    let data = data(&graph, &schedules).to_string().replace('<', "\\u003c");
    writeln!(html, r#"<script type="application/json">{data}</script>"#)?;
    html.push_str("</section>\n");
    Ok(html)
}

/// How many schedules there are, and how many go wrong.
fn sentence(schedules: &Schedules) -> String {
    let all = grouped(schedules.all);
    let switches = match schedules.switches {
        0 => "needs no switch".to_owned(),
        1 => "needs one switch".to_owned(),
        more => format!("needs {more} switches"),
    };
    match schedules.wrong {
        0 if schedules.all == 1 => "There is one schedule, and it goes well.".to_owned(),
        0 => format!("There are {all} schedules, and none of them goes wrong."),
        1 => format!("There are {all} schedules; one goes wrong. It {switches}."),
        wrong => format!(
            "There are {all} schedules; {} go wrong. One of them {switches}.",
            grouped(wrong)
        ),
    }
}

/// The steps of a schedule.
fn table(graph: &Graph, path: &[usize]) -> Result<String> {
    let mut html = String::from(
        "<table><thead><tr><th>Step</th><th>Thread</th><th>Runs</th><th>Then</th></tr></thead><tbody>\n",
    );
    let mut state = &graph.states[0];
    for (step, way) in path.iter().enumerate() {
        let next = state.next[*way];
        let (name, _, lines) = &graph.threads[next.thread];
        let line = lines[state.threads[next.thread].line].trim();
        let then = &graph.states[next.state];
        writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"line\">{}</td><td>{}</td></tr>",
            step + 1,
            escaped(name),
            escaped(line),
            escaped(&changes(graph, state, then, line))
        )?;
        state = then;
    }
    if let Some(end) = &state.end {
        writeln!(
            html,
            "<tr><td></td><td colspan=\"3\">{}</td></tr>",
            escaped(&capital(&end.says))
        )?;
    }
    html.push_str("</tbody></table>\n");
    Ok(html)
}

/// What a step has changed, in words; where it is nothing, what the line names stays as it was.
fn changes(graph: &Graph, before: &State, then: &State, line: &str) -> String {
    let mut said = Vec::new();
    for (index, name) in graph.shared.iter().enumerate() {
        let value = then.values[index].as_ref();
        if let Some(value) = value.filter(|_| before.values[index] != then.values[index]) {
            said.push(format!("{name} is {value}"));
        }
    }
    for (index, (name, ..)) in graph.threads.iter().enumerate() {
        let (was, is) = (&before.threads[index], &then.threads[index]);
        for (variable, value) in is.locals.iter().filter(|local| !was.locals.contains(local)) {
            said.push(format!("{name}'s {variable} is {value}"));
        }
        for lock in is.holds.iter().filter(|lock| !was.holds.contains(lock)) {
            said.push(format!("{name} holds {}", graph.shared[*lock]));
        }
        for lock in was.holds.iter().filter(|lock| !is.holds.contains(lock)) {
            said.push(format!("{name} lets go of {}", graph.shared[*lock]));
        }
    }
    let mut pairs = before.threads.iter().zip(&then.threads);
    let waits = pairs.any(|(was, is)| was.status != is.status && is.status == Status::Waits);
    if said.is_empty() && !waits {
        for (name, value) in graph.shared.iter().zip(&then.values) {
            if let Some(value) = value.as_ref().filter(|_| line.contains(name)) {
                said.push(format!("{name} is still {value}"));
            }
        }
    }
    for (index, (name, ..)) in graph.threads.iter().enumerate() {
        let (was, is) = (&before.threads[index], &then.threads[index]);
        if is.status != was.status {
            said.extend(match (is.status, is.waits) {
                (Status::Waits, Some(lock)) => {
                    Some(format!("{name} waits for {}", graph.shared[lock]))
                }
                (Status::Woken, _) => Some(format!("{name} is woken")),
                (Status::Ended, _) => Some(format!("{name} has ended")),
                (Status::Panicked, _) => Some(format!("{name} panics")),
                _ => None,
            });
        }
    }
    if said.is_empty() {
        said.push("nothing else changes".to_owned());
    }
    said.join("; ")
}

/// The states as the script reads them. Where a thread stands, and the values of what is shared, are
/// the same in many states, so each is listed once, and a state names it by its place in the list:
///
/// - `standings`: line, status, what it waits for or −1, locks held, variables
/// - `values`: of what is shared, null for what has none
/// - `states`: the threads' standings, the values, the ways on (thread, state, and who is woken, where
///   there is a choice), and, at an end, whether it is wrong and what it says
fn data(graph: &Graph, schedules: &Schedules) -> Value {
    let (mut standings, mut values) = (Vec::new(), Vec::new());
    let mut states = Vec::new();
    for state in &graph.states {
        let mut threads = Vec::new();
        for thread in &state.threads {
            let waits = thread.waits.map_or(-1, |lock| lock as i64);
            let status = thread.status as u8;
            let standing = json!([thread.line, status, waits, thread.holds, thread.locals]);
            threads.push(place(&mut standings, standing));
        }
        let next = state.next.iter().map(|next| match next.wakes {
            Some(woken) => json!([next.thread, next.state, woken]),
            None => json!([next.thread, next.state]),
        });
        let next = next.collect::<Vec<_>>();
        let values = place(&mut values, json!(state.values));
        states.push(match &state.end {
            Some(end) => json!([threads, values, next, end.wrong, end.says]),
            None => json!([threads, values, next]),
        });
    }
    json!({
        "threads": graph.threads.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
        "shared": graph.shared,
        "shortest": schedules.shortest,
        "standings": standings,
        "values": values,
        "states": states,
    })
}

/// The place of a value in a list, at whose end it is put if it is new.
fn place(list: &mut Vec<Value>, value: Value) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
