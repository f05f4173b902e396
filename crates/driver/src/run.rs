//! One run of a check: who takes part, what has come from them, and how one waits for it.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Child;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::channel::Order;
use crate::puppet::{self, Order as Told};
use crate::random::Random;
use crate::session::Session;
use crate::stage::{Entrance, Stage, who};
use crate::wire::{Wire, frame, unframe};
use crate::{fail, observe};

/// A connection to a process, and what has come over it.
#[derive(Debug)]
pub(crate) struct Line {
    connection: OwnedFd,
    pub(crate) pid: i32,
    come: Vec<u8>,
    pub(crate) frames: VecDeque<(u8, Vec<u8>)>,
    pub(crate) open: bool,
    pub(crate) garbled: bool,
}

impl Line {
    pub(crate) fn new(connection: OwnedFd, pid: i32) -> Line {
        let (come, frames) = (Vec::new(), VecDeque::new());
        Line { connection, pid, come, frames, open: true, garbled: false }
    }

    pub(crate) fn send(&mut self, kind: u8, body: &[u8]) {
        let bytes = frame(kind, body);
        let mut left = &bytes[..];
        while !left.is_empty() {
            // SAFETY: the buffer lives during the call.
            let sent = unsafe {
                let flags = libc::MSG_NOSIGNAL;
                libc::send(self.connection.as_raw_fd(), left.as_ptr().cast(), left.len(), flags)
            };
            match sent {
                0.. => left = &left[sent as usize..],
                // Whoever is gone is noticed by who waits for them.
                _ => return,
            }
        }
    }

    /// Takes what is there.
    fn read(&mut self) {
        let mut buffer = [0_u8; 64 * 1024];
        // SAFETY: the buffer is writable and as long as said.
        let length = unsafe {
            let (fd, flags) = (self.connection.as_raw_fd(), libc::MSG_DONTWAIT);
            libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags)
        };
        match length {
            1.. => self.come.extend(&buffer[..length as usize]),
            0 => self.open = false,
            _ => self.open = nix::errno::Errno::last() == nix::errno::Errno::EAGAIN,
        }
        loop {
            match unframe(&mut self.come) {
                Ok(Some(frame)) => self.frames.push_back(frame),
                Ok(None) => return,
                Err(()) => {
                    (self.open, self.garbled) = (false, true);
                    return;
                }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) line: Line,
    /// Its role.
    name: String,
    /// Whether it has said how it is.
    begun: bool,
    ignored: u64,
    blocked: u64,
    /// Whether whoever started it has set a timer for it.
    timed: bool,
    /// Its descriptor of the line.
    strings: i32,
    /// How its first three descriptors were open; -1 for one that was closed.
    modes: Vec<i32>,
}

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) line: Line,
    /// For one that this process has started.
    pub(crate) child: Option<Child>,
    /// When nothing of it had run yet.
    pub(crate) begun: Instant,
    /// What it was asked and has not answered.
    pub(crate) asked: Option<String>,
    /// How many words were said since then, each of which is answered, too.
    pub(crate) said: usize,
    /// Its descriptors when it began.
    pub(crate) descriptors: BTreeSet<i32>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) order: Order,
    pub(crate) stage: Stage,
    pub(crate) programs: Vec<Program>,
    players: Vec<Player>,
    /// Sockets that a submission has been lent: this process's ends.
    pub(crate) peers: Vec<OwnedFd>,
    /// What the commands are called in messages, in the order in which they were made.
    roles: Vec<String>,
    /// How many have been called by a number since they were last counted from 1.
    numbered: usize,
    start: Instant,
    /// When something came last.
    heard: Instant,
    /// The function of the submission that ran when the time was up.
    pub(crate) spins: Option<String>,
    /// Whether a program of the submission is being started, of which nothing has run yet.
    pub(crate) begins: bool,
    /// What was there before.
    files: Vec<String>,
    shared: Vec<String>,
    segments: Vec<String>,
    /// Processes that the submission need not collect.
    pub(crate) pardoned: Vec<i32>,
}

