//! `--html FILE`: the comparison as one page that needs nothing else. From a row of the table one
//! comes to its statement, from there to its facts, its chapter and its command.

use std::fmt::Write;

use lab::{Evidence, Fact, Verdict};

use crate::Measured;
use crate::answer::Answer;
use crate::machine;
use crate::markup::{escaped, prose};
use crate::page::{self, verdict};
use crate::plot::KEY;
use crate::plots::{Facts, PLOTS};
use crate::table::Filled;

/// The page.
pub fn page(rows: &[Filled], measured: &Measured) -> String {
    let plots: Vec<_> = PLOTS.iter().filter_map(|plot| plot(Facts(&measured.found))).collect();
    let mut sections = Vec::new();
    if !rows.is_empty() {
        sections.push(("table", "The table", table(rows)));
    }
    sections.push(("counts", "Verdicts", counts(&measured.answers)));
    if !plots.is_empty() {
        let figures: String = plots.iter().map(|plot| plot.figure()).collect();
        let plots = format!("{KEY}<div class=\"plots\">\n{figures}</div>\n");
        sections.push(("plots", "Plots", plots));
    }
    sections.push(("statements", "Statements", measured.answers.iter().map(statement).collect()));
    let described = page::list(&machine::in_words(&lab::machine::describe()));
    sections.push(("machine", "The machine", described));
    sections.push(("citing", "How to cite this page", citation(measured)));
    page::page("Process or thread?", &lead(measured), &sections)
}

fn lead(measured: &Measured) -> String {
    let occasion = &measured.occasion;
    let mut lead = format!(
        "<p>Every statement that people make about processes and threads, answered by what this \
         machine did: {}. Measured on {} in {:.1} s by <code>{}</code>.</p>\n",
        escaped(&lab::machine::one_line()),
        escaped(&occasion.date),
        measured.seconds,
        escaped(&occasion.command)
    );
    if let Some(busy) = &measured.busy {
        let _ = writeln!(lead, "<p><strong>Busy</strong>: {}</p>", escaped(busy));
    }
    lead
}

fn table(rows: &[Filled]) -> String {
    let mut text = String::from(
        "<table class=\"rows\">\n<thead><tr><th scope=\"col\">what</th><th scope=\"col\" \
         class=\"figure\">process</th><th scope=\"col\" class=\"figure\">thread</th><th \
         scope=\"col\" class=\"figure\">ratio</th><th scope=\"col\">verdict</th></tr></thead>\n\
         <tbody>\n",
    );
    for row in rows {
        let [process, thread, ratio] = row.cells().map(|cell| escaped(&cell));
        let links: Vec<String> = row
            .statements
            .iter()
            .map(|(number, id)| format!("<a href=\"#{id}\">statement {number}</a>"))
            .collect();
        let ratio = match row.spread() {
            _ if ratio.is_empty() => "<td class=\"figure\"></td>".to_owned(),
            spread => format!(
                "<td class=\"figure\" data-label=\"ratio\">{ratio}<br/><small>{}</small></td>",
                escaped(&spread.unwrap_or_default())
            ),
        };
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}<br/><small>{}; {}</small></th><td class=\"figure process\" \
             data-label=\"process\">{process}</td><td class=\"figure thread\" \
             data-label=\"thread\">{thread}</td>{ratio}<td>{}<br/><small>{}</small></td></tr>",
            escaped(row.row.name),
            escaped(row.row.question),
            links.join(", "),
            verdict(row.verdict),
            prose(&row.brief)
        );
    }
    text + "</tbody>\n</table>\n"
}

/// How many statements have which verdict, and which they are.
fn counts(answers: &[Answer]) -> String {
    let mut text = String::from("<ul class=\"counts\">\n");
    for one in Verdict::ALL {
        let of_it: Vec<&Answer> = answers.iter().filter(|answer| answer.verdict == one).collect();
        let link = |answer: &&Answer| {
            let (number, id) = (answer.entry.number, answer.entry.id);
            format!("<a href=\"#{id}\">{number}</a>")
        };
        if !of_it.is_empty() {
            let links: Vec<String> = of_it.iter().map(link).collect();
            let (verdict, count) = (verdict(one), of_it.len());
            let _ =
                writeln!(text, "<li>{verdict}: {count} <small>({})</small></li>", links.join(", "));
        }
    }
    let against = answers.iter().filter(|answer| !answer.agrees()).count();
    let _ = writeln!(
        text,
        "</ul>\n<p>{}</p>",
        match against {
            0 => "The book expects no other verdict of any of them.".to_owned(),
            1 => "The book expects another verdict of one of them.".to_owned(),
            count => format!("The book expects another verdict of {count} of them."),
        }
    );
    text
}

