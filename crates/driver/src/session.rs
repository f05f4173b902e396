//! The submission's program, or one that it has forked: requests to it, and what becomes of them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::rest::rests;
use crate::run::{Line, PROGRAM, PUPPET, Program, Puppet, Run, same_program};
use crate::shim::{self, Arguments, kind};
use crate::wire::Wire;
use crate::{clock, fail, observe};

/// How long a check lets a state last at least, so that who takes notice of it can, before it asks for
/// how long a program [rests](Session::rests).
pub const NOTICED: Duration = Duration::from_millis(30);

/// A program that takes requests.
#[derive(Clone, Debug)]
pub struct Session {
    run: Run,
    index: usize,
}

/// In this time a clock that hurries goes on by an hour and more.
pub const AN_HOUR: Duration = Duration::from_millis(450);

/// In this time a clock that [leaps](Session::leaps) has done so.
pub const A_LEAP: Duration = Duration::from_millis(150);

/// What somebody does to the time of day, which no other clock takes notice of.
#[derive(Clone, Copy, Debug)]
pub enum Set {
    /// It is set on by so much.
    On(Duration),
    /// It is set back by so much.
    Back(Duration),
}

/// The clock of a program, which hurries while a request is being answered.
#[derive(Debug)]
pub struct Hurry {
    session: Session,
    over: bool,
}

impl Hurry {
    /// Lets it go on as all clocks do, while that request is being answered.
    pub fn is_over(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.session.program(|program| {
                program.said += 1;
                program.line.send(kind::CALL, &clock::word());
            });
        }
    }
}

/// Resources that [`Session::limit`] takes: the number of open descriptors.
pub const DESCRIPTORS: u32 = libc::RLIMIT_NOFILE;
/// The size of a file, in bytes.
pub const FILE_SIZE: u32 = libc::RLIMIT_FSIZE;
/// The address space, in bytes.
pub const MEMORY: u32 = libc::RLIMIT_AS;

/// What comes while a request is being answered.
#[derive(Debug)]
pub enum Event {
    /// The submission asks something of what it was lent: of a clock, a stream.
    Question(String, Arguments),
    /// The answer is there.
    Answered,
}

