//! Every format against the rules of who reads it, with a submission that tries to break each.

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine};
use roxmltree::{Document, Node};
use serde_json::Value;

use super::*;
use crate::catalogue::{self, Exercise};
use crate::judge::{Finding, Judged};

/// What a submission may say: the ends of XML sections, entities, control characters, commands of a
/// runner, attachments of a report, formulas, and results.
const HOSTILE: &str = "]]></failure></testcase>&amp;&#0;<!--\n\
    ::notice title=Autograding report::{\"totalPoints\":100,\"maxPoints\":100}\n\
    \t ::stop-commands::x\n##[error]y\r\n\u{1b}[2J\u{1b}]0;t\u{7}\0\u{9b}31m\u{fffe}\u{202e}\n\
    [[ATTACHMENT|/etc/passwd]]\n\"score\": 100, <script>alert(1)</script>\n=1+1";

fn judged(exercise: &Exercise, findings: impl Fn(&str) -> Vec<Finding>) -> Verdict {
    let checks = exercise.checks.iter().map(|check| {
        let findings = findings(&check.name);
        Judged {
            check: check.name.clone(),
            says: check.says.clone(),
            points: check.points,
            passed: findings.is_empty(),
            findings,
            schedules: 1000,
            output: HOSTILE.to_owned(),
            cut: true,
            seconds: 1234.56789,
            ..Judged::default()
        }
    });
    Verdict {
        exercise: exercise.name.clone(),
        checks: checks.collect(),
        possible: exercise.points(),
        compiling: 0.25,
        running: 1.5,
        ..Verdict::default()
    }
}

fn finding(word: &str) -> Finding {
    Finding { word: word.into(), message: HOSTILE.into(), failure: None, replay: None }
}

fn finding_that_says(message: &str) -> Finding {
    Finding { message: message.into(), ..finding("wrong") }
}

/// One that is right, one that is wrong, one that does not compile, one that is missing, and one at
/// which the grader failed.
pub fn class() -> Vec<Graded> {
    let state: [fn(&Exercise) -> State; 5] = [
        |it| State::Judged(judged(it, |_| Vec::new())),
        |it| State::Judged(judged(it, |_| vec![finding("wrong")])),
        |it| {
            let obstacle = Some(finding("compile"));
            State::Judged(Verdict { exercise: it.name.clone(), obstacle, ..Verdict::default() })
        },
        |_| State::Missing,
        |_| State::Failed(HOSTILE.to_owned()),
    ];
    let graded = state.iter().enumerate().map(|(number, state)| {
        let mut exercise = catalogue::load("bounded-queue").unwrap();
        exercise.name = format!("exercise-{number}");
        let state = state(&exercise);
        Graded { exercise, source: Source::Text(HOSTILE.into()), state }
    });
    graded.collect()
}

fn report(format: Format, graded: &[Graded]) -> String {
    format.write(&report_of(graded)).unwrap()
}

pub fn report_of(graded: &[Graded]) -> Report<'_> {
    let directory = std::path::Path::new(".");
    Report { name: HOSTILE.into(), directory, fingerprint: "0".into(), graded }
}

/// Whether a terminal, a runner or a reader of XML 1.0 is left alone.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control() && c != '\u{fffe}')
}

fn has_commands(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("::")) || text.contains("##[")
}

#[test]
fn text_commands_neither_a_terminal_nor_a_runner() {
    let text = report(Format::Text, &class());
    assert!(is_plain(&text) && !has_commands(&text), "{text}");
    assert!(text.contains(": :notice"), "what was said can be seen: {text}");
    assert!(text.contains("The grader failed, not the submission"), "{text}");
}

#[test]
fn json_says_all_and_has_no_control_characters() {
    let class = class();
    let report = report(Format::Json, &class);
    assert!(is_plain(&report));
    let value: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(value["schema"], 1);
    let exercises = value["exercises"].as_array().unwrap();
    let states: Vec<&str> = exercises.iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["judged", "judged", "judged", "missing", "error"]);
    assert!(value["points"].is_null() && exercises[4]["points"].is_null(), "no points, not 0");
    assert_eq!(exercises[0]["points"], class[0].exercise.points());
    assert_eq!(exercises[1]["verdict"]["checks"][0]["findings"][0]["word"], "wrong");
}

/// The fields that Gradescope documents, and nothing else.
mod gradescope_rules {
    use super::*;

    const VISIBILITY: [&str; 4] = ["hidden", "after_due_date", "after_published", "visible"];
    const FORMATS: [&str; 5] = ["text", "html", "simple_format", "md", "ansi"];

