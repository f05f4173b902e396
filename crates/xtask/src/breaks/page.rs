//! `breaks.md`: a package's breaks as its chapter includes them, each with the edit, the command,
//! the question and the recorded outcome.
//!
//! The line that opens a section declares the grade of its story, as in a transcript. The rest of
//! a section is the same in every run, but for figures.

use std::fmt::Write;
use std::fs;

use acceptance::transcript::{Grade, Section, Transcript, shape};
use anyhow::{Context, Result};
use breaks::Expect;
use lab::Verdict;

use super::difference::{Line, aligned};
use super::outcome::{Outcome, Shown, Tried};
use super::rounds::Of;
use super::show;
use crate::workspace::folder;

const OUTCOME: &str = "<details><summary>The outcome</summary>\n\n";
const STORY: &str = "```diff\n";
const FENCE: &str = "```\n";

/// A section of the page as it was recorded.
struct Recorded {
    grade: Grade,
    text: String,
}

/// The sections of the page of `package`, by the names of the breaks.
fn recorded(package: &str) -> Vec<(String, Recorded)> {
    let text = fs::read_to_string(path(package)).unwrap_or_default();
    let mut sections = Vec::new();
    for part in text.split("<!-- ANCHOR: ").skip(1) {
        let Some((opening, rest)) = part.split_once(" -->\n") else { continue };
        let (name, grade) = opening.split_once(" · ").unwrap_or((opening, ""));
        let Ok(grade) = Grade::parse(grade) else { continue };
        let text = rest.split("<!-- ANCHOR_END: ").next().unwrap_or_default().to_owned();
        sections.push((name.to_owned(), Recorded { grade, text }));
    }
    sections
}

fn path(package: &str) -> std::path::PathBuf {
    folder(package).join("breaks.md")
}

/// Writes the page of a package.
pub fn record(package: &str, tried: &[&Tried]) -> Result<()> {
    let before = recorded(package);
    let mut page = format!(
        "<!-- Made from crates/{package}/breaks.toml and a run by scripts/record {package}. -->\n"
    );
    for tried in tried {
        let name = &tried.one.name;
        let kept = before.iter().find(|(kept, _)| kept == name).map(|(_, kept)| &kept.grade);
        let grade = grade(tried, kept);
        let _ = write!(page, "\n<!-- ANCHOR: {name} · {} -->\n", grade.text());
        let _ = writeln!(page, "{}<!-- ANCHOR_END: {name} -->", section(tried)?.text());
    }
    let path = path(package);
    fs::write(&path, page).with_context(|| path.display().to_string())
}

/// The grade that a section had, or the strictest that all runs keep, beginning with that of the
/// experiment's transcript.
fn grade(tried: &Tried, kept: Option<&Grade>) -> Grade {
    let question = tried.before.story.first().cloned().unwrap_or_default();
    let Expect { lines, compile_error, .. } = &tried.one.expect;
    let phrases = match (compile_error, lines.is_empty()) {
        (Some(code), _) => return Grade::Varies(vec![code.clone()]),
        (None, true) => vec![question],
        (None, false) => lines.clone(),
    };
    let file = folder(&tried.package).join("transcript.txt");
    let transcript = Transcript::parse(&fs::read_to_string(&file).unwrap_or_default());
    let usual = transcript.ok().and_then(|transcript| {
        transcript.sections.into_iter().find(|s| s.name == tried.one.experiment).map(|s| s.grade)
    });
    let strictest = match usual {
        Some(Grade::Exact) | None => 0,
        Some(Grade::AnyOrder(_)) => 1,
        Some(Grade::Varies(_)) => 2,
    };
    let grades = [Grade::Exact, Grade::AnyOrder(Vec::new()), Grade::Varies(phrases)];
    let holds = |grade: &&Grade| {
        tried.stories.iter().all(|fresh| compare_stories(grade, &story(tried), fresh).is_ok())
    };
    let found = grades[strictest..].iter().find(holds).unwrap_or(&grades[2]).clone();
    // A grade that was set by hand is kept as long as it holds.
    match kept {
        Some(kept) if holds(&kept) => kept.clone(),
        _ => found,
    }
}

/// Compares what was seen of a break with its recorded section.
pub fn compare(tried: &Tried) -> Result<(), String> {
    let name = &tried.one.name;
    let sections = recorded(&tried.package);
    let Some((_, recorded)) = sections.iter().find(|(recorded, _)| recorded == name) else {
        return Err("breaks.md does not show it".to_owned());
    };
    let fresh = section(tried).map_err(|error| format!("{error:#}"))?;
    let Some(then) = recorded.text.strip_prefix(&fresh.head) else {
        return Err("breaks.md shows another edit or asks something else".to_owned());
    };
    let (lines, rest) = then.split_once(FENCE).ok_or("breaks.md: a story has no end")?;
    let rest = rest.strip_suffix(&fresh.tail).ok_or("breaks.md explains it otherwise")?;
    let story = |lines: &str| -> Vec<String> {
        let after = lines.lines().filter(|line| !line.starts_with('-'));
        after.map(|line| line.get(1..).unwrap_or_default().to_owned()).collect()
    };
    if let Some(code) = &tried.one.expect.compile_error {
        // Compilers of other versions say it in other words.
        return match lines.contains(code.as_str()) {
            true => Ok(()),
            false => Err(format!("breaks.md does not show {code}")),
        };
    }
    compare_stories(&recorded.grade, &story(lines), &story(&fresh.story))?;
    match same_changes(rest, &fresh.changes) {
        true => Ok(()),
        false => Err(format!("recorded {rest}\nchanged now {}", fresh.changes)),
    }
}