impl Session {
    pub(crate) fn start(run: &Run) -> Session {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
                .expect("a socket for the submission");
        let mut command = Command::new(PROGRAM);
        let channel: OwnedFd = theirs;
        let number = channel.as_raw_fd();
        let become_it = move || {
            // SAFETY: all of these take integers, and pointers that live during the call.
            unsafe {
                // Signals are as a shell leaves them, whoever has started this program and how.
                for signal in 1..=64 {
                    libc::signal(signal, libc::SIG_DFL);
                }
                // Otherwise std installs handlers of its own, and gives each thread a stack for
                // them that is too small for those of the shim, which say where a thread is.
                libc::signal(libc::SIGSEGV, libc::SIG_IGN);
                libc::signal(libc::SIGBUS, libc::SIG_IGN);
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut none);
                libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let high = libc::fcntl(number, libc::F_DUPFD, 10);
                libc::dup2(high, shim::REQUESTS);
                libc::close(high);
            }
            Ok(())
        };
        // A group of its own, so that a signal to it is not one to the driver.
        // SAFETY: the closure makes system calls only.
        unsafe { command.process_group(0).pre_exec(become_it) };
        let errors = run.world.borrow().stage.theirs.try_clone().expect("a descriptor");
        let begun = Instant::now();
        let child = command.stderr(errors).spawn().expect("the submission's program");
        drop(channel);
        let mut world = run.world.borrow_mut();
        let line = Line::new(ours, child.id() as i32);
        let descriptors = BTreeSet::from([0, 1, 2, shim::REQUESTS]);
        let child = Some(child);
        world.programs.push(Program { line, child, begun, asked: None, said: 0, descriptors });
        let session = Session { run: run.clone(), index: world.programs.len() - 1 };
        drop(world);
        run.begins(|| {
            session.take(kind::READY, "the submission's program does not begin");
        });
        session
    }

    fn program<T>(&self, body: impl FnOnce(&mut Program) -> T) -> T {
        body(&mut self.run.world.borrow_mut().programs[self.index])
    }

    fn take(&self, expected: u8, what: &str) -> Vec<u8> {
        self.run.wait(
            || what.to_owned(),
            || {
                self.program(|program| {
                    let frames = &mut program.line.frames;
                    let at = frames.iter().position(|(kind, _)| *kind == expected)?;
                    Some(frames.remove(at)?.1)
                })
            },
        )
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.program(|program| program.line.pid)
    }

    /// The last request, as messages name it.
    pub fn asked(&self) -> String {
        self.program(|program| program.asked.clone()).unwrap_or_else(|| "it".to_owned())
    }

    /// Asks for something, and does not wait for the answer.
    pub fn begin(&self, name: &str, arguments: &impl Wire) {
        self.begin_as(name, name, arguments);
    }

    /// The same, and names the call in messages as it is `said`, with arguments that matter.
    pub fn begin_as(&self, said: &str, name: &str, arguments: &impl Wire) {
        let mut body = name.to_owned().to_bytes();
        arguments.put(&mut body);
        self.program(|program| {
            program.asked = Some(said.to_owned());
            program.line.send(kind::CALL, &body);
        });
    }

    /// Whether the answer is there.
    pub fn has_answered(&self) -> bool {
        self.run.look(Duration::ZERO);
        notice(&self.run);
        self.program(|program| program.line.frames.iter().any(|(kind, _)| *kind == kind::ANSWER))
    }

    /// Waits for the answer.
    pub fn answer<T: Wire>(&self) -> T {
        self.answered(format!("{} has not returned", self.asked()))
    }

    /// Waits for the answer, and if none comes, names the situation: "receiving after the end".
    pub fn answer_in<T: Wire>(&self, situation: &str) -> T {
        self.answered(format!("{situation}: {} has not returned", self.asked()))
    }

    fn answered<T: Wire>(&self, otherwise: String) -> T {
        let bytes = self.take(kind::ANSWER, &otherwise);
        self.program(|program| program.asked = None);
        // What was said meanwhile is answered afterwards.
        for _ in 0..self.program(|program| std::mem::take(&mut program.said)) {
            self.take(kind::ANSWER, "a process does not answer");
        }
        T::from_bytes(&bytes).unwrap_or_else(|| fail("forged", "An answer cannot be read."))
    }

    /// Asks for something and waits for the answer.
    pub fn call<T: Wire>(&self, name: &str, arguments: &impl Wire) -> T {
        self.begin(name, arguments);
        self.answer()
    }

    /// Tells it that it has gone on long enough, for a request that goes on until the next one comes, and
    /// waits for the answer.
    pub fn is_enough<T: Wire>(&self) -> T {
        self.program(|program| program.line.send(kind::CALL, &"enough".to_owned().to_bytes()));
        let answer = self.answer();
        self.take(kind::ANSWER, "a process does not answer");
        answer
    }

    /// What comes next of a request: questions, and at last the answer.
    pub fn next(&self) -> Event {
        let what = format!("{} has not returned", self.asked());
        self.run.wait(|| what.clone(), || self.event())
    }

    /// The same, if it is there.
    pub fn event(&self) -> Option<Event> {
        self.run.look(Duration::ZERO);
        notice(&self.run);
        let frames = |program: &mut Program| {
            let frames = &mut program.line.frames;
            match frames.front()?.0 {
                kind::ANSWER => Some(Ok(())),
                kind::QUESTION => Some(Err(frames.pop_front()?.1)),
                _ => None,
            }
        };
        match self.program(frames)? {
            Ok(()) => Some(Event::Answered),
            Err(body) => {
                let mut rest = &body[..];
                let Some(name) = String::take(&mut rest) else {
                    fail("forged", "A question cannot be read.")
                };
                Some(Event::Question(name, Arguments::new(rest.to_vec())))
            }
        }
    }

    /// Answers a question.
    pub fn reply(&self, value: &impl Wire) {
        self.program(|program| program.line.send(kind::REPLY, &value.to_bytes()));
    }

    /// Whether all its threads sleep, and none of them waits for a reply.
    pub fn is_asleep(&self) -> bool {
        let pid = self.pid();
        let waits = |thread: i32| {
            let sleeps =
                observe::stat(&format!("{pid}/task/{thread}")).is_none_or(|it| it.state == 'S');
            let call = observe::system_call(pid, thread);
            sleeps && call != Some((libc::SYS_recvfrom, shim::REQUESTS as u64))
        };
        observe::threads(pid).into_iter().all(waits)
    }

    /// Whether its only thread is asleep in a wait for a child, which has no end but the child's.
    pub fn waits_for_a_child(&self) -> bool {
        let pid = self.pid();
        let call = observe::system_call(pid, pid).map(|(number, _)| number);
        observe::threads(pid).len() == 1 && matches!(call, Some(libc::SYS_wait4 | libc::SYS_waitid))
    }

    /// For how long at least nothing happens by itself: all threads are in calls that end later, or
    /// never unless something comes from outside, and beside this process there are commands alone. Zero
    /// where that cannot be told, as it cannot of who asks again and again.
    pub fn rests(&self) -> Duration {
        let (pid, begun) = self.program(|program| (program.line.pid, program.begun));
        // Who rests starts nobody any more, so whoever else is there is seen after that.
        let rests = rests(pid, begun);
        if self.run.is_among_itself() { rests } else { Duration::ZERO }
    }

    /// Waits until it sleeps, whatever for, but not longer than for `time`; the same if it answers.
    pub fn falls_asleep(&self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time && !self.has_answered() && !self.is_asleep() {
            self.run.look(Duration::from_micros(300));
        }
    }

    /// Lets its [clock] hurry during the next request, if its program has such a clock, until that is
    /// [over](Hurry::is_over).
    pub fn hurries(&self) -> Hurry {
        self.call::<()>("hurry", &());
        Hurry { session: self.clone(), over: false }
    }

    /// Lets its [clock] leap by this time during the next request, and no further, and has the time of day
    /// set meanwhile.
    pub fn leaps(&self, by: Duration, set: Set) {
        let (on, back) = match set {
            Set::On(by) => (by, Duration::ZERO),
            Set::Back(by) => (Duration::ZERO, by),
        };
        self.call::<()>("leap", &(by, on, back));
    }

    /// Interrupts whatever its threads wait in, so many times in a row, by a signal whose handler was
    /// installed without SA_RESTART.
    pub fn interrupt(&self, times: usize) {
        for _ in 0..times {
            self.falls_asleep(Duration::from_millis(50));
            if self.has_answered() {
                return;
            }
            let pid = self.pid();
            for thread in observe::threads(pid) {
                // SAFETY: tgkill(2) takes three integers.
                unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, shim::INTERRUPTION) };
            }
            self.run.look(Duration::from_micros(500));
        }
    }

    /// Starts a command that is a child of the same process and none of the submission's business.
    pub fn start_stranger(&self, words: &[String]) {
        let started: Result<i32, crate::Failure> = self.call("start", &words.to_vec());
        match started {
            // A check that fails does not come to collect it.
            Ok(pid) => self.run.world.borrow_mut().pardoned.push(pid),
            Err(error) => fail(
                "wrong",
                format!("the caller cannot start a child of its own any more: {error}"),
            ),
        }
    }

    /// Collects the first of those that have not been collected: a raw status. An error if somebody
    /// else has.
    pub fn collect_stranger(&self) -> Result<i32, crate::Failure> {
        self.call("collect", &())
    }

    /// What the caller learns of a child of its own that has stopped or goes on, and has not ended: a raw
    /// status, or `None` if somebody else has learnt it.
    pub fn learns_of(&self, stranger: &Puppet) -> Option<i32> {
        self.call("learn", &stranger.pid())
    }

    /// Lets the caller have these variables in its environment, from now on; both their names and their
    /// values are bytes.
    pub fn sets_variables(&self, variables: &[(Vec<u8>, Vec<u8>)]) {
        self.call::<()>("set-variables", &variables.to_vec());
    }

    /// Lets the caller go into this directory.
    pub fn changes_directory(&self, to: &std::path::Path) {
        self.call::<()>("change-directory", &to.as_os_str().as_encoded_bytes().to_vec());
    }

    /// What the caller has told the kernel about each signal that it handles, and about the stops of its
    /// children: a line each, with flags and mask.
    pub fn actions(&self) -> Vec<String> {
        self.call("actions", &())
    }

    /// Lets the caller ignore these signals from now on.
    pub fn is_deaf_to(&self, signals: &[i32]) {
        self.call::<()>("be-deaf", &signals.to_vec());
    }

    /// Lets it take these signals as they come.
    pub fn hears(&self, signals: &[i32]) {
        self.call::<()>("hear", &signals.to_vec());
    }

    /// Lets it have a handler for these signals, which does nothing, with flags and a mask that signal(2)
    /// would not give it.
    pub fn handles(&self, signals: &[i32]) {
        self.call::<()>("handle", &signals.to_vec());
    }

    /// Lets it block these signals from now on, and no other.
    pub fn blocks(&self, signals: &[i32]) {
        self.call::<()>("block", &signals.to_vec());
    }

    /// Lets the caller have these descriptors open, and leave them to what it executes.
    pub fn opens(&self, descriptors: &[i32]) {
        self.call::<()>("open", &descriptors.to_vec());
    }

    /// Lets it close them. Says whether all of them were still open.
    pub fn closes(&self, descriptors: &[i32]) -> bool {
        self.call("close", &descriptors.to_vec())
    }

    /// Lowers a limit, or with `None` raises it to the most that is allowed.
    pub fn limit(&self, resource: u32, value: Option<u64>) {
        let _: bool = self.call("limit", &(resource as i32, value));
    }

    /// Lowers the limit as soon as the submission has so many children: what it does after that fails.
    pub fn limit_after(&self, children: u64, resource: u32, value: u64) {
        self.call::<()>("limit-after", &(children, resource as i32, value));
    }

    /// The driver's end of the socket that the submission was last lent.
    pub fn peer(&self) -> UnixStream {
        let what = || "no socket was made".to_owned();
        self.run.wait(what, || self.run.world.borrow_mut().peers.pop()).into()
    }

    /// Lets it fork a process that takes requests as well.
    pub fn fork(&self) -> Session {
        let pid: i32 = self.call("fork", &());
        let index = self.run.wait(
            || "a forked process does not begin".to_owned(),
            || {
                let world = self.run.world.borrow();
                world.programs.iter().position(|program| program.line.pid == pid)
            },
        );
        let session = Session { run: self.run.clone(), index };
        session.take(kind::READY, "a forked process does not begin");
        session
    }

    /// Lets a forked process end, and its parent collect it.
    pub fn ends(self, parent: &Session) {
        let pid = self.pid();
        self.program(|program| program.line.send(kind::CALL, &("exit".to_owned(), 0).to_bytes()));
        self.collected_by(parent, pid);
    }

    /// Kills a forked process, wherever it is, and lets its parent collect it.
    pub fn is_killed(self, parent: &Session) {
        let pid = self.pid();
        self.signal(Signal::SIGKILL);
        self.collected_by(parent, pid);
    }

    fn collected_by(self, parent: &Session, pid: i32) {
        self.program(|program| program.line.pid = 0);
        let status: Option<i32> = parent.call("wait", &pid);
        if status.is_none() {
            fail("wrong", "a process that the check has forked was collected by somebody else");
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        crate::run::signal(self.pid(), signal);
    }

    /// Stops it, and waits until it stands still.
    pub fn stops(&self) {
        self.signal(Signal::SIGSTOP);
        let pid = self.pid();
        self.run.wait(
            || "a process does not stop".to_owned(),
            || {
                let still = |thread: i32| {
                    observe::stat(&format!("{pid}/task/{thread}")).is_none_or(|it| it.state == 'T')
                };
                observe::threads(pid).into_iter().all(still).then_some(())
            },
        );
    }

    /// Lets it go on.
    pub fn goes_on(&self) {
        self.signal(Signal::SIGCONT);
    }
}

