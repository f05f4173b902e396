//! What would turn the choice. Each threshold is asked of the function that decides, at neighbouring
//! values as they are printed: at the one it turns, and just before it does not.

use crate::answers::{Answers, bytes, short};
use crate::decide::{Choice, MIB, decide};
use crate::figures::{Figures, Measured};

/// A number among the answers that is changed alone.
struct Field {
    name: &'static str,
    of: fn(&mut Answers) -> &mut f64,
    scale: Scale,
    least: fn(&Answers) -> f64,
    most: f64,
}

const FIELDS: [Field; 4] = [
    Field {
        name: "starts a second",
        of: |a| &mut a.starts,
        scale: Scale::Rate,
        least: |_| 0.01,
        most: 1e6,
    },
    Field {
        name: "at once",
        of: |a| &mut a.at_once,
        scale: Scale::Whole,
        least: |_| 1.0,
        most: 1e6,
    },
    Field {
        name: "messages a second",
        of: |a| &mut a.messages,
        scale: Scale::Rate,
        least: |_| 1.0,
        most: 1e7,
    },
    Field {
        name: "touched by the parent",
        of: |a| &mut a.memory,
        scale: Scale::Bytes,
        // What all use somebody has touched.
        least: |a| a.shared.max(MIB),
        most: 1e12,
    },
];

/// The values that are printed, in their order: each has an index.
#[derive(Clone, Copy)]
enum Scale {
    /// 1, 2, 3, ...
    Whole,
    /// As [`short`] prints them: 0.01, 0.02, ... 9.99, 10.0, 10.1, ... 99.9, 100, 101, ...
    Rate,
    /// As [`bytes`] prints them, from 1 MiB on, with three digits and more.
    Bytes,
}

impl Scale {
    fn value(self, index: u64) -> f64 {
        match (self, index) {
            (Scale::Whole, index) => index as f64,
            (Scale::Rate, hundredths @ 0..1000) => hundredths as f64 / 100.0,
            (Scale::Rate, tenths @ 1000..1900) => (tenths - 900) as f64 / 10.0,
            (Scale::Rate, whole) => (whole - 1800) as f64,
            (Scale::Bytes, index) => {
                // From 1.00 to 9.99, from 10.0 to 99.9, and from 100 to 1,023 of each unit.
                let (unit, digits) = (index / 2724, index % 2724);
                let number = match digits {
                    0..900 => (digits + 100) as f64 / 100.0,
                    900..1800 => (digits - 800) as f64 / 10.0,
                    _ => (digits - 1700) as f64,
                };
                number * MIB * 1024f64.powi(unit as i32)
            }
        }
    }

    /// The index of the last of the values that are not more than `value`; 0 if all are more.
    fn at_most(self, value: f64) -> u64 {
        let (mut within, mut beyond) = (0, 1 << 30);
        while beyond - within > 1 {
            let middle = (within + beyond) / 2;
            match self.value(middle) <= value {
                true => within = middle,
                false => beyond = middle,
            }
        }
        within
    }

    /// A value of the scale, or any other one with all its digits.
    fn shown(self, value: f64) -> String {
        match (self, self.value(self.at_most(value)) == value) {
            (Scale::Bytes, true) => bytes(value),
            (Scale::Bytes, false) => format!("{value} B"),
            (_, true) => short(value),
            (_, false) => value.to_string(),
        }
    }
}

/// Where the choice turns as a field grows or shrinks, and to what.
struct Threshold {
    /// From here on it is the one of the larger values.
    place: f64,
    to: &'static str,
}

