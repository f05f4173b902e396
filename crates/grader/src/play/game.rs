//! A schedule that somebody chooses, step by step, and where they are in it.

use anyhow::Result;
use explorer::report::{Failure, Place, Thread};
use explorer::schedule::Steps;
use explorer::walk::{Moment, Standing, Then, Walk};

use crate::judge::{Judged, Stage};

/// What a game begins with: waits may end for no reason if the player says so, and nobody's giving
/// way is passed over.
const BEGINNING: &str = "~00";

/// How much longer than its string a counter-example may be to be walked to its end in single steps.
const LONGER: u64 = 200;

/// How many of its steps are walked if it is longer, after its string.
const A_LITTLE: u64 = 30;

/// How many steps a run goes further than the moment that it is asked for.
const AHEAD: u64 = 200;

/// A check that is run along a schedule.
pub struct Game<'a> {
    stage: Stage<'a>,
    /// The schedule, as far as it is known: up to here, and what comes if nobody chooses otherwise.
    plan: Steps,
    /// How many steps of it have been made.
    at: u64,
    /// Whether the check ends in some way after the plan, that is yet to be seen.
    more: bool,
    /// How the check was run last.
    judged: Judged,
    walk: Walk,
    /// Whether that came to an end that tells nothing of its steps, such as a crash.
    broken: bool,
    /// Whether nobody can be chosen: under weakly ordered memory there is more to an execution.
    only_walks: bool,
    said: String,
}

