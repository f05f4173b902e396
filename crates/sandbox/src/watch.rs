//! Watches one job: reads what it sends and prints, ends it where it must be ended, and looks at
//! what it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2};

use crate::account::{End, How};
use crate::clock::Clock;
use crate::kill::kill_all;
use crate::memory::Counter;
use crate::place::{Place, Spaces};
use crate::processes;
use crate::spec::{Channel, Job, Question, Spec};
use crate::start::{Ends, Start};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How many times its limit a program may take longer on a machine that others keep busy.
const PATIENCE: u32 = 3;

/// How long a hanging program may take to say where it is. It reads its debug information for that,
/// beside whatever else keeps the machine busy.
const ANSWER: Duration = Duration::from_secs(2);

/// How often a running thread is asked that does not name its source.
const QUESTIONS: usize = 8;

/// How often a running thread is asked at least, so that one sees whether it stays where it is.
const LOOKS: usize = 3;

/// How often in a row something must be out of sight.
const HIDDEN: usize = 50;

/// How many packets are kept. A channel holds fewer that have not been read.
const MOST_PACKETS: usize = 1000;

pub(crate) struct Watch<'a> {
    spec: &'a Spec,
    spaces: &'a Spaces,
    place: &'a Place,
    job: &'a Job,
    children: &'a SignalFd,
    pub(crate) end: End,
    memory: Counter,
    clock: Clock,
    /// What could not be looked at.
    unseen: BTreeSet<String>,
    /// What could not be looked at this time, and how many times before: who is being executed is
    /// out of sight for a moment.
    hidden: BTreeMap<String, usize>,
    printed: usize,
}

