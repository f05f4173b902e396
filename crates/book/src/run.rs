//! Runs an experiment or a break for a page, one at a time, and tells the page what comes of it.
//!
//! What is run leads a process group of its own, which is ended with the build in it when the page
//! goes, when its time is over, and when the server ends.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::transcript::Section;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::marks::{Marks, marks};
use crate::recorded::{Recorded, facts_in, not_here};
use crate::warn::warn;

/// How long a build may take.
pub const BUILD: Duration = Duration::from_secs(600);

/// How long a program has to end when it is asked to. `cargo xtask break` gives its own programs two
/// seconds twice, and removes its copy then.
const GRACE: Duration = Duration::from_secs(6);

/// How long it may take to notice that a page has gone.
const NOTICED: Duration = Duration::from_millis(250);

/// A longer line comes in pieces, and a run that says more than this in all is ended: experiments tell
/// a hundred lines at most, and this many are compared in no time.
const LINE: usize = 4096;
const LINES: usize = 2000;
const OUTPUT: usize = 256 << 10;

/// Events that wait for the page to read them; a program that says more waits too.
const AHEAD: usize = 64;

/// What a page can ask for.
pub enum Task {
    /// One experiment of a package, with what is recorded of it.
    Experiment { package: String, recorded: Section },
    /// One break of a package.
    Break { package: String, name: String },
}

impl Task {
    /// What `run/PACKAGE/EXPERIMENT` or `break/PACKAGE/NAME` means, if there is such a thing.
    pub fn named(path: &str, recorded: &Recorded) -> Option<Task> {
        let parts: Vec<&str> = path.split('/').collect();
        let [what, package, name] = parts[..] else { return None };
        let package = recorded.packages().into_iter().find(|known| known == package)?;
        match what {
            "run" => {
                let mut sections = recorded.experiments(&package).into_iter();
                let recorded = sections.find(|section| section.name == name)?;
                Some(Task::Experiment { package, recorded })
            }
            "break" => {
                let name = recorded.breaks(&package).into_iter().find(|known| known == name)?;
                Some(Task::Break { package, name })
            }
            _ => None,
        }
    }

    /// The command, which writes what it finds to `evidence`.
    fn command(&self, top: &Path, evidence: &Path) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        match self {
            Task::Experiment { package, recorded } => command
                .args(["run", "-p", package, "--", &recorded.name, "--evidence"])
                .arg(evidence),
            Task::Break { package, name } => {
                command.args(["run", "-p", "xtask", "--", "break", package, name])
            }
        };
        command
            .current_dir(top)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "100")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // SAFETY: between fork and exec only one system call is made.
        unsafe {
            command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?));
        }
        command
    }

    /// How long it may take once its program runs. A break's program builds two others.
    fn limit(&self, limit: Duration) -> Duration {
        match self {
            Task::Experiment { .. } => limit,
            Task::Break { .. } => BUILD + limit,
        }
    }
}

/// Where one thing at a time is run.
#[derive(Clone)]
pub struct Place {
    top: PathBuf,
    recorded: Recorded,
    limit: Duration,
    one: Arc<Semaphore>,
    ending: Arc<AtomicBool>,
    close: Arc<Notify>,
}

impl Place {
    /// For the book at `root`, with a limit for each run, its build aside.
    pub fn new(root: &Path, limit: Duration) -> Self {
        Self {
            top: root.join(".."),
            recorded: Recorded::beside(root),
            limit,
            one: Arc::new(Semaphore::new(1)),
            ending: Arc::default(),
            close: Arc::default(),
        }
    }

    /// The longest time that a run with its build can take.
    pub fn longest(&self) -> Duration {
        BUILD * 2 + self.limit
    }

    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// The right to run something, if nothing else runs. Whose page has just gone may not have been
    /// missed yet, and what is being ended is waited for.
    pub async fn take(&self) -> Option<OwnedSemaphorePermit> {
        let one = || Arc::clone(&self.one).acquire_owned();
        if let Ok(permit) = timeout(NOTICED, one()).await {
            return permit.ok();
        }
        match self.ending.load(Ordering::Relaxed) {
            true => timeout(GRACE, one()).await.ok()?.ok(),
            false => None,
        }
    }

    /// Starts the task, and returns the lines of JSON that tell of it. Who drops them ends it.
    pub fn start(&self, task: Task, permit: OwnedSemaphorePermit) -> mpsc::Receiver<String> {
        let (page, events) = mpsc::channel(AHEAD);
        let place = self.clone();
        tokio::spawn(async move {
            let end = place.run(&task, &page).await;
            let end = end
                .unwrap_or_else(|error| json!({ "ended": false, "says": format!("{error:#}.") }));
            let _ = timeout(GRACE, page.send(format!("{}\n", json!({ "end": end })))).await;
            drop(permit);
        });
        events
    }

