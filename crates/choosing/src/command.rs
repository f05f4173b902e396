//! `choose`: asks, measures, and answers with reasons.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use lab::child::explain_io;
use lab::machine::allowed_cpus;
use serde_json::json;

use crate::answers::{Given, Kind, QUESTIONS, short};
use crate::decide::{self, Cost};
use crate::figures::{Figures, Line, Measured};
use crate::measure::{Sizes, measure, sampling};
use crate::reasons::{Recommendation, recommend};

/// The options, as a subcommand of another program or as the command of this one.
pub fn command(name: &'static str) -> Command {
    let options = QUESTIONS.iter().map(|question| {
        let value = match question.kind {
            Kind::Count | Kind::Rate => "N",
            Kind::Size => "SIZE",
            Kind::YesNo => "yes|no",
            Kind::Work => "waits|computes",
        };
        Arg::new(question.option).long(question.option).value_name(value).help(question.asks)
    });
    Command::new(name)
        .about("Recommend threads, processes, pools or async, from what they cost on this machine")
        .args(options)
        .arg(Arg::new("json").long("json").help("Print one JSON object").action(ArgAction::SetTrue))
}

/// Runs the command of `program` by itself: `arguments` are those after its name.
pub fn main(program: &'static str, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let fail = |status, error: String| {
        messages::complain(program, error);
        ExitCode::from(status)
    };
    let words = std::iter::once(OsString::from(program)).chain(arguments);
    match command(program).try_get_matches_from(negative_joined(words)) {
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
        Err(error) => {
            fail(2, format!("{} (--help shows the usage)", messages::usage_sentence(&error)))
        }
    }
}

