//! All states of a program.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use explorer::explored::states::{Ending, Step};
use explorer::report::{Obstacle, Place};

use crate::Scenario;
use crate::program::{Picture, after};
use crate::source::Listing;

/// The most states that a reader, and a page, can be asked to bear.
pub const MOST_STATES: usize = 600;

/// A program with all its states.
pub struct Graph {
    /// The threads: name, function, and the function's lines.
    pub threads: Vec<(&'static str, &'static str, Vec<String>)>,
    /// The names of what they share.
    pub shared: Vec<&'static str>,
    /// The first is that of the beginning.
    pub states: Vec<State>,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The threads, in order.
    pub threads: Vec<Standing>,
    /// The value of each thing that they share, for those that have one.
    pub values: Vec<Option<String>>,
    /// The ways on: the thread that runs, whom it wakes if there is a choice, and the next state.
    pub next: Vec<Next>,
    /// How it went, where nobody can run any more.
    pub end: Option<End>,
}

/// Where a thread stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which line of its function it is about to run, counted from 0.
    pub line: usize,
    /// Whether it can run.
    pub status: Status,
    /// Which of the things that are shared it waits for, or was woken from waiting for.
    pub waits: Option<usize>,
    /// Which locks it holds.
    pub holds: Vec<usize>,
    /// Its variables, as far as they are shown.
    pub locals: Vec<(&'static str, String)>,
}

/// Whether a thread can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can.
    Ready,
    /// It waits.
    Waits,
    /// It has waited and can run again.
    Woken,
    /// It has ended.
    Ended,
    /// A panic has ended it.
    Panicked,
}

/// A way on from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The thread that runs, counted from 0.
    pub thread: usize,
    /// The thread that it wakes, where several wait and one is chosen.
    pub wakes: Option<usize>,
    /// The state after that.
    pub state: usize,
    /// Which of those that wait it wakes, as the explorer counts them.
    choice: u8,
}

/// How a program has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it went wrong.
    pub wrong: bool,
    /// What was so then.
    pub says: String,
}

/// Follows all schedules of a scenario.
///
/// # Errors
///
/// If it is too large, runs in a circle, waits for what it does not show, or stands outside of the
/// functions that it names.
pub fn explore(scenario: &Scenario) -> Result<Graph> {
    let program = scenario.program;
    let explored = Explored::new(scenario).and_then(|explored| explored.all(program));
    explored.with_context(|| format!("scenario {}", scenario.name))
}

struct Explored {
    graph: Graph,
    listings: Vec<Listing>,
    /// All that distinguishes a state, and its number.
    known: HashMap<String, usize>,
    /// For each state, a path that leads there.
    paths: Vec<Vec<Step>>,
}

impl Explored {
    fn new(scenario: &Scenario) -> Result<Explored> {
        let (threads, shared) = columns(scenario.program);
        let mut explored = Explored {
            graph: Graph { threads: Vec::new(), shared, states: Vec::new() },
            listings: Vec::new(),
            known: HashMap::new(),
            paths: Vec::new(),
        };
        for (name, function) in threads {
            let listing = Listing::of(scenario.source, function)
                .with_context(|| format!("the file has no function {function}"))?;
            explored.graph.threads.push((name, function, listing.lines.clone()));
            explored.listings.push(listing);
        }
        Ok(explored)
    }

    fn all(mut self, program: fn() -> crate::Program) -> Result<Graph> {
        self.reach(after(program, &[]), Vec::new())?;
        let mut number = 0;
        while number < self.graph.states.len() {
            let threads = &self.graph.states[number].threads;
            let can_run = |it: &usize| matches!(threads[*it].status, Status::Ready | Status::Woken);
            let ready: Vec<usize> = (0..threads.len()).filter(can_run).collect();
            if self.graph.states[number].end.is_none() {
                for thread in ready {
                    self.run(program, number, thread)?;
                }
            }
            number += 1;
        }
        Ok(self.graph)
    }

    /// Lets a thread run one step from a state, with every choice of whom it wakes.
    fn run(&mut self, program: fn() -> crate::Program, number: usize, thread: usize) -> Result<()> {
        let waiting = self.graph.states[number].threads.iter();
        let waiting = waiting.filter(|it| it.status == Status::Waits).count().max(1);
        for wakes in 0..u8::try_from(waiting).context("so many threads")? {
            let mut path = self.paths[number].clone();
            path.push(Step { thread: thread + 1, wakes });
            let picture = after(program, &path);
            let chance = picture.moment.chance;
            let state = self.reach(picture, path)?;
            let of = |number: usize| &self.graph.states[number].threads;
            let woken = of(number).iter().zip(of(state)).position(|(before, then)| {
                before.status == Status::Waits && then.status == Status::Woken
            });
            let next = Next { thread, wakes: woken.filter(|_| chance), state, choice: wakes };
            let ways = &mut self.graph.states[number].next;
            if ways.iter().all(|way| (way.thread, way.state) != (thread, state)) {
                ways.push(next);
            }
            if !chance {
                break;
            }
        }
        Ok(())
    }

