//! What is recorded is what is explored, and each page shows it.

use std::collections::BTreeSet;
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

#[test]
fn each_page_shows_a_mistake_and_then_its_cure() {
    for pair in SCENARIOS.chunks(2) {
        let [broken, mended] = pair else { panic!("{} has no cure", pair[0].name) };
        assert_eq!(mended.name, format!("{}-mended", broken.name));
        assert_eq!(mended.page, broken.page);
        assert!(broken.goes_wrong && !mended.goes_wrong, "{}", broken.name);
        let path = top().join(format!("book/src/{}.md", broken.page));
        let page = fs::read_to_string(&path).unwrap();
        let included = |name: &str| {
            let mark = format!("crates/scenarios/recorded/{name}.html}}}}\n");
            let places: Vec<usize> = page.match_indices(&mark).map(|(place, _)| place).collect();
            let [place] = places[..] else {
                panic!("{} includes {name} {places:?}", path.display())
            };
            place
        };
        assert!(included(broken.name) < included(mended.name), "{}", path.display());
    }
}

#[test]
fn nothing_else_is_recorded_and_every_part_is_one_block_of_html() {
    let known: BTreeSet<String> =
        SCENARIOS.iter().map(|scenario| format!("{}.html", scenario.name)).collect();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(top().join("crates/scenarios/recorded")).unwrap() {
        let path = entry.unwrap().path();
        let part = fs::read_to_string(&path).unwrap();
        assert!(!part.contains("\n\n"), "{}: Markdown ends HTML at an empty line", path.display());
        for tag in ["section", "script", "table", "details"] {
            let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
            assert_eq!(part.matches(&opened).count(), part.matches(&closed).count(), "{tag}");
        }
        found.insert(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    assert_eq!(found, known);
}

/// The script and its data are part of every page's weight.
#[test]
fn the_script_is_a_few_kilobytes_and_asks_for_nothing() {
    let script = fs::read_to_string(top().join("book/theme/scheduler.js")).unwrap();
    assert!(script.len() < 10_000, "{} bytes", script.len());
    for word in ["fetch(", "XMLHttpRequest", "import ", "http:", "https:", "innerHTML"] {
        assert!(!script.contains(word), "the script has {word:?}");
    }
}