    /// Ends what runs, and lets nothing run any more.
    pub async fn close(&self) {
        self.close.notify_waiters();
        if let Ok(Ok(permit)) = timeout(GRACE * 2, self.one.acquire()).await {
            permit.forget();
        }
    }

    async fn run(&self, task: &Task, page: &mpsc::Sender<String>) -> Result<Value> {
        // It has no name in the file system, so nothing is left of it however this ends.
        let evidence = memfd_create("evidence", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), evidence.as_raw_fd());
        let closed = self.close.notified();
        tokio::pin!(closed);
        closed.as_mut().enable();
        let child = task.command(&self.top, Path::new(&path)).spawn().context("start cargo")?;
        let mut group = Group::of(child, Arc::clone(&self.ending))?;
        let mut lines = group.lines();
        let mut heard = Heard::default();
        let mut until = Instant::now() + self.longest();
        let stopped = loop {
            tokio::select! {
                line = lines.recv() => {
                    let Some(line) = line else { break None };
                    let ran = heard.runs;
                    let event = heard.event(line, task);
                    if heard.runs && !ran {
                        until = Instant::now() + task.limit(self.limit);
                    }
                    if heard.output > OUTPUT || heard.lines > LINES {
                        break Some("it said more than a page can show");
                    }
                    let Some(event) = event else { continue };
                    match timeout_at(until, page.send(format!("{event}\n"))).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => break Some("the page went"),
                        Err(_) => break Some("it took too long"),
                    }
                }
                () = page.closed() => break Some("the page went"),
                () = sleep_until(until) => break Some("it took too long"),
                () = closed.as_mut() => break Some("the server ends"),
            }
        };
        let status = match stopped {
            None => timeout(GRACE, group.child.wait()).await.ok().and_then(Result::ok),
            Some(_) => None,
        };
        group.end().await;
        let document = fs::read(&path).context("read the evidence")?;
        let document = serde_json::from_slice(&document).unwrap_or(Value::Null);
        Ok(end(task, stopped, status, &heard, &document, &self.recorded))
    }
}

/// A program that leads a process group, and all who are in it.
struct Group {
    child: Child,
    /// As long as somebody is in the group, the kernel gives this number to no other one.
    id: Pid,
    over: bool,
    ending: Arc<AtomicBool>,
}

impl Group {
    fn of(child: Child, ending: Arc<AtomicBool>) -> Result<Self> {
        let id = child.id().context("the program has ended already")?;
        Ok(Self { child, id: Pid::from_raw(id as i32), over: false, ending })
    }

    /// What it writes from now on, line by line.
    fn lines(&mut self) -> mpsc::Receiver<Line> {
        let (lines, receiver) = mpsc::channel(AHEAD);
        if let Some(stdout) = self.child.stdout.take() {
            tokio::spawn(read(stdout, Line::Said, lines.clone()));
        }
        if let Some(stderr) = self.child.stderr.take() {
            tokio::spawn(read(stderr, Line::Warned, lines));
        }
        receiver
    }

    /// Signals all in the group, or only looks for them; whether somebody is there, as far as this
    /// process may know.
    fn signal(&self, signal: Option<Signal>) -> bool {
        match killpg(self.id, signal) {
            Ok(()) => true,
            Err(Errno::ESRCH) => false,
            Err(errno) => {
                warn(&format!("what was run, process group {}, is not ended: {errno}", self.id));
                false
            }
        }
    }

    /// Ends the group: by a request first, by force where that is not enough.
    async fn end(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        for (signal, grace) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, GRACE / 6)] {
            let until = Instant::now() + grace;
            let mut sent = false;
            while self.signal((!sent).then_some(signal)) && Instant::now() < until {
                sent = true;
                let _ = self.child.try_wait();
                sleep(Duration::from_millis(5)).await;
            }
        }
        let _ = timeout(GRACE, self.child.wait()).await;
        self.over = true;
        self.ending.store(false, Ordering::Relaxed);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.signal(Some(Signal::SIGKILL));
        }
    }
}

/// A line from standard output, or from standard error.
enum Line {
    Said(String),
    Warned(String),
}

/// Hands on the lines that are read, and what ends with a carriage return as a line too.
async fn read(
    mut from: impl AsyncRead + Unpin,
    line: fn(String) -> Line,
    lines: mpsc::Sender<Line>,
) {
    let (mut chunk, mut begun) = ([0; LINE], Vec::new());
    loop {
        let length = from.read(&mut chunk).await.unwrap_or(0);
        begun.extend_from_slice(&chunk[..length]);
        while let Some(at) = begun.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let text = String::from_utf8_lossy(&begun[..at]).into_owned();
            begun.drain(..=at);
            if lines.send(line(text)).await.is_err() {
                return;
            }
        }
        if begun.len() >= LINE || (length == 0 && !begun.is_empty()) {
            let text = String::from_utf8_lossy(&begun).into_owned();
            begun.clear();
            if lines.send(line(text)).await.is_err() {
                return;
            }
        }
        if length == 0 {
            return;
        }
    }
}