/// One run of a check.
#[derive(Clone, Debug)]
pub struct Run {
    pub(crate) world: Rc<RefCell<World>>,
    random: Rc<RefCell<Random>>,
}

/// A command that a puppet will be, once somebody starts it.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it is called in messages.
    pub name: String,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// The programs and arguments of these commands.
pub fn words(roles: &[Role]) -> Vec<Vec<String>> {
    roles.iter().map(|role| role.words.clone()).collect()
}

/// A command that was started.
#[derive(Clone, Debug)]
pub struct Puppet {
    run: Run,
    index: usize,
    role: String,
}

/// The signals that stop a process: SIGSTOP, and those of a terminal.
pub const STOPPING: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Sends a signal to a process of the submission or of the check; one that is gone needs none. If it
/// fails otherwise, the check is broken.
pub(crate) fn signal(pid: i32, signal: Signal) {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => panic!("kill {pid}, {signal}: {errno}"),
    }
}

/// Whether a process has ended, or is about to: its memory goes first, and its program with it.
fn is_leaving(pid: i32) -> bool {
    let program = std::fs::metadata(format!("/proc/{pid}/exe"));
    let is_gone = program.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    is_gone || observe::has_ended(pid)
}

pub(crate) fn same_program(pid: i32, path: &str) -> bool {
    let one = std::fs::metadata(format!("/proc/{pid}/exe"));
    let other = std::fs::metadata(path);
    one.is_ok_and(|one| other.is_ok_and(|it| (it.dev(), it.ino()) == (one.dev(), one.ino())))
}

/// What puppets run: the same program as this one, in a file that may be read, so that one may look at
/// them. This one may not, so that nobody can look into it.
pub const PUPPET: &str = "puppet";

/// How long a command stays that cannot say that it is there, for the driver to see it.
pub(crate) const SEEN: Duration = Duration::from_millis(400);

/// The submission's program.
pub(crate) const PROGRAM: &str = "./submission";

impl Run {
    pub(crate) fn new(order: Order) -> Run {
        // Nobody of the same user may look into this process, or trace it.
        let _ = nix::sys::prctl::set_dumpable(false);
        // Whoever loses their parent becomes this process's child, and can be looked after.
        let _ = nix::sys::prctl::set_child_subreaper(true);
        let stage = Stage::open().expect("a socket for the commands");
        let random = Rc::new(RefCell::new(Random::new(order.seed)));
        let world = World {
            order,
            stage,
            programs: Vec::new(),
            players: Vec::new(),
            peers: Vec::new(),
            roles: Vec::new(),
            numbered: 0,
            start: Instant::now(),
            heard: Instant::now(),
            spins: None,
            begins: false,
            files: observe::names(&std::env::temp_dir()),
            shared: observe::names("/dev/shm".as_ref()),
            segments: observe::segments(),
            pardoned: Vec::new(),
        };
        Run { world: Rc::new(RefCell::new(world)), random }
    }