/// Ends the check if a program has ended, panicked, or sent what nobody can read.
pub(crate) fn notice(run: &Run) {
    let mut world = run.world.borrow_mut();
    let source = world.order.source.clone();
    for program in world.programs.iter_mut().filter(|program| program.line.pid != 0) {
        if program.line.garbled {
            fail("forged", "What the submission's program sends is no answer.");
        }
        let asked = program.asked.clone().unwrap_or_else(|| "the program".to_owned());
        let of = |kind: u8| program.line.frames.iter().find(|(it, _)| *it == kind);
        if let Some((_, body)) = of(kind::PANIC) {
            let told = Panic::from_bytes(body).unwrap_or_default();
            let at = if told.1.is_empty() { String::new() } else { format!("\nat {}", told.1) };
            let message = format!("{asked} panicked: {}{at}", told.0);
            // It has returned: what it leaves behind counts.
            program.asked = None;
            fail("panic", message);
        }
        if of(kind::STRAYED).is_some() {
            fail(
                "strayed",
                "A child process came out of your function and went on as if it were the caller.\n\
                 A forked child must end with _exit, or execute another program.",
            );
        }
        if program.line.open {
            continue;
        }
        let crash = of(kind::CRASH).and_then(|(_, body)| Wire::from_bytes(body));
        let Some(child) = &mut program.child else {
            fail("ended-early", format!("A forked process ended while it was asked for {asked}."));
        };
        let status = match child.wait() {
            Ok(status) => status,
            Err(error) => fail("ended-early", format!("The program ended during {asked}: {error}")),
        };
        match (status.signal(), status.code()) {
            (Some(signal), _) => fail("crash", crashed(signal, &asked, crash, &source)),
            (_, code) => {
                let code = code.unwrap_or(0);
                let message = format!("The program ended itself with exit code {code} in {asked}.");
                fail("ended-early", message)
            }
        }
    }
}

