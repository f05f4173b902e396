//! `diff A.json B.json`: where two machines differ, by more than the noise.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Value, indented};
use serde_json::Value as Json;

/// Prints the two machines, the statements whose verdicts differ, and all figures with their
/// spread, from the 10th to the 90th percentile. Where the two spreads do not meet, the figures
/// differ by more than the noise, and are marked.
pub fn print(a: &Path, b: &Path) -> Result<()> {
    let text = describe(&read(a)?, &read(b)?);
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn describe(a: &Json, b: &Json) -> String {
    let mut text = String::new();
    for (name, run) in [("a", a), ("b", b)] {
        let machine = &run["machine"];
        let machine = format!("Linux {}, {}", word(&machine["kernel"]), word(&machine["model"]));
        let busy = run["busy"]["because"].as_str().map_or(String::new(), |why| format!("; {why}"));
        text += &format!("{name}:{}\n", indented(&format!("{machine}{busy}")).split_off(1));
    }
    text.push('\n');
    let (mut same, mut alone) = (0, 0);
    for claim in rows(a, "claims") {
        let other = rows(b, "claims").iter().find(|other| other["id"] == claim["id"]);
        let Some(other) = other.filter(|other| measured(claim) && measured(other)) else {
            alone += 1;
            continue;
        };
        if claim["verdict"] == other["verdict"] {
            same += 1;
            continue;
        }
        text += &format!(
            "{}\n  a: {}\n  b: {}\n\n",
            word(&claim["claim"]),
            word(&claim["verdict"]),
            word(&other["verdict"])
        );
    }
    text += &format!("{same} statements were measured on both and have the same verdict");
    text += &match alone {
        0 => ".\n".to_owned(),
        _ => format!(";\n{alone} were not measured on both, and are not compared.\n"),
    };
    text + &figures(&sampled(a), &sampled(b))
}

/// Whether a program gave a verdict, of whatever kind.
fn measured(claim: &Json) -> bool {
    claim["verdict"] != lab::Verdict::NotBuilt.words()
}

/// The sampled facts, each once, with the package that they are from.
fn sampled(run: &Json) -> Vec<(String, &Json)> {
    let mut all: Vec<(String, &Json)> = Vec::new();
    for claim in rows(run, "claims") {
        for fact in rows(claim, "facts").iter().filter(|fact| fact["n"].is_u64()) {
            let name = format!("{}: {}", word(&claim["package"]), word(&fact["name"]));
            if !all.iter().any(|(other, _)| *other == name) {
                all.push((name, fact));
            }
        }
    }
    all
}

fn figures(a: &[(String, &Json)], b: &[(String, &Json)]) -> String {
    let mut text = String::new();
    let (mut both, mut different) = (0, 0);
    for (name, fact) in a {
        let Some((_, other)) = b.iter().find(|(candidate, _)| candidate == name) else { continue };
        let bounds = |fact: &Json| Some((fact["p10"].as_f64()?, fact["p90"].as_f64()?));
        let apart = bounds(fact).zip(bounds(other)).is_some_and(
            |((low, high), (other_low, other_high))| high < other_low || other_high < low,
        );
        both += 1;
        different += usize::from(apart);
        let mark = if apart { "differs" } else { "" };
        text += &format!("\n{name}\n  {mark:<8}a {:<32} b {}\n", spread(fact), spread(other));
    }
    match both {
        0 => String::new(),
        _ => format!(
            "\n{different} of {both} figures differ by more than the noise; median, p10 to p90:\n\
             {text}"
        ),
    }
}

fn spread(fact: &Json) -> String {
    let number =
        |key: &str| fact[key].as_f64().map_or("?".into(), |n| Value::Number(n).to_string());
    let unit = fact["unit"].as_str().filter(|unit| !unit.is_empty()).unwrap_or("x");
    format!("{} {unit} ({} to {})", number("median"), number("p10"), number("p90"))
}

fn read(path: &Path) -> Result<Json> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let json: Json =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    ensure!(
        json["schema"] == crate::SCHEMA,
        "{} is not the output of cargo run -q -- --json in schema {}",
        path.display(),
        crate::SCHEMA
    );
    Ok(json)
}

fn rows<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Json) -> String {
    match value {
        Json::Null => "unknown".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(verdict: &str, median: f64) -> Json {
        json!({
            "machine": { "kernel": "6", "model": null }, "busy": { "because": "others worked" },
            "claims": [
                { "id": "x", "claim": "A statement.", "package": "p", "verdict": verdict,
                  "facts": [{ "name": "fork", "value": median, "unit": "µs", "n": 9,
                              "p10": median - 1.0, "median": median, "p90": median + 1.0 }] },
                { "id": "y", "claim": "Another.", "verdict": "not built yet", "facts": [] },
            ],
        })
    }

    #[test]
    fn what_no_program_answers_is_not_compared() {
        let text = describe(&run("holds", 10.0), &run("holds", 10.5));
        assert!(text.contains("1 statements were measured on both"), "{text}");
        assert!(text.contains("1 were not measured on both"), "{text}");
        assert!(text.contains("a: Linux 6, unknown; others worked"), "{text}");
        assert!(text.contains("0 of 1 figures differ"), "{text}");
    }

    #[test]
    fn what_differs_by_more_than_the_noise_is_marked() {
        let text = describe(&run("holds", 10.0), &run("does not hold", 20.0));
        assert!(text.contains("A statement.\n  a: holds\n  b: does not hold"), "{text}");
        assert!(text.contains("1 of 1 figures differ"), "{text}");
        assert!(text.contains("differs a 10 µs (9 to 11)"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
