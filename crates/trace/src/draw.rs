//! Draws a trace: a column for each process and thread in the order of birth, a row for each event, in
//! the order of time and not to its scale: a story of a microsecond and one of a second are read in the
//! same way. A thin line is a life, a bar beside it a slice, a pale one a slice of waiting. What is told
//! stands in its column, or, where there is no room for that, beside all columns with who tells it.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::{Result, ensure};

use crate::{END, EXPERIMENT, Event, LIFE, UNTOLD};

/// Width of a column, and of a character, in pixels of the figure.
const COLUMN: usize = 210;
const CHARACTER: usize = 7;
/// Width of a column that holds no text, and of a whole figure of such: a phone's.
const RAIL: usize = 26;
const NARROW: usize = 350;
/// Room for the times on the left, and height of a line of text.
const MARGIN: usize = 80;
const TIMES_END: usize = MARGIN - 22;
const LINE: usize = 17;
/// How far left of a column's bars its life is drawn.
const LIFE_LINE: usize = 6;
/// So many lives of which nothing is told are drawn in one experiment; more would hide the others. If
/// there are more, one of each kind stands for those that began and ended in the same way.
const SILENT: usize = 6;

/// What of a trace is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// These roles alone; if there are none, all but `main`, who tells the story.
    pub roles: &'a [String],
    /// All roles, `main` and lives of which nothing is told too, with a heading for each experiment.
    pub whole: bool,
    /// As wide as a phone's screen, with all text in one column.
    pub narrow: bool,
}

/// A row of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Nanoseconds on `CLOCK_MONOTONIC`.
    pub at: u64,
    /// Role and number of who tells it; of an arrow, both ends.
    pub who: String,
    /// What is told.
    pub text: String,
}

/// One experiment of a trace.
struct Section<'a> {
    heading: String,
    events: Vec<&'a Event>,
}

/// A process or thread that is drawn.
struct Lane {
    key: (i64, i64),
    role: String,
    number: String,
    from: u64,
    until: u64,
    column: usize,
}

impl Lane {
    fn name(&self) -> String {
        format!("{} {}", self.role, self.number).trim_end().to_owned()
    }
}

impl Picture<'_> {
    /// The rows of a completed trace, in the order in which they are drawn.
    pub fn rows(&self, events: &[Event]) -> Vec<Row> {
        let rows = |section: &Section<'_>| Drawing::new(self, section, events).rows();
        sections(events).iter().flat_map(rows).collect()
    }

    /// Draws a completed trace as SVG; the figure takes the colour of the text around it, and tells its
    /// story in words too, for those who don't see it.
    ///
    /// # Errors
    ///
    /// If nothing is told in the trace that is to be drawn.
    pub fn svg(&self, events: &[Event]) -> Result<String> {
        let (mut body, mut y, mut width) = (String::new(), LINE, MARGIN);
        let (mut names, mut story, mut longest) = (Vec::new(), Vec::new(), 0);
        for section in &sections(events) {
            let mut drawing = Drawing::new(self, section, events);
            if drawing.rows().is_empty() {
                continue;
            }
            width = width.max(drawing.width());
            if self.whole {
                y += LINE;
                let _ = writeln!(
                    body,
                    r#"<text x="0" y="{y}" font-size="14" font-weight="bold">{}</text>"#,
                    escaped(&section.heading)
                );
                width = width.max(section.heading.chars().count() * (CHARACTER + 1));
                story.push(format!("{}:", section.heading));
                y += LINE + LINE / 2;
            }
            y = drawing.draw(&mut body, y);
            y += LINE;
            names.extend(drawing.lanes.iter().map(Lane::name));
            let times = drawing.times();
            longest = times.iter().map(|at| at.chars().count()).max().unwrap_or(0).max(longest);
            let told = |(row, at): (&Row, &String)| format!("{at}, {}: {}.", row.who, row.text);
            story.extend(drawing.rows().iter().zip(&times).map(told));
        }
        ensure!(!names.is_empty(), "no thread tells anything in this trace");
        // A time of many digits begins further left; its point and its space make up one character.
        let left = (longest.saturating_sub(1) * CHARACTER).saturating_sub(TIMES_END);
        width += left;
        // In a page the figure is as high as its width allows.
        let height = if self.whole { format!(" height=\"{y}\"") } else { String::new() };
        let (names, story) = (escaped(&names.join(", ")), escaped(&story.join(" ")));
        let x = -(left as i64);
        // A page shows the one for which it has room.
        let class = if self.narrow { "narrow" } else { "wide" };
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" viewBox=\"{x} 0 {width} {y}\" \
             width=\"{width}\"{height} role=\"img\" fill=\"currentColor\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>What happened when in {names}</title>\n<desc>{story}</desc>\n{body}</svg>\n"
        ))
    }
}

