//! The main job, as a user runs it.

use std::fs::File;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare")).args(arguments).output().expect("compare starts")
}

#[test]
fn json_is_one_object_with_all_statements() {
    let output = compare(&["--json"]);
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let claims = json["claims"].as_array().expect("claims").len();
    assert!(claims >= 70, "{claims}");
    let mut counts = json["counts"].as_object().unwrap().clone();
    let turned = counts.remove("turned").and_then(|turned| turned.as_u64());
    let counted: u64 = counts.values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(counted, claims as u64);
    let with_a_break = json["claims"].as_array().unwrap().iter();
    let with_a_break = with_a_break.filter(|claim| claim["turned_by"] != serde_json::json!([]));
    assert_eq!(turned, Some(with_a_break.count() as u64));
    assert_eq!(json["counts"]["failed"], 0, "{json:#}");
    assert!(json["busy"]["share_of_others"].is_number(), "{}", json["busy"]);
    for row in json["rows"].as_array().expect("rows") {
        let ratio = &row["ratio"];
        assert!(ratio.is_null() || ratio["p10"].as_f64() <= ratio["p90"].as_f64(), "{row:#}");
        assert!(row["caveat"].as_str().expect("a caveat").chars().count() <= 60, "{row:#}");
    }
    for claim in json["claims"].as_array().unwrap() {
        assert_ne!(claim["because"], "", "{claim}");
    }
}