fn crashed(
    signal: i32,
    asked: &str,
    said: Option<(String, String, Vec<Panic>)>,
    source: &str,
) -> String {
    let name = observe::signal_name(signal);
    let (address, trace, panics) = said.unwrap_or_default();
    let meaning = match signal {
        libc::SIGSEGV => format!(
            "it touched memory that it does not have ({address}), or its stack was too small: an \
             endless recursion, or something very large on it"
        ),
        libc::SIGBUS => {
            format!("it touched memory beyond the end of the file that is mapped ({address})")
        }
        libc::SIGABRT => match aborting(&panics) {
            Some(why) => return format!("The program was ended by {name} during {asked}.\n{why}"),
            None => "it gave up by itself".to_owned(),
        },
        libc::SIGXCPU => "it used up its processor time".to_owned(),
        libc::SIGXFSZ => "it wrote a file that is too large".to_owned(),
        libc::SIGKILL | libc::SIGTERM => {
            "somebody sent it, perhaps your code, to its own process or group".to_owned()
        }
        _ => "somebody sent it".to_owned(),
    };
    let at = line_of(&trace, source).map(|at| format!("\nat {at}")).unwrap_or_default();
    format!("The program was ended by {name} during {asked}: {meaning}.{at}")
}

/// Why a process aborts that has panicked, unless it does that by itself. The last panic is then one of
/// the standard library, which says that there is no way on.
fn aborting(panics: &[Panic]) -> Option<String> {
    let told = |(said, at, _): &Panic| {
        let at = if at.is_empty() || at.starts_with('/') {
            String::new()
        } else {
            format!("\n  at {at}")
        };
        format!("{said}{at}")
    };
    let (last, before) = panics.split_last()?;
    let causes = &before[before.len().saturating_sub(2)..];
    if last.0.starts_with("panic in a destructor during cleanup") {
        let mut why = String::from(
            "A destructor panicked while another panic was unwinding the stack, so the process aborts.",
        );
        for (which, panic) in ["First", "Then, in the destructor"].iter().zip(causes) {
            why.push_str(&format!("\n{which}: {}", told(panic)));
        }
        Some(why)
    } else if last.0.starts_with("panic in a function that cannot unwind") {
        let cause = causes.last().map(|panic| format!("\n{}", told(panic))).unwrap_or_default();
        Some(format!(
            "A panic came to a function that it cannot leave, so the process aborts.{cause}"
        ))
    } else if last.0.starts_with("unsafe precondition(s) violated") {
        Some(format!("What an unsafe function asks for was not so.\n{}", told(last)))
    } else {
        None
    }
}