fn statement(answer: &Answer) -> String {
    let Answer { entry, because, .. } = answer;
    let mut text = format!(
        "<article>\n<div class=\"head\">\n<h3 id=\"{}\">{}. {}</h3>\n<p>{}: {}</p>\n",
        entry.id,
        entry.number,
        prose(entry.says),
        verdict(answer.verdict),
        prose(because)
    );
    if answer.verdict == Verdict::Caveat {
        let _ = writeln!(text, "<p class=\"muted\">{}</p>", prose(entry.nuance));
    }
    if !answer.agrees() {
        let _ = writeln!(text, "<p>The book expects: {}.</p>", verdict(entry.expected));
    }
    let package = escaped(entry.package);
    let commands: Vec<String> = answer
        .experiments
        .iter()
        .map(|name| format!("<code>cargo run -q -p {package} -- {}</code>", escaped(name)))
        .collect();
    let turned: Vec<String> = answer
        .turned_by
        .iter()
        .map(|name| format!("<code>cargo xtask break {}</code>", escaped(&name.replace('/', " "))))
        .collect();
    let turned = match turned.is_empty() {
        true => String::new(),
        false => format!(" Turned by {}.", turned.join(", ")),
    };
    let _ = writeln!(
        text,
        "<p class=\"muted\">Chapter <code>{package}</code> of the book (<code>cargo book</code>). \
         Shown by {}.{turned} <a class=\"back\" href=\"#counts\">All verdicts</a></p>\n</div>",
        commands.join(", ")
    );
    text + &facts(&answer.evidence) + "</article>\n"
}

fn facts(evidence: &Evidence) -> String {
    if evidence.facts().is_empty() {
        return String::new();
    }
    let rows: String = evidence.facts().iter().map(row).collect();
    format!(
        "<details><summary>{} facts</summary>\n<table class=\"facts\">\n<thead><tr><th \
         scope=\"col\">fact</th><th scope=\"col\" class=\"figure\">value</th><th \
         scope=\"col\">p10 to p90</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></details>\n",
        evidence.facts().len()
    )
}

fn row(fact: &Fact) -> String {
    let spread =
        fact.samples.map_or(String::new(), |samples| format!("{samples}, n {}", samples.n));
    format!(
        "<tr><td>{}</td><td class=\"figure\">{} {}</td><td>{spread}</td></tr>\n",
        prose(&fact.name),
        prose(&fact.value.to_string()),
        escaped(&fact.unit)
    )
}

fn citation(measured: &Measured) -> String {
    let occasion = &measured.occasion;
    let load = |which: usize| measured.load[which].map(|load| format!("{:.2}", load.average));
    let share =
        |which: usize| measured.shares[which].map(|share| format!("{:.0} %", share * 100.0));
    let or_unknown = |said: Option<String>| said.unwrap_or("not known".to_owned());
    let mut pairs = vec![
        ("What", "Process or thread?, a comparison measured on one machine".to_owned()),
        ("Measured on", occasion.date.clone()),
        ("Version", occasion.version.clone()),
        ("Command", occasion.command.clone()),
        ("Machine", lab::machine::one_line()),
        ("Load average before", or_unknown(load(0))),
        ("Load average after", or_unknown(load(1))),
        ("CPU time that others took", or_unknown(share(0))),
    ];
    if let Some(host) = share(1) {
        pairs.push(("CPU time that the host took", host));
    }
    let pairs: Vec<(String, String)> =
        pairs.into_iter().map(|(term, said)| (term.to_owned(), said)).collect();
    format!(
        "<p>Ratios travel to other machines, times do not: name the machine with every figure.</p>\n{}",
        page::list(&pairs)
    )
}
