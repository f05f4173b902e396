//! The command line that every concept's program has.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgAction, Command};
use serde_json::json;

use crate::unavailable::explain_io;
use crate::{
    Destination, Effort, Evidence, Experiment, NoEvidence, Package, Run, Verdict, events, narrate,
    serve, supervise, wrapped,
};

/// Runs a concept's program: all its experiments, or those that are named.
pub fn main(package: &'static Package) -> ExitCode {
    serve(&[package]);
    match run(package, std::env::args_os().collect()) {
        Ok(status) => status,
        Err(error) => {
            messages::complain(package.name, format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn command(package: &Package) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
    };
    let file = |name: &'static str, help: &'static str| {
        let parser = clap::value_parser!(PathBuf);
        Arg::new(name).long(name).value_name("FILE").value_parser(parser).help(help)
    };
    Command::new(package.name)
        .about(package.about)
        .arg(Arg::new("experiment").num_args(0..).help("Experiments to run; all without any"))
        .arg(
            flag("list", "List the experiments and the questions they answer")
                .conflicts_with_all(["json", "evidence", "given", "full", "trace"]),
        )
        .arg(flag("json", "Print facts and verdicts as one JSON object instead of the story"))
        .arg(file("evidence", "Write facts and verdicts as JSON, beside the story"))
        .arg(file("given", "Judge with the evidence in FILE of what is not run").hide(true))
        .arg(flag("full", "Take the time that good figures need"))
        .arg(file(
            "trace",
            "Draw what happened when as FILE.svg, or write it for ui.perfetto.dev as FILE.json",
        ))
}

fn run(package: &'static Package, arguments: Vec<OsString>) -> Result<ExitCode> {
    let given = match command(package).try_get_matches_from(arguments) {
        Ok(given) => given,
        Err(error) if !error.use_stderr() => {
            narrate::print(&format!("{}\n", error.to_string().trim_end()))?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Ok(usage(package, &messages::usage_sentence(&error))),
    };
    let mut chosen: Vec<&Experiment> = Vec::new();
    for name in given.get_many::<String>("experiment").into_iter().flatten() {
        match package.experiments.iter().find(|experiment| experiment.name == name) {
            Some(experiment) => chosen.push(experiment),
            None => {
                let names = package.experiments.iter().map(|experiment| experiment.name);
                let hint = match similar(name, names) {
                    Some(known) => format!("did you mean '{known}'?"),
                    None => "--list shows them".to_owned(),
                };
                let error = format!("there is no experiment '{name}'; {hint}");
                return Ok(usage(package, &error));
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(package.experiments);
    }
    if given.get_flag("list") {
        let line = |e: &Experiment| format!("{:<18} {}\n", e.name, e.question);
        narrate::print(&chosen.into_iter().map(line).collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = given.get_one::<PathBuf>("trace")
        && !(is_called(path, "svg") || is_called(path, "json"))
    {
        // An experiment's name, or a file that is something else, is easily written there.
        let error = format!("--trace takes FILE.svg or FILE.json, not '{}'", path.display());
        return Ok(usage(package, &error));
    }
    let json = given.get_flag("json");
    // What cannot be kept is said before anything is run.
    let keep = given.get_one::<PathBuf>("evidence");
    let keep = keep.map(|path| Destination::open(path, "evidence", is_evidence)).transpose()?;
    let trace = given.get_one::<PathBuf>("trace").map(|path| begin_trace(path, package.name));
    let trace = trace.transpose()?;
    let effort = if given.get_flag("full") { Effort::Full } else { Effort::Normal };
    let run = Run {
        effort,
        limit: effort.limit(),
        quiet: json,
        colour: messages::is_coloured(&io::stdout()),
        trace: trace.as_deref(),
    };
    let path = |name: &str| given.get_one::<PathBuf>(name).map(PathBuf::as_path);
    let elsewhere = path("given").map(read_evidence).transpose()?.unwrap_or_default();
    let outcome = tell(package, &chosen, &run, json, &elsewhere, keep);
    if let Some(path) = &trace {
        end_trace(path)?;
    }
    outcome
}

fn usage(package: &Package, error: &str) -> ExitCode {
    messages::complain(package.name, format_args!("{error} (--help shows the usage)"));
    ExitCode::from(2)
}

/// The known name that a mistyped one is most like, if one is like it at all.
pub fn similar<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let by_likeness = known.map(|name| (strsim::jaro_winkler(typed, name), name));
    let (likeness, name) = by_likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.75).then_some(name)
}

fn tell(
    package: &'static Package,
    chosen: &[&Experiment],
    run: &Run<'_>,
    json: bool,
    elsewhere: &[(String, Result<Evidence, NoEvidence>)],
    keep: Option<Destination<'_>>,
) -> Result<ExitCode> {
    let mut found: Vec<(&str, Result<Evidence, NoEvidence>)> = Vec::new();
    let (mut failed, mut said) = (false, Vec::new());
    for (index, experiment) in chosen.iter().enumerate() {
        if !json {
            let gap = if index > 0 { "\n" } else { "" };
            let name = paint(run.colour, 1, experiment.name);
            narrate::print(&format!("{gap}{name}: {}\n", experiment.question))?;
        }
        let evidence = run.experiment(package.name, experiment);
        if let Err(without) = &evidence {
            // A low limit stops many experiments; it is said once.
            let why = without.why();
            let reason = why.strip_prefix(experiment.name).unwrap_or(why).trim_start_matches(": ");
            let new = !said.iter().any(|other| other == reason);
            match without {
                NoEvidence::Failed(_) if new => messages::complain(package.name, why),
                NoEvidence::Unavailable(_) if !json => {
                    let reason = if new { reason } else { "for the same reason" };
                    narrate::print(&verdict(run.colour, Verdict::Inconclusive, reason))?;
                }
                _ => {}
            }
            said.push(reason.to_owned());
            failed |= matches!(without, NoEvidence::Failed(_));
        }
        found.push((experiment.name, evidence));
    }
    let judged = package.judge(|name| {
        let here = found.iter().find(|(found, _)| *found == name).map(|(_, evidence)| evidence);
        let there = || elsewhere.iter().find(|(found, _)| found == name);
        let evidence = here.or_else(|| there().map(|(_, evidence)| evidence))?;
        Some(evidence.as_ref().map_err(Clone::clone))
    });
    failed |= judged.iter().any(|(_, judgement, _)| judgement.verdict == Verdict::Failed);
    if json || keep.is_some() {
        let object = json!({
            "package": package.name,
            "machine": crate::machine::describe(),
            "experiments": found.iter().map(|(name, evidence)| {
                let none = json!({ "facts": null });
                let mut object = evidence.as_ref().map_or(none, Evidence::to_json);
                object["name"] = json!(name);
                object["unavailable"] =
                    json!(reason(evidence, |e| matches!(e, NoEvidence::Unavailable(_))));
                object["error"] = json!(reason(evidence, |e| matches!(e, NoEvidence::Failed(_))));
                object
            }).collect::<Vec<_>>(),
            "claims": judged.iter().map(|(claim, judgement, _)| json!({
                "id": claim.id,
                "claim": claim.says,
                "cannot_turn": claim.cannot_turn,
                "verdict": judgement.verdict.words(),
                "expected": claim.expected.words(),
                "because": judgement.because,
            })).collect::<Vec<_>>(),
        });
        if let Some(keep) = keep {
            keep.write(&format!("{object:#}\n"))?;
        }
        if json {
            narrate::print(&format!("{object:#}\n"))?;
        }
    }
    if !json {
        for (claim, judgement, _) in &judged {
            let says = paint(run.colour, 1, &format!("\"{}\"", claim.says));
            let mut text = format!("\n{says}\n");
            text += &verdict(run.colour, judgement.verdict, &judgement.because);
            if judgement.verdict == Verdict::Caveat {
                text += &format!("  An expert would add:\n{}\n", wrapped(claim.nuance, width()));
            }
            narrate::print(&text)?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A verdict with its reason, as lines; the verdict's words in their colour.
fn verdict(colour: bool, verdict: Verdict, because: &str) -> String {
    let text = wrapped(&messages::one_line(&format!("{verdict}: {because}")), width());
    let words = verdict.words();
    format!("{}\n", text.replacen(words, &paint(colour, verdict.colour(), words), 1))
}

/// How wide verdicts are: as the terminal, but a line of more than 100 columns is hard to read.
fn width() -> usize {
    if io::stdout().is_terminal() { narrate::columns().min(100) } else { 80 }
}

/// The text with an SGR code, ECMA-48.
fn paint(colour: bool, code: u8, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Why there is no evidence, if it is for that kind of reason.
fn reason(evidence: &Result<Evidence, NoEvidence>, is_it: fn(&NoEvidence) -> bool) -> Option<&str> {
    evidence.as_ref().err().filter(|without| is_it(without)).map(NoEvidence::why)
}

/// What `--evidence` kept, by experiment.
fn read_evidence(path: &Path) -> Result<Vec<(String, Result<Evidence, NoEvidence>)>> {
    let text = std::fs::read(path)
        .map_err(explain_io("read"))
        .with_context(|| path.display().to_string())?;
    let object: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))?;
    let experiments = object["experiments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |one: &serde_json::Value| {
        let why = |key: &str| one[key].as_str().map(str::to_owned);
        let evidence = match (why("error"), why("unavailable")) {
            (Some(why), _) => Err(NoEvidence::Failed(why)),
            (None, Some(why)) => Err(NoEvidence::Unavailable(why)),
            (None, None) => Ok(Evidence::from_json(one)?),
        };
        Some((one["name"].as_str()?.to_owned(), evidence))
    };
    Ok(experiments.iter().filter_map(of).collect())
}

/// Empties the trace file, begins a JSON array in it, and lets this process and all that it starts
/// write there.
fn begin_trace(path: &Path, package: &str) -> Result<PathBuf> {
    // Reading a pipe to its end, to complete what is in it, would never end.
    ensure!(path.metadata().map_or(true, |file| file.is_file()), "{} is no file", path.display());
    Destination::open(path, "trace", is_trace)?.write("[\n")?;
    let path = path.canonicalize().with_context(|| format!("find {}", path.display()))?;
    let file = supervise::open_trace(&path).with_context(|| format!("open {}", path.display()))?;
    narrate::set_up(true, None, Some(file));
    events::package(package);
    Ok(path)
}

/// Whether a text begins as a trace of ours does, as events or drawn.
fn is_trace(text: &str) -> bool {
    let events = text.strip_prefix("[\n");
    events.is_some_and(|events| {
        events.is_empty() || events.starts_with("{\"") && events.contains("\"ph\":")
    }) || text.starts_with("<svg ") && text.contains("<title>What happened when in ")
}

/// Whether a text begins as what `--evidence` writes, or as what the book keeps of it.
fn is_evidence(text: &str) -> bool {
    let first = text.strip_prefix("{\n  \"").and_then(|rest| rest.split('"').next());
    matches!(first, Some("claims" | "experiments" | "package"))
}

/// Whether the file's name ends so, in small letters or capitals.
fn is_called(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

/// Completes the trace: events for viewers, or a picture if the file is called so. The trace of a
/// program that was killed is not completed, but viewers open it as well.
fn end_trace(path: &Path) -> Result<()> {
    let noted = std::fs::read(path)
        .map_err(explain_io("read"))
        .with_context(|| path.display().to_string())?;
    let events = trace::complete(trace::read(&String::from_utf8_lossy(&noted))?);
    let text = if is_called(path, "svg") {
        trace::Picture { roles: &[], whole: true, narrow: false }.svg(&events)?
    } else {
        trace::json(&events)
    };
    Destination::open(path, "trace", is_trace)?.write(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_known_again() {
        let drawn = "<svg xmlns=\"...\">\n<title>What happened when in parent 4</title>";
        for text in ["[\n", "[\n{\"args\":{},\"name\":\"born\",\"ph\":\"M\"},\n", drawn] {
            assert!(is_trace(text), "{text}");
        }
        for text in ["[\n  1\n]", "[1]", "{}", "<svg xmlns=\"...\"><title>My logo</title>"] {
            assert!(!is_trace(text), "{text}");
        }
        assert!(is_evidence("{\n  \"claims\": [],\n") && !is_evidence("{\n  \"name\": \"x\"\n}"));
    }

    #[test]
    fn what_a_list_would_not_heed_is_refused() {
        let package = Package {
            name: "x",
            about: "y",
            experiments: &[],
            claims: &[],
            roles: &[],
            breaks: "",
        };
        for other in [&["--json"][..], &["--full"], &["--evidence", "f"], &["--trace", "f.svg"]] {
            let words = [&["x", "--list"], other].concat();
            let error = command(&package).try_get_matches_from(words).unwrap_err();
            let said = messages::usage_sentence(&error);
            assert!(said.contains("'--list' cannot be used with '--"), "{said}");
        }
        assert!(command(&package).try_get_matches_from(["x", "--list", "one"]).is_ok());
    }

    #[test]
    fn a_mistyped_name_gets_a_guess() {
        let known = ["inherited-lock", "shared-offset"];
        assert_eq!(similar("inherited-lok", known.into_iter()), Some("inherited-lock"));
        assert_eq!(similar("offset", ["shared-memory"].into_iter()), None);
        assert_eq!(similar("x", [].into_iter()), None);
    }

    #[test]
    fn a_verdict_is_coloured_and_no_wider_than_its_lines() {
        let text = verdict(true, Verdict::Caveat, &"word ".repeat(40));
        assert!(text.starts_with("  \x1b[33mholds, with a caveat\x1b[0m: word"), "{text}");
        assert!(text.lines().skip(1).all(|line| line.len() <= 80));
    }
}