/// The innermost line of this file in a backtrace.
fn line_of(trace: &str, file: &str) -> Option<String> {
    trace.lines().find_map(|line| {
        let at = line.trim().strip_prefix("at ")?;
        let start = at.rfind(file)?;
        let mut parts = at[start..].split(':');
        Some(format!("{}:{}", parts.next()?, parts.next()?))
    })
}

/// How long a hanging program may take to say where it is.
const ANSWER: Duration = Duration::from_millis(1500);

/// How often a running thread is asked that does not name a line of the submission: the compiler
/// gives none to some instructions.
const QUESTIONS: usize = 4;

/// How often a running thread is asked at least, to know whether it stays in one function.
const LOOKS: usize = 3;

/// Says what every thread is doing, and where.
pub(crate) fn where_are_they(run: &Run, message: &mut String) {
    let (pids, source) = {
        let world = run.world.borrow();
        let pids = world.programs.iter().map(|it| it.line.pid).filter(|pid| *pid != 0);
        (pids.collect::<Vec<i32>>(), world.order.source.clone())
    };
    let me = std::process::id() as i32;
    let mut spins: Vec<Option<String>> = Vec::new();
    for pid in &pids {
        let threads: Vec<(i32, String)> =
            observe::threads(*pid).into_iter().map(|it| (it, observe::doing(*pid, it))).collect();
        let mut panic = None;
        let places = ask(run, *pid, &threads, &source, &mut panic, &mut spins);
        // Who waits for the next request is not in the submission.
        let requests = Some((libc::SYS_recvfrom, shim::REQUESTS as u64));
        let is_theirs = |((thread, _), place): &(&(i32, String), Option<String>)| {
            place.is_some() || observe::system_call(*pid, *thread) != requests
        };
        let theirs = threads.iter().zip(places).filter(is_theirs);
        for ((thread, doing), place) in theirs.take(16) {
            let name = observe::stat(&format!("{pid}/task/{thread}"));
            let name = name.map(|stat| stat.name).unwrap_or_default();
            let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
            let _ = write!(message, "\nthread {thread} ({name}) {doing}{at}");
        }
        if let Some((said, at, thread)) = panic {
            let _ = write!(message, "\nBefore that, {thread} panicked at {at}: {said}");
        }
    }
    spins.dedup();
    if let [Some(function)] = &spins[..] {
        run.world.borrow_mut().spins = Some(function.clone());
    }
    for (pid, stat) in observe::descendants(me).into_iter().take(16) {
        let collected_later = stat.state == 'Z' && stat.parent == me;
        if !collected_later && !pids.contains(&pid) {
            let doing = match stat.state {
                'Z' => "has ended and was not collected".to_owned(),
                _ if same_program(pid, PUPPET) => "still runs".to_owned(),
                _ => observe::doing(pid, pid),
            };
            let called = run.called(pid);
            let called = called.as_deref().or((stat.name == PUPPET).then_some("a command"));
            let _ = match called {
                Some(command) => write!(message, "\n{command} (process {pid}) {doing}"),
                None => write!(message, "\nchild process {pid} ({}) {doing}", stat.name),
            };
        }
    }
}