    /// Random inputs.
    pub fn random(&self) -> RefMut<'_, Random> {
        self.random.borrow_mut()
    }

    /// A directory for files, which the check must remove itself.
    pub fn directory(&self) -> PathBuf {
        std::env::temp_dir()
    }

    /// A command that nobody has started yet.
    pub fn command(&self) -> Role {
        self.world.borrow_mut().numbered += 1;
        let name = format!("command {}", self.world.borrow().numbered);
        self.command_called(&name)
    }

    /// The same, called by this name in messages: "the command", where there is one.
    pub fn command_called(&self, name: &str) -> Role {
        let roles = &mut self.world.borrow_mut().roles;
        roles.push(name.to_owned());
        let directory = std::env::current_dir().unwrap_or_default();
        let program = directory.join(PUPPET).to_string_lossy().into_owned();
        let words = vec![program, puppet::ARGUMENT.to_owned(), roles.len().to_string()];
        Role { name: name.to_owned(), words }
    }

    /// What a command is called that runs as this process.
    pub(crate) fn called(&self, pid: i32) -> Option<String> {
        let world = self.world.borrow();
        let player = world.players.iter().find(|player| player.line.pid == pid)?;
        let number: usize = player.name.parse().ok()?;
        world.roles.get(number.checked_sub(1)?).cloned()
    }

    /// Several of them, which are called `command 1` and so on, in order.
    pub fn commands(&self, count: usize) -> Vec<Role> {
        self.world.borrow_mut().numbered = 0;
        (0..count).map(|_| self.command()).collect()
    }

    /// A command whose program cannot be found.
    pub fn no_such_program(&self) -> Role {
        let number = self.random().number();
        let program = format!("/no/such/program-{number:x}");
        Role { name: program.clone(), words: vec![program] }
    }

    /// Starts the submission's program.
    pub fn submission(&self) -> Session {
        Session::start(self)
    }

    /// Waits until the submission has started this command.
    pub fn started(&self, session: &Session, role: &Role) -> Puppet {
        let what = || format!("{} is not started", role.name);
        let (begun, mut looked) = (Instant::now(), Duration::ZERO);
        self.wait(what, || {
            let puppet = self.appeared(role);
            if puppet.is_none() && begun.elapsed() > looked + SEEN / 8 {
                looked = begun.elapsed();
                self.ensure_errors_arrive(session);
            }
            if puppet.is_none() && session.has_answered() {
                let asked = session.asked();
                fail("wrong", format!("{asked} returned without having started {}", role.name));
            }
            puppet
        })
    }

    /// Ends the check if a command has been started whose standard error is not that of the caller:
    /// it cannot say that it is there.
    fn ensure_errors_arrive(&self, session: &Session) {
        let path = |pid: i32| std::fs::read_link(format!("/proc/{pid}/fd/2")).ok();
        let Some(of_caller) = path(session.pid()) else { return };
        for (pid, _) in observe::descendants(session.pid()) {
            let is_command = same_program(pid, PUPPET);
            if let Some(own) = path(pid).filter(|own| is_command && *own != of_caller) {
                let asked = session.asked();
                let own = own.display();
                fail(
                    "wrong",
                    format!(
                        "{asked} has started a command whose standard error does not reach the caller: \
                         it is {own}. It should be the caller's."
                    ),
                );
            }
        }
    }

    /// The puppet of this role, if it is there.
    pub fn appeared(&self, role: &Role) -> Option<Puppet> {
        self.look(Duration::ZERO);
        let world = self.world.borrow();
        let name = role.words.last();
        let is_it = |player: &Player| player.begun && Some(&player.name) == name;
        let index = world.players.iter().rposition(is_it)?;
        Some(Puppet { run: self.clone(), index, role: role.name.clone() })
    }

    /// The puppet of this role that comes after so many others of it, if it is there: a command may be
    /// started again.
    pub fn appears_anew(&self, role: &Role, after: usize) -> Option<Puppet> {
        // Whatever happens ends this wait: a word, or the end of a command.
        self.look(Duration::from_millis(2));
        let world = self.world.borrow();
        let name = role.words.last();
        let is_it = |player: &Player| player.begun && Some(&player.name) == name;
        let mut all = (0..world.players.len()).filter(|index| is_it(&world.players[*index]));
        let index = all.nth(after)?;
        Some(Puppet { run: self.clone(), index, role: role.name.clone() })
    }

    /// Waits for those that appear, but not longer than for `time`.
    pub fn gather(&self, roles: &[Role], time: Duration) -> Vec<Option<Puppet>> {
        let start = Instant::now();
        loop {
            let there: Vec<_> = roles.iter().map(|role| self.appeared(role)).collect();
            if start.elapsed() >= time || there.iter().all(Option::is_some) {
                return there;
            }
            self.look(Duration::from_millis(2));
        }
    }

    /// Ends the check unless both are the same. `what` says what was tried.
    pub fn expect<T: PartialEq<U> + Debug + ?Sized, U: Debug + ?Sized>(
        &self,
        what: &str,
        came: &T,
        expected: &U,
    ) {
        if came != expected {
            fail("wrong", format!("{what}:\n  expected {expected:?}\n  came     {came:?}"));
        }
    }

    /// Ends the check unless it is so.
    pub fn ensure(&self, so: bool, otherwise: impl FnOnce() -> String) {
        if !so {
            fail("wrong", otherwise());
        }
    }

    /// Ends the check if its time is up. `what` says what has not happened.
    pub fn ensure_in_time(&self, what: &str) {
        if self.is_up() {
            self.stuck(what);
        }
    }

    /// Takes what has come, after waiting for something at most so long.
    pub(crate) fn look(&self, time: Duration) {
        let mut world = self.world.borrow_mut();
        let world = &mut *world;
        let mut fds = vec![PollFd::new(world.stage.ours.as_fd(), PollFlags::POLLIN)];
        let programs = world.programs.iter().map(|it| &it.line);
        let lines = programs.chain(world.players.iter().map(|it| &it.line));
        for line in lines.filter(|line| line.open) {
            fds.push(PollFd::new(line.connection.as_fd(), PollFlags::POLLIN));
        }
        let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
        if !poll(&mut fds, timeout).is_ok_and(|ready| ready > 0) {
            return;
        }
        world.heard = Instant::now();
        let mut ready: VecDeque<bool> =
            fds.iter().map(|fd| fd.revents().is_some_and(|it| !it.is_empty())).collect();
        drop(fds);
        let somebody = ready.pop_front().unwrap_or(false);
        let programs = world.programs.iter_mut().map(|it| &mut it.line);
        let lines = programs.chain(world.players.iter_mut().map(|it| &mut it.line));
        for line in lines.filter(|line| line.open) {
            if ready.pop_front().unwrap_or(false) {
                line.read();
            }
        }
        for player in world.players.iter_mut().filter(|player| !player.begun) {
            let Some((kind, body)) = player.line.frames.pop_front() else { continue };
            if let (puppet::HELLO, Some(hello)) = (kind, Wire::from_bytes(&body)) {
                let (signals, line, modes) = hello;
                (player.ignored, player.blocked) = signals;
                (player.timed, player.strings) = line;
                player.modes = modes;
                player.begun = true;
            }
        }
        for entrance in if somebody { world.stage.enter() } else { Vec::new() } {
            let Entrance { connection, pid, who, name } = entrance;
            let is = |program: &str| same_program(pid, program);
            match who {
                who::PUPPET if is(PUPPET) => {
                    let (line, begun) = (Line::new(connection, pid), false);
                    let (ignored, blocked, timed, strings) = (0, 0, false, -1);
                    let modes = Vec::new();
                    let player =
                        Player { line, name, begun, ignored, blocked, timed, strings, modes };
                    world.players.push(player);
                }
                who::FORK if is(PROGRAM) => {
                    let line = Line::new(connection, pid);
                    let (child, asked, descriptors) = (None, None, BTreeSet::new());
                    let begun = Instant::now();
                    world.programs.push(Program {
                        line,
                        child,
                        begun,
                        asked,
                        said: 0,
                        descriptors,
                    });
                }
                who::PEER if is(PROGRAM) => world.peers.push(connection),
                // Somebody may be gone before one could look.
                _ if is_leaving(pid) => {}
                _ => fail("forged", "A process that is no command tried to look like one."),
            }
        }
    }

    /// Whether nobody takes part but programs of the submission and commands that do nothing before they
    /// are told to.
    pub(crate) fn is_among_itself(&self) -> bool {
        self.look(Duration::ZERO);
        let world = self.world.borrow();
        let waits = |pid: i32| {
            let player = world.players.iter().find(|it| it.line.pid == pid);
            player.is_some_and(|it| it.begun && !it.timed)
        };
        let is_program = |pid: i32| world.programs.iter().any(|it| it.line.pid == pid);
        let descendants = observe::descendants(std::process::id() as i32);
        descendants.iter().all(|(pid, stat)| stat.state == 'Z' || is_program(*pid) || waits(*pid))
    }

    /// Waits until `look` finds something. `what` says what is wrong if it never does.
    pub(crate) fn wait<T>(
        &self,
        what: impl Fn() -> String,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let mut patience = Duration::ZERO;
        loop {
            self.look(patience);
            crate::session::notice(self);
            if let Some(found) = look() {
                return found;
            }
            if self.is_up() {
                self.stuck(&what());
            }
            patience = (patience + Duration::from_micros(50)).min(Duration::from_millis(2));
        }
    }

    /// Says that a program of the submission is being started: what that takes, however long on a busy
    /// machine, is not the submission's time.
    pub(crate) fn begins(&self, program: impl FnOnce()) {
        let start = Instant::now();
        self.world.borrow_mut().begins = true;
        program();
        let mut world = self.world.borrow_mut();
        world.begins = false;
        world.start += start.elapsed();
    }

    /// Whether the time of the check is up. Time that the submission or the driver has waited for a
    /// processor does not count.
    pub(crate) fn is_up(&self) -> bool {
        let world = self.world.borrow();
        let limit = Duration::from_secs_f64(world.order.seconds) * if world.begins { 4 } else { 1 };
        let is_over = |since: Instant, limit: Duration| {
            if since.elapsed() < limit {
                return false;
            }
            let pids = world.programs.iter().map(|program| program.line.pid);
            let waited = pids.map(observe::waited_for_processor).sum::<u64>()
                + observe::waited_for_processor(std::process::id() as i32);
            since.elapsed() >= limit + Duration::from_nanos(waited).min(4 * limit)
        };
        let silence = world.order.silence.map(Duration::from_secs_f64);
        let is_silent = silence.is_some_and(|most| !world.begins && is_over(world.heard, most));
        is_silent || is_over(world.start, limit)
    }

    /// The function of the submission that ran when the time was up, if it did in one.
    pub(crate) fn spins(&self) -> Option<String> {
        self.world.borrow().spins.clone()
    }

    /// Ends the check because something does not happen. Says in which call, if there is one.
    pub(crate) fn stuck(&self, what: &str) -> ! {
        let seconds = self.world.borrow().start.elapsed().as_secs_f64();
        let calls: BTreeSet<String> =
            self.world.borrow().programs.iter().filter_map(|it| it.asked.clone()).collect();
        let call = calls.first().filter(|call| calls.len() == 1 && !what.contains(&***call));
        let call = call.map(|call| format!("{call}: ")).unwrap_or_default();
        let mut message = format!("{call}{what}, after {seconds:.1} s.");
        crate::session::where_are_they(self, &mut message);
        fail("stuck", message)
    }

    /// Whether the submission has no child, after looking for a moment.
    pub fn nobody_left(&self, session: &Session) -> bool {
        let pid = session.pid();
        (0..20).any(|patience| {
            std::thread::sleep(Duration::from_millis(patience));
            observe::descendants(pid).is_empty()
        })
    }

    /// Looks at what the submission has left behind. Threads that have returned and commands that were
    /// killed take a moment to be gone, so this looks again for a while.
    pub(crate) fn left(&self) -> Vec<(String, String)> {
        let start = Instant::now();
        self.look(Duration::ZERO);
        // Whoever still waits for orders ends now.
        let players = std::mem::take(&mut self.world.borrow_mut().players);
        let known: Vec<i32> = players.iter().map(|player| player.line.pid).collect();
        drop(players);
        if self.world.borrow().programs.iter().any(|it| it.asked.is_some() || !it.line.open) {
            return Vec::new();
        }
        for patience in [0, 1, 2, 5, 10, 20, 50, 100, 150, 200] {
            std::thread::sleep(Duration::from_millis(patience));
            if patience > 0 {
                self.collect_orphans(&known);
            }
            let mut left = self.left_now();
            if left.is_empty() && self.is_joined_by_others(&known) {
                left.push(("running".to_owned(), "a process that forks on and on".to_owned()));
                return left;
            }
            if left.is_empty() || start.elapsed() > Duration::from_secs(1) {
                return left;
            }
        }
        self.left_now()
    }

    /// Whether orphans come to this process again and again: somebody forks and ends faster than one can
    /// look. Where there has been no orphan yet but a command that is `known`, nobody does.
    fn is_joined_by_others(&self, known: &[i32]) -> bool {
        self.collect_orphans(known) > 0
            && (0..40).any(|_| {
                std::thread::sleep(Duration::from_millis(8));
                self.collect_orphans(known) > 0
            })
    }

    /// Collects processes that have become this process's children and have ended; says how many of them
    /// are not `known`.
    fn collect_orphans(&self, known: &[i32]) -> usize {
        let me = std::process::id() as i32;
        let programs: Vec<i32> =
            self.world.borrow().programs.iter().map(|program| program.line.pid).collect();
        let mut count = 0;
        for (pid, stat) in observe::descendants(me) {
            if stat.parent != me || stat.state != 'Z' || programs.contains(&pid) {
                continue;
            }
            // SAFETY: waitpid(2) may be told to write no status.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
            count += usize::from(!known.contains(&pid));
        }
        count
    }

    fn left_now(&self) -> Vec<(String, String)> {
        let world = self.world.borrow();
        let me = std::process::id() as i32;
        let mut left = Vec::new();
        let mut note = |word: &str, which: String| left.push((word.to_owned(), which));
        let own: Vec<i32> = world.programs.iter().map(|program| program.line.pid).collect();
        for (pid, stat) in observe::descendants(me) {
            if own.contains(&pid) || world.pardoned.contains(&pid) {
                continue;
            }
            match stat.state {
                'Z' if stat.parent == me => {}
                state => {
                    let name = if stat.name == PUPPET { "a command" } else { &stat.name };
                    let word = if state == 'Z' { "zombie" } else { "running" };
                    note(word, format!("{pid} ({name})"));
                }
            }
        }
        for program in &world.programs {
            let pid = program.line.pid;
            if program.child.is_none() {
                continue;
            }
            for thread in observe::threads(pid).into_iter().filter(|thread| *thread != pid) {
                let name = observe::stat(&format!("{pid}/task/{thread}"));
                let name = name.map(|stat| stat.name).unwrap_or_default();
                note("thread", format!("{thread} ({name})"));
            }
            match observe::descriptors(pid) {
                Some(all) => {
                    for (fd, on) in all.iter().filter(|(fd, _)| !program.descriptors.contains(fd)) {
                        note("descriptor", format!("{fd} ({on})"));
                    }
                }
                None if observe::has_ended(pid) => {}
                None => {
                    let which = "it does not let its descriptors be looked at (PR_SET_DUMPABLE)";
                    note("descriptor", which.to_owned());
                }
            }
        }
        for name in observe::names("/dev/shm".as_ref()) {
            if !world.shared.contains(&name) {
                note("shared-memory", format!("/dev/shm/{name}"));
            }
        }
        for segment in observe::segments() {
            if !world.segments.contains(&segment) {
                note("shared-memory", format!("System V segment {segment}"));
            }
        }
        for name in observe::names(&std::env::temp_dir()) {
            if !world.files.contains(&name) {
                note("file", name);
            }
        }
        left
    }
}

