//! Plots as inline SVG: five forms, drawn as narrow as a phone, coloured by the page's style sheet.
//!
//! Each is a figure with a title, a sentence that says what to see, values at the marks, the unit
//! on the axis, and all values once more as text for those who do not see the picture.

mod drawing;

use lab::Summary;

use crate::markup::{escaped, prose};
use crate::scale::written;

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
    /// Whether there is a mark at each point, because it was measured.
    pub marked: bool,
}

impl Series {
    /// What was measured at each of the points.
    pub fn measured(label: &str, who: Who, points: Vec<(f64, f64)>) -> Series {
        Series { label: label.to_owned(), who, points, marked: true }
    }

    /// A curve that was computed, for comparison.
    pub fn computed(label: &str, who: Who, points: Vec<(f64, f64)>) -> Series {
        Series { label: label.to_owned(), who, points, marked: false }
    }
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

/// A label, and a cell for each column; without cells the label is a heading.
pub type Row = (String, Vec<(String, Tone)>);

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
        /// From top to bottom.
        rows: Vec<Row>,
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

/// Which colour and shape is whose.
pub const KEY: &str = "<p class=\"key\">In all plots: \
<svg class=\"plot\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect x=\"1\" y=\"1\" width=\"10\" \
height=\"10\" class=\"process\"/></svg> a process, \
<svg class=\"plot\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><circle cx=\"6\" cy=\"6\" r=\"5\" \
class=\"thread\"/></svg> a thread, \
<svg class=\"plot\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path d=\"M0 6l6 -6l6 6l-6 6z\" \
class=\"other\"/></svg> neither or both.</p>\n";

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

    /// The same as a part of a page in Markdown, whose headings are its own.
    pub fn markdown(&self) -> String {
        let Plot { title, says, source, .. } = self;
        let (drawn, source) = (self.svg(), escaped(source));
        format!(
            "### {title}\n\n{says}\n\n<figure>\n{drawn}<figcaption>Facts of <code>cargo run -q \
             {source}</code></figcaption>\n</figure>\n"
        )
    }

    /// The picture alone, with its title and all values as text.
    pub fn svg(&self) -> String {
        let (body, height) = drawing::draw(&self.form);
        let id = self.id;
        format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title \
             {id}-values\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-values\">{}</desc>\
             \n{}</svg>\n",
            escaped(self.title),
            escaped(&self.words()),
            body
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
                    if cells.is_empty() {
                        return label.clone();
                    }
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

/// A number and its unit as the sentences and the pictures write them.
pub fn quantity(value: f64, unit: &str) -> String {
    format!("{}{}", written(value), spaced(unit))
}

#[cfg(test)]
mod tests;
