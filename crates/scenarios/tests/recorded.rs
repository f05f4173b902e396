//! What is recorded is what is explored, and each page shows it.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{SCENARIOS, explore, page};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

#[test]
fn what_is_recorded_is_what_is_explored() {
    let mut stale = Vec::new();
    for scenario in SCENARIOS {
        let path = top().join(format!("crates/scenarios/recorded/{}.html", scenario.name));
        let recorded = fs::read_to_string(&path).unwrap_or_default();
        let explored = page::fragment(scenario).unwrap();
        let graph = explore(scenario).unwrap();
        let schedules = graph.schedules().unwrap();
        println!(
            "{:28} {:4} states, {:>9} schedules, {:>9} wrong, {:6} bytes",
            scenario.name,
            graph.states.len(),
            schedules.all,
            schedules.wrong,
            explored.len()
        );
        if recorded != explored {
            stale.push(scenario.name);
        }
    }
    assert!(stale.is_empty(), "scripts/record scenarios records anew: {stale:?}");
}
