//! What the comparison prints: the table, statements at length, their counts, and how to go on.

use lab::{Summary, Verdict, indented};

use crate::Measured;
use crate::answer::Answer;
use crate::colour::Colour;
use crate::table::{self, Filled};

/// All of it. Statements that this machine could not show are always said, with the reason; the
/// others where they are wanted `at_length`.
pub fn tell(rows: &[Filled], measured: &Measured, at_length: bool) -> String {
    let colour = Colour::here();
    let mut text = format!("{}\n", lab::machine::one_line());
    if let Some(busy) = &measured.busy {
        text += &format!("{}\n", indented(busy).trim_start());
    }
    text.push('\n');
    if !rows.is_empty() {
        text += &format!("{}\n", table::heading());
        text.extend(rows.iter().map(|row| row.lines(colour)));
        text.push('\n');
    }
    for answer in &measured.answers {
        let unshown = matches!(answer.verdict, Verdict::Failed | Verdict::Inconclusive);
        if unshown || at_length {
            text += &statement(answer, colour);
        }
    }
    text += &counts(measured);
    if let Some(advice) = advice(rows) {
        text += &format!("{advice}\n");
    }
    text + &going_on(measured, at_length)
}

fn statement(answer: &Answer, colour: Colour) -> String {
    let Answer { entry, verdict, because, .. } = answer;
    // Broken into lines first: the colour has no width.
    let said = indented(&format!("{verdict}: {because}"));
    let said = said.replacen(verdict.words(), &colour.verdict(*verdict), 1);
    let title = indented(&format!("{}. {}", entry.number, entry.says));
    let mut text = format!("{}\n{said}\n", title.trim_start());
    if *verdict == Verdict::Caveat {
        text += &format!("{}\n", indented(entry.nuance));
    }
    text + "\n"
}

fn counts(measured: &Measured) -> String {
    let all = measured.answers.len();
    let counted: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| measured.count(**verdict) > 0)
        .map(|verdict| format!("{verdict}: {}", measured.count(*verdict)))
        .collect();
    let (s, seconds) = (if all == 1 { "" } else { "s" }, measured.seconds);
    let line = indented(&counted.join(" · "));
    format!("{all} statement{s} answered in {seconds:.1} s:\n{line}\n")
}

/// What to make of the figures, in a line.
fn advice(rows: &[Filled]) -> Option<String> {
    let row = |name: &str| rows.iter().find(|row| row.row.name == name);
    Some(what_to_do(row("crash impact")?.shares()?, row("creation")?.ratio_samples()?))
}

/// By the shares of processes and threads that survived a crash, and by a fork's cost in threads.
fn what_to_do([processes, threads]: [f64; 2], fork: Summary) -> String {
    if processes < 1.0 {
        return "So: a crash was not contained here; look at that first.".to_owned();
    }
    if threads > 0.0 {
        return "So: a crash ended no other thread here; look at that first.".to_owned();
    }
    let price = match fork {
        fork if fork.is_above(1.0) => format!("a fork = {:.1} threads", fork.median),
        fork if fork.is_below(1.0) => "a fork cost less than a thread".to_owned(),
        fork => format!("a fork = {fork} threads"),
    };
    format!("So: isolate what may crash ({price}), share data in threads.")
}

fn going_on(measured: &Measured, at_length: bool) -> String {
    let mut text = String::from("\n");
    let mut line = |what: &str, command: &str| text += &format!("{what:<20} {command}\n");
    if !at_length {
        line("Every statement:", "cargo run -q -- --verdicts");
    }
    let mut packages = measured.found.iter().map(|found| found.package);
    let package = packages.clone().find(|name| *name == "creation-cost").or(packages.next_back());
    if let Some(package) = package {
        line("One concept, shown:", &format!("cargo run -q -p {package}"));
    }
    line("Better figures:", "cargo run -q -- --full");
    line("Which for your task:", "cargo run -q -- choose");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(survivors: [f64; 2], fork: [f64; 3]) -> String {
        what_to_do(survivors, Summary::of(fork.to_vec()).expect("three samples"))
    }

    #[test]
    fn the_advice_follows_who_survived_and_what_a_fork_cost() {
        let dear = [7.5, 8.2, 9.0];
        assert!(advice([1.0, 0.0], dear).contains("(a fork = 8.2 threads)"));
        assert!(advice([1.0, 0.0], [0.7, 0.8, 0.9]).contains("cost less than a thread"));
        assert!(advice([1.0, 0.0], [0.9, 1.1, 1.3]).contains("(a fork = 0.90 to 1.30 threads)"));
        assert!(advice([0.5, 0.0], dear).contains("not contained"));
        assert!(advice([1.0, 1.0], dear).contains("ended no other thread"));
    }
}