/// The experiments of a trace; all of it, where none is named. What the process tells that starts them
/// belongs to none.
fn sections(events: &[Event]) -> Vec<Section<'_>> {
    let begun: Vec<&Event> =
        events.iter().filter(|event| event.category == EXPERIMENT && event.phase == 'B').collect();
    let happened = |event: &&Event| event.phase != 'M';
    if begun.is_empty() {
        let events = events.iter().filter(happened).collect();
        return vec![Section { heading: String::new(), events }];
    }
    let section = |begin: &&Event| {
        let end = events.iter().find(|event| {
            event.category == EXPERIMENT
                && event.phase == 'E'
                && event.name == begin.name
                && event.at >= begin.at
        });
        let until = end.map_or(u64::MAX, |end| end.at);
        let heading = match begin.text("question") {
            Some(question) => format!("{}: {question}", begin.name),
            None => begin.name.clone(),
        };
        let inside =
            |event: &&Event| event.pid != begin.pid && (begin.at..=until).contains(&event.at);
        Section { heading, events: events.iter().filter(happened).filter(inside).collect() }
    };
    begun.iter().map(section).collect()
}

/// A section with the lanes of it that are drawn.
struct Drawing<'a> {
    events: &'a [&'a Event],
    lanes: Vec<Lane>,
    by_key: HashMap<(i64, i64), usize>,
    /// How many processes and threads are left out, of which nothing is told.
    left_out: [usize; 2],
    /// The arrows' starts, by id.
    starts: HashMap<String, &'a Event>,
    whole: bool,
    narrow: bool,
}

