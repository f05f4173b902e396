//! Follows a schedule step by step for somebody who chooses: along what was chosen, and then as far as
//! they want, with a picture of all threads before each choice.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::execution::End;
use super::schedule::Follower;
use super::scheduler::{Choice, Mixed, Random, Scheduler, Seen};
use super::trace::World;
use super::{Found, LONGEST_REPLAY, Recorded, run, shorten, taken};
use crate::report::{Failure, Kind, Report};
use crate::schedule::Steps;
use crate::walk::{LONGEST_PATH, Moment, Standing, Then, Walk, stand};
use crate::{Search, output};

/// How long a way to go wrong is looked for, if there are that many schedules.
const LOOKING: Duration = Duration::from_secs(2);

/// How long a shorter one is looked for.
const SHORTENING: Duration = Duration::from_millis(300);

/// How many moments are kept.
const KEPT: usize = 300;

/// Follows the schedule of the search, and does `then`.
pub(super) fn walk(body: fn(), search: &Search, then: Then) -> Report {
    let from = search.replay.as_deref().and_then(Steps::from_text).unwrap_or_default();
    let beyond = match then {
        Then::Stop => Beyond::Stop,
        Then::On => Beyond::On,
        Then::End => Beyond::Fair,
        Then::Chance => Beyond::By(Box::new(Mixed::new(search.seed, 0, Seen::default()))),
        Then::Break => return go_wrong(body, search, &from),
    };
    seen(body, from, beyond, 1)
}

/// Looks for a schedule that begins like this and fails.
fn go_wrong(body: fn(), search: &Search, from: &Steps) -> Report {
    let quiet = output::Silence::new();
    let (begun, mut seen_before) = (Instant::now(), Seen::default());
    let mut report = Report::default();
    while report.schedules < search.schedules.max(1) && begun.elapsed() < LOOKING {
        let mixed = Mixed::new(search.seed, report.schedules, seen_before);
        let walker = Walker::new(from.clone(), Beyond::By(Box::new(mixed)));
        let (found, world) = run(body, Box::new(walker), Recorded::Nothing);
        report.schedules += 1;
        if let Some(found) = found {
            let steps = shorter(body, search, from, found).steps;
            drop(quiet);
            return seen(body, steps, Beyond::Fair, report.schedules);
        }
        seen_before = match taken::<Walker>(world.scheduler).beyond {
            Beyond::By(mixed) => mixed.finish(),
            _ => Seen::default(),
        };
    }
    report
}

/// A shorter way to the same finding that has the same beginning.
fn shorter(body: fn(), search: &Search, from: &Steps, found: Found) -> Found {
    let end = Instant::now() + SHORTENING;
    let (mut best, mut seeds) = (found, Random::new(search.seed));
    if best.failure.kind == Kind::Livelock {
        return shorten::to_a_beginning(body, best, from);
    }
    while Instant::now() < end - SHORTENING / 2 {
        let mixed = Mixed::new(seeds.next(), 0, Seen::default());
        let walker = Walker::new(from.clone(), Beyond::By(Box::new(mixed)));
        best = shorten::shorter(best, run(body, Box::new(walker), Recorded::Nothing).0);
    }
    shorten::step_by_step(body, best, end, from)
}

/// Runs once along a schedule and beyond, and tells every step.
fn seen(body: fn(), from: Steps, beyond: Beyond, schedules: u64) -> Report {
    // What leads there by itself names the finding better than thousands of steps.
    let leads_there = matches!(beyond, Beyond::Fair).then(|| from.to_text());
    let walker = Box::new(Walker::new(from, beyond));
    let (found, mut world) = run(body, walker, Recorded::Moments);
    let ended = world.end != Some(End::Stopped);
    let (_, resources, events) = world.picture();
    let mut walk = Walk { ended, resources, events, ..Walk::default() };
    if let Some(moments) = world.moments.take() {
        (walk.first, walk.moments) = moments.told();
    }
    walk.steps = world.schedule;
    while walk.steps.to_text().len() > LONGEST_PATH {
        let half = walk.steps.count() / 2;
        walk.steps = walk.steps.first(half, walk.steps.chances.len() / 2);
    }
    // What is usual need not be said, and is not in the text.
    let usual = walk.steps.chances.iter().rev().take_while(|byte| **byte == 255).count();
    walk.steps.chances.truncate(walk.steps.chances.len() - usual);
    let replay = leads_there.unwrap_or_else(|| walk.steps.to_text());
    let replay = Some(replay).filter(|it| it.len() <= LONGEST_REPLAY);
    let failure = found.map(|it| Failure { events: Vec::new(), replay, ..it.failure });
    Report { schedules, exhaustive: false, failure, walk: Some(walk) }
}

