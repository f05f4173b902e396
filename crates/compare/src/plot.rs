//! Plots as inline SVG: five forms, drawn as narrow as a phone, coloured by the page's style sheet.
//!
//! Each is a figure with a title, a sentence that says what to see, values at the marks, the unit
//! on the axis, and all values once more as text for those who do not see the picture.

use lab::{Summary, Value};

use crate::markup::{escaped, prose};
use crate::scale::{Scale, written};

/// Whose a mark is. Each has a colour and a shape of its own in all plots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Who {
    /// A process: a square.
    Process,
    /// A thread: a disc.
    Thread,
    /// Neither, or both: a diamond.
    Other,
}

/// A value, and where p10 and p90 lie if it is a median.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What stands beside it.
    pub label: String,
    /// Its colour and shape.
    pub who: Who,
    /// In the plot's unit.
    pub value: f64,
    /// The 10th and the 90th percentile.
    pub spread: Option<(f64, f64)>,
}

impl Mark {
    /// The median of samples, with their spread.
    pub fn sampled(label: impl Into<String>, who: Who, samples: Summary) -> Mark {
        let spread = Some((samples.p10, samples.p90));
        Mark { label: label.into(), who, value: samples.median, spread }
    }

    fn words(&self, unit: &str) -> String {
        let spread = self.spread.map_or(String::new(), |(low, high)| {
            format!(" ({} to {})", written(low), written(high))
        });
        format!("{}{}{spread}", written(self.value), spaced(unit))
    }
}

/// Points that belong together, in the order of their x.
#[derive(Clone, Debug)]
pub struct Series {
    /// What stands at its last point.
    pub label: String,
    /// Its colour and shape.
    pub who: Who,
    /// In the units of the axes.
    pub points: Vec<(f64, f64)>,
}

/// An axis of lines: its name with the unit, and whether it is logarithmic.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Such as `bytes of a message`.
    pub name: String,
    /// Equal distances are equal ratios.
    pub log: bool,
}

/// How a cell of a grid is tinted. Its words say the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// As one would wish.
    Good,
    /// Harm.
    Bad,
    /// Neither.
    Plain,
    /// Won by one of the two.
    Of(Who),
}

/// What is drawn.
pub enum Form {
    /// Bars from 0, with the spread as a line across the end.
    Bars {
        /// Of all values.
        unit: &'static str,
        /// From top to bottom.
        marks: Vec<Mark>,
    },
    /// Points with the interval from p10 to p90, about a line at `about`, on a logarithmic axis.
    Intervals {
        /// Of all values; empty for ratios.
        unit: &'static str,
        /// Where the line is.
        about: Option<f64>,
        /// From top to bottom.
        marks: Vec<Mark>,
    },
    /// Lines through points.
    Lines {
        /// From left to right.
        x: Axis,
        /// From bottom to top.
        y: Axis,
        /// At most about six.
        series: Vec<Series>,
    },
    /// Bars made of parts.
    Stacked {
        /// Of all values.
        unit: &'static str,
        /// What the parts are, from left to right.
        parts: Vec<&'static str>,
        /// A label and a value for each part.
        bars: Vec<(String, Who, Vec<f64>)>,
    },
    /// Words in rows and columns.
    Grid {
        /// The columns' names.
        columns: Vec<String>,
        /// A label, and a cell for each column.
        rows: Vec<(String, Vec<(String, Tone)>)>,
    },
}

/// A plot with the words that belong to it.
pub struct Plot {
    /// The anchor, unique within a page.
    pub id: &'static str,
    /// What is shown, as a person would say it.
    pub title: &'static str,
    /// What to see, in one sentence that takes its words from the facts.
    pub says: String,
    /// What prints the facts, behind `cargo run -q`.
    pub source: &'static str,
    /// The picture.
    pub form: Form,
}

const WIDTH: f64 = 420.0;

impl Plot {
    /// The figure in HTML that is XML as well.
    pub fn figure(&self) -> String {
        let Plot { id, title, says, source, .. } = self;
        let (says, drawn) = (prose(says), self.svg());
        format!(
            "<figure id=\"plot-{id}\">\n<h3>{}</h3>\n<p>{says}</p>\n{drawn}<figcaption>Facts of \
             <code>cargo run -q {}</code></figcaption>\n</figure>\n",
            escaped(title),
            escaped(source)
        )
    }

