//! Recording a schedule, writing it as a short string, and following it again.

use super::scheduler::{Choice, Scheduler};

/// Who ran, for how many steps; and what chance decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) runs: Vec<(usize, u32)>,
    pub(super) chances: Vec<u8>,
}

impl Steps {
    /// Fewer changes of the running thread first, then fewer steps.
    pub(super) fn length(&self) -> (usize, usize, u64) {
        let steps = self.runs.iter().map(|(_, count)| u64::from(*count)).sum();
        (self.runs.len(), self.chances.iter().filter(|c| **c < 255).count(), steps)
    }

    pub(super) fn push(&mut self, task: usize) {
        match self.runs.last_mut() {
            Some((last, count)) if *last == task => *count += 1,
            _ => self.runs.push((task, 1)),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let run = |(task, count): &(usize, u32)| match count {
            1 => task.to_string(),
            count => format!("{task}x{count}"),
        };
        let mut text = self.runs.iter().map(run).collect::<Vec<_>>().join("-");
        let used = self.chances.iter().rposition(|c| *c < 255).map_or(0, |last| last + 1);
        if used > 0 {
            text.push('~');
            text.extend(self.chances[..used].iter().map(|chance| format!("{chance:02x}")));
        }
        text
    }

    pub(super) fn from_text(text: &str) -> Option<Steps> {
        let (runs, chances) = text.split_once('~').unwrap_or((text, ""));
        let mut steps = Steps::default();
        for run in runs.split('-') {
            let (task, count) = run.split_once('x').unwrap_or((run, "1"));
            steps.runs.push((task.parse().ok()?, count.parse().ok()?));
        }
        for index in (0..chances.len()).step_by(2) {
            steps.chances.push(u8::from_str_radix(chances.get(index..index + 2)?, 16).ok()?);
        }
        Some(steps)
    }
}

/// Follows a schedule as far as it can be followed. Then each thread runs as long as it can, but not
/// for ever: those that can run take turns.
pub(super) struct Follower {
    steps: Steps,
    run: usize,
    within: u32,
    chance: usize,
    /// For each thread, when it last ran.
    last_run: Vec<u64>,
    now: u64,
    /// How many steps the running thread has made since it was last chosen among others.
    stayed: u32,
}

/// Steps that a thread may make, one after the other, while others could run.
const TURN: u32 = 25;

impl Follower {
    pub(super) fn new(steps: Steps) -> Follower {
        let last_run = Vec::new();
        Follower { steps, run: 0, within: 0, chance: 0, last_run, now: 0, stayed: 0 }
    }

    /// Who runs according to the schedule, unless it is over.
    fn scheduled(&mut self, choice: &Choice) -> Option<usize> {
        while let Some(&(task, count)) = self.steps.runs.get(self.run) {
            let can_run = choice.ready.contains(&task) || choice.timed.contains(&task);
            if self.within < count && can_run {
                self.within += 1;
                return Some(task);
            }
            self.run += 1;
            self.within = 0;
        }
        None
    }

    /// Who runs after the schedule.
    fn fair(&self, choice: &Choice) -> usize {
        let others = if choice.ready.is_empty() { choice.timed } else { choice.ready };
        let current = choice.current;
        let stays = current.filter(|current| choice.ready.contains(current));
        if let Some(current) = stays.filter(|_| !choice.yields && self.stayed < TURN) {
            return current;
        }
        let waits = |it: &usize| self.last_run.get(*it).copied().unwrap_or(0);
        // Those whose time may be up have their turn as well, and sooner if somebody gives way.
        let after = if choice.yields { 16 } else { 200 };
        let timed = choice.timed.iter().filter(|it| self.now.saturating_sub(waits(it)) > after);
        let others = others.iter().chain(timed).copied().filter(|it| Some(*it) != current);
        others.min_by_key(waits).or(stays).or(choice.timed.first().copied()).unwrap_or(0)
    }
}

impl Scheduler for Follower {
    fn choose(&mut self, choice: &Choice) -> usize {
        let next = self.scheduled(choice).unwrap_or_else(|| self.fair(choice));
        self.stayed = if Some(next) == choice.current { self.stayed + 1 } else { 0 };
        self.now += 1;
        if self.last_run.len() <= next {
            self.last_run.resize(next + 1, 0);
        }
        self.last_run[next] = self.now;
        next
    }

    fn byte(&mut self) -> u8 {
        let chance = self.steps.chances.get(self.chance).copied().unwrap_or(255);
        self.chance += 1;
        chance
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
    }
}
