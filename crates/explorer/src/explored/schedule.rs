//! Recording a schedule, writing it as a short string, and following it again.

use std::cell::RefCell;
use std::rc::Rc;

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use super::world;

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

    fn push(&mut self, task: usize) {
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

/// What a [`Recorder`] has seen.
#[derive(Default)]
pub(super) struct Record {
    pub(super) executions: u64,
    /// Whether there was ever more than one thread to choose from, or chance to decide something.
    pub(super) choice: bool,
    /// Whether the scheduler is being asked for another execution. One gives up by a panic if in the
    /// first there was nothing to choose.
    pub(super) between: bool,
    pub(super) steps: Steps,
}

/// Passes the decisions of another scheduler on and keeps those of the current execution.
pub(super) struct Recorder<S> {
    pub(super) inner: S,
    pub(super) record: Rc<RefCell<Record>>,
}

impl<S: Scheduler> Scheduler for Recorder<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.record.borrow_mut().between = true;
        let schedule = self.inner.new_execution();
        let mut record = self.record.borrow_mut();
        record.between = false;
        let schedule = schedule?;
        record.executions += 1;
        record.steps = Steps::default();
        Some(schedule)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let next = self.inner.next_task(runnable, current, yields)?;
        let mut record = self.record.borrow_mut();
        record.choice |= runnable.len() > 1;
        record.steps.push(next.into());
        world::runs(next.into());
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        let chance = self.inner.next_u64() & 0xff;
        let mut record = self.record.borrow_mut();
        // The first says only what may happen in this execution.
        record.choice |= !record.steps.chances.is_empty();
        record.steps.chances.push(chance as u8);
        chance
    }
}

/// Follows a schedule as far as it can be followed. Then each thread runs as long as it can, but not
/// for ever: those that can run take turns.
pub(super) struct Follower {
    steps: Steps,
    run: usize,
    within: u32,
    chance: usize,
    started: bool,
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
        Follower {
            steps,
            run: 0,
            within: 0,
            chance: 0,
            started: false,
            last_run,
            now: 0,
            stayed: 0,
        }
    }

    /// Who runs according to the schedule, unless it is over.
    fn scheduled(&mut self, runnable: &[&Task]) -> Option<TaskId> {
        while let Some(&(task, count)) = self.steps.runs.get(self.run) {
            if self.within < count && runnable.iter().any(|t| usize::from(t.id()) == task) {
                self.within += 1;
                return Some(task.into());
            }
            self.run += 1;
            self.within = 0;
        }
        None
    }

    /// Who runs after the schedule.
    fn fair(&self, runnable: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        let mut ids = runnable.iter().map(|task| task.id());
        let stays = ids.clone().find(|id| Some(*id) == current);
        if stays.is_some() && !yields && self.stayed < TURN {
            return stays;
        }
        let waits = |id: &TaskId| self.last_run.get(usize::from(*id)).copied().unwrap_or(0);
        let others = ids.clone().filter(|id| Some(*id) != current);
        others.min_by_key(waits).or_else(|| ids.next())
    }
}

impl Scheduler for Follower {
    fn new_execution(&mut self) -> Option<Schedule> {
        let first = !self.started;
        self.started = true;
        first.then(|| Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let next = self.scheduled(runnable).or_else(|| self.fair(runnable, current, yields))?;
        self.stayed = if Some(next) == current { self.stayed + 1 } else { 0 };
        self.now += 1;
        let number = usize::from(next);
        if self.last_run.len() <= number {
            self.last_run.resize(number + 1, 0);
        }
        self.last_run[number] = self.now;
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        let chance = self.steps.chances.get(self.chance).copied().unwrap_or(255);
        self.chance += 1;
        u64::from(chance)
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