    /// The picture alone, with its title and all values as text.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        match &self.form {
            Form::Bars { unit, marks } => bars(&mut svg, unit, marks),
            Form::Intervals { unit, about, marks } => intervals(&mut svg, unit, *about, marks),
            Form::Lines { x, y, series } => lines(&mut svg, x, y, series),
            Form::Stacked { unit, parts, bars } => stacked(&mut svg, unit, parts, bars),
            Form::Grid { columns, rows } => grid(&mut svg, columns, rows),
        }
        let (id, height) = (self.id, svg.height);
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title \
             {id}-values\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-values\">{}</desc>\
             \n{}</svg>\n",
            escaped(self.title),
            escaped(&self.words()),
            svg.body
        )
    }

    /// Every value that the picture shows, in words.
    pub fn words(&self) -> String {
        let marks = |marks: &[Mark], unit: &str| -> Vec<String> {
            marks.iter().map(|mark| format!("{}: {}", mark.label, mark.words(unit))).collect()
        };
        let said = match &self.form {
            Form::Bars { unit, marks: all } | Form::Intervals { unit, marks: all, .. } => {
                marks(all, unit)
            }
            Form::Lines { x, y, series } => {
                let point =
                    |(at, value): &(f64, f64)| format!("{} at {}", written(*value), written(*at));
                let line = |series: &Series| {
                    let points: Vec<String> = series.points.iter().map(point).collect();
                    format!("{}: {}", series.label, points.join(", "))
                };
                let axes = format!("{} against {}", y.name, x.name);
                [axes].into_iter().chain(series.iter().map(line)).collect()
            }
            Form::Stacked { unit, parts, bars } => bars
                .iter()
                .map(|(label, _, values)| {
                    format!("{label}: {}{}", sum_in_words(parts, values), spaced(unit))
                })
                .collect(),
            Form::Grid { columns, rows } => rows
                .iter()
                .map(|(label, cells)| {
                    let cells = columns.iter().zip(cells);
                    let cells: Vec<String> =
                        cells.map(|(column, (cell, _))| format!("{column} {cell}")).collect();
                    format!("{label}: {}", cells.join(", "))
                })
                .collect(),
        };
        said.join("; ")
    }
}

fn spaced(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" {unit}") }
}

fn sum_in_words(parts: &[&str], values: &[f64]) -> String {
    let parts = values.iter().zip(parts);
    let parts: Vec<String> =
        parts.map(|(value, part)| format!("{} {part}", written(*value))).collect();
    parts.join(" + ")
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
    fn axis(&mut self, top: f64, scale: &Scale, name: &str) {
        let bottom = self.height;
        // The lines come first, so that they lie below what was drawn.
        let drawn = std::mem::take(&mut self.body);
        for tick in scale.ticks() {
            self.line((scale.at(tick), top), (scale.at(tick), bottom), "tick");
        }
        self.body += &drawn;
        for tick in scale.ticks() {
            let x = scale.at(tick);
            // The number at the very left stays on the drawing.
            self.text(x.max(5.0), bottom + 14.0, "small middle", &written(tick));
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
        svg.text(2.0, y + 14.0, "", &mark.label);
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
        svg.text(end + 7.0, y + 31.0, "value", &value);
    }
    let name = match marks.iter().any(|mark| mark.spread.is_some()) {
        true => format!("{unit}; the line reaches from p10 to p90"),
        false => unit.to_owned(),
    };
    svg.axis(top, &scale, &name);
}

fn intervals(svg: &mut Svg, unit: &str, about: Option<f64>, marks: &[Mark]) {
    let ends = marks.iter().flat_map(|mark| {
        let (low, high) = mark.spread.unwrap_or((mark.value, mark.value));
        [low, high, mark.value]
    });
    let scale = Scale::logarithmic(ends.chain(about), 10.0, WIDTH - 12.0);
    let top = svg.down(4.0);
    for mark in marks {
        let y = svg.down(40.0);
        svg.text(2.0, y + 14.0, "", &mark.label);
        svg.text(WIDTH - 2.0, y + 14.0, "value end", &mark.words(unit));
        if let Some((low, high)) = mark.spread {
            let line = format!("interval {}", class(mark.who));
            svg.line((scale.at(low), y + 27.0), (scale.at(high), y + 27.0), &line);
        }
        svg.mark((scale.at(mark.value), y + 27.0), mark.who);
    }
    if let Some(about) = about {
        let x = scale.at(about);
        svg.line((x, top), (x, svg.height), "about");
    }
    let unit = if unit.is_empty() { "times; the line at 1.0 is no difference" } else { unit };
    svg.axis(top, &scale, &format!("{unit}; the bar reaches from p10 to p90"));
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
    let mut labels: Vec<(f64, String)> = Vec::new();
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
        let mut written_at = f64::NEG_INFINITY;
        for (place, point) in series.points.iter().enumerate() {
            let (x, y) = at(point);
            svg.mark((x, y), series.who);
            // Of one line each value has room, unless it covers the one before.
            let last = place + 1 == series.points.len();
            if all().count() == series.points.len() && !last && x - written_at > 30.0 {
                svg.text(x + 7.0, y - 8.0, "value", &written(point.1));
                written_at = x;
            }
        }
        if let Some(last) = series.points.last() {
            labels.push((at(last).1, format!("{} {}", written(last.1), series.label)));
        }
    }
    // Labels that would cover each other are moved down, and all up again if the last sinks too far.
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    for index in 1..labels.len() {
        labels[index].0 = labels[index].0.max(labels[index - 1].0 + 16.0);
    }
    let over = labels.last().map_or(0.0, |last| (last.0 - bottom).max(0.0));
    for (y, label) in labels {
        svg.text(RIGHT + 9.0, y - over + 4.0, "value", &label);
    }
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

fn grid(svg: &mut Svg, columns: &[String], rows: &[(String, Vec<(String, Tone)>)]) {
    let longest = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
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
        svg.text(2.0, y + 17.0, "", label);
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

/// A number and its unit as the sentences write them.
pub fn quantity(value: f64, unit: &str) -> String {
    format!("{}{}", Value::Number(value), spaced(unit))
}

#[cfg(test)]
mod tests;