/// What follows when a schedule is over.
enum Beyond {
    Stop,
    On,
    Fair,
    By(Box<Mixed>),
}

/// Follows a schedule, and then goes on as it is told.
struct Walker {
    follower: Follower,
    beyond: Beyond,
    is_beyond: bool,
}

impl Walker {
    fn new(steps: Steps, beyond: Beyond) -> Walker {
        Walker { follower: Follower::new(steps), beyond, is_beyond: false }
    }
}

impl Scheduler for Walker {
    fn choose(&mut self, choice: &Choice) -> usize {
        if let Beyond::By(mixed) = &mut self.beyond
            && !self.follower.goes_on(choice)
        {
            self.is_beyond = true;
            return mixed.choose(choice);
        }
        self.follower.choose(choice)
    }

    fn stops(&mut self, choice: &Choice) -> bool {
        match self.beyond {
            Beyond::Stop => !self.follower.goes_on(choice),
            Beyond::On => {
                choice.ready.len() + choice.timed.len() > 1 && !self.follower.goes_on(choice)
            }
            Beyond::Fair | Beyond::By(_) => false,
        }
    }

    fn byte(&mut self) -> u8 {
        match &mut self.beyond {
            Beyond::By(mixed) if self.is_beyond => mixed.byte(),
            _ => self.follower.byte(),
        }
    }
}

/// The moments of an execution, as long as it runs.
#[derive(Default)]
pub(super) struct Moments {
    /// How many there were before those that are kept.
    first: usize,
    /// How the threads stood then.
    before: Vec<Standing>,
    kept: VecDeque<Moment>,
    /// How many threads there were.
    threads: usize,
    /// Among how many the last step has chosen by chance.
    asked: Option<usize>,
}

impl Moments {
    /// How many there were in all.
    fn count(&self) -> usize {
        self.first + self.kept.len()
    }

    /// Chance is asked.
    pub(super) fn ask(&mut self, ways: usize) {
        self.asked = Some(ways);
    }

    /// The steps begin now: what chance has decided so far is no step's.
    pub(super) fn begin(&mut self) {
        self.asked = None;
    }

    fn told(self) -> (usize, Vec<Moment>) {
        let mut moments: Vec<Moment> = self.kept.into();
        if let Some(first) = moments.first_mut() {
            let mut standing = self.before;
            stand(&mut standing, &first.changed);
            first.changed = standing.into_iter().enumerate().collect();
        }
        (self.first, moments)
    }
}

impl World {
    /// Keeps how everybody stands, if that is asked for.
    pub(super) fn moment(&mut self) {
        let Some(mut moments) = self.moments.take() else { return };
        let new = moments.threads..self.tasks.len();
        moments.threads = self.tasks.len();
        let old = (self.current < new.start).then_some(self.current);
        let changed = old.into_iter().chain(new).map(|number| (number, self.standing(number)));
        moments.kept.push_back(Moment {
            changed: changed.collect(),
            ready: self.ready.clone(),
            timed: self.due(),
            events: self.events_so_far(),
            chances: self.schedule.chances.len(),
            asked: moments.asked.take(),
        });
        if moments.kept.len() > KEPT
            && let Some(oldest) = moments.kept.pop_front()
        {
            stand(&mut moments.before, &oldest.changed);
            moments.first += 1;
        }
        self.moments = Some(moments);
    }

    /// Keeps how it ended, unless somebody was to be chosen then.
    pub(super) fn last_moment(&mut self) {
        let steps = self.schedule.count();
        if self.moments.as_ref().is_some_and(|moments| moments.count() as u64 <= steps) {
            self.ready.clear();
            self.timed.clear();
            self.moment();
        }
    }

    fn standing(&self, number: usize) -> Standing {
        let mut thread = self.thread(number);
        let unlocks = self.tasks[number].unlocks.as_ref().filter(|_| !thread.ended);
        if let Some(place) = unlocks.and_then(|(_, place)| place.clone()) {
            thread.at = Some(place);
        }
        Standing { thread, unlocks: unlocks.map(|(lock, _)| *lock) }
    }
}