impl<'a> Drawing<'a> {
    fn new(picture: &Picture<'_>, section: &'a Section<'a>, all: &[Event]) -> Drawing<'a> {
        let events = &section.events;
        let names: HashMap<(i64, i64), &str> = all
            .iter()
            .filter(|event| event.name == "thread_name" && event.phase == 'M')
            .filter_map(|event| Some(((event.pid, event.tid), event.text("name")?)))
            .collect();
        let mut keys: Vec<(i64, i64)> = Vec::new();
        for event in events {
            let key = (event.pid, event.tid);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut drawing = Drawing {
            events,
            lanes: Vec::new(),
            by_key: HashMap::new(),
            left_out: [0; 2],
            starts: HashMap::new(),
            whole: picture.whole,
            narrow: picture.narrow,
        };
        let silent: Vec<(i64, i64)> =
            keys.iter().filter(|key| !tells(events, **key)).copied().collect();
        let standing_for_all = match picture.whole {
            true => of_each_kind(events, &silent),
            false => Vec::new(),
        };
        for key in keys {
            let lane = lane(events, key, names.get(&key).copied().unwrap_or("thread"));
            let shown = match picture.roles {
                _ if picture.whole => true,
                [] => lane.role != "main",
                roles => roles.contains(&lane.role),
            };
            if shown && (!silent.contains(&key) || standing_for_all.contains(&key)) {
                drawing.put(lane);
            } else if silent.contains(&key) {
                drawing.left_out[usize::from(key.0 != key.1)] += 1;
            }
        }
        let starts = events.iter().filter(|event| event.phase == 's');
        drawing.starts = starts.map(|event| (id(event), *event)).collect();
        drawing
    }

    /// Gives a lane a column: that of one of its role that has ended, or a new one.
    fn put(&mut self, mut lane: Lane) {
        let columns = self.columns();
        let free = (0..columns).find(|column| {
            let mut there = self.lanes.iter().filter(|other| other.column == *column);
            there.all(|other| other.role == lane.role && other.until <= lane.from)
        });
        lane.column = free.unwrap_or(columns);
        self.by_key.insert(lane.key, self.lanes.len());
        self.lanes.push(lane);
    }

    fn columns(&self) -> usize {
        self.lanes.iter().map(|lane| lane.column + 1).max().unwrap_or(0)
    }

    /// Where a column's bars begin.
    fn left(&self, column: usize) -> usize {
        MARGIN + column * if self.narrow { RAIL } else { COLUMN }
    }

    fn width(&self) -> usize {
        let columns = self.left(self.columns());
        if self.narrow { NARROW.max(columns + COLUMN / 2) } else { columns }
    }

    /// Where the text of a column begins, and how many characters a line of it has.
    fn text(&self, column: usize) -> (usize, usize) {
        if self.narrow {
            let x = self.left(self.columns());
            (x, (self.width() - x) / CHARACTER)
        } else {
            (self.left(column) + 22, (COLUMN - 40) / CHARACTER)
        }
    }

    /// A lane's role, with its number if others have the same.
    fn short(&self, lane: &Lane) -> String {
        let alike = self.lanes.iter().filter(|other| other.role == lane.role).count();
        if alike > 1 { lane.name() } else { lane.role.clone() }
    }

    /// Who stands in which column, from `top` on, and where that ends.
    fn heads(&self, body: &mut String, top: usize) -> usize {
        if !self.narrow {
            for column in 0..self.columns() {
                let (role, process) = self.head(column);
                let x = self.left(column);
                let _ = writeln!(
                    body,
                    r#"<text x="{x}" y="{top}" font-weight="bold">{role}</text><text x="{x}" y="{}" opacity="0.8">{process}</text>"#,
                    top + LINE
                );
            }
            return top + LINE;
        }
        let mut y = top;
        let mut leaders = Vec::new();
        for column in 0..self.columns() {
            let (role, process) = self.head(column);
            let (x, width) = self.text(column);
            let rail = self.left(column) - LIFE_LINE;
            leaders.push((rail, y - 4, x - 5));
            let _ = writeln!(body, r#"<text x="{x}" y="{y}" font-weight="bold">{role}</text>"#);
            let beside = x + CHARACTER * (role.chars().count() + 1);
            let fits = role.chars().count() + 1 + process.chars().count() <= width;
            let x = if fits { beside } else { x };
            y += if fits { 0 } else { LINE };
            let _ = writeln!(body, r#"<text x="{x}" y="{y}" opacity="0.8">{process}</text>"#);
            y += LINE;
        }
        for (rail, from, to) in leaders {
            let _ = writeln!(
                body,
                r#"<path d="M{to} {from} H{rail} V{}" fill="none" stroke="currentColor" stroke-dasharray="2 3" opacity="0.6"/>"#,
                y - LINE / 2
            );
        }
        y - LINE / 2
    }

    /// Who stands in a column, and in which process.
    fn head(&self, column: usize) -> (String, String) {
        let there = self.lanes.iter().filter(|lane| lane.column == column);
        let lanes: Vec<&Lane> = there.collect();
        let role = lanes.first().map_or("", |first| first.role.as_str());
        // A thread that has changed its role has its number with the first.
        let numbered = lanes.iter().map(|lane| lane.number.clone()).filter(|it| !it.is_empty());
        let head = format!("{role} {}", listed(numbered));
        let mut processes: Vec<String> = lanes.iter().map(|lane| lane.key.0.to_string()).collect();
        processes.dedup();
        let process = format!("process {}", listed(processes.into_iter()));
        (escaped(head.trim_end()), process)
    }

    fn lane(&self, event: &Event) -> Option<&Lane> {
        self.by_key.get(&(event.pid, event.tid)).map(|lane| &self.lanes[*lane])
    }

    /// The row that an event makes, if it makes one.
    fn row(&self, event: &Event) -> Option<Row> {
        let lane = self.lane(event)?;
        match event.phase {
            'i' => {}
            'C' => {
                let shows = event.shown()?;
                let text = format!("{}: {shows}", event.name);
                return Some(Row { at: event.at, who: lane.name(), text });
            }
            'B' if event.category != LIFE && event.category != UNTOLD => {}
            'f' => {
                let from = self.lane(self.starts.get(&id(event))?)?;
                let who = format!("{} to {}", from.name(), lane.name());
                let others = from.column != lane.column;
                return others.then(|| Row { at: event.at, who, text: event.name.clone() });
            }
            _ => return None,
        }
        Some(Row { at: event.at, who: lane.name(), text: event.name.clone() })
    }

    fn rows(&self) -> Vec<Row> {
        self.events.iter().filter_map(|event| self.row(event)).collect()
    }

    /// When each row is told, since the first, in as many figures as tell it from its neighbours.
    fn times(&self) -> Vec<String> {
        let rows = self.rows();
        let start = rows.first().map_or(0, |row| row.at);
        let times: Vec<u64> = rows.iter().map(|row| row.at - start).collect();
        let apart = |a: u64, b: u64| {
            (0..MORE).find(|more| time(a, *more) != time(b, *more)).unwrap_or(MORE)
        };
        let neighbours: Vec<usize> = times.windows(2).map(|two| apart(two[0], two[1])).collect();
        let more = |index: usize| {
            let before = index.checked_sub(1).and_then(|before| neighbours.get(before));
            before.into_iter().chain(neighbours.get(index)).copied().max().unwrap_or(0)
        };
        times.iter().enumerate().map(|(index, at)| time(*at, more(index))).collect()
    }

    /// Draws the section from `top` on, and returns where it ends.
    fn draw(&mut self, body: &mut String, top: usize) -> usize {
        let headed = self.heads(body, top);
        let mut times = self.times().into_iter();
        // Where the arrows begin.
        let mut sent: HashMap<String, usize> = HashMap::new();
        let mut y = headed + LINE;
        let mut lives: HashMap<(i64, i64), usize> = HashMap::new();
        let mut open: HashMap<(i64, i64), Vec<(usize, bool)>> = HashMap::new();
        for event in self.events {
            let Some(lane) = self.lane(event) else { continue };
            let (key, x) = (lane.key, self.left(lane.column));
            // Where the next row begins, and with it what no row tells of.
            let here = y - LINE / 2;
            let slices = open.entry(key).or_default();
            match event.phase {
                'B' if event.category == LIFE => drop(lives.insert(key, here)),
                'E' if event.category == LIFE => {
                    if let Some(from) = lives.remove(&key) {
                        life(body, x, from, here);
                    }
                }
                'B' => slices.push((here, waits(event))),
                'E' => {
                    if let Some((from, waits)) = slices.pop() {
                        bar(body, x + 6 * slices.len(), from, here, waits);
                    }
                }
                's' => drop(sent.insert(id(event), here)),
                _ => {}
            }
            let Some(row) = self.row(event) else { continue };
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{y}" text-anchor="end" opacity="0.8">{}</text><path d="M{} {} h8" stroke="currentColor"/>"#,
                TIMES_END,
                times.next().unwrap_or_default(),
                MARGIN - 19,
                y - 4
            );
            let sender = self.starts.get(&id(event)).and_then(|it| self.lane(it));
            let sender = sender.filter(|_| event.phase == 'f');
            if let Some(from) = sender {
                let since = sent.get(&id(event)).copied().unwrap_or(y);
                arrow(body, (self.left(from.column), since), (x, y + 4));
            }
            let columns = sender.into_iter().chain([lane]).map(|it| it.column);
            let (text, width) = self.text(columns.min().unwrap_or_default());
            let who = match sender {
                _ if !self.narrow => String::new(),
                Some(from) => format!("{} to {}:", self.short(from), self.short(lane)),
                None => format!("{}:", self.short(lane)),
            };
            if event.category == END {
                if let Some(from) = lives.remove(&key) {
                    life(body, x, from, y - 4);
                }
                cross(body, x - LIFE_LINE, y - 4);
            }
            for (number, line) in lines(&format!("{who} {}", row.text), width).iter().enumerate() {
                // Who tells it stands out, unless the line ends before that is said.
                let line = match line.strip_prefix(&who).filter(|_| number == 0 && self.narrow) {
                    Some(rest) => {
                        let who = escaped(&who);
                        format!("<tspan font-weight=\"bold\">{who}</tspan>{}", escaped(rest))
                    }
                    None => escaped(line),
                };
                let _ = writeln!(body, r#"<text x="{text}" y="{y}">{line}</text>"#);
                y += LINE;
            }
            y += LINE / 3;
        }
        let here = y - LINE / 2;
        for (key, from) in lives {
            // It goes on when the story is over.
            life(body, self.left(self.lanes[self.by_key[&key]].column), from, here);
        }
        let axis = MARGIN - 15;
        let _ = writeln!(
            body,
            r#"<path d="M{axis} {} V{here}" stroke="currentColor" opacity="0.5"/>"#,
            headed
        );
        if self.whole && self.left_out != [0, 0] {
            y += LINE / 2;
            let nothing = match self.lanes.iter().any(|lane| !tells(self.events, lane.key)) {
                true => "no more is told of them than of those",
                false => "nothing is told of them",
            };
            let left_out = [("process", "processes"), ("thread", "threads")]
                .into_iter()
                .zip(self.left_out)
                .filter(|(_, count)| *count > 0)
                .map(|((one, many), count)| match count {
                    1 => format!("one more {one}"),
                    _ => format!("{count} more {many}"),
                });
            let left_out: Vec<String> = left_out.collect();
            let _ = writeln!(
                body,
                r#"<text x="{MARGIN}" y="{y}" opacity="0.8">Not drawn, as {nothing}: {}.</text>"#,
                left_out.join(" and ")
            );
            y += LINE;
        }
        y
    }
}

/// Whether anything is told of a lane: a sentence, a slice, a message, a wake-up. That it was made or
/// killed is told by others.
fn tells(events: &[&Event], key: (i64, i64)) -> bool {
    let mut of_lane = events.iter().filter(|event| (event.pid, event.tid) == key);
    of_lane.any(|event| match event.phase {
        'i' => event.category != END,
        'B' => event.category != LIFE && event.category != UNTOLD,
        's' | 'f' => ["message", "wake"].contains(&event.name.as_str()),
        _ => false,
    })
}

/// Of silent lanes all, if they are few; else the first of each kind, by how they began and ended.
fn of_each_kind(events: &[&Event], silent: &[(i64, i64)]) -> Vec<(i64, i64)> {
    if silent.len() <= SILENT {
        return silent.to_vec();
    }
    let (mut kinds, mut first) = (Vec::new(), Vec::new());
    for key in silent {
        let of_lane = || events.iter().filter(|event| (event.pid, event.tid) == *key);
        let began = of_lane().find(|event| event.phase == 'f').map(|event| event.name.as_str());
        let ended = of_lane().find(|event| event.category == END).map(|event| event.name.as_str());
        if !kinds.contains(&(began, ended)) && first.len() < SILENT {
            kinds.push((began, ended));
            first.push(*key);
        }
    }
    first
}

fn lane(events: &[&Event], key: (i64, i64), name: &str) -> Lane {
    let of_lane = || events.iter().filter(|event| (event.pid, event.tid) == key);
    let life = |phase: char| of_lane().find(|it| it.category == LIFE && it.phase == phase);
    let number = life('B').and_then(|life| life.name.split_once(' ')).map(|(_, number)| number);
    let (role, teller) = name.split_once(" (").unwrap_or((name, ""));
    let times = || of_lane().map(|event| event.at);
    Lane {
        key,
        role: role.to_owned(),
        number: if teller.is_empty() { number.unwrap_or_default() } else { "" }.to_owned(),
        from: times().min().unwrap_or(0),
        until: life('E').map_or(times().max().unwrap_or(0), |end| end.at),
        column: 0,
    }
}

fn id(event: &Event) -> String {
    event.id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Whether a slice is one of waiting; its words say so.
fn waits(event: &Event) -> bool {
    ["waits", "wants"].iter().any(|it| event.name.starts_with(it))
}

/// Numbers, as a column's head shows them: all up to three.
fn listed(numbers: impl Iterator<Item = String>) -> String {
    let numbers: Vec<String> = numbers.collect();
    match &numbers[..] {
        [first, .., last] if numbers.len() > 3 => format!("{first} to {last}"),
        few => few.join(", "),
    }
}

fn life(body: &mut String, x: usize, top: usize, bottom: usize) {
    let x = x - LIFE_LINE;
    let bottom = bottom.max(top + 2);
    let _ = writeln!(
        body,
        r#"<path d="M{x} {top} V{bottom} m-3 0 h6" fill="none" stroke="currentColor" opacity="0.6"/>"#
    );
}

fn bar(body: &mut String, x: usize, top: usize, bottom: usize, waits: bool) {
    if bottom <= top {
        return;
    }
    let (height, opacity) = (bottom - top, if waits { "0.4" } else { "1" });
    let _ = writeln!(
        body,
        r#"<rect x="{x}" y="{top}" width="4" height="{height}" rx="2" opacity="{opacity}"/>"#
    );
}

/// From a life at the height where it was sent, along that life, to another one where it arrives.
fn arrow(body: &mut String, (from, sent): (usize, usize), (to, y): (usize, usize)) {
    let (from, to) = (from - LIFE_LINE, to - LIFE_LINE);
    let back = if to > from { -6 } else { 6 };
    // Where nothing is told between the two it is one line.
    let start = if sent + LINE < y { sent } else { y };
    if start < y {
        let _ = writeln!(body, r#"<circle cx="{from}" cy="{start}" r="3"/>"#);
    }
    let _ = writeln!(
        body,
        r#"<path d="M{from} {start} V{y} H{to} m{back} -3 l{} 3 l{back} 3" fill="none" stroke="currentColor"/>"#,
        -back
    );
}

/// Where a life was ended.
fn cross(body: &mut String, x: usize, y: usize) {
    let _ = writeln!(
        body,
        r#"<path d="M{} {} l8 8 m0 -8 l-8 8" fill="none" stroke="currentColor" stroke-width="2"/>"#,
        x - 4,
        y - 4
    );
}

/// The text in lines of at most `width` characters, where its words allow it.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

/// So many figures more than usual tell the finest that the clock shows.
const MORE: usize = 7;

/// A time, with so many figures more than usual.
fn time(nanoseconds: u64, more: usize) -> String {
    match nanoseconds as f64 / 1e3 {
        0.0 => "0 µs".to_owned(),
        us if us < 1e3 => format!("{us:.more$} µs", more = more.min(3)),
        us if us < 1e6 => format!("{:.more$} ms", us / 1e3, more = (1 + more).min(6)),
        us => format!("{:.more$} s", us / 1e6, more = (2 + more).min(9)),
    }
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{complete, read};

    const TRACE: &str = r#"[
{"ph":"i","ts":1.5,"pid":1,"tid":2,"cat":"holder","s":"t","name":"looks"},
{"ph":"B","ts":1.6,"pid":1,"tid":2,"cat":"holder","name":"holds <A>"},
{"ph":"B","ts":2501.6,"pid":1,"tid":3,"cat":"waiter","name":"waits for A"},
{"ph":"E","ts":2600,"pid":1,"tid":2,"cat":"holder","name":""},
{"ph":"i","ts":2601,"pid":1,"tid":2,"cat":"holder","s":"t","name":"has ended"},
"#;

    fn figure(trace: &str, whole: bool) -> String {
        let svg = Picture { roles: &[], whole, narrow: false }
            .svg(&complete(read(trace).unwrap()))
            .unwrap();
        roxmltree::Document::parse(&svg).unwrap();
        svg
    }

    #[test]
    fn a_trace_becomes_columns_and_bars() {
        let svg = figure(TRACE, false);
        for text in ["holder 2", "waiter 3", "holds &lt;A&gt;", "waits for A", "2.5 ms"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.contains("<desc>0 µs, holder 2: looks. 0.1 µs, holder 2: holds &lt;A&gt;."));
        assert_eq!(svg.matches("<rect").count(), 2, "one ended, one did not: {svg}");
        assert_eq!(svg.matches("opacity=\"0.4\"").count(), 1, "one waits: {svg}");
    }

    #[test]
    fn a_time_of_many_digits_has_room() {
        let trace = r#"[
{"ph":"i","ts":1,"pid":1,"tid":2,"cat":"a","s":"t","name":"begins"},
{"ph":"i","ts":373674.987,"pid":1,"tid":2,"cat":"a","s":"t","name":"x"},
{"ph":"i","ts":373674.988,"pid":1,"tid":2,"cat":"a","s":"t","name":"y"},
"#;
        let svg = figure(trace, true);
        assert!(svg.contains(">373.673987 ms<") && svg.contains("viewBox=\"-26 0 "), "{svg}");
        assert!(figure(TRACE, true).contains("viewBox=\"0 0 "));
    }

    #[test]
    fn for_a_phone_all_text_is_beside_the_columns_with_who_tells_it() {
        let trace = r#"[
{"ph":"i","ts":1,"pid":2,"tid":2,"cat":"parent","s":"t","name":"forks, and says so in a sentence that is long"},
{"ph":"M","name":"born","ts":5,"pid":3,"tid":3,"args":{"how":"fork","by_pid":2,"by_tid":2,"at":4}},
{"ph":"B","ts":6,"pid":3,"tid":3,"cat":"child","name":"computes <A>"},
{"ph":"i","ts":7,"pid":3,"tid":4,"cat":"worker","s":"t","name":"begins"},
{"ph":"i","ts":8,"pid":3,"tid":5,"cat":"worker","s":"t","name":"begins"},
{"ph":"i","ts":9,"pid":3,"tid":4,"cat":"worker","s":"t","name":"ends"},
"#;
        let events = complete(read(trace).unwrap());
        let draw = |narrow| Picture { roles: &[], whole: false, narrow }.svg(&events).unwrap();
        let (wide, narrow) = (draw(false), draw(true));
        let document = roxmltree::Document::parse(&narrow).unwrap();
        let root = document.root_element();
        let number = |name: &str, node: &roxmltree::Node| -> usize {
            node.attribute(name).unwrap().parse().unwrap()
        };
        assert_eq!((root.attribute("class"), number("width", &root)), (Some("narrow"), NARROW));
        let texts = || document.descendants().filter(|node| node.has_tag_name("text"));
        let left = MARGIN + 4 * RAIL;
        for text in texts().filter(|text| text.attribute("text-anchor").is_none()) {
            let letters: String = text.descendants().filter_map(|it| it.text()).collect();
            // A text's own node and its parent both tell the same.
            let letters = letters.chars().count() / 2;
            assert!(number("x", &text) >= left, "{narrow}");
            assert!(number("x", &text) + letters * CHARACTER <= NARROW, "{letters}: {narrow}");
        }
        for text in ["parent:", "parent to child:", "child:", "worker 4:", "worker 5:"] {
            assert!(
                narrow.contains(&format!("<tspan font-weight=\"bold\">{text}</tspan>")),
                "{text}"
            );
        }
        // The same is told, at the same times, by the same marks.
        let story = |svg: &str| {
            svg.split("<desc>").nth(1).unwrap().split("</desc>").next().unwrap().to_owned()
        };
        assert_eq!(story(&wide), story(&narrow));
        for mark in ["text-anchor=\"end\"", "<rect", "l6 3 l-6 3", "m-3 0 h6"] {
            assert_eq!(wide.matches(mark).count(), narrow.matches(mark).count(), "{mark}");
        }
    }

    #[test]
    fn one_after_the_other_share_a_column() {
        let event = |time: u32, task: u32| {
            format!(
                "{{\"ph\":\"i\",\"ts\":{time},\"pid\":1,\"tid\":{task},\"cat\":\"reader\",\"name\":\"reads\"}},"
            )
        };
        let columns = |order: [u32; 4]| {
            let events: Vec<String> =
                (0..).zip(order).map(|(time, who)| event(time, who)).collect();
            figure(&format!("[{}", events.concat()), false).matches("font-weight").count()
        };
        assert_eq!(columns([2, 2, 3, 3]), 1);
        assert_eq!(columns([2, 3, 2, 3]), 2);
    }

    #[test]
    fn whoever_has_changed_the_role_leaves_no_gap_in_a_heading() {
        let event = |time: u32, task: u32, role: &str| {
            format!(
                "{{\"ph\":\"i\",\"ts\":{time},\"pid\":{task},\"tid\":{task},\"cat\":\"{role}\",\"name\":\"reads\"}},"
            )
        };
        let told = [(2, "main"), (3, "worker"), (3, "main")];
        let events: Vec<String> =
            (0..).zip(told).map(|(time, (task, role))| event(time, task, role)).collect();
        let svg = figure(&format!("[{}", events.concat()), true);
        assert!(svg.contains(">worker 3<") && svg.contains(">main 2<"), "{svg}");
    }

    #[test]
    fn an_experiment_is_a_section_with_arrows_and_an_end() {
        let trace = r#"[
{"ph":"M","name":"package","ts":1,"pid":1,"tid":1,"args":{"name":"fork"}},
{"ph":"B","ts":2,"pid":1,"tid":1,"cat":"experiment","args":{"question":"Who & why?"},"name":"kills"},
{"ph":"i","ts":3,"pid":2,"tid":2,"cat":"parent","name":"forks"},
{"ph":"M","name":"born","ts":5,"pid":3,"tid":3,"args":{"how":"fork","by_pid":2,"by_tid":2,"at":4}},
{"ph":"B","ts":6,"pid":3,"tid":3,"cat":"child","name":"computes"},
{"ph":"M","name":"signal","ts":7,"pid":2,"tid":2,"args":{"to":3,"signal":"SIGKILL"}},
{"ph":"M","name":"ended","ts":8,"pid":3,"tid":3,"args":{"how":"was ended by SIGKILL","killed":true}},
{"ph":"E","ts":9,"pid":1,"tid":1,"cat":"experiment","name":"kills"},
"#;
        let svg = figure(trace, true);
        for text in [
            ">kills: Who &amp; why?<",
            ">fork<",
            ">SIGKILL<",
            "parent 2 to child 3: SIGKILL. 5 µs, child 3: was ended by SIGKILL.",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("fork 1"), "who starts the experiment is not in it: {svg}");
    }

    #[test]
    fn an_arrow_begins_when_it_was_sent() {
        let trace = r#"[
{"ph":"i","ts":1,"pid":2,"tid":2,"cat":"parent","name":"forks"},
{"ph":"i","ts":20,"pid":2,"tid":2,"cat":"parent","name":"goes on"},
{"ph":"M","name":"born","ts":30,"pid":3,"tid":3,"args":{"how":"fork","by_pid":2,"by_tid":2,"at":10}},
{"ph":"i","ts":31,"pid":3,"tid":3,"cat":"child","name":"begins"},
"#;
        let svg = figure(trace, true);
        let number = |text: &str, before: &str| -> usize {
            let rest = text.split(before).nth(1).unwrap();
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let row = |told: &str| {
            let line = svg.lines().find(|line| line.contains(&format!(">{told}<"))).unwrap();
            number(line, " y=\"")
        };
        let sent = number(svg.lines().find(|line| line.contains("<circle")).unwrap(), "cy=\"");
        assert!(row("forks") < sent && sent < row("goes on"), "{sent}: {svg}");
        assert!(row("goes on") < row("fork") && row("fork") < row("begins"), "{svg}");
        let at_once = trace.replace("\"at\":10", "\"at\":25");
        assert!(!figure(&at_once, true).contains("<circle"), "nothing is told between the two");
    }

    #[test]
    fn neighbours_have_times_that_differ() {
        let event = |at: f64| {
            format!(
                "{{\"ph\":\"i\",\"ts\":{at},\"pid\":1,\"tid\":2,\"cat\":\"reader\",\"name\":\"reads\"}},"
            )
        };
        let told = [0.0, 0.4, 500.0, 1004.2, 1041.3, 1041.9, 1500.0, 9e5, 1.3e6, 1.304e6];
        let events: Vec<String> = told.into_iter().map(event).collect();
        let svg = figure(&format!("[{}", events.concat()), false);
        let labels = svg.split("opacity=\"0.8\">").skip(1);
        let labels: Vec<&str> = labels.filter_map(|rest| rest.split('<').next()).collect();
        let times = [
            "0 µs", "0.4 µs", "500 µs", "1.00 ms", "1.041 ms", "1.042 ms", "1.5 ms", "900.0 ms",
            "1.300 s", "1.304 s",
        ];
        assert!(labels.ends_with(&times), "{labels:?}");
    }

    #[test]
    fn of_many_silent_lives_one_of_each_kind_is_drawn() {
        let mut trace =
            String::from(r#"[{"ph":"i","ts":1,"pid":2,"tid":2,"cat":"parent","name":"forks"},"#);
        for child in 10..30 {
            let (born, ended, killed) = (child * 10, child * 10 + 5, child % 2 == 0);
            let how = if killed { "was ended by SIGKILL" } else { "exited with 0" };
            trace += &format!(
                r#"{{"ph":"M","name":"born","ts":{born},"pid":{child},"tid":{child},"args":{{"how":"fork","by_pid":2,"by_tid":2,"at":{born}}}}},
{{"ph":"M","name":"ended","ts":{ended},"pid":{child},"tid":{child},"args":{{"how":"{how}","killed":{killed}}}}},"#
            );
        }
        let svg = figure(&trace, true);
        assert_eq!(svg.matches(">was ended by SIGKILL<").count(), 1, "{svg}");
        assert_eq!(svg.matches(">fork<").count(), 2, "{svg}");
        assert!(
            svg.contains("as no more is told of them than of those: 18 more processes."),
            "{svg}"
        );
        assert!(!figure(&trace, false).contains(">fork<"), "a figure of the book has none of them");
    }

    #[test]
    fn what_is_not_a_trace_is_said() {
        assert!(read("no trace").is_err());
        assert!(Picture { roles: &[], whole: true, narrow: false }.svg(&[]).is_err());
    }
}