impl Puppet {
    fn line<T>(&self, body: impl FnOnce(&mut Player) -> T) -> T {
        body(&mut self.run.world.borrow_mut().players[self.index])
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.line(|player| player.line.pid)
    }

    /// Whether it has ended, and is perhaps a zombie.
    pub fn has_ended(&self) -> bool {
        observe::has_ended(self.pid())
    }

    fn tell(&self, order: &Told) {
        self.line(|player| player.line.send(b'o', &order.to_bytes()));
    }

    /// Waits until it has done what it was told.
    fn did(&self, what: &str) -> Result<Vec<u8>, String> {
        let role = &self.role;
        self.run.wait(
            || format!("{role} {what}"),
            || {
                let frame = self.line(|player| {
                    let at =
                        player.line.frames.iter().position(|(kind, _)| *kind == puppet::DID)?;
                    player.line.frames.remove(at)
                });
                if frame.is_none() && self.line(|player| !player.line.open) {
                    return Some(Err("ended".to_owned()));
                }
                Some(Wire::from_bytes(&frame?.1).unwrap_or(Err("garbled".to_owned())))
            },
        )
    }

    fn must(&self, what: &str) -> Vec<u8> {
        let done = self.did(what);
        done.unwrap_or_else(|why| fail("wrong", format!("{} {what}: {why}", self.role)))
    }