/// What has been heard of a run.
#[derive(Default)]
struct Heard {
    /// Cargo is done, the program runs.
    runs: bool,
    story: Vec<String>,
    /// The story is over, its verdict is told.
    judges: bool,
    /// Bytes in all, and lines.
    output: usize,
    lines: usize,
}

impl Heard {
    /// What the page is told of a line.
    fn event(&mut self, line: Line, task: &Task) -> Option<Value> {
        let (Line::Said(text) | Line::Warned(text)) = &line;
        let length = text.len() + 1;
        let event = self.told(line, task);
        // How far a build is stands in one place of the page, however often it is told.
        if event.as_ref().is_none_or(|event| event["builds"].is_null()) {
            self.output += length;
            self.lines += 1;
        }
        event
    }

    fn told(&mut self, line: Line, task: &Task) -> Option<Value> {
        let builds = !self.runs || matches!(task, Task::Break { .. });
        match line {
            Line::Warned(text) if builds => {
                let text = text.replace("\u{1b}[K", "");
                let (first, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
                match first {
                    // A break's build is over.
                    "" if self.runs => Some(json!({ "builds": "" })),
                    "" | "Finished" => None,
                    "Running" => {
                        self.runs = true;
                        Some(json!({ "runs": true }))
                    }
                    // `[===>   ] 12/40: these, those`
                    "Building" => {
                        let (_, progress) = rest.split_once(']')?;
                        Some(json!({ "builds": progress.trim().replacen('/', " of ", 1) }))
                    }
                    "Compiling" | "Blocking" | "Downloading" | "Downloaded" | "Updating"
                    | "Locking" | "Adding" => Some(json!({ "builds": text.trim() })),
                    _ => Some(json!({ "warns": text })),
                }
            }
            Line::Warned(text) => Some(json!({ "warns": text })),
            Line::Said(text) if matches!(task, Task::Break { .. }) => Some(json!({ "line": text })),
            Line::Said(text) => {
                let after_blank = self.story.last().is_none_or(String::is_empty);
                self.judges |= after_blank && text.starts_with('"');
                if self.judges {
                    // The page makes its own of the verdicts.
                    return None;
                }
                self.story.push(text.clone());
                Some(json!({ "line": text }))
            }
        }
    }
}

/// How it ended, in a sentence, and what was found.
fn end(
    task: &Task,
    stopped: Option<&str>,
    status: Option<ExitStatus>,
    heard: &Heard,
    document: &Value,
    recorded: &Recorded,
) -> Value {
    let unsuccessful = match (stopped, status) {
        (Some(why), _) => Some(format!("It was ended: {why}.")),
        (None, Some(status)) if status.success() => None,
        (None, Some(_)) if !heard.runs => Some("The build failed.".to_owned()),
        (None, Some(status)) => Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("It failed, with status {code}."),
            (_, signal) => {
                let signal = signal.and_then(|signal| Signal::try_from(signal).ok());
                format!("{} ended it.", signal.map_or("A signal", Signal::as_str))
            }
        }),
        (None, None) => Some("It did not end by itself.".to_owned()),
    };
    let ended = unsuccessful.is_none();
    let Task::Experiment { package, recorded: section } = task else {
        let says = unsuccessful.unwrap_or_else(|| "The break has been tried.".to_owned());
        return json!({ "ended": ended, "says": says });
    };
    let mut story = heard.story.clone();
    while story.last().is_some_and(String::is_empty) {
        story.pop();
    }
    // Of what never began no line is missing.
    let marks = if story.is_empty() { Marks::default() } else { marks(section, &story) };
    let not_here = not_here(document, &section.name);
    let not_here = not_here.map(|why| format!("It has run, and cannot be shown here: {why}."));
    let says = unsuccessful.or(not_here).unwrap_or_else(|| {
        match marks.here.len().max(marks.recorded.len()) {
            0 => "It has run, and every line is as recorded, but for ids and figures.".to_owned(),
            1 => "It has run. One line differs from what is recorded.".to_owned(),
            more => format!("It has run. {more} lines differ from what is recorded."),
        }
    });
    let there = recorded.facts(package, &section.name);
    let here = facts_in(document, &section.name);
    let value = |facts: &[Value], name: &Value| {
        facts.iter().find(|fact| fact["name"] == *name).map(|fact| fact["value"].clone())
    };
    let facts = here.iter().map(|fact| {
        let name = &fact["name"];
        json!({ "name": name, "unit": fact["unit"], "recorded": value(&there, name), "here": fact["value"] })
    });
    json!({
        "ended": ended,
        "says": says,
        "differs": { "recorded": marks.recorded, "here": marks.here },
        "facts": facts.collect::<Vec<_>>(),
        "claims": document["claims"],
    })
}