impl<'a> Game<'a> {
    /// Begins at the first choice, or with a counter-example.
    pub fn begin(stage: Stage<'a>, only_walks: bool, replay: Option<&str>) -> Result<Game<'a>> {
        let (plan, judged) = (Steps::default(), Judged::default());
        let (walk, said) = (Walk::default(), String::new());
        let mut game =
            Game { stage, plan, at: 0, more: false, judged, walk, broken: false, only_walks, said };
        if only_walks {
            game.execution(replay)?;
        } else if let Some(replay) = replay {
            game.take(Then::End, replay)?;
            game.follow(Steps::from_text(replay).unwrap_or_default());
            game.show(0)?;
        } else {
            game.take(Then::On, BEGINNING)?;
            game.stay();
        }
        Ok(game)
    }

    /// Looks for an execution that fails, or repeats one, and walks it by what was done in it.
    fn execution(&mut self, replay: Option<&str>) -> Result<()> {
        self.judged = match replay {
            Some(replay) => self.stage.run(replay, Then::End)?,
            None => self.stage.look()?,
        };
        let mut findings = self.judged.findings.iter_mut();
        self.walk = match findings.find_map(|finding| finding.failure.as_mut()) {
            Some(failure) => {
                let walk = walk_of(failure);
                // The board shows them.
                failure.events.clear();
                walk
            }
            None => Walk { ended: true, moments: vec![Moment::default()], ..Walk::default() },
        };
        for _ in 1..self.walk.moments.len() {
            self.plan.push(0);
        }
        Ok(())
    }

    /// Runs the check along a schedule.
    fn take(&mut self, then: Then, schedule: &str) -> Result<()> {
        let mut judged = self.stage.run(schedule, then)?;
        if let Some(walk) = judged.walk.take() {
            let failures = judged.findings.iter_mut().filter_map(|it| it.failure.as_mut());
            for failure in failures {
                failure.threads = threads(&walk);
                failure.resources = walk.resources.clone();
            }
            self.walk = walk;
            self.broken = false;
        } else {
            self.broken = !judged.findings.is_empty();
        }
        self.judged = judged;
        Ok(())
    }

    /// What was run last is the schedule, which this beginning leads to. Of one that goes on and on,
    /// only the beginning and a little more.
    fn follow(&mut self, beginning: Steps) {
        let whole = self.walk.steps.clone();
        self.more = whole.count() > beginning.count() + LONGER;
        self.plan = match self.more {
            true => whole.first(beginning.count() + A_LITTLE, whole.chances.len()),
            false => whole,
        };
    }

    /// What was run last is the schedule, and the player is at its end.
    fn stay(&mut self) {
        if self.broken {
            return;
        }
        self.plan = self.walk.steps.clone();
        self.at = self.last();
        self.more = false;
    }

    /// How many steps had been made at the last moment that is known.
    fn last(&self) -> u64 {
        (self.walk.first + self.walk.moments.len().saturating_sub(1)) as u64
    }

    /// Goes to where so many steps have been made.
    pub fn show(&mut self, at: u64) -> Result<()> {
        let known = self.walk.first as u64..=self.last();
        if self.broken || !known.contains(&at) {
            // A run tells of its last moments: so the next ones are known too.
            let prefix = self.plan.first(at + AHEAD, self.plan.chances.len());
            self.take(Then::Stop, &prefix.to_text())?;
            if self.broken && prefix.count() > at {
                // It breaks later than here.
                self.take(Then::Stop, &self.plan.first(at, self.plan.chances.len()).to_text())?;
            }
        }
        self.at = at;
        Ok(())
    }

    /// How everybody stands.
    pub fn standing(&self) -> Vec<Standing> {
        self.walk.standing(self.index())
    }

    fn index(&self) -> usize {
        (self.at as usize).saturating_sub(self.walk.first)
    }

    /// The moment at which the player is.
    pub fn moment(&self) -> Moment {
        self.walk.moments.get(self.index()).cloned().unwrap_or_default()
    }

    /// What is known of the run.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// How many steps have been made, and how many are known.
    pub fn position(&self) -> (u64, u64) {
        (self.at, self.plan.count().max(self.at))
    }

    /// How the check has ended, if it has.
    pub fn end(&self) -> Option<&Judged> {
        (self.broken || self.walk.ended && self.at >= self.last()).then_some(&self.judged)
    }

    /// Whether the check has failed where the player is.
    pub fn has_failed(&self) -> bool {
        self.end().is_some_and(|judged| !judged.findings.is_empty())
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.standing().len()
    }

    /// What there is to be said beside the board, once.
    pub fn said(&self) -> &str {
        &self.said
    }

    pub fn say(&mut self, text: &str) {
        self.said = text.to_owned();
    }

    /// Whether nobody can be chosen.
    pub fn only_walks(&self) -> bool {
        self.only_walks
    }

    /// Whether there is a next step that nobody has to choose.
    pub fn has_more(&self) -> bool {
        self.at < self.plan.count() || self.more && self.end().is_none()
    }

    /// Whether somebody can be chosen here; if not, that is said.
    fn can_choose(&mut self) -> bool {
        self.said.clear();
        if self.only_walks {
            self.say(
                "This execution can be walked (n, u). Who runs is not all that decides here: a read \
                 may also see an older store.",
            );
        } else if self.end().is_some() {
            self.say("It has ended. u goes back, a begins again.");
        }
        self.said.is_empty()
    }

    /// The schedule up to here.
    fn so_far(&self) -> Steps {
        self.plan.first(self.at, self.moment().chances)
    }

    /// This thread makes a step.
    pub fn run(&mut self, number: usize) -> Result<()> {
        if !self.can_choose() {
            return Ok(());
        }
        let moment = self.moment();
        let Some(thread) = number.checked_sub(1).filter(|it| *it < self.threads()) else {
            self.say(&format!("There is no thread {number}."));
            return Ok(());
        };
        if !moment.ready.contains(&thread) && !moment.timed.contains(&thread) {
            self.say(&format!("Thread {number} cannot run now."));
            return Ok(());
        }
        if self.plan.thread(self.at) == Some(thread) {
            return self.next();
        }
        let mut steps = self.so_far();
        steps.push(thread);
        self.change(steps)
    }

    /// Another schedule, at the end of which the player is.
    fn change(&mut self, steps: Steps) -> Result<()> {
        self.take(Then::Stop, &steps.to_text())?;
        self.at = steps.count();
        self.plan = steps;
        self.more = false;
        Ok(())
    }

    pub fn next(&mut self) -> Result<()> {
        self.said.clear();
        if self.at < self.plan.count() {
            self.show(self.at + 1)
        } else if self.more && self.end().is_none() {
            let from = self.last();
            self.take(Then::End, &self.plan.to_text())?;
            self.at = self.last().max(self.at);
            let steps = self.at.saturating_sub(from);
            self.say(&format!("And so on, for {steps} steps more, in which nobody gets anywhere."));
            Ok(())
        } else if self.end().is_some() {
            self.say("It has ended. u goes back, a begins again.");
            Ok(())
        } else {
            self.say("Nothing is planned from here: choose who runs.");
            Ok(())
        }
    }

    pub fn back(&mut self) -> Result<()> {
        self.said.clear();
        match self.at.min(self.plan.count() + 1).checked_sub(1) {
            Some(before) => self.show(before),
            None => {
                self.say("This is the beginning.");
                Ok(())
            }
        }
    }

    /// To the end of what is planned.
    pub fn finish(&mut self) -> Result<()> {
        if self.at < self.plan.count() {
            self.said.clear();
            self.show(self.plan.count())?;
            if self.more { self.next() } else { Ok(()) }
        } else {
            self.next()
        }
    }

    /// On as long as there is nothing to choose.
    pub fn on(&mut self) -> Result<()> {
        if !self.can_choose() {
            return Ok(());
        }
        let before = self.at;
        self.take(Then::On, &self.so_far().to_text())?;
        self.stay();
        if self.at == before && self.end().is_none() {
            self.say("More than one thread can run: choose one.");
        }
        Ok(())
    }

    /// To the end as chance has it.
    pub fn random(&mut self) -> Result<()> {
        if !self.can_choose() {
            return Ok(());
        }
        let before = self.at;
        self.take(Then::Chance, &self.so_far().to_text())?;
        self.stay();
        let steps = self.at - before.min(self.at);
        self.say(&format!("By chance, {steps} steps more. u goes back through them."));
        Ok(())
    }

    /// Looks for a way to go wrong from here.
    pub fn go_wrong(&mut self) -> Result<()> {
        if !self.can_choose() {
            return Ok(());
        }
        let (at, before) = (self.at, self.so_far());
        let (was, judged) = (self.walk.clone(), std::mem::take(&mut self.judged));
        self.take(Then::Break, &before.to_text())?;
        if self.judged.findings.is_empty() {
            let tried = self.judged.schedules;
            (self.walk, self.judged) = (was, judged);
            self.say(&format!("None of {tried} schedules from here goes wrong."));
            return Ok(());
        }
        if self.broken {
            return Ok(());
        }
        let replay = self.judged.findings.iter().find_map(|it| it.replay.as_ref());
        let replay = replay.and_then(|replay| replay.split_once(':'));
        let beginning = replay.and_then(|(_, schedule)| Steps::from_text(schedule));
        self.follow(beginning.unwrap_or_else(|| self.walk.steps.clone()));
        let steps = self.plan.count().saturating_sub(at);
        let number = self.judged.schedules;
        let rest = if self.more { ", and then on and on" } else { "" };
        self.show(at)?;
        self.say(&format!(
            "Schedule {number} goes wrong: {steps} steps from here{rest}. n walks there."
        ));
        Ok(())
    }

    /// What chance has decided in the last step goes otherwise.
    pub fn chance(&mut self) -> Result<()> {
        self.said.clear();
        let moment = self.moment();
        let (Some(ways), Some(which)) = (moment.asked, moment.chances.checked_sub(1)) else {
            self.say("Chance has decided nothing in this step.");
            return Ok(());
        };
        let mut steps = self.plan.first(self.at, moment.chances);
        steps.chances.resize(moment.chances, 255);
        let byte = &mut steps.chances[which];
        *byte = match ways {
            0 if *byte == 0 => 255,
            0 => 0,
            ways => ((usize::from(*byte) % ways + 1) % ways) as u8,
        };
        self.change(steps)
    }
}

/// How the threads stood when it ended.
fn threads(walk: &Walk) -> Vec<Thread> {
    let last = walk.standing(walk.moments.len().saturating_sub(1));
    last.into_iter().map(|standing| standing.thread).collect()
}

/// The steps of an execution of which only what was done is known.
pub fn walk_of(failure: &Failure) -> Walk {
    let Failure { threads, events, resources, earlier, .. } = failure;
    let place = |number: usize, done: usize| -> Option<Place> {
        let next = events[done..].iter().find(|event| event.thread == number);
        next.map(|event| event.place.clone()).filter(Place::is_known)
    };
    let moment = |done: usize| {
        let standing = threads.iter().enumerate().map(|(number, thread)| {
            let at = place(number, done);
            let ended = at.is_none() && thread.ended;
            let at = at.or_else(|| thread.at.clone());
            let blocked = thread.blocked.clone().filter(|_| done == events.len());
            let holds = Vec::new();
            let thread = Thread { name: thread.name.clone(), blocked, holds, at, ended };
            (number, Standing { thread, unlocks: None })
        });
        Moment { changed: standing.collect(), events: done + earlier, ..Moment::default() }
    };
    Walk {
        steps: Steps::default(),
        ended: true,
        first: 0,
        moments: (0..=events.len()).map(moment).collect(),
        resources: resources.clone(),
        events: events.clone(),
        earlier: *earlier,
    }
}
