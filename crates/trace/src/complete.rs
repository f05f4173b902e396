//! Makes a trace of what processes have noted, each for itself.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::lanes::{Born, End, How, Lane, Point, Told};
use crate::{COUNT, END, EXPERIMENT, Event, LIFE, TOOK, UNTOLD, WORK};

/// No thread has so high a number, proc_sys_kernel(5): lanes for further roles of a thread begin here.
const SYNTHETIC: i64 = 1 << 22;
/// What is added to the number of a process that has the number of one which has ended.
const AGAIN: i64 = 10_000_000;

/// Completes what processes have noted. Besides events these are notes of phase `M`:
///
/// - `born`: this thread has begun; by whom (`by_pid`, `by_tid`), after which call (`how`), and the
///   moment before that call (`at`), as far as they are known.
/// - `adopted`: this thread has started the process `child`.
/// - `thread name`: what the thread is called, in which nothing may be told.
/// - `signal`: this thread sends `signal` to the process `to`.
/// - `exits`, `thread ends`: this process, or thread, ends by itself.
/// - `ended`: process `pid` was reaped, and ended as `how` says; `killed` if by a signal.
/// - `package`: what the process that starts experiments runs.
///
/// An event `s` or `f` has a text as its id: an arrow leads from the last `s` to each later `f` with the
/// same text. One that has no other end is left out. A completed trace stays as it is.
pub fn complete(mut events: Vec<Event>) -> Vec<Event> {
    if events.iter().any(|event| event.phase == 'M' && event.name == "process_name") {
        return events;
    }
    // A whole slice is noted when it is over.
    events.sort_by_key(|event| event.at + took(event));
    let mut all = Lanes::default();
    for event in &events {
        all.take(event);
    }
    all.events()
}

/// One end of an arrow: when, and in which lane.
#[derive(Clone, Copy)]
struct Place {
    at: u64,
    lane: usize,
}

/// An arrow that is known from both sides.
struct Arrow {
    name: String,
    from: Place,
    to: Place,
}

#[derive(Default)]
struct Lanes {
    all: Vec<Lane>,
    /// The lane of each thread that lives, by pid and tid.
    own: HashMap<(i64, i64), usize>,
    /// The lanes in which a thread tells in another role than its first.
    others: HashMap<(usize, String), usize>,
    arrows: Vec<Arrow>,
    /// The last starts of arrows, by kind and key.
    started: HashMap<(String, String), Place>,
    /// Processes that were started, by pid: by which lane, and when that was noted.
    adopted: HashMap<i64, Place>,
    package: Option<(i64, String)>,
    experiments: Vec<(u64, u64, String)>,
    /// How many processes of a number have ended.
    lives: HashMap<i64, i64>,
}