    /// The number of the state that a path has led to.
    fn reach(&mut self, picture: Picture, path: Vec<Step>) -> Result<usize> {
        let (state, key) = self.state(picture)?;
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let number = self.graph.states.len();
        ensure!(
            number < MOST_STATES,
            "it has more than {MOST_STATES} states: too large for a page. Take away a thread, a \
             round or a step"
        );
        self.known.insert(key, number);
        self.graph.states.push(state);
        self.paths.push(path);
        Ok(number)
    }

    /// What a picture shows, and all in it that distinguishes it from others.
    fn state(&self, picture: Picture) -> Result<(State, String)> {
        let Picture { moment, shared, locals, checked } = picture;
        let named = |resource: usize| {
            let found = shared.iter().position(|look| look.resource == Some(resource));
            found.context("a thread waits for something, or holds it, that is not shown")
        };
        ensure!(moment.ending != Ending::Endless, "it runs without an end");
        ensure!(
            moment.ending != Ending::Choice || !moment.ready.is_empty(),
            "a thread sleeps; a scenario has no clock"
        );
        let mut threads = Vec::new();
        let mut places: Vec<Option<&Place>> = Vec::new();
        for (index, listing) in self.listings.iter().enumerate() {
            let thread = &moment.threads[index + 1];
            let panicked = moment.panics.iter().any(|panic| panic.thread == thread.name);
            let ready = moment.ready.contains(&(index + 1));
            let status = match (thread.ended, ready, &thread.blocked) {
                (true, ..) if panicked => Status::Panicked,
                (true, ..) => Status::Ended,
                (_, true, None) => Status::Ready,
                (_, true, Some(_)) => Status::Woken,
                (_, false, _) => Status::Waits,
            };
            let at = thread.at.as_ref();
            let line = match at {
                _ if thread.ended => listing.lines.len() - 1,
                Some(at) => listing.position(at.line).with_context(|| {
                    format!("thread {} stands at line {}, which is not shown", thread.name, at.line)
                })?,
                None => bail!("thread {} does nothing", thread.name),
            };
            let waits = match &thread.blocked {
                Some((_, Obstacle::Resource(resource), _)) => Some(named(*resource)?),
                Some((verb, ..)) => bail!("thread {} is blocked {verb}", thread.name),
                None => None,
            };
            let holds = thread.holds.iter().map(|(held, _)| named(*held)).collect::<Result<_>>()?;
            let mine = locals.iter().filter(|(thread, ..)| *thread == index + 1);
            let locals = mine.map(|(_, name, value)| (*name, value.clone())).collect();
            threads.push(Standing { line, status, waits, holds, locals });
            places.push(at.filter(|_| !thread.ended));
        }
        let end = match (moment.ending, checked) {
            (Ending::Choice | Ending::Endless, _) => None,
            (Ending::Stuck, _) => Some(End { wrong: true, says: self.stuck(&threads) }),
            (_, Some(Ok(says))) => Some(End { wrong: false, says }),
            (_, Some(Err(says))) => Some(End { wrong: true, says }),
            (_, None) => {
                let told =
                    moment.panics.iter().map(|it| format!("{} panics: {}", it.thread, it.message));
                Some(End { wrong: true, says: told.collect::<Vec<_>>().join("; ") })
            }
        };
        let values = shared.into_iter().map(|look| look.value).collect();
        let key = format!("{threads:?} {places:?} {values:?} {end:?}");
        Ok((State { threads, values, next: Vec::new(), end }, key))
    }

    /// Who waits for what, where nobody can go on.
    fn stuck(&self, threads: &[Standing]) -> String {
        let name = |thread: usize| self.graph.threads[thread].0;
        let waits = threads.iter().enumerate().filter_map(|(number, thread)| {
            let lock = thread.waits?;
            let holder = threads.iter().position(|other| other.holds.contains(&lock));
            let held = holder.map(|holder| format!(", which {} holds", name(holder)));
            let held = held.unwrap_or_default();
            Some(format!("{} waits for {}{held}", name(number), self.graph.shared[lock]))
        });
        format!("nobody can go on: {}", waits.collect::<Vec<_>>().join("; "))
    }
}

/// The names of the threads with those of their functions, and the names of what they share.
fn columns(
    program: fn() -> crate::Program,
) -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let program = program();
    (program.columns(), program.names())
}

#[cfg(test)]
mod tests;
