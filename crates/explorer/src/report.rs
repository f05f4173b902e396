//! What a check reports to the grader: plain text, one record a line, fields parted by tabs.

use std::fmt::{self, Write};

use crate::walk::{self, Walk};

/// The longest report, in bytes; of a longer one the beginning of the events is left out.
pub const LONGEST: usize = 128 * 1024;

/// A place in a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's name as it was given to the compiler.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
}

impl Place {
    /// Whether a learner can look there: in the submission, or in the checks. What stands behind them
    /// is none of the learner's business.
    pub fn is_known(&self) -> bool {
        !self.file.is_empty() && !self.file.contains('/')
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl From<&std::panic::Location<'_>> for Place {
    fn from(at: &std::panic::Location<'_>) -> Place {
        Place { file: at.file().to_owned(), line: at.line(), column: at.column() }
    }
}

/// A panic of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// The name that the thread has in the report.
    pub thread: String,
    /// What it said, one or more lines.
    pub message: String,
    /// Where, if it was in the submission, in the checks or in the standard library.
    pub place: Option<Place>,
}

impl Panicked {
    /// Writes panics as text.
    pub fn to_text(panics: &[Panicked]) -> String {
        let mut text = String::new();
        for panic in panics {
            let mut fields = vec![panic.thread.clone(), panic.message.clone()];
            fields.extend(panic.place.iter().flat_map(place));
            record(&mut text, &fields);
        }
        text
    }

    /// Reads what [`to_text`](Panicked::to_text) wrote; `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Vec<Panicked>> {
        let read = |line: &str| {
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let [thread, message, ref at @ ..] = fields[..] else { return None };
            let place = if at.is_empty() { None } else { Some(read_place(at)?) };
            Some(Panicked { thread: thread.to_owned(), message: message.to_owned(), place })
        };
        text.lines().map(read).collect()
    }
}

/// Something that threads block on: a lock, a condition variable, a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `mutex`, `condition variable`, ...
    pub kind: String,
    /// Where it was made; the grader finds its name in the source there.
    pub made: Place,
    /// Where it was used first; unknown if it was not.
    pub used: Place,
    /// Its rank among those made at the same place, by address.
    pub rank: usize,
    /// How many were made at the same place.
    pub siblings: usize,
    /// How many threads a barrier lets wait for each other; 0 of anything else.
    pub meets: usize,
}

/// What a thread is blocked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The number of a [`Resource`].
    Resource(usize),
    /// The end of the thread of this number.
    Thread(usize),
    /// Something without a name: a token, the end of a scope.
    Unnamed,
}

/// A thread at the moment of the failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The name that the thread has in the report.
    pub name: String,
    /// What it waits for, in words that continue "blocked ...", and where.
    pub blocked: Option<(String, Obstacle, Place)>,
    /// The numbers of the locks that it holds, and where it took them.
    pub holds: Vec<(usize, Place)>,
    /// Where it last did something that others can see.
    pub at: Option<Place>,
    /// Whether it has ended.
    pub ended: bool,
}

/// One step of the schedule that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of the thread that acted.
    pub thread: usize,
    /// What it did; `{}` stands for the name of the resource.
    pub what: String,
    /// The number of the resource, where there is one.
    pub resource: Option<usize>,
    /// Where in the source.
    pub place: Place,
}

/// What kind of failure was found. The words are those of `exercise.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An assertion of the check failed.
    Wrong,
    /// The submission panicked.
    Panic,
    /// Threads wait for one another, or for something that nobody will do.
    Deadlock,
    /// Threads run for ever without getting anywhere.
    Livelock,
    /// A thread was left running, or waiting, when everything else had ended.
    Thread,
    /// Memory is accessed at the same time without an ordering between the accesses.
    Race,
}

impl Kind {
    /// All kinds, with their words.
    pub const WORDS: &[(Kind, &str)] = &[
        (Kind::Wrong, "wrong"),
        (Kind::Panic, "panic"),
        (Kind::Deadlock, "deadlock"),
        (Kind::Livelock, "livelock"),
        (Kind::Thread, "thread"),
        (Kind::Race, "race"),
    ];

    /// The word for this kind.
    pub fn word(self) -> &'static str {
        Kind::WORDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }
}

