//! An execution step by step: where every thread stood before each choice.

use crate::report::{Event, LONGEST, Obstacle, Resource, Thread};
use crate::report::{flag, place, read_place, read_resource, record, resource};
use crate::schedule::Steps;

/// What to do when a schedule has been followed as far as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: somebody chooses.
    Stop,
    /// Go on as long as there is nothing to choose.
    On,
    /// Run to the end, each thread as long as it can, but not for ever.
    End,
    /// Run to the end as chance has it.
    Chance,
    /// Look for a way to go wrong from there.
    Break,
}

impl Then {
    /// All of them, with their words.
    pub const WORDS: &[(Then, &str)] = &[
        (Then::Stop, "stop"),
        (Then::On, "on"),
        (Then::End, "end"),
        (Then::Chance, "chance"),
        (Then::Break, "break"),
    ];

    /// The word for this.
    pub fn word(self) -> &'static str {
        Then::WORDS.iter().find(|(then, _)| *then == self).map_or("", |(_, word)| word)
    }
}

/// An execution, or its beginning, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Who ran, and what chance decided. Of a very long one, the beginning.
    pub steps: Steps,
    /// Whether it came to its end, and did not stop for somebody to choose.
    pub ended: bool,
    /// How many steps there were before the first moment.
    pub first: usize,
    /// One before each choice, and one at the end; of many, the last.
    pub moments: Vec<Moment>,
    /// What threads may hold or wait for, numbered by position.
    pub resources: Vec<Resource>,
    /// What was done; of much, the end.
    pub events: Vec<Event>,
    /// How many events there were before these.
    pub earlier: usize,
}

/// A moment at which somebody chooses who runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The threads that do not stand as they did in the moment before, by number.
    pub changed: Vec<(usize, Standing)>,
    /// Who can run.
    pub ready: Vec<usize>,
    /// Who can run because its time may be up.
    pub timed: Vec<usize>,
    /// How many events there have been.
    pub events: usize,
    /// How many decisions of chance there have been.
    pub chances: usize,
    /// If the last step asked for one: among how many was chosen, or 0 for whether something happens
    /// that the standard allows and nobody asked for.
    pub asked: Option<usize>,
}

/// Where a thread stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name, what it waits for and holds, and the line that it runs next.
    pub thread: Thread,
    /// The lock that it is about to give back.
    pub unlocks: Option<usize>,
}

/// The most moments that are told, and how many fewer if they are too long.
const MOMENTS: [usize; 4] = [300, 100, 30, 1];

/// The most events that are told.
const EVENTS: usize = 500;

/// The longest schedule that is told, in bytes.
pub const LONGEST_PATH: usize = 15_000;

impl Walk {
    /// How all threads stand at a moment, which is counted from the first that is there.
    pub fn standing(&self, moment: usize) -> Vec<Standing> {
        let mut standing = Vec::new();
        for moment in self.moments.iter().take(moment + 1) {
            stand(&mut standing, &moment.changed);
        }
        standing
    }

    /// Without all but the last moments and events.
    fn shortened(&self, moments: usize) -> Walk {
        let before = self.moments.len().saturating_sub(moments);
        let mut walk = self.clone();
        let standing = walk.standing(before);
        walk.moments.drain(..before);
        walk.first += before;
        if let Some(first) = walk.moments.first_mut() {
            first.changed = standing.into_iter().enumerate().collect();
        }
        let left_out = walk.events.len().saturating_sub(EVENTS);
        walk.events.drain(..left_out);
        walk.earlier += left_out;
        walk
    }

    /// Writes it as text that fits beside others into a packet.
    pub(crate) fn to_text(&self) -> String {
        let texts = MOMENTS.iter().map(|moments| self.shortened(*moments).text());
        texts.into_iter().find(|text| text.len() < LONGEST - 8 * 1024).unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let (steps, first, earlier) = (self.steps.to_text(), self.first, self.earlier);
        let fields = [steps, flag(self.ended).to_owned(), first.to_string(), earlier.to_string()];
        record(&mut text, &[&["walk".to_owned()], &fields[..]].concat());
        for it in &self.resources {
            resource(&mut text, it);
        }
        for moment in &self.moments {
            let asked = moment.asked.map(|number| number.to_string()).unwrap_or_default();
            let fields = [
                "moment".to_owned(),
                numbers(&moment.ready),
                numbers(&moment.timed),
                moment.events.to_string(),
                moment.chances.to_string(),
                asked,
            ];
            record(&mut text, &fields);
            for (number, standing) in &moment.changed {
                let unlocks = standing.unlocks.map(|lock| lock.to_string()).unwrap_or_default();
                let Thread { name, ended, .. } = &standing.thread;
                let number = number.to_string();
                record(&mut text, &["stands", &number, name, flag(*ended), &unlocks]);
                details(&mut text, &standing.thread);
            }
        }
        for it in &self.events {
            event(&mut text, it);
        }
        text
    }

