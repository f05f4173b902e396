//! From values to places on a drawing, and the round numbers beside them.

use lab::Value;

/// Values from `least` to `most`, on a drawing from one place to another.
pub struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// From 0 to `most`.
    pub fn linear(most: f64, from: f64, to: f64) -> Scale {
        Scale { least: 0.0, most: if most > 0.0 { most } else { 1.0 }, from, to, log: false }
    }

    /// From the least to the greatest of the values that a logarithmic axis has a place for: those
    /// above 0.
    pub fn logarithmic(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let (least, most) = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .fold((f64::INFINITY, 0.0), |(least, most), value| {
                (f64::min(least, value), f64::max(most, value))
            });
        let (least, most) = if most > 0.0 { (least, most) } else { (1.0, 1.0) };
        // Two values that are nearly the same are not to look far apart.
        let air = (1.25 / (most / least)).sqrt().max(1.02);
        Scale { least: least / air, most: most * air, from, to, log: true }
    }

    /// Where a value lies; what is outside lies at the nearer end.
    pub fn at(&self, value: f64) -> f64 {
        let of = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let share = (of(value) - of(self.least)) / (of(self.most) - of(self.least));
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// A few round numbers within.
    pub fn ticks(&self) -> Vec<f64> {
        if self.log { ticks(self.least, self.most) } else { steps(self.most) }
    }
}

/// Round numbers from 0 to at most `most`, three to six of them.
fn steps(most: f64) -> Vec<f64> {
    let power = 10f64.powf(most.log10().floor() - 1.0);
    let step = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0].map(|step| step * power);
    let step = step.into_iter().find(|step| most / step < 6.0).unwrap_or(most);
    (0..).map(|times| f64::from(times) * step).take_while(|tick| *tick <= most).collect()
}

/// Round numbers for a logarithmic axis from `least` to `most`: a few, or the powers of ten alone
/// where there would be too many, or every third of them.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
    let within = |(every, steps): (usize, &[f64])| -> Vec<f64> {
        powers
            .clone()
            .filter(|power| power.rem_euclid(every as i32) == 0)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|tick| (least..=most).contains(tick))
            .collect()
    };
    let hundredths: Vec<f64> = (50..500).map(|twentieth| f64::from(twentieth) / 50.0).collect();
    let tenths: Vec<f64> = (10..100).map(|tenths| f64::from(tenths) / 10.0).collect();
    let halves = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    [
        (1, &hundredths[..]),
        (1, &tenths),
        (1, &halves),
        (1, &[1.0, 2.0, 5.0]),
        (1, &[1.0, 3.0]),
        (1, &[1.0]),
        (3, &[1.0]),
    ]
    .into_iter()
    .map(within)
    .find(|ticks| ticks.len() <= 6)
    .unwrap_or_default()
}

/// A value as people write it: about three figures, thousands and millions as such.
pub fn written(value: f64) -> String {
    let (value, letter) = match value.abs() {
        1e9.. => (value / 1e9, " G"),
        1e6.. => (value / 1e6, " M"),
        1e4.. => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = if value != 0.0 && value.abs() < 0.1 {
        format!("{value:.3}")
    } else {
        Value::Number(value).to_string()
    };
    // 1.50 is 1.5, and 2.0 is 2.
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_few_round_ticks() {
        let all = |ticks: Vec<f64>| ticks.into_iter().map(written).collect::<Vec<_>>();
        assert_eq!(all(ticks(9.0, 210.0)), ["10", "20", "50", "100", "200"]);
        assert_eq!(all(ticks(101.0, 125.0)), ["110", "120"]);
        assert_eq!(all(steps(646.0)), ["0", "200", "400", "600"]);
        assert_eq!(all(steps(32.0)), ["0", "10", "20", "30"]);
        for (least, most) in [(0.03, 4e4), (18.0, 1100.0), (3.0, 9.0), (0.97, 1.06), (1.0, 1e9)] {
            let ticks = ticks(least, most);
            assert!((2..=6).contains(&ticks.len()), "{least} to {most}: {ticks:?}");
            assert!((3..=7).contains(&steps(most).len()), "{most}: {:?}", steps(most));
        }
    }

    #[test]
    fn a_scale_keeps_its_ends_and_never_leaves_the_drawing() {
        let scale = Scale::logarithmic([10.0, 1000.0].into_iter(), 0.0, 100.0);
        assert!((scale.at(100.0) - 50.0).abs() < 0.1);
        assert_eq!((scale.at(0.0), scale.at(1e9)), (0.0, 100.0));
        assert!(Scale::linear(0.0, 0.0, 9.0).at(0.0).is_finite());
        assert!(Scale::logarithmic([0.0].into_iter(), 0.0, 9.0).at(1.0).is_finite());
    }

    #[test]
    fn numbers_are_short() {
        let short = [0.0104, 1.5, 2.0, 173.4, 26_792.0, 16_777_216.0].map(written);
        assert_eq!(short, ["0.01", "1.5", "2", "173", "26.8 k", "16.8 M"]);
    }
}
