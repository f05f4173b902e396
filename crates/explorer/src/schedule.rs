//! A schedule as a value and as a short string: who runs for how many steps, and what chance decides;
//! and an execution under weak memory: what was chosen at each point that allows several.

/// Who runs, for how many steps; and what chance decides.
///
/// As text: `0x12-1-2x3~ff07` says thread 0 for twelve steps, thread 1 for one, thread 2 for three, and
/// two decisions. Decisions that the text does not name are 255, for what is usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// A thread's number and how many steps it makes in a row.
    pub runs: Vec<(usize, u32)>,
    /// Each decision, in the order in which they are asked for.
    pub chances: Vec<u8>,
}

impl Steps {
    /// Fewer changes of the running thread first, then fewer steps.
    #[cfg(feature = "explored")]
    pub(crate) fn length(&self) -> (usize, usize, u64) {
        (self.runs.len(), self.chances.iter().filter(|c| **c < 255).count(), self.count())
    }

    /// How many steps they are.
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Who makes the step after so many.
    pub fn thread(&self, after: u64) -> Option<usize> {
        let mut left = after;
        for (thread, count) in &self.runs {
            match left.checked_sub(u64::from(*count)) {
                Some(rest) => left = rest,
                None => return Some(*thread),
            }
        }
        None
    }

    /// Adds a step of this thread.
    pub fn push(&mut self, thread: usize) {
        match self.runs.last_mut() {
            Some((last, count)) if *last == thread => *count += 1,
            _ => self.runs.push((thread, 1)),
        }
    }

    /// The first so many steps, with the first so many decisions.
    pub fn first(&self, steps: u64, chances: usize) -> Steps {
        let mut first = Steps::default();
        let mut left = steps;
        for (thread, count) in &self.runs {
            let count = u64::from(*count).min(left) as u32;
            if count > 0 {
                first.runs.push((*thread, count));
            }
            left -= u64::from(count);
        }
        first.chances = self.chances[..chances.min(self.chances.len())].to_vec();
        first
    }

    /// As text; `~` if there is nothing.
    pub fn to_text(&self) -> String {
        let run = |(thread, count): &(usize, u32)| match count {
            1 => thread.to_string(),
            count => format!("{thread}x{count}"),
        };
        let mut text = self.runs.iter().map(run).collect::<Vec<_>>().join("-");
        let used = self.chances.iter().rposition(|c| *c < 255).map_or(0, |last| last + 1);
        if used > 0 || text.is_empty() {
            text.push('~');
            text.extend(self.chances[..used].iter().map(|chance| format!("{chance:02x}")));
        }
        text
    }

    /// Reads what [`to_text`](Steps::to_text) wrote; `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Steps> {
        let (runs, chances) = text.split_once('~').unwrap_or((text, ""));
        let mut steps = Steps::default();
        if !text.starts_with('~') {
            for run in runs.split('-') {
                let (thread, count) = run.split_once('x').unwrap_or((run, "1"));
                steps.runs.push((thread.parse().ok()?, count.parse().ok()?));
            }
        }
        for index in (0..chances.len()).step_by(2) {
            steps.chances.push(u8::from_str_radix(chances.get(index..index + 2)?, 16).ok()?);
        }
        Some(steps)
    }
}

/// What was chosen at each point of an execution under weak memory, in the order in which they came.
///
/// As text: `w01(36)` says the first of what the first point allows, the second of what the next does,
/// and the 37th. A digit is one of 36; choices that the text does not name are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(pub Vec<u32>);

impl Choices {
    /// As text; `w` if there is nothing.
    pub fn to_text(&self) -> String {
        let used = self.0.iter().rposition(|choice| *choice != 0).map_or(0, |last| last + 1);
        let digit = |choice: &u32| match char::from_digit(*choice, 36) {
            Some(digit) => digit.to_string(),
            None => format!("({choice})"),
        };
        format!("w{}", self.0[..used].iter().map(digit).collect::<String>())
    }

    /// Reads what [`to_text`](Choices::to_text) wrote; `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Choices> {
        let mut choices = Vec::new();
        let mut rest = text.strip_prefix('w')?;
        while let Some(first) = rest.chars().next() {
            if let Some(number) = rest.strip_prefix('(') {
                let (number, after) = number.split_once(')')?;
                choices.push(number.parse().ok()?);
                rest = after;
            } else {
                choices.push(first.to_digit(36)?);
                rest = &rest[1..];
            }
        }
        Some(Choices(choices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_survives_its_string() {
        let steps = Steps { runs: vec![(0, 12), (1, 1), (2, 3)], chances: vec![255, 7] };
        assert_eq!(steps.to_text(), "0x12-1-2x3~ff07");
        assert_eq!(Steps::from_text(&steps.to_text()), Some(steps));
        assert_eq!(Steps::from_text("0-x"), None);
        assert_eq!(Steps::from_text(""), None);
        assert_eq!(Steps::default().to_text(), "~");
        assert_eq!(Steps::from_text("~"), Some(Steps::default()));
    }

    #[test]
    fn an_execution_survives_its_string() {
        let choices = Choices(vec![0, 1, 35, 36, 0]);
        assert_eq!(choices.to_text(), "w01z(36)");
        assert_eq!(Choices::from_text("w01z(36)"), Some(Choices(vec![0, 1, 35, 36])));
        assert_eq!(Choices::from_text("w"), Some(Choices::default()));
        for not in ["", "01", "w-", "wä", "w(", "w(x)", "w(-1)"] {
            assert_eq!(Choices::from_text(not), None, "{not}");
        }
    }

    #[test]
    fn a_schedule_has_beginnings() {
        let steps = Steps { runs: vec![(0, 2), (1, 1), (0, 3)], chances: vec![0, 255, 7] };
        assert_eq!((steps.count(), steps.thread(2), steps.thread(6)), (6, Some(1), None));
        assert_eq!(steps.first(4, 2).to_text(), "0x2-1-0~00");
        let mut longer = steps.first(2, 0);
        assert_eq!(longer.to_text(), "0x2");
        longer.push(0);
        longer.push(1);
        assert_eq!(longer.to_text(), "0x3-1");
    }
}
