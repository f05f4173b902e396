//! Trials: a program with one call that fails, in unusual surroundings, stopped or killed; and what
//! became of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guest::{MARK, survivors};
use crate::inject::{self, CALLS, Injection};
use crate::program::{Ended, Place, Program, send, wait};
use crate::surroundings::{self, ALL, Surroundings};
use crate::transcript::BUSY;

/// A sample of the surroundings is every fourth of them.
const SAMPLE: usize = 4;

/// No run of one experiment takes longer by its own limits, which are 40 s for an experiment.
const OWN_LIMIT: Duration = Duration::from_secs(45);

/// An experiment of which a call failed ends soon; one that takes this long would wait for its limit.
const HANGS: Duration = Duration::from_secs(20);

/// So often a program is stopped for a moment.
const SHORT_STOPS: u32 = 40;

/// Who makes many calls is slow while they are counted; the first ones tell enough.
const COUNTING: Duration = Duration::from_secs(4);

/// What came out of many trials.
#[derive(Debug, Default)]
pub struct Counts {
    /// Runs of a program.
    pub runs: u32,
    /// Runs in which everything was as always.
    pub unharmed: u32,
    /// Runs that ended with an inconclusive claim or experiment.
    pub inconclusive: u32,
    /// Runs that ended with a failed claim or experiment.
    pub failed: u32,
    /// What must not happen, with the trial in which it did.
    pub complaints: Vec<Complaint>,
}

/// Something that must not happen.
#[derive(Debug)]
pub struct Complaint {
    /// Which kind.
    pub kind: Kind,
    /// The trial, and what was seen.
    pub what: String,
}

/// The kinds of things that must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A panic's message on standard error.
    Panic,
    /// A verdict that is neither the expected one nor inconclusive nor failed.
    WrongVerdict,
    /// An end by a signal, or a status that does not fit what was said.
    WrongEnd,
    /// A process that is left.
    Leftover,
    /// A process ended that the program has not made.
    ForeignEnded,
    /// A wait longer than the program's own limit, or after a failed call one without an end.
    Late,
    /// A failure that does not name the call that failed.
    Unnamed,
    /// A failure where no call was made to fail: what is missing is a reason to be inconclusive.
    Failure,
}

impl Kind {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Kind; 8] = [
        Kind::Panic,
        Kind::WrongVerdict,
        Kind::WrongEnd,
        Kind::Leftover,
        Kind::ForeignEnded,
        Kind::Late,
        Kind::Unnamed,
        Kind::Failure,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Panic => "panics",
            Kind::WrongVerdict => "wrong verdicts",
            Kind::WrongEnd => "wrong ends",
            Kind::Leftover => "leftovers",
            Kind::ForeignEnded => "foreign ended",
            Kind::Late => "too late",
            Kind::Unnamed => "call not named",
            Kind::Failure => "failures",
        })
    }
}

/// Tries one program.
pub struct Trials<'a> {
    program: &'a Program,
    experiments: Vec<String>,
    /// The one of them that shows what is the same for all.
    any: usize,
    /// The verdict that the book expects of each statement.
    expected: BTreeMap<String, String>,
    place: Place,
    /// Only trials whose name contains this are made.
    pub only: String,
    /// What came out so far.
    pub counts: Counts,
}

impl<'a> Trials<'a> {
    /// Begins with the `--json` of a run in which nothing was unusual.
    pub fn new(program: &'a Program, json: &serde_json::Value) -> Trials<'a> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
        Trials {
            program,
            experiments: list("experiments").iter().map(|e| text(&e["name"])).collect(),
            any: 0,
            expected: list("claims")
                .iter()
                .map(|c| (text(&c["claim"]), text(&c["expected"])))
                .collect(),
            place: Place::for_everyone(program),
            only: String::new(),
            counts: Counts::default(),
        }
    }

