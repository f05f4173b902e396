//! A failed execution in words: who did what where, and what each read came from.

use super::execution::{Event, Failed, Outcome, What};
use super::memory::{Done, Maker, Order};
use super::places::{self, Seen};
use super::shadow::{Access, AccessKind, Clash};
use crate::report::{self, Failure, Kind, Place, Resource};
use crate::schedule::Choices;

/// Why an execution failed, with its steps; `None` if it did not.
pub fn failure(outcome: &Outcome) -> Option<Failure> {
    let Failed { kind, message, clash } = outcome.failed.clone()?;
    let story = Story::of(outcome);
    let mut failure = Failure::plain(kind, message, None);
    if let Some(clash) = &clash {
        failure.message = story.race(clash);
    } else if kind == Kind::Panic && failure.message.is_empty() {
        let panics = crate::panics::kept();
        let cause = crate::panics::cause(&panics)?;
        failure.message = cause.message;
        failure.place = cause.place.filter(Place::is_known);
        if failure.place.as_ref().is_some_and(|place| place.file == crate::CHECKS) {
            failure.kind = Kind::Wrong;
        }
    }
    failure.replay = Some(Choices(outcome.path.choices()).to_text());
    story.draw(&mut failure, clash.as_ref());
    Some(failure)
}

struct Story<'a> {
    outcome: &'a Outcome,
    seen: Vec<Option<Seen>>,
}

