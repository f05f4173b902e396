//! Scenarios: explores all their schedules and keeps the part of a page that shows them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use scenarios::{SCENARIOS, Scenario, page};

use crate::workspace::folder;

/// The package that holds the scenarios.
pub const PACKAGE: &str = "scenarios";

/// Explores and records the scenarios of the pages that have these names, or all if the package
/// itself is named.
pub fn record(names: &[String]) -> Result<()> {
    let recorded = folder(PACKAGE).join("recorded");
    let chosen = |scenario: &&Scenario| {
        let page = scenario.page.rsplit('/').next().unwrap_or_default();
        names.iter().any(|name| name == page || name == PACKAGE)
    };
    for scenario in SCENARIOS.iter().filter(chosen) {
        let path = recorded.join(format!("{}.html", scenario.name));
        fs::write(&path, page::fragment(scenario)?).with_context(|| path.display().to_string())?;
    }
    let kept: BTreeSet<String> =
        SCENARIOS.iter().map(|scenario| format!("{}.html", scenario.name)).collect();
    for entry in fs::read_dir(&recorded).with_context(|| recorded.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !kept.contains(&*name) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
