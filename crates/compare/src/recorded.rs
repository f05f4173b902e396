//! The plots of the book: the facts of one run on one machine, kept in a file, and the parts of a
//! page that are drawn from them by the same code as the report's.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use lab::Evidence;
use serde_json::{Value as Json, json};

use crate::Measured;
use crate::answer::Found;
use crate::machine;
use crate::packages::PACKAGES;
use crate::page;
use crate::plot::KEY;
use crate::plots::{Facts, PLOTS};

/// The facts of a run, and when and where it was.
pub struct Recorded {
    occasion: Json,
    machine: Json,
    busy: Option<String>,
    found: Vec<Found>,
}

/// Keeps what a run found as `recorded.json` in `folder`, and beside it what is drawn from it.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(folder: &Path, measured: &Measured) -> Result<()> {
    let path = folder.join("recorded.json");
    fs::write(&path, kept(measured)).with_context(|| format!("write {}", path.display()))?;
    draw(folder)
}

/// Draws `plots.md` in `folder` from the `recorded.json` there.
///
/// # Errors
///
/// If that cannot be read, or the other not be written.
pub fn draw(folder: &Path) -> Result<()> {
    let [from, to] = ["recorded.json", "plots.md"].map(|name| folder.join(name));
    let text = fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
    let recorded = Recorded::parse(&text).with_context(|| from.display().to_string())?;
    fs::write(&to, recorded.markdown()).with_context(|| format!("write {}", to.display()))
}

/// The run as JSON, a line for each fact.
fn kept(measured: &Measured) -> String {
    let experiment = |found: &Found| {
        let evidence = found.evidence.as_ref().ok()?;
        let facts = evidence.facts().iter().map(|fact| format!("      {}", fact.json()));
        let (package, name) = (json!(found.package), json!(found.experiment));
        Some(format!(
            "    {{\"package\": {package}, \"name\": {name}, \"facts\": [\n{}\n    ]}}",
            facts.collect::<Vec<_>>().join(",\n")
        ))
    };
    let experiments: Vec<String> = measured.found.iter().filter_map(experiment).collect();
    format!(
        "{{\n  \"occasion\": {},\n  \"machine\": {},\n  \"busy\": {},\n  \"experiments\": [\n{}\n  \
         ]\n}}\n",
        measured.occasion.json(),
        lab::machine::describe(),
        json!(measured.busy),
        experiments.join(",\n")
    )
}

impl Recorded {
    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// If the text is not of that shape, or names an experiment that is not there any more.
    pub fn parse(text: &str) -> Result<Recorded> {
        let json: Json = serde_json::from_str(text).context("this is not JSON")?;
        let found = |experiment: &Json| {
            let is = |key: &str, name: &str| experiment[key] == name;
            let package = PACKAGES.iter().find(|package| is("package", package.name));
            let package = package.context("a package that is not there")?;
            let one = package.experiments.iter().find(|one| is("name", one.name));
            let all = json!({ "facts": experiment["facts"], "missing": [], "busy": null });
            anyhow::Ok(Found {
                package: package.name,
                experiment: one.context("an experiment that is not there")?.name,
                evidence: Ok(Evidence::from_json(&all).context("a fact without a value")?),
                seconds: 0.0,
            })
        };
        let experiments = json["experiments"].as_array().context("there are no experiments")?;
        Ok(Recorded {
            occasion: json["occasion"].clone(),
            machine: json["machine"].clone(),
            busy: json["busy"].as_str().map(str::to_owned),
            found: experiments.iter().map(found).collect::<Result<_>>()?,
        })
    }

    /// The parts of the page, each between anchors: where it was measured, which colour is whose, and
    /// every plot.
    pub fn markdown(&self) -> String {
        let plots = PLOTS.iter().filter_map(|plot| plot(Facts(&self.found)));
        let mut parts = vec![("measured", self.measured()), ("key", KEY.to_owned())];
        parts.extend(plots.map(|plot| (plot.id, plot.markdown())));
        let parts = parts.into_iter().map(|(name, text)| {
            format!("\n<!-- ANCHOR: {name} -->\n{text}<!-- ANCHOR_END: {name} -->\n")
        });
        "<!-- Drawn from recorded.json by scripts/record compare. -->\n".to_owned()
            + &parts.collect::<String>()
    }

    /// When, where and by which command.
    fn measured(&self) -> String {
        let occasion = |key: &str| self.occasion[key].as_str().unwrap_or("not known").to_owned();
        let mut pairs: Vec<(String, String)> =
            [("Measured on", "date"), ("Version", "version"), ("Command", "command")]
                .map(|(term, key)| (term.to_owned(), occasion(key)))
                .to_vec();
        pairs.extend(self.busy.iter().map(|why| ("Busy".to_owned(), why.clone())));
        pairs.extend(machine::in_words(&self.machine));
        let short = machine::in_short(&self.machine);
        let (date, command) = (occasion("date"), occasion("command"));
        format!(
            "The machine: {short}. Measured on {date} by `{command}`.\n\n<details><summary>All of the \
             machine</summary>\n{}</details>\n",
            page::list(&pairs)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = include_str!("../plots.md");

    #[test]
    fn the_books_plots_are_drawn_from_what_was_recorded() {
        let recorded = Recorded::parse(include_str!("../recorded.json")).unwrap();
        assert!(recorded.markdown() == DRAWN, "cargo run -q -- --draw crates/compare");
    }

    #[test]
    fn the_books_page_shows_every_plot_that_the_report_has() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/comparison.md");
        let page = fs::read_to_string(path).unwrap();
        let anchors = DRAWN.split("<!-- ANCHOR: ").skip(1).filter_map(|it| it.split(' ').next());
        let anchors: Vec<&str> = anchors.collect();
        assert_eq!(anchors.len(), PLOTS.len() + 2, "{anchors:?}");
        for anchor in anchors {
            let include = format!("{{{{#include ../../crates/compare/plots.md:{anchor}}}}}");
            assert_eq!(page.matches(&include).count(), 1, "{include}");
        }
    }
}