impl Story<'_> {
    fn of(outcome: &Outcome) -> Story<'_> {
        let see = |event: &Event| match event.what {
            // There are many of them, and only those of a race are shown.
            What::Plain => None,
            _ => places::place(&event.stack),
        };
        let seen = outcome.record.iter().map(see).collect();
        Story { outcome, seen }
    }

    fn name(&self, thread: usize) -> &str {
        &self.outcome.threads[thread].0
    }

    /// Where an access was made that has this number in the record.
    fn place(&self, event: u32) -> Option<Place> {
        let event = self.outcome.record.get(event as usize)?;
        places::place(&event.stack).map(|seen| seen.place)
    }

    fn at(&self, access: &Access) -> String {
        self.place(access.event).map_or_else(String::new, |place| format!(" at {place}"))
    }

    /// The number in the record of the step that made a store.
    fn made(&self, maker: Maker) -> Option<usize> {
        let (thread, step) = maker?;
        let is_it = |event: &Event| event.thread == thread && event.step == step;
        self.outcome.record.iter().position(is_it)
    }

    fn race(&self, clash: &Clash) -> String {
        let Clash { first, second } = clash;
        let who = |access: &Access| self.name(access.thread);
        if first.kind == AccessKind::Free {
            let (what, again) = match second.kind {
                AccessKind::Free => ("memory is freed twice", "frees it again"),
                _ => ("memory is used after it was freed", "uses it"),
            };
            let (first_at, second_at) = (self.at(first), self.at(second));
            let (first, second) = (who(first), who(second));
            return format!("{what}:\n{first} frees it{first_at}\n{second} {again}{second_at}");
        }
        let mut text = "two accesses to the same memory, and nothing orders them:".to_owned();
        for access in [first, second] {
            let (who, does, at) = (who(access), does(access.kind), self.at(access));
            text.push_str(&format!("\n{who} {does}{at}"));
        }
        text.push_str(&self.why_unordered(clash).unwrap_or_default());
        text
    }

    /// The last that one of the two threads has read of the other one, and why that did not order them.
    fn why_unordered(&self, clash: &Clash) -> Option<String> {
        let Clash { first, second } = clash;
        self.why_not(first, second).or_else(|| self.why_not(second, first))
    }

    /// The last that the thread of `later` had read of the other one before its access, and why
    /// `earlier` had not happened by then.
    fn why_not(&self, earlier: &Access, later: &Access) -> Option<String> {
        let before = &self.outcome.record[..later.event as usize];
        let (index, order, made) = before.iter().enumerate().rev().find_map(|(index, event)| {
            let What::Atomic(_, _, order, done) = &event.what else { return None };
            let (from, _) = done.from?;
            let theirs = event.thread == later.thread && from == earlier.thread;
            let counter = self.seen[index].as_ref().is_none_or(|seen| seen.counter);
            (theirs && !counter).then_some((index, *order, done.from))
        })?;
        let made = self.made(made)?;
        let What::Atomic(_, _, stored, _) = &self.outcome.record[made].what else { return None };
        let (read_at, stored_at) = (self.seen[index].as_ref()?, self.seen[made].as_ref()?);
        let (reader, writer) = (self.name(later.thread), self.name(earlier.thread));
        let why = match (stored.releases(), order.acquires()) {
            // It has happened by then, unless it came later.
            (true, true) if (earlier.event as usize) < made => return None,
            (true, true) => {
                let (does, at) = (does(earlier.kind), self.at(earlier));
                format!("{writer} {does}{at} only after that store")
            }
            (true, false) => "this read does not acquire".to_owned(),
            (false, true) => "this store does not release".to_owned(),
            (false, false) => {
                "the store does not release, and the read does not acquire".to_owned()
            }
        };
        Some(format!(
            "\nBefore, {reader} read at {} ({order:?}) what {writer} stored at {} ({stored:?}): {why}.",
            read_at.place, stored_at.place
        ))
    }

    /// Puts the threads and their steps into the report.
    fn draw(&self, failure: &mut Failure, clash: Option<&Clash>) {
        let mut addresses: Vec<(usize, Place)> = Vec::new();
        let mut at: Vec<Option<Place>> = vec![None; self.outcome.threads.len()];
        for (index, event) in self.outcome.record.iter().enumerate() {
            let of_race =
                clash.is_some_and(|it| [it.first.event, it.second.event].contains(&(index as u32)));
            let seen = match event.what {
                What::Plain if of_race => places::place(&event.stack),
                _ => self.seen[index].clone(),
            };
            let Some(seen) = seen.filter(|seen| of_race || !seen.counter) else { continue };
            let (what, address) = self.step(event, clash.filter(|_| of_race), index as u32);
            let resource = address.map(|address| {
                let known = addresses.iter().position(|(it, _)| *it == address);
                known.unwrap_or_else(|| {
                    addresses.push((address, seen.place.clone()));
                    addresses.len() - 1
                })
            });
            at[event.thread] = Some(seen.place.clone());
            let place = seen.place;
            failure.events.push(report::Event { thread: event.thread, what, resource, place });
        }
        let resource = |(index, (_, made)): (usize, &(usize, Place))| {
            let same = |it: &&(usize, Place)| it.1 == *made;
            Resource {
                kind: "atomic".to_owned(),
                made: made.clone(),
                used: Place::default(),
                rank: addresses[..index].iter().filter(same).count(),
                siblings: addresses.iter().filter(same).count(),
                meets: 0,
            }
        };
        failure.resources = addresses.iter().enumerate().map(resource).collect();
        let threads = self.outcome.threads.iter().zip(at);
        failure.threads = threads
            .map(|((name, ended), at)| report::Thread {
                name: name.clone(),
                blocked: None,
                holds: Vec::new(),
                at,
                ended: *ended,
            })
            .collect();
    }

    /// A step in words, and the address of the atomic, if there is one.
    fn step(&self, event: &Event, clash: Option<&Clash>, index: u32) -> (String, Option<usize>) {
        match &event.what {
            What::Words(words) => (words.clone(), None),
            What::Fence(order) => (format!("fence({order:?})"), None),
            What::Atomic(name, address, order, done) => {
                let words = self.atomic(name, *order, done, event.thread, index as usize);
                (words, Some(*address))
            }
            What::Plain => {
                let access =
                    clash.map(|it| if it.first.event == index { it.first } else { it.second });
                let does = match access.map(|access| access.kind) {
                    Some(AccessKind::Write) => "writes without an atomic",
                    Some(AccessKind::Free) => "frees memory",
                    _ => "reads without an atomic",
                };
                (does.to_owned(), None)
            }
        }
    }

    /// The number of a store among those that are shown, which a read of it names.
    fn number(&self, store: usize) -> usize {
        let is_shown_store = |index: &usize| match &self.outcome.record[*index].what {
            What::Atomic(_, _, _, done) => {
                let seen = self.seen[*index].as_ref();
                done.stored.is_some() && seen.is_some_and(|seen| !seen.counter)
            }
            _ => false,
        };
        (0..=store).filter(is_shown_store).count()
    }

    /// An operation in words: what was read, and which store that came from.
    fn atomic(&self, name: &str, order: Order, done: &Done, thread: usize, index: usize) -> String {
        let source = match (done.from, self.made(done.from)) {
            (Some((from, _)), Some(made)) if from == thread => {
                format!("its own #{}", self.number(made))
            }
            (Some((from, _)), Some(made)) => {
                let at = self.seen[made].as_ref();
                let at = at.map_or_else(String::new, |seen| format!(", {}", seen.place));
                format!("#{} of {}{at}", self.number(made), self.name(from))
            }
            _ => "as made".to_owned(),
        };
        let old = if done.stale { ", though there is a newer one" } else { "" };
        let read = value(done.value);
        let number = self.number(index);
        match (done.stored, done.message) {
            (None, _) if name == "load" => {
                format!("load({order:?}) {{}}: {read} ({source}{old})")
            }
            (None, _) if done.spurious => {
                format!("{name}({order:?}) {{}}: fails for no reason, stays {read} ({source}{old})")
            }
            (None, _) => format!("{name}({order:?}) {{}}: stays {read} ({source}{old})"),
            (Some(new), None) => {
                let before = if done.stale { ", before one that is there" } else { "" };
                format!("store #{number} ({order:?}) {{}}: {}{before}", value(new))
            }
            (Some(new), Some(_)) => {
                let new = value(new);
                format!("{name}({order:?}) {{}}: {read} ({source}{old}), store #{number}: {new}")
            }
        }
    }
}

fn does(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::Read | AccessKind::AtomicRead => "reads",
        AccessKind::Write | AccessKind::AtomicWrite => "writes",
        AccessKind::Free => "frees",
    }
}

fn value(value: u64) -> String {
    if value < 1 << 32 { value.to_string() } else { format!("{value:#x}") }
}
