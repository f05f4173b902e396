//! JUnit's XML, of which there are dialects. This keeps to what all have in common: the schema of
//! Jenkins' xUnit plug-in (`junit-10.xsd`), and what GitLab reads (`classname`, `name`, `time`, and
//! what is inside `failure`, `error` and `skipped`). There is no `error` element, which that schema
//! spells otherwise: a failure of the grader is a failure of type `grader`.

use anyhow::Result;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Outcome, Report, Row, rows};

type Xml = Writer<Vec<u8>>;

/// The report as XML: a suite for each exercise, a case for each check.
pub fn write(report: &Report) -> Result<String> {
    let suites: Vec<(&str, Vec<Row>)> =
        report.graded.iter().map(|graded| (graded.exercise.name.as_str(), rows(graded))).collect();
    let all = || suites.iter().flat_map(|(_, rows)| rows);
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .with_attribute(("name", &*crate::escape::plain(&report.name).replace('\n', " ")))
        .with_attribute(("tests", &*all().count().to_string()))
        .with_attribute(("failures", &*failures(all())))
        .with_attribute(("errors", "0"))
        .with_attribute(("time", &*time(report.seconds())))
        .write_inner_content(|xml| {
            suites.iter().try_for_each(|(exercise, rows)| suite(xml, exercise, rows))
        })?;
    Ok(String::from_utf8(xml.into_inner())? + "\n")
}

fn suite(xml: &mut Xml, exercise: &str, rows: &[Row]) -> std::io::Result<()> {
    let skipped = rows.iter().filter(|row| row.outcome == Outcome::NotRun).count();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let points: u32 = rows.iter().map(|row| row.points).sum();
    let possible: u32 = rows.iter().map(|row| row.possible).sum();
    xml.create_element("testsuite")
        .with_attribute(("name", exercise))
        .with_attribute(("tests", &*rows.len().to_string()))
        .with_attribute(("failures", &*failures(rows.iter())))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", &*skipped.to_string()))
        .with_attribute(("time", &*time(seconds)))
        .write_inner_content(|xml| {
            xml.create_element("properties").write_inner_content(|xml| {
                // Where the grader failed, there are no points, not even 0.
                let failed = rows.iter().any(|row| row.outcome == Outcome::Error);
                let points = (!failed).then_some(("points", points));
                for (name, value) in points.into_iter().chain([("possible", possible)]) {
                    xml.create_element("property")
                        .with_attribute(("name", name))
                        .with_attribute(("value", &*value.to_string()))
                        .write_empty()?;
                }
                Ok(())
            })?;
            rows.iter().try_for_each(|row| case(xml, exercise, row))
        })?;
    Ok(())
}

fn case(xml: &mut Xml, exercise: &str, row: &Row) -> std::io::Result<()> {
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", exercise))
        .with_attribute(("name", row.check))
        .with_attribute(("time", &*time(row.seconds)));
    match row.outcome {
        Outcome::Passed => case.write_empty()?,
        Outcome::NotRun => case.write_inner_content(|xml| {
            xml.create_element("skipped").write_text_content(BytesText::new(&row.text))?;
            Ok(())
        })?,
        Outcome::Failed | Outcome::Error => case.write_inner_content(|xml| {
            xml.create_element("failure")
                .with_attribute(("type", row.word))
                .with_attribute(("message", row.text.lines().next().unwrap_or_default()))
                .write_text_content(BytesText::new(&row.text))?;
            Ok(())
        })?,
    };
    Ok(())
}

fn failures<'a, 'b: 'a>(rows: impl Iterator<Item = &'a Row<'b>>) -> String {
    let failed = |row: &&Row| matches!(row.outcome, Outcome::Failed | Outcome::Error);
    rows.filter(failed).count().to_string()
}

/// Seconds, as the schema wants them: at most three decimals.
fn time(seconds: f64) -> String {
    format!("{seconds:.3}")
}