/// The words of a command line, with a negative number such as -4M made part of the option before it:
/// it is a number that is too small, and no option that nobody knows.
pub fn negative_joined(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        let is_negative = matches!(word.as_encoded_bytes(), [b'-', b'0'..=b'9', ..]);
        match joined.last_mut() {
            Some(option) if is_negative && option.as_encoded_bytes().starts_with(b"--") => {
                option.push("=");
                option.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

/// Answers what the options ask for; `Err` inside is what was wrong with them.
pub fn choose(given: &ArgMatches) -> Result<Result<(), String>> {
    let mut asked = Given::nothing(allowed_cpus().len());
    let mut any = false;
    for question in QUESTIONS {
        if let Some(typed) = given.get_one::<String>(question.option) {
            any = true;
            if let Err(wrong) = asked.set(question, typed) {
                return Ok(Err(format!("--{}: {wrong}", question.option)));
            }
        }
    }
    let json = given.get_flag("json");
    if !any && !json && io::stdin().is_terminal() && io::stdout().is_terminal() {
        ask(&mut asked, &mut io::stdin().lock(), &mut io::stdout())?;
    }
    let answers = &asked.answers;
    let (memory, message, shared) = (answers.memory, answers.size, answers.shared);
    let sizes = Sizes { memory, message, shared, python: answers.python };
    let figures = measure(sampling(9, Duration::from_millis(2)), sizes)?;
    let found = recommend(answers, &figures);
    let text = match json {
        true => format!("{:#}\n", object(&asked, &figures, &found)),
        false => text(&asked, &found, &figures),
    };
    lab::narrate::print(&text)?;
    Ok(Ok(()))
}

/// Asks all questions; an empty line takes what stands in brackets. So does the end of input for all
/// that is left, and that is said.
fn ask(given: &mut Given, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<()> {
    writeln!(output, "Enter takes what stands in brackets.")?;
    for question in QUESTIONS {
        loop {
            write!(output, "{} [{}] ", question.asks, given.answers.get(question))?;
            output.flush()?;
            let mut typed = Vec::new();
            let read = input.read_until(b'\n', &mut typed).map_err(explain_io("read"));
            if read.context("standard input")? == 0 {
                let text = "No more answers: what is left is taken as listed at the end.";
                writeln!(output, "\n{text}\n")?;
                return Ok(());
            }
            match String::from_utf8_lossy(&typed).trim() {
                "" => break,
                typed => match given.set(question, typed) {
                    Ok(()) => break,
                    Err(wrong) => writeln!(output, "{}", messages::one_line(&wrong))?,
                },
            }
        }
    }
    writeln!(output)?;
    Ok(())
}

/// The recommendation in lines of at most 80 columns.
pub fn text(given: &Given, found: &Recommendation, measured: &Measured) -> String {
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
    text += "\nMeasured in CPU time, in turn on one CPU (p10 to p90):\n";
    for line in &found.measured {
        text += &format!("  {line}\n");
    }
    text += "\n                    CPUs:   starts messages      MiB  CPUs, p10 to p90\n";
    let possible = |cost: &&Cost| given.answers.can_spin() || !cost.model.spins();
    for cost in found.costs.iter().filter(possible) {
        let [all, starts, messages, mib] =
            [cost.cpus(), cost.starts, cost.messages, cost.mib].map(short);
        let name = cost.model.name();
        let each = given.answers.on_each();
        let spread = measured.spread(|figures| decide::cost(cost.model, &each, figures).cpus());
        let spread = spread.unwrap_or_default();
        let line = format!("  {name:<14} {all:>8} {starts:>8} {messages:>8} {mib:>8}  {spread}");
        text += &format!("{}\n", line.trim_end());
    }
    let taken = given.taken();
    if !taken.is_empty() {
        let taken = format!("Taken for want of an answer: {}.", taken.join(", "));
        text += &format!("\n{}\n", lab::wrapped(&taken, 80).trim_start());
    }
    if let Some(why) = measured.rough() {
        let rough = format!("Take the figures as rough: {why}.");
        text += &format!("\n{}\n", lab::wrapped(&rough, 80).trim_start());
    }
    text
}

/// The same for programs.
pub fn object(given: &Given, measured: &Measured, found: &Recommendation) -> serde_json::Value {
    let answered: serde_json::Map<_, _> =
        QUESTIONS.iter().map(|q| (q.option.to_owned(), json!(given.answers.get(q)))).collect();
    json!({
        "answers": answered,
        "taken": given.taken(),
        "machine": lab::machine::describe(),
        "figures": figures(&measured.figures),
        "low": figures(&measured.low),
        "high": figures(&measured.high),
        "doubt": measured.doubt,
        "busy": measured.busy,
        "recommendation": {
            "model": if found.choice.mix { "a mix" } else { found.choice.model.name() },
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
            "cpus_that_spin": cost.spinning,
            "mib": cost.mib,
        })).collect::<Vec<_>>(),
    })
}

fn figures(figures: &Figures) -> serde_json::Value {
    let line =
        |line: Line| json!({ "fixed": line.fixed, "each": line.each, "measured_to": line.to });
    json!({
        "thread_us": figures.thread,
        "fork_us_by_mib": line(figures.fork),
        "program_us": figures.program,
        "thread_task_us": figures.thread_task,
        "process_task_us": figures.process_task,
        "event_us": figures.event,
        "pipe_us_by_kib": line(figures.pipe),
        "shared_us_by_kib": line(figures.shared),
        "there_and_back": figures.there_and_back.map(|sent| {
            json!({ "bytes": sent.bytes, "us": sent.took })
        }),
        "thread_kib": figures.thread_kib,
        "thread_in_kernel_kib": figures.thread_in_kernel,
        "process_in_kernel_kib": figures.process_in_kernel,
        "process_kib_by_mib": line(figures.process_kib),
        "python_kib": figures.python_kib,
        "task_kib": figures.task_kib,
        "free_mib": figures.free_mib,
        "cpus": figures.cpus,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answers;
    use crate::eight::EIGHT;

    fn asked(typed: &str) -> (Given, String) {
        let (mut given, mut shown) = (Given::nothing(4), Vec::new());
        ask(&mut given, &mut typed.as_bytes(), &mut shown).unwrap();
        (given, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn enter_takes_the_defaults() {
        let (given, shown) = asked(&"\n".repeat(QUESTIONS.len()));
        assert_eq!(given.answers, Answers::default_for(4));
        assert!(QUESTIONS.iter().all(|question| shown.contains(question.asks)), "{shown}");
        assert!(!shown.contains("No more answers"), "{shown}");
    }

    #[test]
    fn the_end_of_input_takes_the_defaults_and_says_so() {
        for typed in ["", "1000\n", "1000\n8\n"] {
            let (given, shown) = asked(typed);
            assert!(shown.contains("No more answers"), "{shown}");
            let figures = Measured::made_up();
            let text = text(&given, &recommend(&given.answers, &figures), &figures);
            let told = text.split("Taken for want of an answer:").nth(1).unwrap();
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            for question in &QUESTIONS[typed.lines().count()..] {
                let option = format!("--{} {}", question.option, given.answers.get(question));
                assert!(told.contains(&option), "{option}: {told}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let (given, shown) = asked("many\n10k\n");
        assert_eq!(given.answers.starts, 10_000.0);
        assert!(shown.contains("'many' is not a number"), "{shown}");
    }

    #[test]
    fn what_is_no_text_is_asked_again_too() {
        let (mut given, mut shown) = (Given::nothing(4), Vec::new());
        ask(&mut given, &mut &b"\xff\n10k\n"[..], &mut shown).unwrap();
        assert_eq!(given.answers.starts, 10_000.0);
        assert!(String::from_utf8(shown).unwrap().contains("is not a number"));
    }

    #[test]
    fn what_contradicts_an_earlier_answer_is_asked_again() {
        let before = |option: &str| {
            "\n".repeat(QUESTIONS.iter().position(|it| it.option == option).unwrap())
        };
        let (given, shown) = asked(&format!("{}1M\n5M\n1M\n", before("shared")));
        assert_eq!([given.answers.shared, given.answers.written], [1048576.0; 2]);
        assert!(shown.contains("'5M' is more than the 1 MiB that all use"), "{shown}");
    }

    #[test]
    fn no_line_is_wider_than_80_columns() {
        let figures = Measured::made_up();
        for kind in 0..256 {
            for (at_once, messages) in [(2.0, 1e6), (2.0, 10.0), (10_000.0, 2e6)] {
                let mut given = Given::nothing(4);
                let a = &mut given.answers;
                (a.at_once, a.messages, a.waits, a.python) =
                    (at_once, messages, kind & 1 > 0, kind & 2 > 0);
                (a.trusted, a.input_trusted) = (kind & 4 == 0, kind & 8 == 0);
                (a.programs, a.crash_stays) = (kind & 16 > 0, kind & 32 > 0);
                a.machines = if kind & 64 > 0 { 3.0 } else { 1.0 };
                a.starts = if kind & 128 > 0 { 1e-4 } else { 2e4 };
                let text = text(&given, &recommend(&given.answers, &figures), &figures);
                let wide = text.lines().find(|line| line.chars().count() > 80);
                assert_eq!(wide, None);
            }
        }
        for case in EIGHT {
            let mut given = Given::nothing(4);
            given.answers = case.answers(4).unwrap();
            let text = text(&given, &recommend(&given.answers, &figures), &figures);
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn a_negative_number_belongs_to_its_option() {
        let joined = |typed: &str| {
            let words = negative_joined(typed.split(' ').map(OsString::from));
            words.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(joined("choose --memory -4M --json"), "choose --memory=-4M --json");
        assert_eq!(joined("choose -4 --size=1 -h"), "choose -4 --size=1 -h");
    }

    #[test]
    fn the_options_are_the_questions() {
        for case in EIGHT {
            let words = std::iter::once("choose").chain(case.options.split_whitespace());
            assert!(command("choose").try_get_matches_from(words).is_ok(), "{}", case.name);
        }
    }

    #[test]
    fn a_busy_machine_and_a_doubt_are_said() {
        let given = Given::nothing(4);
        let said =
            |measured: &Measured| text(&given, &recommend(&given.answers, measured), measured);
        let mut measured = Measured::made_up();
        assert!(!said(&measured).contains("Take the figures"));
        measured.busy = Some("the machine is busy: others took 94 % of its CPUs' time".to_owned());
        let busy = "\nTake the figures as rough: the machine is busy: others took 94 %";
        assert!(said(&measured).contains(busy), "{}", said(&measured));
        measured.doubt = Some("too noisy: a thread took 1.31 times itself".to_owned());
        assert!(said(&measured).contains("1.31 times"), "{}", said(&measured));
    }
}
