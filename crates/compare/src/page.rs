//! A page in one file: nothing is fetched, nothing runs, and it is XML behind its first line.

use std::path::Path;

use anyhow::Result;
use lab::{Destination, Verdict};

use crate::markup::escaped;

/// How plots look, which the book shows in the same way.
const PLOTS: &str = include_str!("../../../book/theme/plots.css");

/// A page around its sections, each with an anchor, a heading and what stands below.
pub fn page(title: &str, lead: &str, sections: &[(&str, &str, String)]) -> String {
    let style = [PLOTS, include_str!("style.css")].concat();
    let heading = escaped(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta \
         name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{heading}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<header>\n\
         <h1>{heading}</h1>\n{lead}</header>\n<nav aria-label=\"Contents\">\n<ul>\n"
    );
    for (id, heading, _) in sections {
        page += &format!("<li><a href=\"#{id}\">{}</a></li>\n", escaped(heading));
    }
    page += "</ul>\n</nav>\n<main>\n";
    for (id, heading, body) in sections {
        let heading = escaped(heading);
        page += &format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n{body}</section>\n");
    }
    page + "</main>\n</body>\n</html>\n"
}

/// A verdict in its colour, which only repeats its words.
pub fn verdict(verdict: Verdict) -> String {
    verdict_in_words(verdict.words())
}

/// The same, where a file has its words.
pub fn verdict_in_words(words: &str) -> String {
    let class = match Verdict::ALL.iter().find(|verdict| verdict.words() == words) {
        Some(Verdict::Holds) => "holds",
        Some(Verdict::Caveat) => "caveat",
        Some(Verdict::DoesNotHold | Verdict::Failed) => "bad",
        _ => "open",
    };
    format!("<span class=\"verdict {class}\">{}</span>", escaped(words))
}

/// Terms with what is said of each.
pub fn list(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter();
    let pairs: String = pairs
        .map(|(term, said)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(term), escaped(said)))
        .collect();
    format!("<dl>\n{pairs}</dl>\n")
}

/// Opens the file for a page, so that a place that cannot be written to is said before anything is done.
pub fn destination(path: &Path) -> Result<Destination<'_>> {
    Destination::open(path, "page", |text| {
        text.get(..15).is_some_and(|it| it.eq_ignore_ascii_case("<!doctype html>"))
    })
}