    fn ends(&self, order: &Told) {
        self.tell(order);
        self.await_end();
    }

    /// Waits until it has ended.
    pub fn await_end(&self) {
        self.run.wait(|| format!("{} does not end", self.role), || self.has_ended().then_some(()));
    }

    /// Lets it end with this exit code, and waits until it has.
    pub fn exits(&self, code: i32) {
        self.ends(&Told::Exit(code));
    }

    /// Lets it be ended by this signal, and waits until it has.
    pub fn dies(&self, signal: i32) {
        self.ends(&Told::Die(signal, false));
    }

    /// The same, and it leaves a core, where the machine lets it: the status then has a flag more.
    pub fn dies_with_core(&self, signal: i32) {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        // A program that collects cores is none of this business.
        let possible = !pattern.starts_with('|') && !pattern.contains('/');
        self.ends(&Told::Die(signal, possible));
        let known = self.run.world.borrow().files.clone();
        for name in observe::names(&self.run.directory()) {
            if name.starts_with("core") && !known.contains(&name) {
                let _ = std::fs::remove_file(self.run.directory().join(name));
            }
        }
    }

    /// Lets it write, without waiting until it has.
    pub fn begins_to_print(&self, bytes: &[u8]) {
        self.tell(&Told::Print(bytes.to_vec()));
    }