    /// Lets this experiment show what is the same for all, instead of the first.
    #[must_use]
    pub fn with_any(mut self, experiment: &str) -> Trials<'a> {
        self.any = self.experiments.iter().position(|it| it == experiment).unwrap_or(0);
        self
    }

    /// Injects failures for at most `budget`: of each experiment each kind of call that it makes, its
    /// first, second, third and tenth occurrence, with each errno. A short budget takes a sample
    /// that is spread evenly, and is the same each time as far as it goes.
    ///
    /// # Panics
    ///
    /// If the program cannot be started, or if this kernel does not let calls be watched.
    pub fn inject(&mut self, budget: Duration) {
        let end = Instant::now() + budget;
        let mut cases = Vec::new();
        for experiment in &self.experiments {
            let mut command = self.program.command(&[experiment]);
            let watcher = inject::watch(&mut command, None).expect("a pair of sockets");
            command.stdout(Stdio::null()).stderr(Stdio::null());
            // Where no filter with a listener is allowed, nothing can be injected.
            let Ok(child) = command.spawn() else { return };
            drop(command);
            wait_at_most(child, COUNTING);
            for (name, count) in watcher.seen().counts {
                let call = CALLS.iter().find(|call| call.name == name).expect("it was counted");
                for occurrence in [1, 2, 3, 10].into_iter().filter(|nth| *nth <= count) {
                    let errnos = call.errnos.iter();
                    cases.extend(errnos.map(|errno| {
                        (experiment.clone(), Injection { call, occurrence, errno: *errno })
                    }));
                }
            }
        }
        cases.retain(|(experiment, injection)| self.wants(&case(experiment, injection)));
        // A short budget takes the same ones each time, from all experiments and calls.
        cases.sort_by_cached_key(|(experiment, injection)| scattered(&case(experiment, injection)));
        for (experiment, injection) in &cases {
            if Instant::now() > end {
                return;
            }
            self.run_surely(&case(experiment, injection), experiment, Some(*injection), None);
        }
    }

    /// What one run could not show, or not in time, may be the machine's; what two runs say is not.
    fn run_surely(
        &mut self,
        name: &str,
        experiment: &str,
        injection: Option<Injection>,
        surroundings: Option<&Surroundings>,
    ) {
        let before = self.counts.complaints.len();
        self.run(name, &[experiment], injection, surroundings);
        let may_be_chance =
            |c: &Complaint| matches!(c.kind, Kind::Unnamed | Kind::Late | Kind::Failure);
        let first = self.counts.complaints.split_off(before);
        if first.iter().any(may_be_chance) {
            self.run(name, &[experiment], injection, surroundings);
        }
        self.counts.complaints.extend(first.into_iter().filter(|c| !may_be_chance(c)));
    }

    /// Runs all experiments in all unusual surroundings; or a sample of them, which is another one
    /// for each program, so that the tests of a dozen programs see all surroundings.
    pub fn surround(&mut self, all: bool) {
        let first = self.program.name.bytes().map(usize::from).sum::<usize>() % SAMPLE;
        for (index, surroundings) in ALL.iter().enumerate() {
            if !all && index % SAMPLE != first {
                continue;
            }
            let experiments = self.experiments.clone();
            let one = index % experiments.len().max(1);
            for (number, experiment) in experiments.iter().enumerate() {
                let name = format!("{experiment}, {}", surroundings.name);
                if (all || number == one) && self.wants(&name) {
                    self.run_surely(&name, experiment, None, Some(surroundings));
                }
            }
        }
        for (number, experiment) in self.experiments.clone().iter().enumerate() {
            if (all || number == self.any) && self.only.is_empty() {
                self.beside_a_child_of_the_shell(experiment);
                self.in_a_deleted_directory(experiment);
                self.with_a_descriptor_that_does_not_block(experiment);
            }
        }
    }

    /// Stops the program's processes at a random moment, waits and lets them go on; then shortly again and
    /// again, so that they are stopped in nearly each call that waits. Some of these return EINTR then,
    /// signal(7).
    pub fn stop_and_continue(
        &mut self,
        times: u32,
        pause: Duration,
        share: &mut impl FnMut() -> f64,
    ) {
        let first = (share() * self.experiments.len() as f64) as usize;
        for time in 0..times as usize {
            let experiment = self.experiments[(first + time) % self.experiments.len()].clone();
            let mut command = self.program.command(&[&experiment]);
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            self.try_it(
                &format!("{experiment}, stopped for {pause:?}"),
                command,
                None,
                false,
                |child| {
                    let group = Pid::from_raw(-(child as i32));
                    std::thread::sleep(Duration::from_millis(100).mul_f64(share()));
                    send(group, Signal::SIGSTOP);
                    std::thread::sleep(pause);
                    send(group, Signal::SIGCONT);
                    for _ in 0..SHORT_STOPS {
                        std::thread::sleep(Duration::from_millis(10).mul_f64(share()));
                        send(group, Signal::SIGSTOP);
                        std::thread::sleep(Duration::from_millis(1));
                        send(group, Signal::SIGCONT);
                    }
                },
            );
        }
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    fn run(
        &mut self,
        name: &str,
        arguments: &[&str],
        injection: Option<Injection>,
        surroundings: Option<&Surroundings>,
    ) {
        let root = nix::unistd::getuid().is_root();
        let mut command = match surroundings {
            Some(s) if s.as_nobody && root => {
                self.place.command_as_nobody(arguments, s.is_unreadable())
            }
            Some(s) if s.name == "a moved program" => self.place.command(arguments),
            _ => self.program.command(arguments),
        };
        if let Some(surroundings) = surroundings {
            surroundings.apply(&mut command);
        }
        let may_fail = injection.is_some() || surroundings.is_some_and(Surroundings::lacks_memory);
        self.try_it(name, command, injection, may_fail, |_| ());
    }

    fn try_it(
        &mut self,
        name: &str,
        mut command: Command,
        injection: Option<Injection>,
        may_fail: bool,
        meanwhile: impl FnOnce(u32),
    ) {
        let mark = crate::program::next_mark();
        command.env(MARK, &mark).stdout(Stdio::piped()).stderr(Stdio::piped());
        if injection.is_some() {
            surroundings::with_queues_of_its_own(&mut command);
        }
        let watcher = injection.map(|injection| {
            inject::watch(&mut command, Some(injection)).expect("a pair of sockets")
        });
        let start = Instant::now();
        // Where the surroundings stop the program from being started, nothing is to be said.
        let Ok(child) = command.spawn() else { return };
        drop(command);
        meanwhile(child.id());
        let (ended, hung) = match injection {
            Some(_) => wait_at_most(child, HANGS),
            None => (wait(child), false),
        };
        let took = start.elapsed();
        let left = survivors(&mark);
        for process in &left {
            // It would hold the watcher up, and it is nobody's.
            if let Some(pid) = process.split(['/', ' ']).find_map(|word| word.parse().ok()) {
                send(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        let injected = watcher.is_some_and(|watcher| watcher.seen().injected);
        if hung {
            self.counts.runs += 1;
            self.complain(Kind::Late, name, &format!("it hung until it was ended after {took:?}"));
        } else {
            let failed = self.counts.failed;
            self.judge(name, &ended, took, &left, injection.filter(|_| injected));
            if self.counts.failed > failed && !may_fail {
                let why = format!("{}{}", ended.stdout, ended.stderr);
                self.complain(Kind::Failure, name, &why);
            }
        }
    }

    fn judge(
        &mut self,
        name: &str,
        ended: &Ended,
        took: Duration,
        left: &[String],
        injection: Option<Injection>,
    ) {
        self.counts.runs += 1;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        let inconclusive = said.contains("inconclusive here");
        let failed = !ended.status.success();
        self.counts.inconclusive += u32::from(inconclusive);
        self.counts.failed += u32::from(failed);
        self.counts.unharmed += u32::from(!failed && !inconclusive);
        let short = |text: &str| text.chars().take(300).collect::<String>().replace('\n', " | ");
        // Without its alternative stack Rust's runtime does not begin, and says so by a panic.
        let of_the_runtime =
            ["failed to allocate an alternative stack", "failed to set up alternative stack"];
        if of_the_runtime.iter().any(|own| said.contains(own)) {
            return;
        }
        if said.contains("panicked at") {
            self.complain(Kind::Panic, name, &short(&ended.stderr));
        }
        for (statement, verdict) in verdicts(&ended.stdout) {
            let expected = self.expected.get(&statement).map_or("", String::as_str);
            let verdict_alone = verdict.split(':').next().unwrap_or_default();
            let fits = [expected, "inconclusive here", "failed"].contains(&verdict_alone);
            if !fits {
                self.complain(Kind::WrongVerdict, name, &format!("{statement}: {verdict}"));
            }
        }
        match ended.status.code() {
            Some(0 | 1) if failed != ended.stderr.is_empty() => {}
            // What a child of the program dies of without memory, libraries say without being asked.
            Some(0 | 1) if name.contains("address space") && is_of_memory(&ended.stderr) => {}
            // A closed standard error cannot be looked at.
            Some(0 | 1) if name.contains("standard error closed") => {}
            _ => self.complain(
                Kind::WrongEnd,
                name,
                &format!(
                    "{:?} {:?}: {}",
                    ended.status.code(),
                    ended.status.signal(),
                    short(&ended.stderr)
                ),
            ),
        }
        if !left.is_empty() {
            self.complain(Kind::Leftover, name, &left.join(", "));
        }
        if took > OWN_LIMIT {
            self.complain(Kind::Late, name, &format!("{took:?}: {}", short(&ended.stderr)));
        }
        // What a busy machine could not show says nothing of the call.
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let for_load = BUSY.iter().any(|why| words.contains(why));
        if let Some(injection) = injection.filter(|_| failed || (inconclusive && !for_load)) {
            let said = said.to_lowercase();
            let Injection { call, errno, .. } = injection;
            let names = call.said_as.iter().map(|name| name.to_lowercase());
            let errno = format!("{errno:?}").to_lowercase();
            if !names.chain([errno]).any(|name| said.contains(&name)) {
                let why = ended.stdout.split("inconclusive here").nth(1).unwrap_or_default();
                let seen = format!("{}{}", short(&ended.stderr), short(why));
                self.complain(Kind::Unnamed, name, &seen);
            }
        }
    }

    fn complain(&mut self, kind: Kind, name: &str, what: &str) {
        let what = format!("{} -- {name}: {what}", self.program.name);
        self.counts.complaints.push(Complaint { kind, what });
    }

    /// What a shell has started before it executed the program lives on.
    fn beside_a_child_of_the_shell(&mut self, experiment: &str) {
        let (mut told, tell) = std::io::pipe().expect("pipe");
        let mut command = self.program.command(&[experiment]);
        surroundings::with_a_child_of_the_shell(&mut command, tell.as_raw_fd());
        let name = format!("{experiment}, beside a child of the shell");
        let mut lived = true;
        self.try_it(&name, command, None, false, |_| ());
        let mut pid = [0; 4];
        if told.read_exact(&mut pid).is_ok() {
            let pid = Pid::from_raw(i32::from_ne_bytes(pid));
            lived = kill(pid, Signal::SIGKILL).is_ok();
        }
        if !lived {
            self.complain(Kind::ForeignEnded, &name, "the shell's child was ended");
        }
    }

    fn in_a_deleted_directory(&mut self, experiment: &str) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let gone = directory.path().join("gone");
        std::fs::create_dir(&gone).expect("mkdir");
        let mut command = self.program.command(&[experiment]);
        surroundings::in_a_deleted_directory(&mut command, &gone);
        self.try_it(&format!("{experiment}, in a deleted directory"), command, None, false, |_| ());
    }

    /// A full pipe that does not block and is read a little later: no line may be lost.
    fn with_a_descriptor_that_does_not_block(&mut self, experiment: &str) {
        let (mut reader, writer) = std::io::pipe().expect("pipe");
        // SAFETY: the descriptor is open, and the calls take integers.
        unsafe {
            libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096);
            libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK);
        }
        while (&writer).write(&[b'\n'; 4096]).is_ok() {}
        let mut command = self.program.command(&[experiment]);
        command.stdout(writer).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        drop(command);
        std::thread::sleep(Duration::from_millis(50));
        let mut stdout = String::new();
        let _ = reader.read_to_string(&mut stdout);
        let ended = Ended { stdout, ..wait(child) };
        let name = format!("{experiment}, an output that does not block");
        if !ended.stdout.trim_start().starts_with(&format!("{experiment}: ")) {
            self.complain(Kind::WrongEnd, &name, "its first line is lost");
        }
        self.judge(&name, &ended, Duration::ZERO, &[], None);
    }
}