/// Where something has happened.
struct Ready {
    /// The end of the caller.
    lifeline: bool,
    children: bool,
    channel: bool,
    output: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        spec: &'a Spec,
        spaces: &'a Spaces,
        place: &'a Place,
        job: &'a Job,
        children: &'a SignalFd,
    ) -> Watch<'a> {
        let temporary = place.temporary.to_string_lossy();
        let work = place.work.to_string_lossy();
        let memory = match spaces.mount {
            true => Counter::new(&[&temporary, &work, "/dev/shm"], None, spaces.memory()),
            false => Counter::new(&[], Some(&place.temporary), spaces.memory()),
        };
        let (clock, unseen, hidden) = (Clock::default(), BTreeSet::new(), BTreeMap::new());
        let end = End::default();
        Watch { spec, spaces, place, job, children, end, memory, clock, unseen, hidden, printed: 0 }
    }

    pub(crate) fn run(&mut self) -> Result<()> {
        let job = self.job;
        let (ours, channel) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let (output, prints) = pipe2(OFlag::O_CLOEXEC)?;
        let (reads, _input) = pipe2(OFlag::O_CLOEXEC)?;
        let (failure, fails) = pipe2(OFlag::O_CLOEXEC)?;
        let start = Start::new(self.spec, self.spaces, self.place, job)?;
        let ends = Ends { channel, prints, reads };
        // SAFETY: the supervisor has one thread.
        let child = match unsafe { fork() }.context("fork")? {
            ForkResult::Parent { child } => child,
            ForkResult::Child => {
                let error = start.become_job(&ends);
                let _ = nix::unistd::write(&fails, format!("{error:#}").as_bytes());
                // SAFETY: _exit(2) is always safe to call.
                unsafe { libc::_exit(127) };
            }
        };
        drop((ends, fails));
        let mut why = String::new();
        fs::File::from(failure).read_to_string(&mut why)?;
        if !why.is_empty() {
            bail!("{}: {why}", job.program);
        }
        if let Some(channel) = &job.channel {
            let packet = format!("{}\n{}", channel.secret, channel.order);
            let _ = send(ours.as_raw_fd(), packet.as_bytes(), MsgFlags::MSG_NOSIGNAL);
        }
        self.watch(child, &ours, output)
    }

    /// Waits until the program has ended, is done, or has to be ended.
    fn watch(&mut self, child: Pid, channel: &OwnedFd, output: OwnedFd) -> Result<()> {
        let start = Instant::now();
        let limit = Duration::from_secs_f64(self.job.limits.seconds);
        let mut deadline = start + limit;
        let mut output = Some(output);
        let mut channel_open = self.job.channel.is_some();
        let mut look = Instant::now() + LOOK;
        loop {
            let now = Instant::now();
            if now >= deadline {
                self.clock.look(&processes::all(self.spaces.process));
                // What others took is given back, though not for ever.
                let more = start + limit + self.clock.taken(now - start).min(limit * PATIENCE);
                if more > now {
                    deadline = more.max(now + LOOK);
                    continue;
                }
                self.ask(child, channel);
                self.end.how = How::TimeUp;
                break;
            }
            if now >= look {
                look = now + LOOK;
                if let Some(how) = self.exceeded() {
                    self.end.how = how;
                    break;
                }
            }
            let open = channel_open.then_some(channel);
            let ready = self.wait(open, output.as_ref(), deadline.min(look))?;
            if ready.lifeline {
                // Nothing more is ever written there: who waits for the account is gone.
                kill_all(self.spaces.process);
                self.place.remove();
                std::process::exit(1);
            }
            if ready.output {
                output = output.filter(|output| self.read_output(output));
                if self.end.how == How::TooMuchOutput {
                    break;
                }
            }
            if ready.channel {
                match self.read_packet(channel) {
                    None => channel_open = false,
                    Some(false) => {}
                    Some(true) => {
                        self.look_around(child);
                        // It may have taken all that since the last look.
                        self.end.how = self.exceeded().unwrap_or(How::Done);
                        self.let_go(child, channel);
                        break;
                    }
                }
            }
            if ready.children {
                let _ = self.children.read_signal();
                if let Some(how) = collect(child) {
                    // What it sent is in the channel. Orphans may go on sending.
                    for _ in 0..MOST_PACKETS {
                        if !channel_open || self.read_packet(channel).is_none() {
                            break;
                        }
                    }
                    self.end.how = how;
                    break;
                }
            }
        }
        self.end.delayed = self.clock.taken(start.elapsed()).as_secs_f64();
        self.end.ran = self.clock.ran().as_secs_f64();
        self.end.left.unseen = self.unseen.iter().cloned().collect();
        if let Some(output) = &output {
            self.drain(output);
        }
        Ok(())
    }

    /// Waits for something to happen, but not longer than until `end`.
    fn wait(
        &self,
        channel: Option<&OwnedFd>,
        output: Option<&OwnedFd>,
        end: Instant,
    ) -> Result<Ready> {
        let left = end.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left.as_millis() as i32 + 1)?;
        let lifeline = std::io::stdin();
        let mut fds = vec![
            PollFd::new(lifeline.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(channel.map(|channel| PollFd::new(channel.as_fd(), PollFlags::POLLIN)));
        fds.extend(output.map(|output| PollFd::new(output.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, left) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => bail!("poll: {errno}"),
        }
        let mut happened = fds.iter().map(|fd| fd.revents().is_some_and(|it| !it.is_empty()));
        let mut next = || happened.next().unwrap_or(false);
        Ok(Ready {
            lifeline: next(),
            children: next(),
            channel: channel.is_some() && next(),
            output: output.is_some() && next(),
        })
    }

    /// Which of its limits the program exceeds, of those that the kernel does not know.
    fn exceeded(&mut self) -> Option<How> {
        let limits = &self.job.limits;
        let pids = processes::all(self.spaces.process);
        if self.clock.look(&pids) > limits.processes {
            return Some(How::TooManyProcesses);
        }
        let meanwhile =
            || processes::count(&processes::all(self.spaces.process)) > limits.processes;
        let Some(held) = self.memory.held(&pids, limits.memory, meanwhile) else {
            return Some(How::TooManyProcesses);
        };
        if held.memory > limits.memory {
            return Some(How::TooMuchMemory);
        }
        let times = |who: &String| self.hidden.get(who).map_or(1, |times| times + 1);
        self.hidden = held.unseen.into_iter().map(|who| (who.clone(), times(&who))).collect();
        let hide = self.hidden.iter().filter(|(_, times)| **times >= HIDDEN);
        self.unseen.extend(hide.map(|(who, _)| who.clone()));
        let used = self.place.used(self.spaces.mount, limits.disk, &mut self.unseen);
        (used + held.nameless > limits.disk).then_some(How::TooMuchDisk)
    }

    /// Reads a packet: `None` at the end of the channel, `Some(true)` if the program is done.
    fn read_packet(&mut self, channel: &OwnedFd) -> Option<bool> {
        let job = self.job;
        let expected = job.channel.as_ref()?;
        let mut packet = vec![0; expected.longest + 1024];
        let length = match recv(channel.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return None,
            Err(Errno::EAGAIN) => return None,
            Err(Errno::EINTR) => return Some(false),
            Err(_) => return None,
            Ok(length) => length,
        };
        let packet = String::from_utf8_lossy(&packet[..length]);
        let mut parts = packet.splitn(3, '\n');
        let kept: usize = self.end.packets.iter().map(|(_, body)| body.len()).sum();
        let too_much = self.end.packets.len() > MOST_PACKETS || kept > 16 * expected.longest;
        if parts.next() != Some(&*expected.secret) || too_much {
            self.end.forged = true;
            return Some(false);
        }
        let kind = parts.next().unwrap_or_default().to_owned();
        let body = parts.next().unwrap_or_default().to_owned();
        if kind == expected.question.answer {
            let answer = body
                .split_once('\n')
                .and_then(|(thread, trace)| Some((thread.parse().ok()?, trace.to_owned())));
            self.end.answers.extend(answer);
            return Some(false);
        }
        let done = expected.last.contains(&kind);
        self.end.packets.push((kind, body));
        Some(done)
    }

    /// Reads some output; false at its end.
    fn read_output(&mut self, output: &OwnedFd) -> bool {
        let mut buffer = [0; 16 * 1024];
        let Ok(length) = nix::unistd::read(output, &mut buffer) else { return true };
        if length == 0 {
            return false;
        }
        let limit = self.job.limits.output;
        let kept = self.end.output.len();
        let text = String::from_utf8_lossy(&buffer[..length]);
        self.end.output.extend(text.chars().take(limit.saturating_sub(kept)));
        if kept + length > limit {
            self.end.cut = true;
        }
        self.printed += length;
        if self.printed > self.job.limits.most_output() {
            self.end.how = How::TooMuchOutput;
        }
        true
    }

    /// Reads what is in the pipe without waiting for more: others may hold it open.
    fn drain(&mut self, output: &OwnedFd) {
        for _ in 0..64 {
            let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
            let how = self.end.how.clone();
            if !ready || !self.read_output(output) {
                return;
            }
            self.end.how = how;
        }
    }

    /// Sees what the program has left, while it stands still.
    fn look_around(&mut self, child: Pid) {
        processes::stop_all(self.spaces.process);
        let me = std::process::id() as i32;
        for pid in processes::all(self.spaces.process) {
            let Some(stat) = proc::stat(&pid.to_string()) else { continue };
            if pid == child.as_raw() || (stat.state == 'Z' && stat.parent == me) {
                continue;
            }
            if stat.state == 'Z' {
                self.end.left.zombies.push(format!("{pid} ({})", stat.name));
            } else {
                self.end.left.running.push(format!("{pid} ({})", processes::title(pid)));
            }
        }
        for thread in proc::threads(child.as_raw()) {
            if thread != child.as_raw() {
                let stat = proc::stat(&format!("{child}/task/{thread}"));
                let name = stat.map(|stat| stat.name).unwrap_or_default();
                self.end.left.threads.push(format!("{thread} ({name})"));
            }
        }
        let channel = self.job.channel.as_ref().map_or(-1, |channel| channel.descriptor);
        match processes::descriptors(child.as_raw(), channel) {
            Some(open) => self.end.left.descriptors = open,
            None => {
                self.unseen.insert(format!("the descriptors of {child}"));
            }
        }
        let (mut shared, files) = self.place.contents(self.spaces.mount, &mut self.unseen);
        shared.extend(self.spaces.memory().names());
        self.end.left.shared_memory = shared;
        self.end.left.files = files;
    }

    /// Lets the program end by itself, for a moment.
    fn let_go(&mut self, child: Pid, channel: &OwnedFd) {
        let _ = kill(child, Signal::SIGCONT);
        let _ = send(channel.as_raw_fd(), b"over", MsgFlags::MSG_NOSIGNAL);
        let mut fds = [PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(100_u8));
        let _ = self.children.read_signal();
        let _ = collect(child);
    }

    /// Asks a program whose time is up what it is doing.
    fn ask(&mut self, child: Pid, channel: &OwnedFd) {
        let pids = processes::all(self.spaces.process);
        self.end.doing = processes::doing(&pids, child.as_raw());
        let Some(Channel { question, .. }) = &self.job.channel else { return };
        let end = Instant::now() + ANSWER;
        let mut threads = proc::threads(child.as_raw());
        for time in 0..QUESTIONS {
            if threads.is_empty() || !self.ask_once(child, &threads, question, channel, end) {
                return;
            }
            let doing = &self.end.doing;
            let runs = |thread| doing.iter().any(|it| it.thread == thread && it.state == 'R');
            let enough = time + 1 >= LOOKS;
            let has_named = |thread| self.has_named(thread, &question.source);
            threads.retain(|thread| runs(*thread) && !(enough && has_named(*thread)));
            if !threads.is_empty() {
                // The compiler gives no line to some instructions, and they may have been at one of
                // those. They have to come back from the answer to go on to another.
                std::thread::sleep(Duration::from_millis(if enough { 1 << time } else { 20 }));
            }
        }
    }

    /// Whether all these threads have answered before `end`.
    fn ask_once(
        &mut self,
        child: Pid,
        threads: &[i32],
        question: &Question,
        channel: &OwnedFd,
        end: Instant,
    ) -> bool {
        let before = self.end.answers.len();
        for &thread in threads {
            // SAFETY: tgkill(2) takes three integers.
            unsafe { libc::syscall(libc::SYS_tgkill, child.as_raw(), thread, question.signal) };
        }
        let _ = kill(child, Signal::SIGCONT);
        while self.end.answers.len() - before < threads.len() {
            let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
            let left = end.saturating_duration_since(Instant::now()).as_millis() as u16;
            let ready = poll(&mut fds, PollTimeout::from(left)).is_ok_and(|ready| ready > 0);
            if !ready || self.read_packet(channel).is_none() {
                return false;
            }
        }
        true
    }

    fn has_named(&self, thread: i32, source: &str) -> bool {
        self.end.answers_of(thread).any(|trace| trace.contains(source))
    }
}

/// Collects children; says how `child` ended, if it was among them.
fn collect(child: Pid) -> Option<How> {
    let mut how = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => how = Some(How::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                how = Some(How::Killed(signal as i32));
            }
            Ok(WaitStatus::StillAlive) => return how,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return how,
        }
    }
}