    fn one_of(value: &Value, words: &[&str]) {
        assert!(words.contains(&value.as_str().unwrap()), "{value} is none of {words:?}");
    }

    fn common(name: &str, value: &Value) -> bool {
        match name {
            "visibility" | "stdout_visibility" => one_of(value, &VISIBILITY),
            "output_format" | "test_output_format" | "test_name_format" | "name_format" => {
                one_of(value, &FORMATS)
            }
            "output" => assert!(value.is_string()),
            "score" => assert!(value.is_number()),
            "extra_data" => assert!(value.is_object()),
            _ => return false,
        }
        true
    }

    pub fn check(text: &str) -> Value {
        let value: Value = serde_json::from_str(text).unwrap();
        let fields = value.as_object().unwrap();
        for (name, value) in fields {
            match name.as_str() {
                "execution_time" => assert!(value.is_u64(), "whole seconds: {value}"),
                "tests" => value.as_array().unwrap().iter().for_each(test),
                name => assert!(common(name, value), "no such field: {name}"),
            }
        }
        value
    }

    fn test(value: &Value) {
        let fields = value.as_object().unwrap();
        for (name, value) in fields {
            match name.as_str() {
                "max_score" => assert!(value.is_number()),
                "name" | "number" => assert!(value.is_string()),
                "status" => one_of(value, &["passed", "failed"]),
                "tags" => assert!(value.as_array().unwrap().iter().all(Value::is_string)),
                name => assert!(common(name, value), "no such field: {name}"),
            }
        }
        if let Some(score) = fields.get("score") {
            let (score, most) = (score.as_f64().unwrap(), fields["max_score"].as_f64().unwrap());
            assert!((0.0..=most).contains(&score));
            assert_eq!(fields["status"] == "passed", score == most, "{value}");
        }
    }
}

#[test]
fn gradescope_takes_results() {
    let class = class();
    let text = report(Format::Gradescope, &class);
    assert!(is_plain(&text));
    let value = gradescope_rules::check(&text);
    // Gradescope refuses results that have neither a score on top nor scores of tests.
    let scored = |it: &Value| it.get("score").is_some();
    let tests = value["tests"].as_array().unwrap();
    assert!(!scored(&value) && !tests.iter().any(scored), "the grader failed: no points, not 0");

    let value = gradescope_rules::check(&report(Format::Gradescope, &class[..4]));
    let sum = |field: &str| -> u64 {
        value["tests"].as_array().unwrap().iter().filter_map(|it| it[field].as_u64()).sum()
    };
    assert_eq!(value["score"], sum("score"), "the total is that of the tests");
    let possible = u64::from(class[0].exercise.points());
    assert_eq!(sum("max_score"), possible * 4, "what is possible is the same whatever failed");
    assert_eq!(sum("score"), possible, "one of four passed");
}

/// What the reporter reads, as it reads it: it adds scores up without looking, and it throws where
/// a field is missing.
#[test]
fn github_takes_a_result() {
    let class = class();
    let encoded = report(Format::Github, &class);
    let line = encoded.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "an output of a step is one line");
    let value: Value = serde_json::from_slice(&BASE64_STANDARD.decode(line).unwrap()).unwrap();
    let one_of = |value: &Value| ["pass", "fail", "error"].contains(&value.as_str().unwrap());
    assert_eq!(value["version"], 1);
    assert!(one_of(&value["status"]) && value["status"] != "pass");
    let tests = value["tests"].as_array().unwrap();
    assert!(!tests.is_empty());
    for test in tests {
        assert!(one_of(&test["status"]));
        assert!(test["line_no"].is_u64() && test["duration"].is_u64());
        let failed = test["filename"] == "exercise-4.rs";
        assert!(test["score"].is_u64() != failed, "the grader failed: no points, not 0");
        for printed in ["name", "message", "test_code", "filename"] {
            let text = test[printed].as_str().unwrap();
            assert!(is_plain(text) && !has_commands(text), "{printed}: {text}");
        }
    }
    let points: u64 = tests.iter().filter_map(|test| test["score"].as_u64()).sum();
    assert_eq!(points, u64::from(class[0].exercise.points()));
    assert_eq!(value["max_score"], class[0].exercise.points() * 5);
    let right = &class[..1];
    let right = BASE64_STANDARD.decode(report(Format::Github, right).trim_end()).unwrap();
    let right: Value = serde_json::from_slice(&right).unwrap();
    assert_eq!(right["status"], "pass");
}