/// Waits for the end of a program, asks it to end when the time is over, and says whether it was.
fn wait_at_most(child: Child, limit: Duration) -> (Ended, bool) {
    let program = Pid::from_raw(child.id() as i32);
    let (has_ended, waiting) = std::sync::mpsc::channel::<()>();
    let patience = std::thread::spawn(move || {
        let is_over = waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if is_over {
            send(program, Signal::SIGTERM);
        }
        is_over
    });
    let ended = wait(child);
    drop(has_ended);
    (ended, patience.join().expect("it does not panic"))
}

/// Whether all that was said is what Rust and the C library say when there is no memory left.
fn is_of_memory(stderr: &str) -> bool {
    let known = ["memory allocation of ", "skipping backtrace printing", "Fatal glibc error: "];
    stderr.lines().all(|line| known.iter().any(|known| line.starts_with(known)))
}

/// A case's name.
fn case(experiment: &str, injection: &Injection) -> String {
    let Injection { call, occurrence, errno } = injection;
    format!("{experiment}, {} no. {occurrence}: {errno:?}", call.name)
}

/// A number that depends on every letter of a text: the hash FNV-1a.
fn scattered(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The statements that a program printed, each with the line of its verdict.
fn verdicts(output: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let quoted = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
        if let (Some(statement), Some(verdict)) = (quoted, quoted.and_then(|_| lines.next())) {
            found.push((statement.to_owned(), verdict.trim().to_owned()));
        }
    }
    found
}

impl Counts {
    /// How many complaints are of a kind.
    pub fn of(&self, kind: Kind) -> usize {
        self.complaints.iter().filter(|complaint| complaint.kind == kind).count()
    }

    /// Asserts that nothing happened that must not.
    ///
    /// # Panics
    ///
    /// If something did.
    pub fn assert_none(&self) {
        let said: Vec<String> =
            self.complaints.iter().map(|c| format!("{}: {}", c.kind, c.what)).collect();
        assert!(said.is_empty(), "{} runs\n{}", self.runs, said.join("\n"));
    }
}
