//! A verdict with its counter-example as one page that needs nothing else: a table of the steps that
//! reads without a script, and with it a board per step to walk through by buttons or arrow keys.

use std::fmt::Write;

use explorer::report::{Failure, Place};
use explorer::walk::Walk;

use super::board::Picture;
use crate::escape::without_controls;
use crate::judge::{Finding, Judged, Verdict};
use crate::names::names;
use crate::show::{self, Sources, Style, line_of, told};

/// The most steps that are shown; of more, the last.
const STEPS: usize = 200;

/// How many lines of the source stand around the one that runs next.
const AROUND: usize = 2;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page. The execution is that of the check of this name.
pub fn page(verdict: &Verdict, execution: Option<(&str, &Walk)>, sources: Sources) -> String {
    let mut html = String::new();
    let name = &verdict.exercise;
    let state = if verdict.passed() { "passed" } else { "not yet" };
    let title = match verdict.obstacle {
        Some(_) => format!("{name}: not judged"),
        None => match show::run_again(verdict) {
            Some(again) => format!("{name}: {again}"),
            None => format!("{name}: {state}, {} of {} points", verdict.points(), verdict.possible),
        },
    };
    let title = escaped(&title);
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n"
    );
    if let Some(obstacle) = &verdict.obstacle {
        let _ =
            writeln!(html, "<pre tabindex=\"0\">{}</pre>", escaped(obstacle.message.trim_end()));
    }
    if !verdict.checks.is_empty() {
        checks(&mut html, &verdict.checks);
    }
    for judged in verdict.checks.iter().filter(|judged| !judged.passed) {
        for finding in &judged.findings {
            found(&mut html, judged, finding, sources);
        }
        if let Some((_, walk)) = execution.filter(|(check, _)| *check == judged.check) {
            steps(&mut html, walk, sources);
        }
        let again = judged.findings.iter().find_map(|it| Some((it, it.replay.as_ref()?)));
        if let Some((finding, replay)) = again {
            let command = escaped(&format!("cargo grade {name} --replay {replay}"));
            // What was run under no schedule has no steps.
            let play = ", or step by step with <code>--play</code>";
            let play = if finding.failure.is_some() { play } else { "" };
            let _ = writeln!(html, "<p>The same again: <code>{command}</code>{play}.</p>");
        }
    }
    if !verdict.passed() && !verdict.warnings.is_empty() {
        let said = escaped(verdict.warnings.concat().trim_end());
        let _ = writeln!(html, "<h2>The compiler warns</h2>\n<pre tabindex=\"0\">{said}</pre>");
    }
    for (file, source) in sources {
        listing(&mut html, file, source);
    }
    let _ = write!(html, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    html
}

fn checks(html: &mut String, checks: &[Judged]) {
    html.push_str("<table>\n<thead><tr><th>Check</th><th>Points</th><th>What is true if it passes</th></tr></thead>\n<tbody>\n");
    for judged in checks {
        let (mark, points) = if judged.passed { ("pass", judged.points) } else { ("FAIL", 0) };
        let word = judged.findings.first().map(|it| format!(" [{}]", it.word)).unwrap_or_default();
        let _ = writeln!(
            html,
            "<tr class=\"{mark}\"><th scope=\"row\">{mark} {}</th><td>{points}/{}</td><td>{}{}</td></tr>",
            escaped(&judged.check),
            judged.points,
            escaped(&judged.says),
            escaped(&word)
        );
    }
    html.push_str("</tbody>\n</table>\n");
}

fn found(html: &mut String, judged: &Judged, finding: &Finding, sources: Sources) {
    let heading = format!("{}: {}", judged.check, show::heading(&finding.word));
    let mut said = format!("{}\n", show::compared(finding));
    if let Some(failure) = &finding.failure {
        // Its steps have a table of their own.
        let failure = Failure { events: Vec::new(), ..Failure::clone(failure) };
        show::explain(&mut said, &failure, sources, Style { colour: false, width: 200 });
    }
    let _ = writeln!(
        html,
        "<h2>{}</h2>\n<pre class=\"said\" tabindex=\"0\">{}</pre>",
        escaped(&heading),
        escaped(said.trim_end())
    );
}