    /// Waits until it has written; the kind of the error if it could not.
    pub fn has_printed(&self) -> Result<(), String> {
        self.did("cannot write all of its output").map(|_| ())
    }

    /// Lets it write, and waits until it has.
    pub fn prints(&self, bytes: &[u8]) {
        self.begins_to_print(bytes);
        self.must("cannot write its output");
    }

    /// Lets it read, without waiting until its input has ended.
    pub fn begins_to_read(&self) {
        self.tell(&Told::ReadAll);
    }

    /// Waits until its input has ended, and returns what it was.
    pub fn has_read(&self) -> Vec<u8> {
        self.must("sees no end of its input")
    }

    /// Reads to the end of its input.
    pub fn reads(&self) -> Vec<u8> {
        self.begins_to_read();
        self.has_read()
    }

    /// Lets it close a descriptor.
    pub fn closes(&self, fd: i32) {
        self.tell(&Told::Close(fd));
        self.must("cannot close a descriptor");
    }

    /// Lets it have a handler for this signal, which tells of it.
    pub fn handles(&self, signal: i32) {
        self.tell(&Told::Handle(signal));
        let _ = self.did("does not handle a signal");
    }

    /// Lets it take no notice of this signal.
    pub fn ignores(&self, signal: i32) {
        self.tell(&Told::Ignore(signal));
        let _ = self.did("does not ignore a signal");
    }