/// A failed check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: Kind,
    /// What went wrong, one or more lines.
    pub message: String,
    /// Where, if at one place.
    pub place: Option<Place>,
    /// The threads at that moment, numbered by their position.
    pub threads: Vec<Thread>,
    /// What they may hold or wait for, numbered by position.
    pub resources: Vec<Resource>,
    /// The schedule that led there; of a long one, its end.
    pub events: Vec<Event>,
    /// How many steps there were before these.
    pub earlier: usize,
    /// Makes `cargo grade NAME --replay` run that schedule again.
    pub replay: Option<String>,
}

impl Failure {
    /// A failure that needs no schedule.
    pub fn plain(kind: Kind, message: String, place: Option<Place>) -> Failure {
        let (threads, resources, events) = (Vec::new(), Vec::new(), Vec::new());
        Failure { kind, message, place, threads, resources, events, earlier: 0, replay: None }
    }

    /// The threads, what they hold and wait for, and their steps.
    fn picture(&self) -> String {
        let mut text = String::new();
        for it in &self.resources {
            resource(&mut text, it);
        }
        for thread in &self.threads {
            record(&mut text, &["thread", &thread.name, flag(thread.ended)]);
            walk::details(&mut text, thread);
        }
        let left_out = self.events.len().saturating_sub(STEPS);
        record(&mut text, &["earlier", &(self.earlier + left_out).to_string()]);
        for event in &self.events[left_out..] {
            walk::event(&mut text, event);
        }
        text
    }
}

/// How many steps are reported. Threads that run for ever take thousands, which no packet holds.
const STEPS: usize = 800;

/// The longest field, in bytes, that is reported: what a panic says may have any length.
const LONGEST_FIELD: usize = 16 * 1024;

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many schedules were run; 0 where none are explored.
    pub schedules: u64,
    /// Whether these were all schedules that there are.
    pub exhaustive: bool,
    /// Why the check failed, unless it passed.
    pub failure: Option<Failure>,
    /// How it went step by step, if that was asked for.
    pub walk: Option<Walk>,
}

impl Report {
    /// Writes the report as text that fits into a packet. Of a failure too large for that, with
    /// thousands of threads, it says all but how they stand.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        record(&mut text, &["schedules", &self.schedules.to_string(), flag(self.exhaustive)]);
        if let Some(failure) = &self.failure {
            self.tell(failure, &mut text);
        }
        if let Some(walk) = &self.walk {
            text.push_str(&walk.to_text());
        }
        text
    }

    fn tell(&self, failure: &Failure, text: &mut String) {
        let mut fields = vec!["failure".to_owned(), failure.kind.word().to_owned()];
        fields.push(failure.message.clone());
        fields.extend(failure.place.iter().flat_map(place));
        record(text, &fields);
        if let Some(replay) = &failure.replay {
            record(text, &["replay", replay]);
        }
        let picture = failure.picture();
        // A walk says all that, and for every moment.
        if self.walk.is_none() && text.len() + picture.len() < LONGEST - 1024 {
            text.push_str(&picture);
        }
    }

    /// Reads what [`to_text`](Report::to_text) wrote; `None` if it is anything else.
    pub fn from_text(text: &str) -> Option<Report> {
        let mut report = Report::default();
        for line in text.lines() {
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            if let ["schedules", count, exhaustive] = fields[..] {
                report.schedules = count.parse().ok()?;
                report.exhaustive = exhaustive == "yes";
                continue;
            }
            if let ["failure", word, message, ref at @ ..] = fields[..] {
                let kind = Kind::WORDS.iter().find(|(_, known)| *known == word)?.0;
                let at = if at.is_empty() { None } else { Some(read_place(at)?) };
                report.failure = Some(Failure::plain(kind, message.to_owned(), at));
                continue;
            }
            if fields[0] == "walk" {
                report.walk = Some(Walk::default());
            }
            if let Some(walk) = &mut report.walk {
                walk.read(&fields)?;
                continue;
            }
            let failure = report.failure.as_mut()?;
            match fields[..] {
                ["resource", ref rest @ ..] => failure.resources.push(read_resource(rest)?),
                ["thread", name, ended] => failure.threads.push(Thread {
                    name: name.to_owned(),
                    blocked: None,
                    holds: Vec::new(),
                    at: None,
                    ended: ended == "yes",
                }),
                ["event", ..] => failure.events.push(walk::read_event(&fields)?),
                ["earlier", number] => failure.earlier = number.parse().ok()?,
                ["replay", replay] => failure.replay = Some(replay.to_owned()),
                _ => walk::read_details(failure.threads.last_mut()?, &fields)?,
            }
        }
        Some(report)
    }
}