/// Whether two tables of facts and verdicts have the same rows, figures left aside. A verdict that is
/// inconclusive on one machine, or in one run, is not another one than what was found elsewhere.
fn same_changes(then: &str, now: &str) -> bool {
    let rows = |text: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
        rows.map(|row| row.split('|').map(|cell| shape(cell.trim_matches([' ', '*']))).collect())
            .collect()
    };
    let (then, now) = (rows(then), rows(now));
    let open = |cell: &String| cell == Verdict::Inconclusive.words();
    let row_of = |rows: &[Vec<String>], name: &String| {
        rows.iter().find(|row| row.first() == Some(name)).cloned()
    };
    then.iter().chain(&now).all(|row| {
        let pair = row.first().map(|name| (row_of(&then, name), row_of(&now, name)));
        match pair {
            Some((Some(was), Some(is))) => {
                was.len() == is.len()
                    && was.iter().zip(&is).all(|(was, is)| was == is || open(was) || open(is))
            }
            _ => row.iter().any(open),
        }
    })
}

fn compare_stories(grade: &Grade, then: &[String], now: &[String]) -> Result<(), String> {
    let section =
        Section { name: "story".to_owned(), grade: grade.clone(), lines: then.to_owned() };
    section.compare(now).map_err(|difference| {
        format!(
            "{difference}\n--- recorded\n{}\n--- printed\n{}\n---",
            then.join("\n"),
            now.join("\n")
        )
    })
}

/// The parts of a section.
struct Parts {
    /// The question, the command and the edit, up to the story.
    head: String,
    /// The story as a diff, or what the compiler said.
    story: String,
    /// Facts and verdicts.
    changes: String,
    /// The explanation.
    tail: String,
}

impl Parts {
    fn text(&self) -> String {
        let Parts { head, story, changes, tail } = self;
        format!("{head}{story}{FENCE}{changes}{tail}")
    }
}

/// What a break's experiment says.
fn story(tried: &Tried) -> Vec<String> {
    match &tried.outcome {
        Outcome::AsExpected(Shown::Ran { after, .. })
        | Outcome::Otherwise { shown: Some(Shown::Ran { after, .. }), .. } => after.story.clone(),
        Outcome::AsExpected(Shown::Refused(said)) => said.lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn section(tried: &Tried) -> Result<Parts> {
    let Tried { package, one, .. } = tried;
    let edit = show::edit_of(&Of { package: package.clone(), one: one.clone() })?.join("\n");
    let head = format!(
        "{}\n\n```diff\n@@ crates/{package}/{} @@\n{edit}\n```\n\n```console\n\
         $ cargo xtask break {package} {}\n```\n\n{OUTCOME}{STORY}",
        one.asks.trim(),
        one.file,
        one.name
    );
    let (mut lines, mut changes) = (String::new(), String::new());
    match &tried.outcome {
        Outcome::AsExpected(Shown::Ran { after, facts, verdicts }) => {
            for line in aligned(&tried.before.story, &after.story) {
                let _ = match line {
                    Line::Same(_, is) => writeln!(lines, " {is}"),
                    Line::Before(was) => writeln!(lines, "-{was}"),
                    Line::After(is) => writeln!(lines, "+{is}"),
                };
            }
            if !facts.is_empty() || !verdicts.is_empty() {
                changes += "\n| fact or statement | before | with the break |\n|---|---|---|\n";
            }
            for (name, was, is) in facts {
                let _ = writeln!(changes, "| {name} | {was} | {is} |");
            }
            for (was, is) in verdicts {
                let (was, now) = (&was.verdict, &is.verdict);
                let _ = writeln!(changes, "| *{}* | {was} | **{now}** |", is.claim);
            }
        }
        Outcome::AsExpected(Shown::Refused(said)) => {
            said.lines().for_each(|line| lines += &format!(" {line}\n"));
        }
        _ => {}
    }
    let tail = format!("\n{}\n\n</details>\n", one.because.trim());
    Ok(Parts { head, story: lines, changes, tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inconclusive_in_one_run_is_no_other_verdict() {
        let head = "\n| fact or statement | before | with the break |\n|---|---|---|\n";
        let table = |rows: &str| format!("{head}{rows}");
        let then =
            table("| ratio | 1.02 | 8.08 |\n| *It is faster.* | holds | **does not hold** |\n");
        let same = |now: &str| same_changes(&then, &table(now));
        assert!(same("| ratio | 1.03 | 6.20 |\n| *It is faster.* | holds | **does not hold** |\n"));
        let open = "| *It is faster.* | inconclusive here | **does not hold** |\n";
        assert!(same(&format!("| ratio | 1.03 | 6.20 |\n{open}")));
        assert!(!same(open));
        assert!(!same("| ratio | 1.03 | 6.20 |\n"));
        let other = "| ratio | 1.03 | 6.20 |\n| *It is faster.* | failed | **does not hold** |\n";
        assert!(!same(other));
        assert!(!same_changes(&then, ""));
        let more = "| *It is safer.* | holds | **inconclusive here** |\n";
        assert!(same_changes(&then, &format!("{then}{more}")));
        assert!(!same_changes(&then, &format!("{then}| *It is safer.* | holds | **failed** |\n")));
    }
}
