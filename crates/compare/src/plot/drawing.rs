//! The forms, drawn: SVG without a size or a colour of its own.

use std::cmp::Ordering;

use super::{Axis, Form, Mark, Row, Series, Tone, WIDTH, Who, spaced};
use crate::markup::escaped;
use crate::scale::{Scale, written};

/// The elements of a picture, and how high it is.
pub fn draw(form: &Form) -> (String, f64) {
    let mut svg = Svg::default();
    match form {
        Form::Bars { unit, marks } => bars(&mut svg, unit, marks),
        Form::Intervals { unit, about, marks } => intervals(&mut svg, unit, *about, marks),
        Form::Lines { x, y, series } => lines(&mut svg, x, y, series),
        Form::Stacked { unit, parts, bars } => stacked(&mut svg, unit, parts, bars),
        Form::Grid { columns, rows } => grid(&mut svg, columns, rows),
    }
    (svg.body, svg.height)
}

/// What was drawn so far, and how far down it reaches.
#[derive(Default)]
struct Svg {
    body: String,
    height: f64,
}

impl Svg {
    /// Moves down and returns where it was.
    fn down(&mut self, by: f64) -> f64 {
        self.height += by;
        self.height - by
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = escaped(text);
        self.body += &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>\n");
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.body += &format!("<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" class=\"{class}\"/>\n");
    }

    fn bar(&mut self, from: (f64, f64), size: (f64, f64), class: &str, opacity: f64) {
        let ((x, y), (width, height)) = (from, size);
        self.body += &format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" \
             class=\"{class}\" fill-opacity=\"{opacity}\"/>\n",
            width.max(1.0)
        );
    }

    fn mark(&mut self, (x, y): (f64, f64), who: Who) {
        let class = class(who);
        self.body += &match who {
            Who::Process => format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" class=\"{class}\"/>\n",
                x - 4.5,
                y - 4.5
            ),
            Who::Thread => {
                format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" class=\"{class}\"/>\n")
            }
            Who::Other => format!(
                "<path d=\"M{:.1} {y:.1}l5.5 -5.5l5.5 5.5l-5.5 5.5z\" class=\"{class}\"/>\n",
                x - 5.5
            ),
        };
    }

    /// The axis below what was drawn since `top`: thin lines upwards, numbers, and the name.
    /// A line from here to the top that lies below what was drawn.
    fn upright(&mut self, x: f64, top: f64, class: &str) {
        let drawn = std::mem::take(&mut self.body);
        self.line((x, top), (x, self.height), class);
        self.body += &drawn;
    }

    fn axis(&mut self, top: f64, scale: &Scale, name: &str) {
        let bottom = self.height;
        for tick in scale.ticks() {
            self.upright(scale.at(tick), top, "tick");
        }
        for tick in scale.ticks() {
            let x = scale.at(tick);
            // The number at the very left and the one at the very right stay on the drawing.
            self.text(x.clamp(5.0, WIDTH - 16.0), bottom + 14.0, "small middle", &written(tick));
        }
        let y = self.down(34.0);
        self.text(WIDTH / 2.0, y + 29.0, "small middle", name);
    }
}

fn class(who: Who) -> &'static str {
    match who {
        Who::Process => "process",
        Who::Thread => "thread",
        Who::Other => "other",
    }
}

fn bars(svg: &mut Svg, unit: &str, marks: &[Mark]) {
    let median = marks.iter().map(|mark| mark.value).fold(0.0, f64::max);
    let high =
        marks.iter().filter_map(|mark| mark.spread).map(|(_, high)| high).fold(0.0, f64::max);
    // A machine that others use has some p90 far outside, beside which all bars would vanish: its
    // line leaves the drawing without an end.
    let most = high.clamp(median, median * 1.6);
    let scale = Scale::linear(most, 2.0, WIDTH - 92.0);
    let top = svg.down(4.0);
    for mark in marks {
        let y = svg.down(40.0);
        svg.text(2.0, y + 14.0, "label", &mark.label);
        let to = scale.at(mark.value);
        svg.bar((2.0, y + 19.0), (to - 2.0, 14.0), class(mark.who), 1.0);
        let mut end = to;
        if let Some((from, to)) = mark.spread {
            let (low, high) = (scale.at(from), scale.at(to));
            svg.line((low, y + 26.0), (high, y + 26.0), "whisker");
            for (end, _) in [(low, true), (high, to <= most)].iter().filter(|(_, shown)| *shown) {
                svg.line((*end, y + 22.0), (*end, y + 30.0), "whisker");
            }
            end = end.max(high);
        }
        let value = format!("{}{}", written(mark.value), spaced(unit));
        svg.text(end + 7.0, y + 31.0, "value label", &value);
    }
    let name = match marks.iter().any(|mark| mark.spread.is_some()) {
        true => format!("{unit}; the line reaches from p10 to p90"),
        false => unit.to_owned(),
    };
    svg.axis(top, &scale, &name);
}