#[test]
fn the_table_is_what_the_book_shows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/transcript.txt");
    let text = std::fs::read_to_string(path).expect("transcript.txt");
    let recorded = acceptance::transcript::Transcript::parse(&text).expect("it is well formed");
    let output = compare(&[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A busy machine is said below the first line and in the rows, and may leave something open.
    if text.contains("inconclusive here: busy") {
        return;
    }
    let (first, rest) = text.split_once("\n\n").expect("a blank line below the machine");
    let text = format!("{}\n\n{}", first.lines().next().unwrap(), rest.replace(" (busy)", ""));
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    // The first line names the machine.
    lines[0].clone_from(&recorded.sections[0].lines[0]);
    assert_eq!(recorded.sections[0].compare(&lines), Ok(()), "scripts/record compare rewrites it");
}

#[test]
fn usage_errors_are_one_sentence_and_status_2() {
    for (arguments, said) in [
        (&["--jsn"][..], "did you mean '--json'?"),
        (&["--only", "frok"], "did you mean 'fork'?"),
        (&["--only", "thread"], "'thread'; did you mean 'threads'? ("),
        (&["--only", "no\x1b[31m\nred"], "'no\\u{1b}[31m\\nred'; --list shows them ("),
        (&["choose", "--size", "\x1b[31m4\nx"], "--size: '\\u{1b}[31m4\\nx' is not a number"),
        (&["--bo\n\ngus"], "unexpected argument '--bo\\n\\ngus' found ("),
        (&["--only", "71"], "there is no statement 71; they are 1 to 70"),
        (&["--only", "0"], "there is no statement 0"),
        (&["--only", "-1"], "there is no statement"),
        (&["choose", "--memory", "-4M"], "--memory: '-4M' is less than 0"),
        (
            &["choose", "--shared", "1M", "--written", "5M"],
            "--written: '5M' is more than the 1 MiB that all use",
        ),
        (&["choose", "--memory", "--size", "4"], "a value is required for '--memory <SIZE>'"),
        (&["--list", "--json"], "'--list' cannot be used with '--json'"),
        (&["--list", "--check"], "'--list' cannot be used with '--check'"),
        (&["--html", "a.html", "--list"], "cannot be used with"),
        (&["diff", "one"], "not provided: <B.json>"),
        (&["diff"], "not provided: <A.json> <B.json>"),
    ] {
        let output = compare(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.lines().count() == 1 && stderr.contains(said), "{stderr}");
        assert!(stderr.contains("cargo run -q -- --help"), "{stderr}");
    }
}

#[test]
fn a_terminal_that_only_prints_gets_no_colours_and_no_bar() {
    for (term, escapes) in [("xterm", true), ("dumb", false), ("", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.args(["--only", "fork"]);
        let shown = acceptance::terminal::shown_on(term, command);
        assert!(shown.contains("holds"), "{shown}");
        assert_eq!(shown.contains('\x1b'), escapes, "{term}: {shown:?}");
    }
}

#[test]
fn where_an_output_failed_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("one.json");
    let measured = compare(&["--only", "fork", "--json"]);
    std::fs::write(&json, measured.stdout).unwrap();
    let json = json.to_str().unwrap();
    for arguments in [
        &["--list"][..],
        &["--help"],
        &["--markdown"],
        &["--only", "fork"],
        &["--only", "fork", "--json"],
        &["diff", json, json],
        &["diff", "--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        let output = command.args(arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        let named = stderr.starts_with("compare: standard output: write: ENOSPC");
        assert!(named, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_anything_is_measured() {
    let output = compare(&["--html", "/nonexistent/report.html"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("/nonexistent/report.html: open: ENOENT: "), "{stderr}");
}

#[test]
fn a_list_is_of_what_was_asked_for() {
    let numbers = |only: &[&str]| {
        let output = compare(&[&["--list"], only].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let number = |line: &str| line.split_whitespace().next().unwrap().parse().unwrap();
        text.lines().map(number).collect::<Vec<u32>>()
    };
    assert_eq!(numbers(&[]), (1..=70).collect::<Vec<u32>>());
    assert_eq!(numbers(&["--only", "22,18"]), [18, 22]);
    assert_eq!(numbers(&["--only", "choosing"]), [60, 61, 62]);
}

#[test]
fn a_report_is_written_over_nothing_but_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("notes.md");
    std::fs::write(&other, "my notes").unwrap();
    let output = compare(&["--html", other.to_str().unwrap()]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    assert_eq!(std::fs::read_to_string(other).unwrap(), "my notes");
}

/// The page as an XML tree, which it is behind its first line.
fn tree(page: &str) -> roxmltree::Document<'_> {
    let body = page.strip_prefix("<!doctype html>\n").expect("a page begins with its type");
    roxmltree::Document::parse(body).unwrap_or_else(|error| panic!("{error}: {page}"))
}

fn all<'a>(page: &'a roxmltree::Document<'_>, tag: &str) -> Vec<roxmltree::Node<'a, 'a>> {
    page.descendants().filter(|node| node.has_tag_name(tag)).collect()
}

fn said(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect()
}

/// What holds of every page: nothing is fetched and nothing runs, every link within leads somewhere,
/// headings go down by one, and every picture has its words.
fn is_whole(page: &roxmltree::Document<'_>) {
    let ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
    for (place, id) in ids.iter().enumerate() {
        assert!(!ids[..place].contains(id), "{id} is there twice");
    }
    for node in page.descendants() {
        for name in ["src", "href", "data", "action", "poster"] {
            let Some(target) = node.attribute(name) else { continue };
            let within =
                target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leaves the page"));
            assert!(ids.contains(&within), "{target} leads nowhere");
        }
        if let Some(named) = node.attribute("aria-labelledby") {
            assert!(named.split(' ').all(|id| ids.contains(&id)), "{named}");
        }
    }
    for tag in ["script", "link", "iframe", "img", "object"] {
        assert_eq!(all(page, tag).len(), 0, "{tag}");
    }
    let style = said(all(page, "style")[0]);
    assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
    assert_eq!((all(page, "main").len(), all(page, "h1").len()), (1, 1));
    let mut level = 0;
    for node in page.descendants() {
        let name = node.tag_name().name();
        if let Some(here) = name.strip_prefix('h').and_then(|rest| rest.parse::<u32>().ok()) {
            assert!(here <= level + 1 && !said(node).is_empty(), "h{here} below h{level}");
            level = here;
        }
    }
    for figure in all(page, "figure") {
        let has = |tag| figure.descendants().any(|n| n.has_tag_name(tag) && !said(n).is_empty());
        assert!(["h3", "p", "title", "desc", "figcaption"].iter().all(|tag| has(*tag)));
    }
    for cell in all(page, "td").into_iter().chain(all(page, "dd")) {
        let text = said(cell);
        assert!(
            !["null", "[", "{", "true", "false"].iter().any(|raw| text.starts_with(raw)),
            "{text}"
        );
        assert!(!text.contains('`'), "{text}");
    }
}

#[test]
fn a_report_leads_from_a_row_to_its_statement_its_facts_and_its_command() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let output = compare(&["--only", "creation-cost", "--html", path]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(path).unwrap();
    let page = tree(&page);
    is_whole(&page);
    let row = all(&page, "tr").into_iter().find(|row| said(*row).starts_with("creation"));
    let row = row.expect("the row of creation");
    let link = row.descendants().find(|node| node.has_tag_name("a")).expect("its statement");
    let id = link.attribute("href").unwrap().strip_prefix('#').unwrap();
    assert_eq!(id, "thread-creation-faster");
    let heading = page.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
    let article = heading.ancestors().find(|node| node.has_tag_name("article")).unwrap();
    let text = said(article);
    assert!(text.contains("cargo run -q -p creation-cost -- table"), "{text}");
    assert!(text.contains("Chapter creation-cost"), "{text}");
    assert!(article.descendants().any(|n| n.has_tag_name("details")), "its facts");
    // The counts name each statement once, and those that were answered stand below.
    let counts = all(&page, "ul").into_iter().find(|n| n.attribute("class") == Some("counts"));
    let links: Vec<_> =
        counts.unwrap().descendants().filter(|node| node.has_tag_name("a")).collect();
    assert_eq!(links.len(), all(&page, "article").len());
    // What is cited: when, with what, how, where; and not where the page was written to.
    let terms: Vec<String> = all(&page, "dt").into_iter().map(said).collect();
    for term in ["Measured on", "Version", "Command", "Load average before", "Kernel", "CPU"] {
        assert!(terms.iter().any(|other| other == term), "{term}: {terms:?}");
    }
    let whole = said(page.root_element());
    assert!(whole.contains("--only creation-cost --html FILE") && !whole.contains(path), "{whole}");
    // Process and thread have their colours in the plot of what it costs to make one.
    let plot = page.descendants().find(|node| node.attribute("id") == Some("plot-creation"));
    let plot = plot.expect("the plot");
    for class in ["process", "thread"] {
        assert!(plot.descendants().any(|n| n.attribute("class") == Some(class)), "{class}");
    }
}

#[test]
fn no_line_is_longer_than_a_terminal_and_verdicts_are_quick() {
    let output = compare(&["--verdicts", "--only", "fork,creation-cost"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n18. Making a thread is faster"), "{text}");
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "colour is for terminals: {text}");
}

#[test]
fn a_full_device_is_a_failure_in_one_sentence() {
    for arguments in [&["--list"][..], &["--only", "fork"], &["--help"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_compare"))
            .args(arguments)
            .stdout(File::options().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

/// A made-up run: its verdict on one statement, and what a fork took.
fn made_up(name: &str, schema: u32, verdict: &str, fork: f64) -> serde_json::Value {
    serde_json::json!({
        "schema": schema, "machine": {"kernel": name, "model": "m", "smt": null}, "rows": [],
        "occasion": {"date": "1 Jan 2026", "version": "0.1.0", "command": "cargo run"},
        "claims": [{
            "id": "x", "number": 3, "claim": "A `statement`.", "package": "p", "verdict": verdict,
            "because": "so it was",
            "facts": [
                {"name": "fork", "value": fork, "unit": "µs", "n": 5,
                 "p10": fork - 1.0, "median": fork, "p90": fork + 1.0},
                {"name": "fork / thread", "value": fork / 10.0, "unit": "", "n": 5,
                 "p10": fork / 10.0 - 0.1, "median": fork / 10.0, "p90": fork / 10.0 + 0.1},
            ],
        }],
    })
}

#[test]
fn diff_names_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, schema, verdict: &str, fork| {
        let path = directory.path().join(name);
        std::fs::write(&path, made_up(name, schema, verdict, fork).to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (a, b) = (write("a", 2, "holds", 50.0), write("b", 2, "does not hold", 90.0));
    let html = directory.path().join("page.html").to_str().unwrap().to_owned();
    let output = compare(&["diff", &a, &b, "--html", &html]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("3. A `statement`.\n  a: holds: so it was\n  b: does not hold"),
        "{text}"
    );
    assert!(text.contains("1 statement measured on both: 0 with the same verdict, 1"), "{text}");
    assert!(text.contains("2 of 2 figures differ"), "{text}");
    let page = std::fs::read_to_string(&html).unwrap();
    let page = tree(&page);
    is_whole(&page);
    let whole = said(page.root_element());
    assert!(
        whole.contains("a: p: fork / thread: 5 (4.90 to 5.10)") || whole.contains("4.9 to 5.1"),
        "{whole}"
    );
    let differs = all(&page, "strong").into_iter().filter(|node| said(*node) == "differs");
    assert_eq!(differs.count(), 2);
    // The same file twice: nothing differs, nothing is drawn.
    let same = compare(&["diff", &a, &a, "--html", &html]);
    let text = String::from_utf8(same.stdout).unwrap();
    assert!(text.contains("0 of 2 figures differ"), "{text}");
    assert!(text.ends_with("No figure differs; --all shows them.\n"), "{text}");
    let every = String::from_utf8(compare(&["diff", &a, &a, "--all"]).stdout).unwrap();
    assert_eq!((text.matches("p: fork").count(), every.matches("p: fork").count()), (0, 2));
    let page = std::fs::read_to_string(&html).unwrap();
    let page = tree(&page);
    is_whole(&page);
    assert_eq!((all(&page, "figure").len(), all(&page, "strong").len()), (0, 0));
}

#[test]
fn diff_refuses_what_it_cannot_read_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write("good", made_up("g", 2, "holds", 50.0).to_string());
    let old = write("old", made_up("o", 1, "holds", 50.0).to_string());
    let (none, list) = (write("none", "no JSON".to_owned()), write("list", "[1]".to_owned()));
    for (file, what) in [
        (old.as_str(), "is in schema 1 and this program reads schema 2"),
        (&none, "is not JSON"),
        (&list, "is not the output of"),
        ("/nonexistent", "/nonexistent: read: ENOENT: "),
        ("/dev/zero", "/dev/zero is longer than anything that"),
    ] {
        for (a, b) in [(file, good.as_str()), (&good, file)] {
            let output = compare(&["diff", a, b]);
            assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.lines().count() == 1 && stderr.contains(what), "{stderr}");
        }
    }
    let output = compare(&["diff", &good, &good, "--html", "/nonexistent/page.html"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
}

/// The pid of a process whose command line has all these words, below `parent`.
fn child_with(parent: u32, words: &[&str]) -> Option<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).ok()?;
    children.split_whitespace().find_map(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let has = |word: &&str| line.split('\0').any(|found| found == *word);
        words.iter().all(has).then(|| pid.parse().ok())?
    })
}

#[test]
fn an_experiment_that_is_killed_costs_its_own_row_and_nothing_else() {
    let mut comparison = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--json", "--only", "creation-cost,fork"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("compare starts");
    let victim = loop {
        if let Some(pid) = child_with(comparison.id(), &["creation-cost", "table"]) {
            break pid;
        }
        assert!(comparison.try_wait().unwrap().is_none(), "it ended before the experiment began");
    };
    kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
    let output = comparison.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "something failed: {output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for claim in json["claims"].as_array().unwrap() {
        let bears = claim["experiment"].as_array().unwrap().contains(&"table".into());
        let hit = bears && claim["package"] == "creation-cost";
        assert_eq!(claim["verdict"] == "failed", hit, "{claim:#}");
        if hit {
            assert!(claim["because"].as_str().unwrap().contains("ended by SIGKILL"), "{claim:#}");
        }
    }
}