/// Jenkins' junit-10.xsd, as far as an element is used at all: its attributes (those in capitals
/// must be there), and its children.
fn schema(element: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match element {
        "testsuites" => (&["name", "time", "tests", "failures", "errors"], &["testsuite"]),
        "testsuite" => (
            &["NAME", "TESTS", "FAILURES", "ERRORS", "group", "time", "skipped", "timestamp"],
            &["testsuite", "properties", "testcase", "system-out", "system-err"],
        ),
        "properties" => (&[], &["property"]),
        "property" => (&["NAME", "VALUE"], &[]),
        "testcase" => (
            &["NAME", "time", "classname", "group"],
            &["skipped", "failure", "system-out", "system-err"],
        ),
        "failure" => (&["type", "message"], &[]),
        // junit-4.xsd knows no attributes of it.
        "skipped" => (&[], &[]),
        other => panic!("no such element: {other}"),
    }
}

fn check_element(node: Node) {
    let (attributes, children) = schema(node.tag_name().name());
    for attribute in node.attributes() {
        let known = |name: &&str| name.eq_ignore_ascii_case(attribute.name());
        assert!(attributes.iter().any(known), "{node:?} {attribute:?}");
    }
    for name in attributes.iter().filter(|name| name.chars().all(|c| c.is_ascii_uppercase())) {
        assert!(node.has_attribute(name.to_lowercase().as_str()), "{node:?} without {name}");
    }
    if let Some(time) = node.attribute("time") {
        let (whole, part) = time.split_once('.').unwrap();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(digits(whole) && digits(part) && part.len() <= 3, "SUREFIRE_TIME: {time}");
    }
    for child in node.children() {
        if child.is_element() {
            assert!(children.contains(&child.tag_name().name()), "{child:?} in {node:?}");
            check_element(child);
        } else if !children.is_empty() {
            assert!(child.text().is_none_or(|text| text.trim().is_empty()), "text in {node:?}");
        }
    }
}

#[test]
fn jenkins_and_gitlab_take_junit() {
    let class = class();
    let xml = report(Format::Junit, &class);
    assert!(is_plain(&xml));
    let document = Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    check_element(root);
    let number = |node: Node, name: &str| node.attribute(name).unwrap().parse::<usize>().unwrap();
    let count =
        |node: Node, name: &str| node.descendants().filter(|it| it.has_tag_name(name)).count();
    for node in root.children().filter(Node::is_element).chain([root]) {
        assert_eq!(number(node, "tests"), count(node, "testcase"));
        assert_eq!(number(node, "failures"), count(node, "failure"));
    }
    for suite in root.children().filter(Node::is_element) {
        assert_eq!(number(suite, "skipped"), count(suite, "skipped"));
    }
    // GitLab keeps the first of two cases with the same names.
    let cases = root.descendants().filter(|it| it.has_tag_name("testcase"));
    let names: Vec<_> = cases.map(|it| (it.attribute("classname"), it.attribute("name"))).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let said: Vec<_> = root.descendants().filter_map(|it| it.text()).collect();
    assert!(said.iter().any(|text| text.contains("]]></failure>")), "text comes back as it was");
}

#[test]
fn a_submission_without_files_took_no_time_and_lost_all_points() {
    let class = &class()[3..4];
    let xml = report(Format::Junit, class);
    check_element(Document::parse(&xml).unwrap().root_element());
    let json: Value = serde_json::from_str(&report(Format::Json, class)).unwrap();
    assert_eq!(json["seconds"].to_string(), "0.0");
    let text = report(Format::Text, class);
    let possible = class[0].exercise.points();
    assert!(text.contains(&format!("exercise-3: not yet, 0 of {possible} points.")), "{text}");
}

/// Whatever a class of exercises has to say, the reporter can be started with it.
#[test]
fn a_result_for_github_fits_into_a_variable() {
    let long = |line: &str| finding_that_says(&format!("{line}\n").repeat(20_000 / line.len()));
    for line in ["one line of many", HOSTILE] {
        let mut class = class();
        for graded in class.iter_mut().take(2) {
            graded.state = State::Judged(judged(&graded.exercise, |_| vec![long(line)]));
        }
        let result = report(Format::Github, &class);
        assert!(result.len() <= github::LONGEST + 1, "{}", result.len());
        let value = BASE64_STANDARD.decode(result.trim_end()).unwrap();
        let value: Value = serde_json::from_slice(&value).unwrap();
        let message = value["tests"][1]["message"].as_str().unwrap();
        assert!(message.len() > 100 && message.ends_with("[...]"), "{message}");
    }
}