    /// Lets it start another command, for which it does not wait; `None` if one of the two has ended
    /// before the other one could say that it is there.
    pub fn starts(&self, role: &Role) -> Option<Puppet> {
        self.tell(&Told::Start(role.words.clone()));
        let started = self.did("does not start another one").ok()?;
        let pid = i32::from_bytes(&started)?;
        let what = || format!("{} does not begin", role.name);
        self.run.wait(what, || {
            let over = observe::has_ended(pid) || self.has_ended();
            let child = self.run.appeared(role);
            child.map(Some).or_else(|| over.then_some(None))
        })
    }

    /// Lets it go into this process group, if there is such a group.
    pub fn joins_group(&self, group: i32) {
        self.tell(&Told::JoinGroup(group));
        let _ = self.did("stays in its group");
    }

    /// Stops it, and waits until it stands still or is gone.
    pub fn stops(&self) {
        self.stops_by(libc::SIGSTOP);
    }

    /// The same, by one of the signals that [stop](STOPPING), and says by which it was. Where those of a
    /// terminal do nothing, as in a group of which nobody has a parent outside in the same session
    /// (setpgid(2)), it is SIGSTOP.
    pub fn stops_by(&self, number: i32) -> i32 {
        let is_over = || self.is_stopped() || self.has_ended();
        signal(self.pid(), Signal::try_from(number).expect("a signal"));
        let begun = Instant::now();
        while !is_over() && begun.elapsed() < Duration::from_millis(300) {
            std::thread::sleep(Duration::from_micros(200));
        }
        if is_over() {
            return number;
        }
        signal(self.pid(), Signal::SIGSTOP);
        self.run
            .wait(|| format!("{} does not stop", self.role), || is_over().then_some(libc::SIGSTOP))
    }