pub(crate) fn resource(text: &mut String, resource: &Resource) {
    let mut fields = vec!["resource".to_owned(), resource.kind.clone()];
    fields.extend(place(&resource.made));
    fields.extend(place(&resource.used));
    fields.extend([resource.rank, resource.siblings, resource.meets].map(|it| it.to_string()));
    record(text, &fields);
}

pub(crate) fn read_resource(fields: &[&str]) -> Option<Resource> {
    let [kind, ref rest @ ..] = *fields else { return None };
    let [ref places @ .., rank, siblings, meets] = *rest else { return None };
    let (made, used) = places.split_at_checked(3)?;
    Some(Resource {
        kind: kind.to_owned(),
        made: read_place(made)?,
        used: read_place(used)?,
        rank: rank.parse().ok()?,
        siblings: siblings.parse().ok()?,
        meets: meets.parse().ok()?,
    })
}

pub(crate) fn flag(set: bool) -> &'static str {
    if set { "yes" } else { "no" }
}

pub(crate) fn place(place: &Place) -> [String; 3] {
    [place.file.clone(), place.line.to_string(), place.column.to_string()]
}

pub(crate) fn read_place(fields: &[&str]) -> Option<Place> {
    let [file, line, column] = fields[..] else { return None };
    Some(Place { file: file.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? })
}

pub(crate) fn record(text: &mut String, fields: &[impl AsRef<str>]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        let field = field.as_ref();
        for character in field[..field.floor_char_boundary(LONGEST_FIELD)].chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }
        }
    }
    let _ = writeln!(text);
}

fn unescape(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let at = Place { file: "a b.rs".into(), line: 3, column: 9 };
        let failure = Failure {
            kind: Kind::Deadlock,
            message: "two\nlines\tand a \\ tab".into(),
            place: Some(at.clone()),
            threads: vec![Thread {
                name: "producer".into(),
                blocked: Some(("locking".into(), Obstacle::Resource(0), at.clone())),
                holds: vec![(0, at.clone())],
                at: Some(at.clone()),
                ended: false,
            }],
            resources: vec![Resource {
                kind: "mutex".into(),
                made: at.clone(),
                used: Place::default(),
                rank: 1,
                siblings: 2,
                meets: 5,
            }],
            events: vec![Event {
                thread: 0,
                what: "locks {}".into(),
                resource: Some(0),
                place: at,
            }],
            earlier: 3,
            replay: Some("0x3-1~ff".into()),
        };
        let report = Report { schedules: 7, exhaustive: true, failure: Some(failure), walk: None };
        assert_eq!(Report::from_text(&report.to_text()), Some(report));
        assert_eq!(Report::from_text("nonsense\n"), None);
        let panics = ["one\ntwo", ""].map(|message| Panicked {
            thread: "a\tb".into(),
            message: message.into(),
            place: (!message.is_empty()).then(Place::default),
        });
        assert_eq!(Panicked::from_text(&Panicked::to_text(&panics)), Some(panics.into()));
    }

    #[test]
    fn a_report_fits_into_a_packet_and_keeps_the_end() {
        let thread = |number: usize| Thread {
            name: format!("thread {number}"),
            blocked: None,
            holds: Vec::new(),
            at: Some(Place::default()),
            ended: false,
        };
        let step = |number: usize| Event {
            thread: 0,
            what: format!("step {number}"),
            resource: None,
            place: Place::default(),
        };
        let read = |threads: usize, steps: usize, message: String| {
            let failure = Failure {
                threads: (0..threads).map(thread).collect(),
                events: (0..steps).map(step).collect(),
                replay: Some("0".into()),
                ..Failure::plain(Kind::Livelock, message, None)
            };
            let report =
                Report { schedules: 1, exhaustive: false, failure: Some(failure), walk: None };
            let text = report.to_text();
            assert!(text.len() < LONGEST - 1024);
            Report::from_text(&text).unwrap().failure.unwrap()
        };
        let long = read(2, 20_000, "runs".into());
        assert_eq!((long.earlier, long.events.len()), (20_000 - STEPS, STEPS));
        assert_eq!(long.events.last(), Some(&step(19_999)));
        let crowded = read(10_000, 5, "é".repeat(LONGEST_FIELD));
        assert_eq!((crowded.threads.len(), crowded.replay.as_deref()), (0, Some("0")));
        assert!(crowded.message.starts_with('é') && crowded.message.len() <= LONGEST_FIELD);
    }
}
