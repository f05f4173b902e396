use super::*;

fn plot(form: Form) -> String {
    Plot { id: "x", title: "A & b", says: "It is `so`.".to_owned(), source: "fork", form }.figure()
}

fn mark(value: f64, who: Who) -> Mark {
    Mark { label: format!("of {value}"), who, value, spread: Some((value * 0.9, value * 1.2)) }
}

fn forms() -> Vec<Form> {
    let marks = || vec![mark(1.0, Who::Process), mark(40.0, Who::Thread), mark(0.0, Who::Other)];
    let points = || vec![(1.0, 2.0), (1000.0, 1e-3), (1e6, 7e4)];
    let series = |label: &str, who| Series::measured(label, who, points());
    let axis = |log| Axis { name: "bytes <".to_owned(), log };
    vec![
        Form::Bars { unit: "µs", marks: marks() },
        Form::Intervals { unit: "", about: Some(1.0), marks: marks() },
        Form::Intervals { unit: "ms", about: None, marks: marks() },
        Form::Lines { x: axis(true), y: axis(true), series: vec![series("a", Who::Process)] },
        Form::Lines {
            x: axis(false),
            y: axis(false),
            series: vec![
                series("a", Who::Process),
                series("b", Who::Process),
                Series::computed("c", Who::Other, points()),
                Series::measured("ends early", Who::Thread, points()[..2].to_vec()),
            ],
        },
        Form::Stacked {
            unit: "KiB",
            parts: vec!["user", "kernel"],
            bars: vec![("fork".to_owned(), Who::Process, vec![40.0, 16.0])],
        },
        Form::Grid {
            columns: vec!["process".to_owned(), "thread".to_owned()],
            rows: vec![
                ("a heading that is longer than all".to_owned(), vec![]),
                (
                    "abort".to_owned(),
                    vec![("7 of 7".to_owned(), Tone::Good), ("0 of 7".to_owned(), Tone::Bad)],
                ),
            ],
        },
    ]
}

#[test]
fn every_form_is_a_figure_within_its_box_with_a_text_for_all_values() {
    for form in forms() {
        let figure = plot(form);
        let document = roxmltree::Document::parse(&figure).expect(&figure);
        let svg = document.descendants().find(|node| node.has_tag_name("svg")).expect("a picture");
        let view: Vec<f64> = svg
            .attribute("viewBox")
            .unwrap()
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let named = svg.attribute("aria-labelledby").unwrap();
        for id in named.split(' ') {
            let said = svg.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert!(said.text().is_some_and(|text| !text.is_empty()), "{figure}");
        }
        for node in svg.descendants() {
            for (name, most) in [("x", view[2]), ("cx", view[2]), ("y", view[3]), ("cy", view[3])] {
                if let Some(at) = node.attribute(name) {
                    let at: f64 = at.parse().expect("a number");
                    assert!((-0.1..=most).contains(&at), "{name} {at}: {figure}");
                }
            }
        }
        assert!(!figure.contains("NaN") && !figure.contains("inf"), "{figure}");
    }
}

#[test]
fn process_and_thread_have_a_colour_and_a_shape_of_their_own() {
    let marks = vec![mark(1.0, Who::Process), mark(2.0, Who::Thread)];
    let figure = plot(Form::Intervals { unit: "", about: Some(1.0), marks });
    assert!(figure.contains("<rect") && figure.contains("class=\"process\""), "{figure}");
    assert!(figure.contains("<circle") && figure.contains("class=\"thread\""), "{figure}");
    assert!(figure.contains("class=\"about\""), "{figure}");
}

#[test]
fn every_value_stands_at_its_mark() {
    let figure = plot(Form::Bars { unit: "µs", marks: vec![mark(173.4, Who::Process)] });
    let document = roxmltree::Document::parse(&figure).unwrap();
    let texts: Vec<&str> = document
        .descendants()
        .filter(|n| n.has_tag_name("text"))
        .filter_map(|n| n.text())
        .collect();
    assert!(texts.contains(&"173 µs"), "{texts:?}");
    assert!(figure.contains("of 173.4: 173 µs (156 to 208)"), "{figure}");
}

#[test]
fn a_label_never_covers_its_value() {
    let long = "a package: a figure with a name that is longer than a line of the drawing is wide";
    let mut mark = mark(1.02, Who::Other);
    mark.label = long.to_owned();
    let figure = plot(Form::Intervals { unit: "", about: Some(1.0), marks: vec![mark] });
    let document = roxmltree::Document::parse(&figure).unwrap();
    let texts = document.descendants().filter(|n| n.has_tag_name("text"));
    let at = |n: &roxmltree::Node<'_, '_>| n.attribute("y").unwrap().to_owned();
    let texts: Vec<_> = texts.map(|n| (at(&n), n.text().unwrap_or_default())).collect();
    let value = texts.iter().find(|(_, text)| text.starts_with("1.02 (")).unwrap();
    let letters = |text: &str| text.chars().count();
    let beside = texts.iter().filter(|(y, text)| *y == value.0 && *text != value.1);
    assert!(beside.clone().all(|(_, text)| letters(text) + letters(value.1) < 60), "{texts:?}");
    assert!(texts.iter().all(|(_, text)| letters(text) <= 60), "{texts:?}");
}