/// The execution: a board for each step, and the table of all steps.
fn steps(html: &mut String, walk: &Walk, sources: Sources) {
    let names = names(&walk.resources, sources);
    let first = walk.moments.len().saturating_sub(STEPS + 1);
    let last = walk.moments.len().saturating_sub(1);
    let threads = walk.standing(last).len();
    html.push_str("<section class=\"walk\" aria-label=\"The execution, step by step\">\n");
    html.push_str(
        "<p class=\"controls\" hidden=\"\"><button type=\"button\" class=\"back\">Back</button> \
         <button type=\"button\" class=\"next\">Next</button> \
         <button type=\"button\" class=\"first\">Beginning</button> \
         <button type=\"button\" class=\"last\">End</button> \
         <span class=\"where\" role=\"status\"></span></p>\n",
    );
    for index in first..=last {
        let (standing, moment) = (walk.standing(index), &walk.moments[index]);
        let picture = Picture { walk, standing: &standing, moment, names: &names };
        html.push_str("<div class=\"board\" hidden=\"\"><div class=\"threads\">\n");
        for number in 0..threads {
            let _ = write!(html, "<div class=\"thread\">");
            if let Some(it) = standing.get(number) {
                let state = picture.state(number, moment.ready.is_empty() && !walk.ended);
                let state = if state == "ran last" { String::new() } else { state };
                let _ = write!(
                    html,
                    "<p class=\"name\">{}</p><p>{}</p>",
                    escaped(&it.thread.name),
                    escaped(&state)
                );
                if let Some(at) = picture.place(number) {
                    around(html, at, sources);
                }
            }
            html.push_str("</div>\n");
        }
        let locks: Vec<String> = picture.locks().iter().map(|it| escaped(it)).collect();
        let _ = writeln!(html, "</div><p class=\"locks\">{}</p></div>", locks.join("<br/>"));
    }
    let earlier = walk.first + first;
    if earlier > 0 {
        let _ = writeln!(html, "<p>({earlier} earlier steps are left out.)</p>");
    }
    html.push_str("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All steps\">\n<table class=\"steps\">\n<thead><tr><th scope=\"col\">Step</th>");
    for it in walk.standing(last) {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escaped(&it.thread.name));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let mut done = walk.moments[first].events;
    for index in first + 1..=last {
        let moment = &walk.moments[index];
        let from = done.saturating_sub(walk.earlier);
        let to = moment.events.saturating_sub(walk.earlier).min(walk.events.len());
        done = moment.events;
        let _ = write!(
            html,
            "<tr data-step=\"{}\"><th scope=\"row\">{}</th>",
            index - first,
            walk.first + index
        );
        let events = walk.events.get(from..to).unwrap_or_default();
        for number in 0..threads {
            let mine = events.iter().filter(|event| event.thread == number);
            let mut said: Vec<String> = mine
                .map(|event| format!("{} {}", line_of(&event.place), told(event, &names)))
                .collect();
            let ran = walk.steps.thread((walk.first + index - 1) as u64) == Some(number);
            if said.is_empty() && ran {
                said.push(waits(walk, index, number, &names));
            }
            let said: Vec<String> = said.iter().map(|it| escaped(it.trim())).collect();
            let _ = write!(html, "<td>{}</td>", said.join("<br/>"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n<p class=\"note\">The numbers are lines of the file; with a c, of the checks.</p>\n</section>\n");
}

/// What a thread does in a step in which it comes to wait, or ends.
fn waits(walk: &Walk, index: usize, number: usize, names: &[String]) -> String {
    let standing = walk.standing(index);
    let moment = &walk.moments[index];
    let picture = Picture { walk, standing: &standing, moment, names };
    let state = if number < standing.len() { picture.state(number, true) } else { String::new() };
    let before = walk.standing(index.saturating_sub(1));
    if before.get(number).is_some_and(|it| it.thread.at.is_none()) {
        return "begins".to_owned();
    }
    match state.starts_with("blocked") || state == "has ended" {
        true => state,
        false => "goes on".to_owned(),
    }
}

/// The lines of the source around a place.
fn around(html: &mut String, at: &Place, sources: Sources) {
    let Some((_, source)) = sources.iter().find(|(name, _)| *name == at.file) else { return };
    let line = at.line as usize;
    html.push_str("<pre tabindex=\"0\">");
    let lines = source.lines().enumerate().map(|(index, text)| (index + 1, text));
    for (number, text) in lines.filter(|(number, _)| number.abs_diff(line) <= AROUND) {
        let place = Place { line: number as u32, ..at.clone() };
        let text = format!("{:>4} {text}", line_of(&place));
        let text = escaped(&text);
        let _ = match number == line {
            true => writeln!(html, "<mark>{text}</mark>"),
            false => writeln!(html, "{text}"),
        };
    }
    html.push_str("</pre>");
}

fn listing(html: &mut String, file: &str, source: &str) {
    let _ = write!(html, "<details><summary>{}</summary>\n<pre tabindex=\"0\">", escaped(file));
    for (index, line) in source.lines().enumerate() {
        let _ = writeln!(html, "{:>4} {}", index + 1, escaped(line));
    }
    html.push_str("</pre>\n</details>\n");
}

/// Text that says nothing to a browser.
fn escaped(text: &str) -> String {
    let text = without_controls(text, false);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use explorer::report::{Kind, Thread};

    use super::*;
    use crate::play::game::walk_of;

    #[test]
    fn what_was_run_under_no_schedule_has_no_steps() {
        let finding = || Finding { replay: Some("one:1f".into()), ..Finding::new("wrong", "it") };
        let page_of = |failure: Option<Failure>, replayed| {
            let finding = Finding { failure: failure.map(Box::new), ..finding() };
            let judged =
                Judged { check: "one".into(), findings: vec![finding], ..Judged::default() };
            let warnings = vec!["warning: unused `Result`\n".to_owned()];
            let verdict =
                Verdict { checks: vec![judged], warnings, replayed, ..Verdict::default() };
            page(&verdict, None, &[])
        };
        let process = page_of(None, Some(crate::catalogue::Kind::Process));
        assert!(process.contains("--replay one:1f</code>.</p>"), "{process}");
        assert!(process.contains("this run fails") && !process.contains("--play"), "{process}");
        assert!(process.contains("warning: unused `Result`"), "{process}");
        let failure = Failure::plain(Kind::Race, String::new(), None);
        let explored = page_of(Some(failure), Some(crate::catalogue::Kind::Explored));
        assert!(
            explored.contains("this schedule fails") && explored.contains("<code>--play</code>")
        );
    }

    #[test]
    fn nothing_of_a_submission_is_obeyed_by_a_browser() {
        let hostile = "</pre><script>alert(1)</script>\" onload=\"x\u{1b}[2J";
        let place = Place { file: "it.rs".into(), line: 1, column: 1 };
        let event = explorer::report::Event {
            thread: 0,
            what: hostile.into(),
            resource: None,
            place: place.clone(),
        };
        let thread = Thread {
            name: hostile.into(),
            blocked: None,
            holds: Vec::new(),
            at: Some(place),
            ended: false,
        };
        let mut failure = Failure::plain(Kind::Race, hostile.into(), None);
        (failure.threads, failure.events) = (vec![thread], vec![event; STEPS + 50]);
        let walk = walk_of(&failure);
        let finding = Finding {
            word: "race".into(),
            message: hostile.into(),
            failure: Some(Box::new(failure)),
            replay: Some(hostile.into()),
        };
        let judged = Judged { check: "one".into(), findings: vec![finding], ..Judged::default() };
        let verdict = Verdict { exercise: "it".into(), checks: vec![judged], ..Verdict::default() };
        let html = page(&verdict, Some(("one", &walk)), &[("it.rs", hostile)]);
        assert_eq!(html.matches("<script>").count(), 1, "{html}");
        assert!(!html.contains("\" onload") && !html.contains('\u{1b}'));
        assert!(html.contains("(50 earlier steps are left out.)"));
        assert_eq!(html.matches("data-step=\"").count(), STEPS);
    }
}
