//! `choose`: asks, measures, and answers with reasons.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use lab::machine::allowed_cpus;
use serde_json::json;

use crate::answers::{Answers, Kind, QUESTIONS, short};
use crate::figures::{Figures, measure, sampling};
use crate::reasons::{Recommendation, recommend};

/// The options, as a subcommand of another program or as the command of this one.
pub fn command(name: &'static str) -> Command {
    let options = QUESTIONS.iter().map(|question| {
        let value = match question.kind {
            Kind::Count => "N",
            Kind::Size => "SIZE",
            Kind::YesNo => "yes|no",
            Kind::Work => "waits|computes",
        };
        Arg::new(question.option).long(question.option).value_name(value).help(question.asks)
    });
    Command::new(name)
        .about("Recommend threads, processes, pools or async, from what they cost on this machine")
        .allow_negative_numbers(true)
        .args(options)
        .arg(Arg::new("json").long("json").help("Print one JSON object").action(ArgAction::SetTrue))
}

/// Runs the command of `program` by itself: `arguments` are those after its name.
pub fn main(program: &'static str, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let fail = |status, error: String| {
        let _ = writeln!(io::stderr(), "{program}: {error}");
        ExitCode::from(status)
    };
    let words = std::iter::once(OsString::from(program)).chain(arguments);
    match command(program).try_get_matches_from(words) {
        Ok(given) => match choose(&given) {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(usage)) => fail(2, format!("{usage} (--help shows the usage)")),
            Err(error) => fail(1, format!("{error:#}")),
        },
        Err(error) if !error.use_stderr() => {
            let text = format!("{}\n", error.to_string().trim_end());
            lab::narrate::print(&text)
                .map_or_else(|error| fail(1, format!("{error:#}")), |()| ExitCode::SUCCESS)
        }
        Err(error) => fail(2, format!("{} (--help shows the usage)", lab::usage_sentence(&error))),
    }
}

/// Answers what the options ask for; `Err` inside is what was wrong with them.
pub fn choose(given: &ArgMatches) -> Result<Result<(), String>> {
    let mut answers = Answers::default_for(allowed_cpus().len());
    let mut any = false;
    for question in QUESTIONS {
        if let Some(typed) = given.get_one::<String>(question.option) {
            any = true;
            if let Err(wrong) = answers.set(question, typed) {
                return Ok(Err(format!("--{}: {wrong}", question.option)));
            }
        }
    }
    let json = given.get_flag("json");
    if !any && !json && io::stdin().is_terminal() && io::stdout().is_terminal() {
        ask(&mut answers, &mut io::stdin().lock(), &mut io::stdout())?;
    }
    let figures = measure(sampling(9, Duration::from_millis(2)), answers.memory, answers.size)?;
    let found = recommend(&answers, &figures);
    let text = match json {
        true => format!("{:#}\n", object(&answers, &figures, &found)),
        false => text(&found, &figures),
    };
    lab::narrate::print(&text)?;
    Ok(Ok(()))
}

