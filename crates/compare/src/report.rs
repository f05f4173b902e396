//! `--html FILE`: the comparison as one page that needs nothing else.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use lab::{Evidence, Fact, Summary, Value, Verdict};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Measured;
use crate::answer::Answer;
use crate::table::Filled;
use serde_json::Value as Json;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid #8886; }
td.figure, th.figure { text-align: right; font-variant-numeric: tabular-nums; }
small { opacity: 0.75; }
.table { overflow-x: auto; }
svg { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
article { border-top: 1px solid #8886; padding: 0.8rem 0; }
article p { margin: 0.2rem 0; }
details { margin-top: 0.4rem; }
@media print { details { display: none; } article { break-inside: avoid; } }
";

/// The page.
pub fn page(rows: &[Filled], measured: &Measured) -> Result<String> {
    let Measured { answers, found, seconds, busy, .. } = measured;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>Process or thread?</title>\n<style>{STYLE}</style>\n\
         <h1>Process or thread?</h1>\n<p>Measured in {seconds:.1} s on: {}</p>\n",
        escaped(&lab::machine::one_line())
    );
    if let Some(busy) = busy {
        let _ = writeln!(page, "<p><strong>Busy</strong>: {}</p>", escaped(busy));
    }
    page += "<div class=\"table\"><table>\n<tr><th></th><th class=\"figure\">process</th>\
             <th class=\"figure\">thread</th><th class=\"figure\">ratio</th><th>verdict</th></tr>\n";
    for row in rows {
        let [process, thread, ratio] = row.cells().map(|cell| escaped(&cell));
        let (name, question) = (escaped(row.row.name), escaped(row.row.question));
        let _ = writeln!(
            page,
            "<tr><td>{name}<br><small>{question}</small></td><td class=\"figure\">{process}</td>\
             <td class=\"figure\">{thread}</td><td class=\"figure\">{ratio}<br><small>{}</small></td>\
             <td>{}<br><small>{}</small></td></tr>",
            escaped(&row.spread().unwrap_or_default()),
            row.verdict,
            escaped(&row.brief)
        );
    }
    page += "</table></div>\n<h2>Measurements</h2>\n<p>Each bar reaches from the 10th to \
             the 90th percentile; the mark is the median. The scale is logarithmic.</p>\n";
    for found in found {
        let Ok(evidence) = &found.evidence else { continue };
        for (unit, facts) in by_unit(evidence) {
            let what = if unit.is_empty() { "ratios".into() } else { format!("in {unit}") };
            let title = format!("{} -- {}, {what}", found.package, found.experiment);
            let _ = writeln!(page, "<h3>{}</h3>\n{}", escaped(&title), plot(&facts)?);
        }
    }
    page += "<h2>Statements</h2>\n";
    for answer in answers.iter().filter(|answer| answer.verdict != Verdict::NotBuilt) {
        page += &statement(answer);
    }
    page += "<h2>The machine</h2>\n<table>\n";
    for (name, value) in lab::machine::describe().as_object().into_iter().flatten() {
        let value = in_words(value);
        let name = name.replace('_', " ");
        let _ = writeln!(page, "<tr><td>{name}</td><td>{}</td></tr>", escaped(&value));
    }
    page += "</table>\n</html>\n";
    Ok(page)
}

/// A setting of the machine as people write it.
fn in_words(value: &Json) -> String {
    match value {
        Json::Null => "unknown".to_owned(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(values) => values.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Json::Object(values) => {
            let pairs = values.iter().map(|(name, value)| format!("{name} {}", in_words(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Json::Number(number) => number.to_string(),
    }
}

fn statement(answer: &Answer) -> String {
    let mut text = format!(
        "<article id=\"{}\">\n<p>{}. {}</p>\n<p><strong>{}</strong>: {}</p>\n",
        answer.entry.id,
        answer.entry.number,
        escaped(answer.entry.says),
        answer.verdict,
        escaped(&answer.because)
    );
    if answer.verdict == Verdict::Caveat {
        let _ = writeln!(text, "<p><small>{}</small></p>", escaped(answer.entry.nuance));
    }
    if !answer.evidence.facts().is_empty() {
        text += "<details><summary>Facts</summary><div class=\"table\"><table>\n";
        for fact in answer.evidence.facts() {
            let samples =
                fact.samples.map_or(String::new(), |Summary { n, min, p10, median, p90 }| {
                    format!("n {n}, min {min:.3}, p10 {p10:.3}, median {median:.3}, p90 {p90:.3}")
                });
            let _ = writeln!(
                text,
                "<tr><td>{}</td><td class=\"figure\">{} {}</td><td><small>{samples}</small></td></tr>",
                escaped(&fact.name),
                escaped(&fact.value.to_string()),
                escaped(&fact.unit)
            );
        }
        text += "</table></div></details>\n";
    }
    text + "</article>\n"
}

/// The sampled facts, grouped by their units; one alone is nothing to compare.
fn by_unit(evidence: &Evidence) -> Vec<(&str, Vec<(&Fact, Summary)>)> {
    let mut groups: Vec<(&str, Vec<(&Fact, Summary)>)> = Vec::new();
    for fact in evidence.facts() {
        let Some(samples) = fact.samples.filter(|samples| samples.min > 0.0) else { continue };
        match groups.iter_mut().find(|(unit, _)| *unit == fact.unit) {
            Some((_, facts)) => facts.push((fact, samples)),
            None => groups.push((&fact.unit, vec![(fact, samples)])),
        }
    }
    groups.retain(|(_, facts)| facts.len() > 1);
    groups
}

/// A plot of the facts as SVG, one bar each.
fn plot(facts: &[(&Fact, Summary)]) -> Result<String> {
    let least = facts.iter().map(|(_, s)| s.min).fold(f64::INFINITY, f64::min);
    let most = facts.iter().map(|(_, s)| s.p90.max(s.median)).fold(0.0, f64::max);
    let mut svg = String::new();
    let broken = |error: String| anyhow!("draw the plot: {error}");
    {
        let height = 60 + 28 * facts.len() as u32;
        let area = SVGBackend::with_string(&mut svg, (860, height)).into_drawing_area();
        let chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(280)
            .build_cartesian_2d((least * 0.8..most * 1.25).log_scale(), 0.0..facts.len() as f64)
            .map_err(|error| broken(error.to_string()))?;
        let plotting = chart.plotting_area();
        let centred = TextStyle::from(("sans-serif", 13))
            .color(&BLACK)
            .pos(Pos::new(HPos::Center, VPos::Top));
        for tick in ticks(least * 0.8, most * 1.25) {
            let line = PathElement::new([(tick, 0.0), (tick, facts.len() as f64)], BLACK.mix(0.15));
            plotting.draw(&line).map_err(|error| broken(error.to_string()))?;
            let (x, y) = plotting.map_coordinate(&(tick, 0.0));
            area.draw_text(&Value::Number(tick).to_string(), &centred, (x, y + 6))
                .map_err(|error| broken(error.to_string()))?;
        }
        for (line, (fact, samples)) in facts.iter().enumerate() {
            let y = (facts.len() - line) as f64 - 0.5;
            let high = samples.p90.max(samples.median);
            let bar = Rectangle::new(
                [(samples.p10, y - 0.25), (high, y + 0.25)],
                BLUE.mix(0.35).filled(),
            );
            let ends = [(samples.median, y - 0.35), (samples.median, y + 0.35)];
            let median = PathElement::new(ends, BLUE.stroke_width(2));
            plotting.draw(&bar).map_err(|error| broken(error.to_string()))?;
            plotting.draw(&median).map_err(|error| broken(error.to_string()))?;
            let (_, pixel) = plotting.map_coordinate(&(samples.median, y));
            let style = TextStyle::from(("sans-serif", 13)).color(&BLACK);
            area.draw_text(&fact.name, &style, (10, pixel - 7))
                .map_err(|error| broken(error.to_string()))?;
        }
        area.present().map_err(|error| broken(error.to_string()))?;
    }
    Ok(svg)
}

/// Round numbers for a logarithmic axis from `least` to `most`: a few, or the powers of ten alone
/// where there would be too many.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
    let within = |steps: &[f64]| -> Vec<f64> {
        powers
            .clone()
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|tick| (least..=most).contains(tick))
            .collect()
    };
    let tenths: Vec<f64> = (10..100).map(|tenths| f64::from(tenths) / 10.0).collect();
    let halves = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    [&tenths[..], &halves, &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]]
        .into_iter()
        .map(within)
        .find(|ticks| ticks.len() <= 9)
        .unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_few_round_ticks() {
        let written = |least, most| -> Vec<String> {
            ticks(least, most).iter().map(|tick| Value::Number(*tick).to_string()).collect()
        };
        assert_eq!(written(9.0, 210.0), ["10", "20", "50", "100", "200"]);
        assert_eq!(written(101.0, 125.0), ["110", "120"]);
        for (least, most) in [(0.03, 4e4), (18.0, 1100.0), (3.0, 9.0), (95.0, 130.0)] {
            let ticks = ticks(least, most);
            assert!((2..=9).contains(&ticks.len()), "{least} to {most}: {ticks:?}");
        }
    }

    #[test]
    fn facts_of_one_unit_make_a_plot() {
        let samples = |at: f64| Summary::of(vec![at, at * 1.5, at * 2.0]).unwrap();
        let evidence = Evidence::new()
            .sampled("fork & wait", samples(100.0), "µs")
            .sampled("thread", samples(20.0), "µs")
            .sampled("alone", samples(1.0), "KiB")
            .fact("count", 3);
        let groups = by_unit(&evidence);
        assert_eq!(groups.len(), 1);
        let svg = plot(&groups[0].1).unwrap();
        assert!(svg.contains("fork &amp; wait") && svg.contains("thread"), "{svg}");
        assert!(svg.starts_with("<svg"));
    }
}