/// What a panic said, where, and in which thread.
type Panic = (String, String, String);

/// A thread, its backtrace, and the last panic of the process.
type Here = (i32, String, Option<Panic>);

fn ask(
    run: &Run,
    pid: i32,
    threads: &[(i32, String)],
    source: &str,
    panic: &mut Option<Panic>,
    spins: &mut Vec<Option<String>>,
) -> Vec<Option<String>> {
    let mut places: Vec<Option<String>> = vec![None; threads.len()];
    let end = Instant::now() + ANSWER;
    for question in 0..QUESTIONS {
        let mut asked = 0;
        for ((thread, doing), place) in threads.iter().zip(&places) {
            let runs = doing.starts_with("is running");
            if (question == 0 && place.is_none()) || (runs && (place.is_none() || question < LOOKS))
            {
                // SAFETY: tgkill(2) takes three integers.
                unsafe { libc::syscall(libc::SYS_tgkill, pid, *thread, shim::WHERE_ARE_YOU) };
                asked += 1;
            }
        }
        while asked > 0 && Instant::now() < end {
            run.look(Duration::from_millis(5));
            let mut world = run.world.borrow_mut();
            let Some(program) = world.programs.iter_mut().find(|it| it.line.pid == pid) else {
                return places;
            };
            let frames = &mut program.line.frames;
            let Some(at) = frames.iter().position(|(kind, _)| *kind == kind::HERE) else {
                if program.line.open {
                    continue;
                }
                return places;
            };
            asked -= 1;
            let body = frames.remove(at).map(|(_, body)| body).unwrap_or_default();
            let Some((thread, trace, told)) = Here::from_bytes(&body) else { continue };
            *panic = told.or(panic.take());
            if let Some(index) = threads.iter().position(|(it, _)| *it == thread) {
                if threads[index].1.starts_with("is running") {
                    spins.push(observe::function_in(&trace, source));
                }
                places[index] = places[index].take().or(line_of(&trace, source));
            }
        }
        std::thread::sleep(Duration::from_millis(8 << question));
    }
    places
}