/// Asks all questions; an empty line takes what stands in brackets, and so does the end of input.
fn ask(answers: &mut Answers, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<()> {
    writeln!(output, "Enter takes what stands in brackets.")?;
    for question in QUESTIONS {
        loop {
            write!(output, "{} [{}] ", question.asks, answers.get(question))?;
            output.flush()?;
            let mut typed = String::new();
            if input.read_line(&mut typed)? == 0 {
                writeln!(output)?;
                return Ok(());
            }
            match typed.trim() {
                "" => break,
                typed => match answers.set(question, typed) {
                    Ok(()) => break,
                    Err(wrong) => writeln!(output, "{wrong}")?,
                },
            }
        }
    }
    writeln!(output)?;
    Ok(())
}

/// The recommendation in lines of at most 80 columns.
pub fn text(found: &Recommendation, figures: &Figures) -> String {
    let mut text = format!("Use {}.\n", found.choice.short);
    let parts = [
        ("Because", &found.because),
        ("The sums, with what was measured here just now", &found.sums),
        ("Against it", &found.against),
        ("What would turn it", &found.turns),
    ];
    for (head, lines) in parts {
        text += &format!("\n{head}:\n");
        for line in lines.iter() {
            let lines = lab::wrapped(line, 78).replace("\n", "\n  ");
            text += &format!("  - {}\n", lines.trim_start());
        }
    }
    text += "\n                    CPUs:   starts messages      MiB\n";
    for cost in &found.costs {
        let [all, starts, messages, mib] =
            [cost.cpus(), cost.starts, cost.messages, cost.mib].map(short);
        let name = cost.model.name();
        text += &format!("  {name:<14} {all:>8} {starts:>8} {messages:>8} {mib:>8}\n");
    }
    if let Some(doubt) = &figures.doubt {
        text += &format!("\nThe machine is busy, take the figures as rough: {doubt}.\n");
    }
    text
}

/// The same for programs.
pub fn object(answers: &Answers, figures: &Figures, found: &Recommendation) -> serde_json::Value {
    let answered: serde_json::Map<_, _> =
        QUESTIONS.iter().map(|q| (q.option.to_owned(), json!(answers.get(q)))).collect();
    let line = |line: crate::figures::Line| json!({ "fixed": line.fixed, "each": line.each });
    json!({
        "answers": answered,
        "machine": lab::machine::describe(),
        "figures": {
            "thread_us": figures.thread,
            "fork_us_by_mib": line(figures.fork),
            "program_us": figures.program,
            "thread_task_us": figures.thread_task,
            "process_task_us": figures.process_task,
            "event_us": figures.event,
            "pipe_us_by_kib": line(figures.pipe),
            "shared_us_by_kib": line(figures.shared),
            "thread_kib": figures.thread_kib,
            "process_kib_by_mib": line(figures.process_kib),
            "task_kib": figures.task_kib,
            "free_mib": figures.free_mib,
            "cpus": figures.cpus,
            "doubt": figures.doubt,
        },
        "recommendation": {
            "model": found.choice.model.map_or("a mix", crate::decide::Model::name),
            "use": found.choice.short,
            "because": found.because,
            "sums": found.sums,
            "against": found.against,
            "turns": found.turns,
        },
        "costs": found.costs.iter().map(|cost| json!({
            "model": cost.model.name(),
            "cpus": cost.cpus(),
            "cpus_for_starts": cost.starts,
            "cpus_for_messages": cost.messages,
            "mib": cost.mib,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eight::EIGHT;

    fn asked(typed: &str) -> (Answers, String) {
        let (mut answers, mut shown) = (Answers::default_for(4), Vec::new());
        ask(&mut answers, &mut typed.as_bytes(), &mut shown).unwrap();
        (answers, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn enter_and_the_end_of_input_take_the_defaults() {
        assert_eq!(asked("").0, Answers::default_for(4));
        let (answers, shown) = asked(&"\n".repeat(QUESTIONS.len()));
        assert_eq!(answers, Answers::default_for(4));
        assert!(QUESTIONS.iter().all(|question| shown.contains(question.asks)), "{shown}");
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let (answers, shown) = asked("many\n10k\n");
        assert_eq!(answers.starts, 10_000.0);
        assert!(shown.contains("'many' is not a number"), "{shown}");
    }

    #[test]
    fn no_line_is_wider_than_80_columns() {
        let figures = Figures::made_up();
        for case in EIGHT {
            let text = text(&recommend(&case.answers(4).unwrap(), &figures), &figures);
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn the_options_are_the_questions() {
        for case in EIGHT {
            let words = std::iter::once("choose").chain(case.options.split_whitespace());
            assert!(command("choose").try_get_matches_from(words).is_ok(), "{}", case.name);
        }
    }
}
