//! A lane: all that one thread tells, or one role of a model.

use serde_json::{Map, Value, json};

/// A process or thread, or a further role in which a thread tells.
pub(crate) struct Lane {
    pub(crate) pid: i64,
    /// The process's number in the trace.
    pub(crate) process: i64,
    /// The lane's number in the trace.
    pub(crate) tid: i64,
    /// The thread's id; of a further role, its number.
    pub(crate) task: i64,
    /// The first role in which it tells something.
    pub(crate) role: Option<String>,
    /// What the thread is called.
    pub(crate) called: Option<String>,
    /// For a further role, the lane of the thread that tells in it.
    pub(crate) teller: Option<usize>,
    /// The lane in which it has told something last, in its own name.
    pub(crate) speaks_in: Option<usize>,
    pub(crate) born: Option<Born>,
    /// When it began, as far as it is known, and when it was last heard of.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) end: Option<End>,
    /// When its life is over.
    pub(crate) until: u64,
    pub(crate) points: Vec<Point>,
    /// The slices that are open.
    open: Vec<Told>,
}

/// How a process or thread came to be.
pub(crate) struct Born {
    /// The call.
    pub(crate) how: String,
    /// Pid and tid of the thread that has called.
    pub(crate) by: Option<(i64, i64)>,
    /// Its pid.
    pub(crate) by_process: Option<i64>,
    /// The moment before the call.
    pub(crate) called: Option<u64>,
}

/// When a life ended, and in which way.
pub(crate) struct End {
    pub(crate) at: u64,
    /// In words.
    pub(crate) how: String,
    pub(crate) by: How,
}

/// What ended a life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A thread came to its end.
    ByItself,
    /// The process has exited.
    WithItsProcess,
    /// A signal.
    Killed,
}

impl End {
    pub(crate) fn new(at: u64, how: &str, by: How) -> End {
        End { at, how: how.to_owned(), by }
    }
}

/// What is said of a moment or a slice, and by whom.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) category: String,
}

/// An event of a lane.
pub(crate) struct Point {
    pub(crate) phase: char,
    pub(crate) at: u64,
    pub(crate) told: Told,
    pub(crate) id: Option<Value>,
    pub(crate) args: Map<String, Value>,
}

impl Point {
    pub(crate) fn new(phase: char, at: u64, told: Told, args: Map<String, Value>) -> Point {
        Point { phase, at, told, id: None, args }
    }
}

impl Lane {
    pub(crate) fn new(pid: i64, tid: i64, at: u64) -> Lane {
        Lane {
            pid,
            process: pid,
            tid,
            task: tid,
            role: None,
            called: None,
            teller: None,
            speaks_in: None,
            born: None,
            first: at,
            last: at,
            end: None,
            until: at,
            points: Vec::new(),
            open: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self, at: u64, told: Told, args: Map<String, Value>) {
        self.open.push(told.clone());
        self.points.push(Point::new('B', at, told, args));
    }

    /// Ends the slice that was begun last; an end without a beginning is none.
    pub(crate) fn finish(&mut self, at: u64, args: Map<String, Value>) {
        if let Some(told) = self.open.pop() {
            self.points.push(Point::new('E', at, told, args));
        }
    }

    /// Puts in a slice that is known when it ends. What was told meanwhile lies within it.
    pub(crate) fn whole(&mut self, from: u64, to: u64, told: Told) {
        let begin = self.points.iter().rposition(|point| point.at <= from).map_or(0, |it| it + 1);
        let mut depth = 0;
        let inside = self.points[begin..].iter().all(|point| {
            depth += i32::from(point.phase == 'B') - i32::from(point.phase == 'E');
            depth >= 0
        });
        // A slice that overlaps another in part cannot be shown in one lane.
        if inside && depth == 0 {
            self.points.insert(begin, Point::new('B', from, told.clone(), Map::new()));
            self.points.push(Point::new('E', to, told, Map::new()));
        }
    }

    /// Puts the events in the order of time, and finds out how long the thread has lived.
    pub(crate) fn put_in_order(&mut self) {
        self.points.sort_by_key(|point| point.at);
        let times = || self.points.iter().map(|point| point.at);
        self.first = times().min().unwrap_or(self.first).min(self.first);
        self.last = times().max().unwrap_or(self.last).max(self.last);
        self.until = match &self.end {
            // What is told of it afterwards, others tell.
            Some(End { at, by: How::ByItself, .. }) => *at,
            Some(End { at, .. }) => self.last.max(*at),
            None => self.last,
        };
    }

    /// Ends the life, and with it all slices that are open.
    pub(crate) fn close(&mut self, until: u64) {
        self.until = until;
        let mut args = Map::new();
        if let Some(end) = &self.end {
            args.insert("ended".to_owned(), json!(end.how));
        }
        let within = self.points.iter().rposition(|point| point.at <= until);
        let mut end = within.map_or(0, |last| last + 1);
        while let Some(told) = self.open.pop() {
            self.points.insert(end, Point::new('E', until, told, args.clone()));
            end += 1;
        }
    }
}