/// About so many letters have room beside each other.
const LETTERS: usize = 56;

/// A label in lines that have room.
fn broken(label: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in label.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > LETTERS {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

fn intervals(svg: &mut Svg, unit: &str, about: Option<f64>, marks: &[Mark]) {
    let ends = marks.iter().flat_map(|mark| {
        let (low, high) = mark.spread.unwrap_or((mark.value, mark.value));
        [low, high, mark.value]
    });
    let scale = Scale::logarithmic(ends.chain(about), 10.0, WIDTH - 12.0);
    let top = svg.down(4.0);
    for mark in marks {
        let value = mark.words(unit);
        let mut lines = broken(&mark.label);
        // The value stands behind the label where there is room for both, else below it.
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + value.chars().count() + 3 > LETTERS {
            lines.push(String::new());
        }
        let below = 16.0 * lines.len() as f64;
        let y = svg.down(24.0 + below);
        for (index, line) in lines.iter().enumerate() {
            svg.text(2.0, y + 14.0 + 16.0 * index as f64, "label", line);
        }
        svg.text(WIDTH - 2.0, y + below - 2.0, "value label end", &value);
        let y = y + below + 11.0;
        if let Some((low, high)) = mark.spread {
            let line = format!("interval {}", class(mark.who));
            svg.line((scale.at(low), y), (scale.at(high), y), &line);
        }
        svg.mark((scale.at(mark.value), y), mark.who);
    }
    if let Some(about) = about {
        svg.upright(scale.at(about), top, "about");
    }
    let unit = if unit.is_empty() { "times (1.0: no difference)" } else { unit };
    svg.axis(top, &scale, &format!("{unit}; bars from p10 to p90"));
}

fn lines(svg: &mut Svg, x: &Axis, y: &Axis, series: &[Series]) {
    const RIGHT: f64 = WIDTH - 144.0;
    let all = || series.iter().flat_map(|series| series.points.iter().copied());
    let axis = |axis: &Axis, values: &mut dyn Iterator<Item = f64>, from, to| match axis.log {
        true => Scale::logarithmic(values, from, to),
        false => Scale::linear(values.fold(0.0, f64::max), from, to),
    };
    svg.text(2.0, 14.0, "small", &y.name);
    let (top, bottom) = (26.0, 246.0);
    let across = axis(x, &mut all().map(|point| point.0), 52.0, RIGHT);
    let up = axis(y, &mut all().map(|point| point.1), bottom, top);
    for tick in up.ticks() {
        svg.line((48.0, up.at(tick)), (RIGHT, up.at(tick)), "tick");
        svg.text(44.0, up.at(tick) + 4.0, "small end", &written(tick));
    }
    svg.height = bottom;
    svg.axis(top, &across, &x.name);
    let mut labels: Vec<Label> = Vec::new();
    for (index, series) in series.iter().enumerate() {
        let at = |point: &(f64, f64)| (across.at(point.0), up.at(point.1));
        let path: Vec<String> =
            series.points.iter().map(at).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        // Of several in one colour each has its own dashes.
        let dashes = ["", "7 4", "2 4", "11 4 2 4", "4 2", "1 2"][index % 6];
        svg.body += &format!(
            "<path d=\"M{}\" class=\"curve {}\" stroke-dasharray=\"{dashes}\"/>\n",
            path.join("L"),
            class(series.who)
        );
        let (mut written_at, mut values) = (f64::NEG_INFINITY, Vec::new());
        for (place, point) in series.points.iter().enumerate().filter(|_| series.marked) {
            let (x, y) = at(point);
            svg.mark((x, y), series.who);
            // Of one line each value has room, unless it covers the one before.
            let last = place + 1 == series.points.len();
            if all().count() == series.points.len() && !last && x - written_at > 30.0 {
                values.push((x + 7.0, y - 8.0, written(point.1)));
                written_at = x;
            }
        }
        for (x, y, value) in values {
            svg.text(x, y, "value label", &value);
        }
        if let Some(last) = series.points.last() {
            let ((x, y), text) = (at(last), format!("{} {}", written(last.1), series.label));
            labels.push(Label { x, y, text });
        }
    }
    for Label { x, y, text } in parted(labels, bottom) {
        svg.text(x + 9.0, y + 4.0, "value label", &text);
    }
}

/// What stands at the end of a line.
struct Label {
    x: f64,
    y: f64,
    text: String,
}

/// Labels that would cover each other are moved down, and all of one place up again if the last
/// would sink below the bottom.
fn parted(mut labels: Vec<Label>, bottom: f64) -> Vec<Label> {
    labels.sort_by(|a, b| (a.x, a.y).partial_cmp(&(b.x, b.y)).unwrap_or(Ordering::Equal));
    for place in labels.chunk_by_mut(|a, b| (a.x - b.x).abs() < 1.0) {
        for index in 1..place.len() {
            place[index].y = place[index].y.max(place[index - 1].y + 16.0);
        }
        let over = place.last().map_or(0.0, |last| (last.y - bottom).max(0.0));
        place.iter_mut().for_each(|label| label.y -= over);
    }
    labels
}

/// How strong the parts of a bar are tinted, from left to right.
const TINTS: [f64; 5] = [1.0, 0.7, 0.45, 0.25, 0.12];

fn stacked(svg: &mut Svg, unit: &str, parts: &[&'static str], bars: &[(String, Who, Vec<f64>)]) {
    let total = |values: &[f64]| values.iter().sum::<f64>();
    let most = bars.iter().map(|(_, _, values)| total(values)).fold(0.0, f64::max);
    let scale = Scale::linear(most, 2.0, WIDTH - 84.0);
    let y = svg.down(24.0);
    let mut x = 2.0;
    for (part, tint) in parts.iter().zip(TINTS) {
        svg.bar((x, y + 4.0), (12.0, 12.0), "other part", tint);
        svg.text(x + 17.0, y + 14.0, "small", part);
        x += 30.0 + 6.6 * part.chars().count() as f64;
    }
    let top = svg.height;
    for (label, who, values) in bars {
        let y = svg.down(56.0);
        svg.text(2.0, y + 14.0, "", label);
        let mut from = 0.0;
        for (value, tint) in values.iter().zip(TINTS) {
            let (left, right) = (scale.at(from), scale.at(from + value));
            svg.bar((left, y + 19.0), (right - left, 14.0), &format!("{} part", class(*who)), tint);
            from += value;
        }
        let value = format!("{}{}", written(from), spaced(unit));
        svg.text(scale.at(from) + 7.0, y + 31.0, "value", &value);
        let values: Vec<String> = values.iter().copied().map(written).collect();
        svg.text(2.0, y + 47.0, "small", &values.join(" + "));
    }
    svg.axis(top, &scale, unit);
}

fn grid(svg: &mut Svg, columns: &[String], rows: &[Row]) {
    let labels = rows.iter().filter(|(_, cells)| !cells.is_empty());
    let longest = labels.map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let left = (longest as f64 * 7.6 + 8.0).min(WIDTH * 0.5);
    let width = (WIDTH - left) / columns.len().max(1) as f64;
    let middle = |index: usize| left + width * (index as f64 + 0.5);
    let y = svg.down(22.0);
    for (index, column) in columns.iter().enumerate() {
        let class = if columns.len() > 4 { "small middle" } else { "value middle" };
        svg.text(middle(index), y + 14.0, class, column);
    }
    for (label, cells) in rows {
        let y = svg.down(27.0);
        svg.text(2.0, y + 17.0, if cells.is_empty() { "value" } else { "" }, label);
        for (index, (text, tone)) in cells.iter().enumerate() {
            let class = match tone {
                Tone::Good => "good",
                Tone::Bad => "bad",
                Tone::Plain => "plain",
                Tone::Of(who) => class(*who),
            };
            let x = left + width * index as f64;
            svg.bar((x + 1.5, y + 1.5), (width - 3.0, 24.0), &format!("cell {class}"), 0.3);
            svg.text(middle(index), y + 17.0, "middle", text);
        }
    }
    svg.down(4.0);
}