    /// Reads one record more; `None` if it makes no sense here.
    pub(crate) fn read(&mut self, fields: &[&str]) -> Option<()> {
        match *fields {
            ["walk", steps, ended, first, earlier] => {
                self.steps = Steps::from_text(steps)?;
                self.ended = ended == "yes";
                self.first = first.parse().ok()?;
                self.earlier = earlier.parse().ok()?;
            }
            ["resource", ref rest @ ..] => self.resources.push(read_resource(rest)?),
            ["moment", ready, timed, events, chances, asked] => self.moments.push(Moment {
                changed: Vec::new(),
                ready: read_numbers(ready)?,
                timed: read_numbers(timed)?,
                events: events.parse().ok()?,
                chances: chances.parse().ok()?,
                asked: if asked.is_empty() { None } else { Some(asked.parse().ok()?) },
            }),
            ["stands", number, name, ended, unlocks] => {
                let thread = Thread {
                    name: name.to_owned(),
                    blocked: None,
                    holds: Vec::new(),
                    at: None,
                    ended: ended == "yes",
                };
                let unlocks = if unlocks.is_empty() { None } else { Some(unlocks.parse().ok()?) };
                let standing = (number.parse().ok()?, Standing { thread, unlocks });
                self.moments.last_mut()?.changed.push(standing);
            }
            ["event", ..] => self.events.push(read_event(fields)?),
            _ => {
                let (_, standing) = self.moments.last_mut()?.changed.last_mut()?;
                read_details(&mut standing.thread, fields)?;
            }
        }
        Some(())
    }

    /// Whether every number in it stands for something that is there.
    pub fn is_sound(&self) -> bool {
        let resources = self.resources.len();
        let lock = |number: usize| number < resources;
        let mut threads = 0;
        for moment in &self.moments {
            for (number, Standing { thread, unlocks }) in &moment.changed {
                if *number > threads {
                    return false;
                }
                threads = threads.max(number + 1);
                let holds = thread.holds.iter().all(|(number, _)| lock(*number));
                let waits = match thread.blocked {
                    Some((_, Obstacle::Resource(number), _)) => lock(number),
                    _ => true,
                };
                if !holds || !waits || !unlocks.is_none_or(lock) {
                    return false;
                }
            }
            let known = |number: &usize| *number < threads;
            if !moment.ready.iter().chain(&moment.timed).all(known) {
                return false;
            }
        }
        let joined = self.moments.iter().flat_map(|moment| &moment.changed).all(|(_, it)| match it
            .thread
            .blocked
        {
            Some((_, Obstacle::Thread(number), _)) => number < threads,
            _ => true,
        });
        joined
            && !self.moments.is_empty()
            && self.first < MANY
            && self.earlier < MANY
            && self.moments.iter().all(|it| it.events < MANY && it.chances < MANY)
            && self.steps.runs.iter().all(|(thread, _)| *thread < MANY)
            && self
                .events
                .iter()
                .all(|event| event.thread < threads && event.resource.is_none_or(lock))
    }
}

/// More than there ever is of anything that is counted here.
const MANY: usize = 1 << 32;

/// Lets those stand otherwise that have changed.
pub(crate) fn stand(standing: &mut Vec<Standing>, changed: &[(usize, Standing)]) {
    for (number, new) in changed {
        match standing.get_mut(*number) {
            Some(old) => *old = new.clone(),
            None => standing.push(new.clone()),
        }
    }
}

/// What a thread waits for and holds, and where it is.
pub(crate) fn details(text: &mut String, thread: &Thread) {
    if let Some((verb, obstacle, at)) = &thread.blocked {
        let (sort, number) = match obstacle {
            Obstacle::Resource(number) => ("resource", *number),
            Obstacle::Thread(number) => ("thread", *number),
            Obstacle::Unnamed => ("unnamed", 0),
        };
        let mut fields = vec!["blocked".to_owned(), verb.clone(), sort.to_owned()];
        fields.push(number.to_string());
        fields.extend(place(at));
        record(text, &fields);
    }
    for (number, at) in &thread.holds {
        let mut fields = vec!["holds".to_owned(), number.to_string()];
        fields.extend(place(at));
        record(text, &fields);
    }
    if let Some(at) = &thread.at {
        let mut fields = vec!["at".to_owned()];
        fields.extend(place(at));
        record(text, &fields);
    }
}

/// Reads one of those records.
pub(crate) fn read_details(thread: &mut Thread, fields: &[&str]) -> Option<()> {
    match *fields {
        ["blocked", verb, sort, number, ref at @ ..] => {
            let number = number.parse().ok()?;
            let obstacle = match sort {
                "resource" => Obstacle::Resource(number),
                "thread" => Obstacle::Thread(number),
                _ => Obstacle::Unnamed,
            };
            thread.blocked = Some((verb.to_owned(), obstacle, read_place(at)?));
        }
        ["holds", number, ref at @ ..] => {
            thread.holds.push((number.parse().ok()?, read_place(at)?));
        }
        ["at", ref at @ ..] => thread.at = Some(read_place(at)?),
        _ => return None,
    }
    Some(())
}

pub(crate) fn event(text: &mut String, event: &Event) {
    let mut fields = vec!["event".to_owned(), event.thread.to_string(), event.what.clone()];
    fields.push(event.resource.map(|number| number.to_string()).unwrap_or_default());
    fields.extend(place(&event.place));
    record(text, &fields);
}

pub(crate) fn read_event(fields: &[&str]) -> Option<Event> {
    let ["event", thread, what, resource, ref at @ ..] = *fields else { return None };
    Some(Event {
        thread: thread.parse().ok()?,
        what: what.to_owned(),
        resource: resource.parse().ok(),
        place: read_place(at)?,
    })
}

fn numbers(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

fn read_numbers(text: &str) -> Option<Vec<usize>> {
    text.split(',').filter(|it| !it.is_empty()).map(|it| it.parse().ok()).collect()
}