    /// Whether it stands still.
    pub fn is_stopped(&self) -> bool {
        observe::stat(&self.pid().to_string()).is_some_and(|stat| stat.state == 'T')
    }

    /// Lets it go on after it was stopped.
    pub fn goes_on(&self) {
        signal(self.pid(), Signal::SIGCONT);
    }

    /// Whether a handler has told of this signal so far.
    pub fn has_got(&self, signal: i32) -> bool {
        self.run.look(Duration::ZERO);
        let told = (puppet::GOT, signal.to_le_bytes().to_vec());
        self.line(|player| player.line.frames.contains(&told))
    }

    /// Waits until a handler tells of this signal; false if it ends without.
    pub fn gets(&self, signal: i32) -> bool {
        let what = || format!("{} has had no {}", self.role, observe::signal_name(signal));
        self.run.wait(what, || {
            let ended = self.has_ended();
            if self.has_got(signal) { Some(true) } else { ended.then_some(false) }
        })
    }

    /// Waits until it has ended, but not longer than for `time`. Says whether it has.
    pub fn ends_within(&self, time: Duration) -> bool {
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < time {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.has_ended()
    }

    /// Its parent, and its process group; `None` if it is gone.
    pub fn family(&self) -> Option<(i32, i32)> {
        observe::stat(&self.pid().to_string()).map(|stat| (stat.parent, stat.group))
    }

    /// Its open descriptors and what they are open on, without the one over which it gets orders.
    pub fn descriptors(&self) -> Vec<(i32, String)> {
        let strings = self.line(|player| player.strings);
        let all = observe::descriptors(self.pid()).unwrap_or_default();
        all.into_iter().filter(|(fd, _)| *fd != strings).collect()
    }

    /// What it could not do with its first three descriptors when it was started, in words; `None` if it
    /// could read from the first and write to the others.
    pub fn cannot(&self) -> Option<String> {
        let modes = self.line(|player| player.modes.clone());
        let uses = [libc::O_RDONLY, libc::O_WRONLY, libc::O_WRONLY];
        (0..).zip(modes).zip(uses).find_map(|((fd, mode), needed)| {
            let way = mode & libc::O_ACCMODE;
            let does = if needed == libc::O_RDONLY { "read from" } else { "write to" };
            match mode {
                -1 => Some(format!("has no descriptor {fd}")),
                _ if way == libc::O_RDWR || way == needed => None,
                _ => Some(format!("cannot {does} its descriptor {fd}")),
            }
        })
    }

    /// The signals that were ignored when it was started, or blocked.
    pub fn deaf_to(&self) -> Vec<i32> {
        let bits = self.line(|player| player.ignored | player.blocked);
        (1..=64).filter(|signal| bits & (1 << (signal - 1)) != 0).collect()
    }

    /// How it ended, if its parent is gone and it has become this process's child: a raw status.
    pub fn end_as_orphan(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: the status lives during the call.
        let waited = unsafe { libc::waitpid(self.pid(), &mut status, libc::WNOHANG) };
        (waited == self.pid()).then_some(status)
    }
}