impl Lanes {
    fn take(&mut self, event: &Event) {
        if event.phase == 'M' {
            return self.note(event);
        }
        let own = self.own(event);
        let lane = match event.phase {
            // An arrow belongs to the role in which the thread has told something last.
            's' | 'f' => self.all[own].speaks_in.unwrap_or(own),
            _ if [COUNT, EXPERIMENT, UNTOLD, WORK].contains(&event.category.as_str()) => own,
            phase => self.telling(own, event, phase),
        };
        if lane == own || self.all[lane].teller == Some(own) {
            self.all[own].speaks_in = Some(lane);
        }
        self.all[own].last = event.at + took(event);
        let lives = &mut self.all[lane];
        let told = Told { name: event.name.clone(), category: event.category.clone() };
        match event.phase {
            'B' => {
                if event.category == EXPERIMENT {
                    self.experiments.push((event.at, u64::MAX, event.name.clone()));
                }
                lives.begin(event.at, told, event.args.clone());
            }
            'E' => {
                if event.category == EXPERIMENT
                    && let Some(experiment) = self.experiments.last_mut()
                {
                    experiment.1 = event.at;
                }
                lives.finish(event.at, event.args.clone());
            }
            'X' => {
                lives.whole(event.at, event.at + took(event), told);
            }
            'C' => lives.points.push(Point::new('C', event.at, told, event.args.clone())),
            'i' => lives.points.push(Point::new('i', event.at, told, Map::new())),
            's' => {
                self.started.insert(flow(event), Place { at: event.at, lane });
            }
            'f' => {
                if let Some(from) = self.started.get(&flow(event)) {
                    let to = Place { at: event.at, lane };
                    self.arrows.push(Arrow { name: event.name.clone(), from: *from, to });
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, event: &Event) {
        match event.name.as_str() {
            "born" if !self.own.contains_key(&(event.pid, event.tid)) => {
                let lane = self.own(event);
                self.all[lane].born = Some(Born {
                    how: event.text("how").unwrap_or("began").to_owned(),
                    by: event.number("by_pid").zip(event.number("by_tid")),
                    by_process: event.number("by_pid"),
                    called: event.args.get("at").map(crate::nanoseconds),
                });
                self.birth(lane, event.at);
            }
            "adopted" => {
                let place = Place { at: event.at, lane: self.own(event) };
                if let Some(child) = event.number("child") {
                    self.adopted.insert(child, place);
                    // A program that was executed has often begun before it is adopted.
                    if let Some(&begun) = self.own.get(&(child, child)) {
                        self.started_by(begun, place);
                    }
                }
            }
            "signal" => {
                let from = Place { at: event.at, lane: self.own(event) };
                let to = event.number("to").and_then(|to| self.own.get(&(to, to)).copied());
                if let Some(lane) = to {
                    let name = event.text("signal").unwrap_or("signal").to_owned();
                    self.arrows.push(Arrow { name, from, to: Place { at: event.at, lane } });
                }
            }
            "thread name" => {
                let lane = self.own(event);
                self.all[lane].called = event.text("name").map(str::to_owned);
            }
            "thread ends" => {
                if event.pid != event.tid
                    && let Some(lane) = self.own.remove(&(event.pid, event.tid))
                {
                    self.all[lane].end = Some(End::new(event.at, "ended", How::ByItself));
                }
            }
            "exits" => {
                let how = event.text("how").unwrap_or("exited");
                for lane in self.of_process(event.pid) {
                    self.all[lane].end = Some(End::new(event.at, how, How::WithItsProcess));
                }
            }
            "ended" => self.ended(event),
            "package" => {
                let name = event.text("name").unwrap_or("program").to_owned();
                self.package = Some((event.pid, name));
                self.own(event);
            }
            _ => {}
        }
    }

    /// Ends all that is left of a process that was reaped.
    fn ended(&mut self, event: &Event) {
        let how = event.text("how").unwrap_or("ended");
        let killed = event.args.get("killed").and_then(Value::as_bool).unwrap_or(false);
        for lane in self.of_process(event.pid) {
            let ends = &mut self.all[lane];
            // What it has noted itself is nearer to the moment than when it was reaped.
            if killed || ends.end.is_none() {
                let by = if killed { How::Killed } else { How::WithItsProcess };
                ends.end = Some(End::new(event.at, how, by));
            }
            self.own.remove(&(ends.pid, ends.task));
        }
        // The kernel may give its number to another process.
        *self.lives.entry(event.pid).or_default() += 1;
    }

    fn of_process(&self, pid: i64) -> Vec<usize> {
        self.own.iter().filter(|((process, _), _)| *process == pid).map(|(_, lane)| *lane).collect()
    }

    /// The lane of the thread that tells this; a new one if it has none yet.
    fn own(&mut self, event: &Event) -> usize {
        if let Some(&lane) = self.own.get(&(event.pid, event.tid)) {
            return lane;
        }
        let (lane, before) = (self.all.len(), self.lives.get(&event.pid).copied().unwrap_or(0));
        let mut new = Lane::new(event.pid, event.tid, event.at);
        new.process += before * AGAIN;
        if self.all.iter().any(|other| (other.process, other.tid) == (new.process, new.tid)) {
            new.tid = SYNTHETIC + lane as i64;
        }
        self.all.push(new);
        self.own.insert((event.pid, event.tid), lane);
        lane
    }

    /// The lane in which a thread tells this: its own if it is its first role, or that of the thread
    /// of its process which plays the role; otherwise one more, for a role of a model.
    fn telling(&mut self, own: usize, event: &Event, phase: char) -> usize {
        let role = &event.category;
        let (pid, first) = (self.all[own].pid, &mut self.all[own].role);
        match first {
            None => *first = Some(role.clone()),
            Some(first) if first == role => {}
            Some(_) => {
                let process = self.all[own].process;
                let plays =
                    |lane: &Lane| lane.process == process && lane.role.as_ref() == Some(role);
                if phase == 'i'
                    && let Some(told_of) = self.all.iter().rposition(plays)
                {
                    return told_of;
                }
                let key = (own, role.clone());
                if let Some(&lane) = self.others.get(&key) {
                    return lane;
                }
                let mut lane = Lane::new(pid, SYNTHETIC + self.all.len() as i64, event.at);
                lane.process = self.all[own].process;
                (lane.role, lane.teller) = (Some(role.clone()), Some(own));
                self.others.insert(key, self.all.len());
                self.all.push(lane);
                return self.all.len() - 1;
            }
        }
        own
    }

    /// Draws the arrow to a lane that begins, where it is known from where.
    fn birth(&mut self, lane: usize, at: u64) {
        let Lane { pid, task, born: Some(born), .. } = &self.all[lane] else { return };
        let from = born.by.and_then(|by| self.own.get(&by)).copied();
        match (from, born.called) {
            (Some(from), Some(called)) => {
                let (name, from) = (born.how.clone(), Place { at: called.min(at), lane: from });
                self.arrows.push(Arrow { name, from, to: Place { at, lane } });
            }
            _ if pid == task => {
                if let Some(&place) = self.adopted.get(pid) {
                    self.started_by(lane, place);
                }
            }
            _ => {}
        }
    }

    /// Draws the arrow to a process that has begun from who has noted that it was started.
    fn started_by(&mut self, lane: usize, noted: Place) {
        let at = self.all[lane].first;
        let Some(born) = &self.all[lane].born else { return };
        let is_known = self.arrows.iter().any(|arrow| arrow.to.lane == lane && arrow.to.at == at);
        if !is_known && born.by_process == Some(self.all[noted.lane].pid) {
            let name = born.how.clone();
            let from = Place { at: noted.at.min(at), ..noted };
            self.arrows.push(Arrow { name, from, to: Place { at, lane } });
        }
    }

    fn events(mut self) -> Vec<Event> {
        let number = |id: usize| Some(json!(id + 1));
        for (id, arrow) in self.arrows.iter().enumerate() {
            for (phase, place) in [('s', arrow.from), ('f', arrow.to)] {
                let told = Told { name: arrow.name.clone(), category: "flow".to_owned() };
                let mut point = Point::new(phase, place.at, told, Map::new());
                point.id = number(id);
                self.all[place.lane].points.push(point);
            }
        }
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        for lane in &mut self.all {
            lane.put_in_order();
        }
        for lane in 0..self.all.len() {
            let Lane { process, pid, task, until, .. } = self.all[lane];
            let of_process = self.all.iter().filter(|other| other.process == process);
            let last = of_process.map(|other| other.until.max(other.last)).max().unwrap_or(until);
            self.all[lane].close(if pid == task { last } else { until });
        }
        order.sort_by_key(|lane| self.all[*lane].first);
        let mut processes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut births: Vec<i64> = Vec::new();
        for lane in &order {
            let pid = self.all[*lane].process;
            processes.entry(pid).or_default().push(*lane);
            if !births.contains(&pid) {
                births.push(pid);
            }
        }
        let metadata = |name: &str, pid: i64, tid: i64, key: &str, value: Value| Event {
            phase: 'M',
            at: 0,
            pid,
            tid,
            category: String::new(),
            name: name.to_owned(),
            id: None,
            args: Map::from_iter([(key.to_owned(), value)]),
        };
        let (mut named, mut happened) = (Vec::new(), Vec::new());
        for (index, pid) in births.iter().enumerate() {
            let lanes = &processes[pid];
            let name = self.process_name(*pid, lanes);
            named.push(metadata("process_name", *pid, *pid, "name", json!(name)));
            named.push(metadata("process_sort_index", *pid, *pid, "sort_index", json!(index)));
            for (index, lane) in lanes.iter().enumerate() {
                let lane = &self.all[*lane];
                let name = self.thread_name(lane);
                named.push(metadata("thread_name", *pid, lane.tid, "name", json!(name)));
                let index = json!(index);
                named.push(metadata("thread_sort_index", *pid, lane.tid, "sort_index", index));
                happened.extend(lane.events());
            }
        }
        happened.sort_by_key(|event| event.at);
        named.extend(happened);
        named
    }

    /// The experiment, and the role of the process's first thread in it.
    fn process_name(&self, pid: i64, lanes: &[usize]) -> String {
        if let Some((starter, package)) = &self.package
            && *starter == pid
        {
            return package.clone();
        }
        let first = &self.all[lanes[0]];
        let during = |(begin, end, _): &&(u64, u64, String)| (*begin..=*end).contains(&first.first);
        let role = lanes.iter().find_map(|lane| self.all[*lane].role.as_deref());
        match (self.experiments.iter().find(during), role.unwrap_or("process")) {
            (Some((_, _, experiment)), role) => format!("{experiment}: {role}"),
            (None, role) => role.to_owned(),
        }
    }

    fn thread_name(&self, lane: &Lane) -> String {
        let is_first = lane.pid == lane.task;
        let what = if is_first { "process" } else { "thread" };
        match (&lane.role, lane.teller) {
            (Some(role), Some(teller)) => format!("{role} (told by {})", self.all[teller].task),
            (Some(role), None) => role.clone(),
            (None, _) if lane.called.is_some() => lane.called.clone().unwrap_or_default(),
            (None, _) => match &self.package {
                Some((starter, package)) if *starter == lane.pid => package.clone(),
                _ => what.to_owned(),
            },
        }
    }
}

/// How long a whole slice took.
fn took(event: &Event) -> u64 {
    event.number(TOOK).unwrap_or(0).max(0) as u64
}

/// What belongs together of an arrow: its kind and the key by which both ends know it.
fn flow(event: &Event) -> (String, String) {
    let key = event.id.as_ref().and_then(Value::as_str).unwrap_or_default();
    (event.name.clone(), key.to_owned())
}

impl Lane {
    /// The events of a lane that is closed, in the order of time, in the slice of its life.
    fn events(&self) -> Vec<Event> {
        let event = |point: &Point| Event {
            phase: point.phase,
            at: point.at,
            pid: self.process,
            tid: self.tid,
            category: point.told.category.clone(),
            name: point.told.name.clone(),
            id: point.id.clone(),
            args: point.args.clone(),
        };
        let mut events: Vec<Event> = self.points.iter().map(event).collect();
        let what = match self.teller {
            Some(_) => "role",
            None if self.pid == self.task => "process",
            None => "thread",
        };
        let told = Told { name: format!("{what} {}", self.task), category: LIFE.to_owned() };
        let mut begin = event(&Point::new('B', self.first, told.clone(), Map::new()));
        if let Some(born) = &self.born {
            let by = born.by.map(|(_, tid)| tid).or(born.by_process);
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            begin.args.insert("began".to_owned(), json!(format!("{}{by}", born.how)));
        }
        let mut ended = Vec::new();
        if let Some(End { how, by, .. }) = &self.end {
            begin.args.insert("ended".to_owned(), json!(how));
            if *by == How::Killed {
                let told = Told { name: how.clone(), category: END.to_owned() };
                ended.push(event(&Point::new('i', self.until, told, Map::new())));
            }
        }
        ended.push(event(&Point::new('E', self.until, told, Map::new())));
        let within = events.iter().rposition(|event| event.at <= self.until);
        let end = within.map_or(0, |last| last + 1);
        events.splice(end..end, ended);
        events.insert(0, begin);
        events
    }
}
