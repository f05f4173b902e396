//! `compare diff a.json b.json`: where two machines differ.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Prints the two machines, the rows side by side, and the statements whose verdicts differ.
pub fn print(a: &Path, b: &Path) -> Result<()> {
    let (a, b) = (read(a)?, read(b)?);
    let mut text = String::new();
    for (name, machine) in [("a", &a["machine"]), ("b", &b["machine"])] {
        text +=
            &format!("{name}: Linux {}, {}\n", word(&machine["kernel"]), word(&machine["model"]));
    }
    text += &format!("\n{:<16} {:>12} {:>12}\n", "ratio", "a", "b");
    for row in rows(&a, "rows") {
        let other = rows(&b, "rows").iter().find(|other| other["name"] == row["name"]);
        let ratio = |row: Option<&Value>| {
            row.and_then(|row| row["ratio"].as_f64())
                .map_or("-".to_owned(), |ratio| format!("{ratio:.1} x"))
        };
        text +=
            &format!("{:<16} {:>12} {:>12}\n", word(&row["name"]), ratio(Some(row)), ratio(other));
    }
    let mut same = 0;
    for claim in rows(&a, "claims") {
        match rows(&b, "claims").iter().find(|other| other["id"] == claim["id"]) {
            Some(other) if other["verdict"] == claim["verdict"] => same += 1,
            other => {
                let verdict = other.map_or("absent".to_owned(), |other| word(&other["verdict"]));
                text += &format!(
                    "\n{}\n  a: {}\n  b: {verdict}\n",
                    word(&claim["claim"]),
                    word(&claim["verdict"])
                );
            }
        }
    }
    text += &format!("\n{same} statements have the same verdict on both.\n");
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let json: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    ensure!(
        json["schema"] == crate::SCHEMA,
        "{} is not the output of compare --json in schema {}",
        path.display(),
        crate::SCHEMA
    );
    Ok(json)
}

fn rows<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
