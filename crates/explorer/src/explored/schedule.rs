//! Following a schedule again.

use super::scheduler::{Choice, Scheduler};
use crate::schedule::Steps;

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
                return Some(task);
            }
            self.run += 1;
            self.within = 0;
        }
        None
    }

    /// Whether the schedule is not over.
    pub(super) fn goes_on(&mut self, choice: &Choice) -> bool {
        self.scheduled(choice).is_some()
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
        let scheduled = self.scheduled(choice);
        self.within += u32::from(scheduled.is_some());
        let next = scheduled.unwrap_or_else(|| self.fair(choice));
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
