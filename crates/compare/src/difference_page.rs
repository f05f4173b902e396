//! `diff A.json B.json --html FILE`: two machines as one page.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::difference::{Changed, Difference, Run};
use crate::machine;
use crate::markup::{escaped, prose};
use crate::page::{self, verdict_in_words};
use crate::plot::{Form, Mark, Plot, Who};

/// The page.
pub fn page(found: &Difference) -> String {
    let mut lead = String::new();
    for said in found.summary() {
        let _ = writeln!(lead, "<p>{}</p>", escaped(&said));
    }
    let mut sections = vec![("verdicts", "Verdicts that differ", verdicts(found))];
    if let Some(plot) = ratios(found) {
        sections.push(("plots", "Ratios that differ", plot.figure()));
    }
    sections.push(("figures", "All figures", figures(found)));
    sections.push(("machine-a", "Machine a", described(&found.runs[0])));
    sections.push(("machine-b", "Machine b", described(&found.runs[1])));
    page::page("Process or thread? Two machines", &lead, &sections)
}

fn verdicts(found: &Difference) -> String {
    if found.changed.is_empty() && found.undecided.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    found.changed.iter().chain(&found.undecided).map(statement).collect()
}

fn statement(changed: &Changed) -> String {
    let number = changed.number.map_or(String::new(), |number| format!("{number}. "));
    let mut text = format!("<article>\n<h3>{number}{}</h3>\n", prose(&changed.says));
    for (name, (verdict, because)) in ["a", "b"].iter().zip(&changed.verdicts) {
        let _ = writeln!(text, "<p>{name}: {}: {}</p>", verdict_in_words(verdict), prose(because));
    }
    text + "</article>\n"
}

/// Ratios travel, so those that differ by more than the noise are drawn: a above b.
fn ratios(found: &Difference) -> Option<Plot> {
    let differ =
        || found.figures.iter().filter(|figure| figure.unit.is_empty() && figure.differs());
    let mark = |name: &str, who: Who, [value, low, high]: [f64; 3]| Mark {
        label: name.to_owned(),
        who,
        value,
        spread: Some((low, high)),
    };
    let marks: Vec<Mark> = differ()
        .flat_map(|figure| {
            let [a, b] = figure.samples;
            [mark(&format!("a: {}", figure.name), Who::Other, a), mark("b", Who::Other, b)]
        })
        .collect();
    let all = found.figures.iter().filter(|figure| figure.unit.is_empty()).count();
    let says = format!(
        "{} of {all} ratios differ by more than the noise between the two machines; {} of them are \
         greater on b.",
        differ().count(),
        differ().filter(|figure| figure.samples[1][0] > figure.samples[0][0]).count()
    );
    (!marks.is_empty()).then_some(Plot {
        id: "ratios",
        title: "Ratios on both machines",
        says,
        source: "-- --json",
        form: Form::Intervals { unit: "", about: Some(1.0), marks },
    })
}

fn figures(found: &Difference) -> String {
    let mut text = String::from(
        "<p>Median, and from p10 to p90.</p>\n<table class=\"rows\">\n<thead><tr><th \
         scope=\"col\">figure</th><th scope=\"col\" class=\"figure\">a</th><th scope=\"col\" \
         class=\"figure\">b</th><th scope=\"col\">more than noise</th></tr></thead>\n<tbody>\n",
    );
    for figure in &found.figures {
        let mark = match figure.differs() {
            true => "<td><strong>differs</strong></td>",
            false => "<td>no</td>",
        };
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}</th><td class=\"figure\" data-label=\"a\">{}</td><td \
             class=\"figure\" data-label=\"b\">{}</td>{mark}</tr>",
            prose(&figure.name),
            escaped(&figure.words(0)),
            escaped(&figure.words(1))
        );
    }
    text + "</tbody>\n</table>\n"
}

fn described(run: &Run) -> String {
    let said = |name: &str, key: &str| match &run.occasion[key] {
        Json::String(said) => Some((name.to_owned(), said.clone())),
        _ => None,
    };
    let mut pairs: Vec<(String, String)> =
        [("Measured on", "date"), ("Version", "version"), ("Command", "command")]
            .iter()
            .filter_map(|(name, key)| said(name, key))
            .collect();
    pairs.extend(run.busy.clone().map(|why| ("Busy".to_owned(), why)));
    pairs.extend(machine::in_words(&run.machine));
    page::list(&pairs)
}