/// The threshold of `field` above what was answered, or below it.
fn threshold(field: &Field, up: bool, a: &Answers, f: &Figures) -> Option<Threshold> {
    let (scale, now, same) = (field.scale, *(field.of)(&mut a.clone()), decide(a, f).short);
    let least = (field.least)(a);
    let at = |index: u64| {
        let mut changed = a.clone();
        *(field.of)(&mut changed) = scale.value(index);
        decide(&changed, f).short
    };
    let here = scale.at_most(now);
    // The next one on the scale, and the last one.
    let (first, last) = match up {
        true => (here + 1, scale.at_most(field.most)),
        false => {
            let least = (scale.at_most(least)..).find(|index| scale.value(*index) >= least)?;
            (if scale.value(here) == now { here.checked_sub(1)? } else { here }, least)
        }
    };
    let within = |index: u64| if up { index <= last } else { index >= last };
    // In steps of a tenth to where it has turned, then to the neighbours between which it does.
    let (mut before, mut turned) = (None, first);
    loop {
        if !within(turned) {
            return None;
        }
        if at(turned) != same {
            break;
        }
        before = Some(turned);
        turned = match up {
            _ if turned == last => return None,
            true => scale.at_most(scale.value(turned) * 1.1).max(turned + 1).min(last),
            false => scale.at_most(scale.value(turned) / 1.1).min(turned.checked_sub(1)?).max(last),
        };
    }
    while let Some(unturned) = before.filter(|before| before.abs_diff(turned) > 1) {
        let middle = (unturned + turned) / 2;
        if at(middle) == same { before = Some(middle) } else { turned = middle }
    }
    let place = match up {
        true => scale.value(turned),
        false => before.map_or(now, |index| scale.value(index)),
    };
    Some(Threshold { place, to: at(turned) })
}

/// What is changed, one at a time, to see whether the choice turns, and to what.
pub fn turns(choice: &Choice, a: &Answers, m: &Measured) -> Vec<String> {
    let mut all = Vec::new();
    let f = &m.figures;
    for field in &FIELDS {
        for up in [true, false] {
            if let Some(Threshold { place, to }) = threshold(field, up, a, f) {
                let way = if up { "from" } else { "below" };
                let note = note(field, up, a, m, place);
                let shown = field.scale.shown(place);
                let name = match shown == "1" {
                    true => field.name.replacen("s a second", " a second", 1),
                    false => field.name.to_owned(),
                };
                all.push(format!("{way} {shown} {name}{note}: {to}"));
            }
        }
    }
    type Flip = (&'static str, bool, fn(&mut Answers));
    let flips: [Flip; 11] = [
        ("if a crash must stay inside", !a.crash_stays, |a| a.crash_stays = true),
        ("if a crash may end all", a.crash_stays, |a| a.crash_stays = false),
        ("if the code is not trusted", a.trusted, |a| a.trusted = false),
        ("if the code is trusted", !a.trusted, |a| a.trusted = true),
        ("if the code is trusted, and only what it reads is not", !a.trusted, |a| {
            (a.trusted, a.input_trusted) = (true, false);
        }),
        ("if what they read is not trusted", a.input_trusted, |a| a.input_trusted = false),
        ("if what they read is trusted", !a.input_trusted, |a| a.input_trusted = true),
        ("if the tasks wait", !a.waits, |a| a.waits = true),
        ("if the tasks compute", a.waits, |a| a.waits = false),
        ("on several machines", a.machines <= 1.0, |a| a.machines = 2.0),
        ("without the GIL", a.python, |a| a.python = false),
    ];
    for (name, possible, flip) in flips {
        let mut changed = a.clone();
        flip(&mut changed);
        let turned = decide(&changed, f).short;
        if possible && turned != choice.short {
            all.push(format!("{name}: {turned}"));
        }
    }
    all
}

/// How far the place moves with the figures, and whether it lies beyond what was measured.
fn note(field: &Field, up: bool, a: &Answers, m: &Measured, place: f64) -> String {
    let mut notes = Vec::new();
    let ends: Vec<f64> = [&m.low, &m.high]
        .into_iter()
        .filter(|figures| decide(a, figures).short == decide(a, &m.figures).short)
        .filter_map(|figures| threshold(field, up, a, figures).map(|found| found.place))
        .collect();
    let shown = |place| field.scale.shown(place);
    let low = ends.iter().copied().fold(place, f64::min);
    let high = ends.iter().copied().fold(place, f64::max);
    if ends.len() < 2 {
        notes.push("not with all figures in their range".to_owned());
    } else if low < high {
        notes.push(format!("{} to {}", shown(low), shown(high)));
    }
    if matches!(field.scale, Scale::Bytes) {
        let drawn_on = m.figures.fork.drawn_on(place / MIB, MIB);
        notes.extend(drawn_on.strip_prefix(", ").map(str::to_owned));
    }
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
}

#[cfg(test)]
mod tests;
