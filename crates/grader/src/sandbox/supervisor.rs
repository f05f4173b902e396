//! Starts each job, watches it, looks at what it left, and kills everything.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, setsid};
use seccompiler::BpfProgram;

use super::keeper::{Spaces, become_user};
use super::{Account, Content, End, How, Job, Spec, confine, disk, processes, raw};
use crate::inspect;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a hanging program may take to say where it is. It reads its debug information for that,
/// beside whatever else keeps the machine busy.
const ANSWER: Duration = Duration::from_secs(2);

/// How often a running thread is asked that does not name a line of the submission.
const QUESTIONS: usize = 8;

/// How many packets are kept. A channel holds fewer that have not been read.
const MOST_PACKETS: usize = 1000;

/// Writes the account for the grader.
pub(super) fn tell(account: &Account) {
    let text = serde_json::to_vec(account).unwrap_or_default();
    let _ = std::io::stdout().write_all(&text);
    let _ = std::io::stdout().flush();
}

/// The supervisor's `main`; never returns. Calls `cannot` with the reason if the directories cannot
/// be mounted; what it fails at after that is told in the account.
pub(super) fn main(
    spec: &Spec,
    spaces: &Spaces,
    mut account: Account,
    cannot: impl FnOnce(String),
) -> ! {
    let place = match Place::prepare(spec, spaces) {
        Ok(place) => place,
        Err(error) => {
            cannot(format!("{error:#}"));
            account.error = Some(format!("{error:#}"));
            tell(&account);
            std::process::exit(0);
        }
    };
    if let Err(error) = supervise(spec, spaces, &place, &mut account) {
        account.error = Some(format!("{error:#}"));
    }
    // What a namespace holds is killed by the kernel at the latest when this process ends.
    if !kill_all(spaces.process) && !spaces.process {
        account.error = Some(REMAINS.to_owned());
    }
    place.remove();
    tell(&account);
    std::process::exit(0);
}

/// What is said if something survives SIGKILL.
const REMAINS: &str = "what the submission has started cannot be ended";

/// The directories of a run.
struct Place {
    work: PathBuf,
    temporary: PathBuf,
    /// To be removed at the end, unless it goes with the namespace.
    remove: Option<PathBuf>,
}

impl Place {
    fn prepare(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let place =
            if spaces.mount { Place::mounted(spec, spaces)? } else { Place::on_disk(spaces.drop)? };
        if let Some(number) = spaces.drop {
            become_user(number).inspect_err(|_| place.remove())?;
        }
        // Others of the same user cannot look into this process, nor trace it.
        let _ = nix::sys::prctl::set_dumpable(false);
        place.put(&spec.files).inspect_err(|_| place.remove())?;
        Ok(place)
    }

    /// Puts files into the working directory.
    fn put(&self, files: &[super::File]) -> Result<()> {
        for file in files {
            let path = self.work.join(&file.name);
            match &file.content {
                Content::Text(text) => fs::write(&path, text)?,
                Content::Descriptor(fd) => {
                    copy_all(&mut duplicate(*fd)?, &mut fs::File::create(&path)?)?;
                }
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }

    fn mounted(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let nothing: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(nothing, "/", nothing, private, nothing).context("mount --make-rprivate /")?;
        if spaces.process {
            mount_proc()?;
        }
        let needed = |place: &Path| spec.needed.iter().any(|needed| needed.starts_with(place));
        let places = ["/mnt", "/media", "/srv", "/opt", "/home", "/tmp"];
        let places = places.iter().map(Path::new).filter(|place| place.is_dir());
        let work = places
            .filter(|place| !needed(place))
            .find(|place| memory_disk(place, "size=256m,mode=0755").is_ok());
        let work = work.context("no directory to mount a working directory on")?.to_owned();
        let shared = Path::new("/dev/shm");
        if shared.is_dir() {
            memory_disk(shared, "size=64m,mode=1777").context("mount /dev/shm")?;
        }
        let temporary = Path::new("/tmp");
        let temporary = if needed(temporary) || work == temporary {
            let inside = work.join("temporary");
            fs::create_dir(&inside)?;
            inside
        } else {
            memory_disk(temporary, "size=64m,mode=1777").context("mount /tmp")?;
            temporary.to_owned()
        };
        if spaces.drop.is_some() {
            for path in [&work, &temporary] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
            }
        }
        Ok(Place { work, temporary, remove: None })
    }

    fn on_disk(drop: Option<u32>) -> Result<Place> {
        // Until everything is done, it is removed if anything fails.
        let made = tempfile::Builder::new().prefix("grade-").tempdir()?;
        let root = made.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let (work, temporary) = (root.join("work"), root.join("tmp"));
        for path in [&work, &temporary] {
            fs::create_dir(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
        }
        if drop.is_some() {
            // It is removed by whom it belongs to.
            std::os::unix::fs::chown(root, drop, drop)?;
        }
        Ok(Place { work, temporary, remove: Some(made.keep()) })
    }

    fn remove(&self) {
        if let Some(root) = &self.remove {
            disk::remove(root);
        }
    }

    /// Bytes that are in use by shared memory with a name and temporary files.
    fn used(&self, mounted: bool, enough: u64) -> u64 {
        if mounted {
            disk::used_of_mount(&self.temporary) + disk::used_of_mount(Path::new("/dev/shm"))
        } else {
            disk::used_below(&self.temporary, enough)
        }
    }

    /// Names of shared memory and temporary files that are there.
    fn contents(&self, mounted: bool) -> (Vec<String>, Vec<String>) {
        let names = |directory: &Path| -> Vec<String> {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let mut names: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let shared = if mounted { names(Path::new("/dev/shm")) } else { Vec::new() };
        (shared, names(&self.temporary))
    }
}

fn memory_disk(place: &Path, options: &str) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options))
}

/// Shows the processes of this namespace in `/proc`.
pub(super) fn mount_proc() -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    mount(Some("proc"), "/proc", Some("proc"), flags, nothing).context("mount /proc")
}

fn duplicate(fd: i32) -> std::io::Result<fs::File> {
    // SAFETY: the grader keeps this descriptor open for the supervisor.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
    Ok(fs::File::from(fd))
}

fn copy_all(from: &mut fs::File, to: &mut fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let length = from.read_at(&mut buffer, offset)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
        offset += length as u64;
    }
}

/// The filters that are put in force; says in the account which isolation is.
fn isolation(spec: &Spec, spaces: &Spaces, account: &mut Account) -> Vec<BpfProgram> {
    let mut filters = Vec::new();
    if !spec.wants("seccomp") {
        account.missing.push("seccomp: not wanted".to_owned());
    } else {
        match confine::filters(&spaces.judges) {
            Ok(made) => {
                account.isolation.push("seccomp".to_owned());
                filters = made;
            }
            Err(error) => account.missing.push(format!("seccomp: {error:#}")),
        }
    }
    if !spec.wants("Landlock") {
        account.missing.push("Landlock: not wanted".to_owned());
    } else if landlock_version() > 0 {
        account.isolation.push(format!("Landlock (version {})", landlock_version()));
    } else {
        account.missing.push("Landlock: this kernel does not have it".to_owned());
    }
    account.isolation.push("resource limits".to_owned());
    filters
}

/// The largest compiled submission that is looked through, in bytes: it is read into memory.
const LARGEST: u64 = 64 << 20;

fn supervise(spec: &Spec, spaces: &Spaces, place: &Place, account: &mut Account) -> Result<()> {
    let filters = isolation(spec, spaces, account);
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block()?;
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    for (index, job) in spec.jobs.iter().enumerate() {
        if let Some(late) = spec.late.get(index) {
            place.put(late)?;
        }
        let mut watch = Watch {
            spaces,
            place,
            job,
            children: &children,
            end: End::default(),
            printed: 0,
            landlock: spec.wants("Landlock"),
        };
        let start = Instant::now();
        if let Err(error) = watch.run(&filters) {
            watch.end.how = How::NotStarted(format!("{error:#}"));
        }
        watch.end.seconds = start.elapsed().as_secs_f64();
        ensure!(kill_all(spaces.process), REMAINS);
        if let (Some(archive), How::Exited(0)) = (&job.inspect, &watch.end.how) {
            let archive = place.work.join(archive);
            watch.end.refused = if fs::metadata(&archive)?.len() > LARGEST {
                vec![format!("more than {} MiB once it is compiled", LARGEST >> 20)]
            } else {
                inspect::archive(&fs::read(archive)?)
            };
        }
        let goes_on = watch.end.how == How::Exited(0) && watch.end.refused.is_empty();
        account.ends.push(watch.end);
        if !goes_on {
            return Ok(());
        }
    }
    if let Some((name, fd)) = &spec.fetch {
        let mut from = fs::File::open(place.work.join(name))?;
        copy_all(&mut from, &mut duplicate(*fd)?)?;
    }
    Ok(())
}

fn landlock_version() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag, landlock_create_ruleset(2) takes no pointer and returns a number.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, VERSION) }
}

/// How long it may take to kill everything. The kernel frees a large memory first.
const KILLING: Duration = Duration::from_secs(10);

/// Kills whatever is left of the job and collects it; whether nothing is left. To signal a process
/// fails if it has ended meanwhile, which is as well: only what can still be waited for is left.
pub(super) fn kill_all(own_namespace: bool) -> bool {
    // One that is stopped forks no more, and still counts for the limit on processes: so those that
    // fork faster than they can be killed come to an end as well.
    let mut stopped = BTreeSet::new();
    while !own_namespace && stopped.len() < 10_000 {
        let running: Vec<i32> =
            processes::all(false).into_iter().filter(|pid| stopped.insert(*pid)).collect();
        if running.is_empty() {
            break;
        }
        for pid in running {
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
    }
    let start = Instant::now();
    while start.elapsed() < KILLING {
        if own_namespace {
            // Signals everything in the namespace but its first process, which is this one.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        } else {
            for pid in processes::all(false) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return true,
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    false
}

struct Watch<'a> {
    spaces: &'a Spaces,
    place: &'a Place,
    job: &'a Job,
    children: &'a SignalFd,
    end: End,
    printed: usize,
    landlock: bool,
}

/// Where something has happened.
struct Ready {
    /// The end of the grader.
    lifeline: bool,
    children: bool,
    channel: bool,
    output: bool,
}

impl Watch<'_> {
    fn run(&mut self, filters: &[BpfProgram]) -> Result<()> {
        let job = self.job;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let (output, prints) = pipe2(OFlag::O_CLOEXEC)?;
        let (reads, _input) = pipe2(OFlag::O_CLOEXEC)?;
        let (failure, fails) = pipe2(OFlag::O_CLOEXEC)?;
        let others = if self.spaces.user { 4 } else { threads_of_user() };
        let command = Prepared::new(job, self.place)?;
        // SAFETY: the supervisor has one thread.
        let child = match unsafe { fork() }.context("fork")? {
            ForkResult::Parent { child } => child,
            ForkResult::Child => {
                let error = self.become_job(&command, others, filters, &theirs, &prints, &reads);
                let _ = nix::unistd::write(&fails, format!("{error:#}").as_bytes());
                // SAFETY: _exit(2) is always safe to call.
                unsafe { libc::_exit(127) };
            }
        };
        drop((theirs, prints, reads, fails));
        let mut why = String::new();
        fs::File::from(failure).read_to_string(&mut why)?;
        if !why.is_empty() {
            bail!("{}: {why}", job.program);
        }
        if let Some((secret, packet)) = &job.channel {
            let packet = format!("{secret}\n{packet}");
            let flags = MsgFlags::MSG_NOSIGNAL;
            let _ = send(raw(&ours), packet.as_bytes(), flags);
        }
        self.watch(child, &ours, output)
    }

    /// In the child: gives everything up and becomes the program. Returns only if that fails.
    fn become_job(
        &self,
        command: &Prepared,
        others: u64,
        filters: &[BpfProgram],
        channel: &OwnedFd,
        prints: &OwnedFd,
        reads: &OwnedFd,
    ) -> anyhow::Error {
        let attempt = || -> Result<()> {
            setsid()?;
            let _ = SigSet::empty().thread_set_mask();
            std::env::set_current_dir(&self.place.work)?;
            // SAFETY: descriptors 0 to 3 of this process are about to be the program's.
            unsafe {
                libc::dup2(raw(reads), 0);
                libc::dup2(raw(prints), 1);
                libc::dup2(raw(prints), 2);
                if self.job.channel.is_some() {
                    // dup2 onto itself would leave the flag that closes it.
                    let high = libc::fcntl(raw(channel), libc::F_DUPFD, 10);
                    libc::dup2(high, harness::DESCRIPTOR);
                }
                let first = if self.job.channel.is_some() { 4 } else { 3 };
                libc::close_range(first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
            }
            if self.job.channel.is_some() {
                // Otherwise std installs handlers of its own, and gives each thread a stack for
                // them that is too small for those of the checks, which say where a thread is.
                for signal in [Signal::SIGSEGV, Signal::SIGBUS] {
                    // SAFETY: no handler is installed.
                    unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn)? };
                }
            }
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            confine::limit(self.job, others)?;
            nix::sys::prctl::set_no_new_privs()?;
            if self.landlock {
                let mut writable = vec![self.place.temporary.as_path()];
                if self.spaces.mount {
                    writable.push(Path::new("/dev/shm"));
                }
                confine::landlock(self.job, &self.place.work, &writable)?;
            }
            confine::seccomp(filters)?;
            nix::unistd::execve(&command.program, &command.arguments, &command.environment)?;
            Ok(())
        };
        match attempt() {
            Err(error) => error,
            Ok(()) => anyhow::anyhow!("execve returned"),
        }
    }

    /// Waits until the program has ended, is done, or has to be ended.
    fn watch(&mut self, child: Pid, channel: &OwnedFd, output: OwnedFd) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs_f64(self.job.limits.seconds);
        let mut output = Some(output);
        let mut channel_open = self.job.channel.is_some();
        let mut look = Instant::now() + LOOK;
        loop {
            let now = Instant::now();
            if now >= deadline {
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
                // Nothing more is ever written there: the grader is gone.
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
    fn exceeded(&self) -> Option<How> {
        let limits = &self.job.limits;
        let pids = processes::all(self.spaces.process);
        if processes::count(&pids) > limits.processes {
            return Some(How::TooManyProcesses);
        }
        if processes::memory(&pids) > limits.memory {
            return Some(How::TooMuchMemory);
        }
        let used = self.place.used(self.spaces.mount, limits.disk);
        (used > limits.disk).then_some(How::TooMuchDisk)
    }

    /// Reads a packet: `None` at the end of the channel, `Some(true)` if the program is done.
    fn read_packet(&mut self, channel: &OwnedFd) -> Option<bool> {
        let mut packet = vec![0; harness::LONGEST + 1024];
        let length = match recv(raw(channel), &mut packet, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return None,
            Err(Errno::EAGAIN) => return None,
            Err(Errno::EINTR) => return Some(false),
            Err(_) => return None,
            Ok(length) => length,
        };
        let packet = String::from_utf8_lossy(&packet[..length]);
        let (secret, _) = self.job.channel.as_ref()?;
        let mut parts = packet.splitn(3, '\n');
        let kept: usize = self.end.packets.iter().map(|(_, body)| body.len()).sum();
        let too_much = self.end.packets.len() > MOST_PACKETS || kept > 16 * harness::LONGEST;
        if parts.next() != Some(secret) || too_much {
            self.end.forged = true;
            return Some(false);
        }
        let kind = parts.next().unwrap_or_default().to_owned();
        let body = parts.next().unwrap_or_default().to_owned();
        let done = matches!(kind.as_str(), "end" | "strayed" | "unknown" | "no-schedule");
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
        if self.printed > 4 * limit {
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
        let me = std::process::id() as i32;
        for pid in processes::all(self.spaces.process) {
            let Some(stat) = processes::stat(&format!("/proc/{pid}")) else { continue };
            if pid == child.as_raw() || (stat.state == 'Z' && stat.parent == me) {
                continue;
            }
            if stat.state == 'Z' {
                self.end.left.zombies.push(format!("{pid} ({})", stat.name));
            } else {
                self.end.left.running.push(format!("{pid} ({})", processes::title(pid)));
            }
        }
        for thread in processes::threads(child.as_raw()) {
            if thread != child.as_raw() {
                let stat = processes::stat(&format!("/proc/{child}/task/{thread}"));
                let name = stat.map(|stat| stat.name).unwrap_or_default();
                self.end.left.threads.push(format!("{thread} ({name})"));
            }
        }
        self.end.left.descriptors = processes::descriptors(child.as_raw(), harness::DESCRIPTOR);
        let (shared, files) = self.place.contents(self.spaces.mount);
        self.end.left.shared_memory = shared;
        self.end.left.files = files;
    }

    /// Lets the program end by itself, for a moment.
    fn let_go(&mut self, child: Pid, channel: &OwnedFd) {
        let _ = send(raw(channel), b"over", MsgFlags::MSG_NOSIGNAL);
        let mut fds = [PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(100_u8));
        let _ = self.children.read_signal();
        let _ = collect(child);
    }

    /// Asks a program whose time is up what it is doing.
    fn ask(&mut self, child: Pid, channel: &OwnedFd) {
        let pids = processes::all(self.spaces.process);
        self.end.doing = processes::doing(&pids, child.as_raw());
        if self.job.channel.is_none() {
            return;
        }
        let end = Instant::now() + ANSWER;
        let mut threads = processes::threads(child.as_raw());
        for question in 0..QUESTIONS {
            if threads.is_empty() || !self.ask_once(child, &threads, channel, end) {
                return;
            }
            let doing = &self.end.doing;
            let runs = |thread| doing.iter().any(|it| it.thread == thread && it.state == 'R');
            threads.retain(|thread| runs(*thread) && !self.has_named_source(*thread));
            if !threads.is_empty() {
                // The compiler gives no line to some instructions, and they may have been at one of
                // those. They have to come back from the answer to go on to another.
                std::thread::sleep(Duration::from_millis(1 << question));
            }
        }
    }

    /// Whether all these threads have answered before `end`.
    fn ask_once(&mut self, child: Pid, threads: &[i32], channel: &OwnedFd, end: Instant) -> bool {
        let before = self.end.packets.len();
        for &thread in threads {
            // SAFETY: tgkill(2) takes three integers.
            unsafe {
                libc::syscall(libc::SYS_tgkill, child.as_raw(), thread, harness::WHERE_ARE_YOU)
            };
        }
        let _ = kill(child, Signal::SIGCONT);
        let answers = |end: &End| {
            end.packets[before..].iter().filter(|(kind, _)| kind == harness::ANSWER).count()
        };
        while answers(&self.end) < threads.len() {
            let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
            let left = end.saturating_duration_since(Instant::now()).as_millis() as u16;
            let ready = poll(&mut fds, PollTimeout::from(left)).is_ok_and(|ready| ready > 0);
            if !ready || self.read_packet(channel).is_none() {
                return false;
            }
        }
        true
    }

    fn has_named_source(&self, thread: i32) -> bool {
        self.end.answers(thread).any(|trace| trace.contains(&self.job.source))
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

/// Processes and threads that this user has now, where the limit counts all of them.
fn threads_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let me = nix::unistd::geteuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mine = entries.filter(|entry| entry.metadata().is_ok_and(|m| m.uid() == me));
    mine.map(|entry| {
        fs::read_dir(entry.path().join("task")).map_or(0, |tasks| tasks.count() as u64)
    })
    .sum()
}

/// What execve takes, made before the fork.
struct Prepared {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Prepared {
    fn new(job: &Job, place: &Place) -> Result<Prepared> {
        let work = place.work.to_string_lossy();
        let temporary = place.temporary.to_string_lossy();
        let fill = |text: &str| text.replace("{work}", &work).replace("{tmp}", &temporary);
        let program = place.work.join(&job.program);
        let program = CString::new(program.to_string_lossy().as_bytes())?;
        let mut arguments = vec![program.clone()];
        for argument in &job.arguments {
            arguments.push(CString::new(fill(argument))?);
        }
        let mut environment = vec![CString::new(format!("TMPDIR={temporary}"))?];
        for (name, value) in &job.environment {
            environment.push(CString::new(format!("{name}={}", fill(value)))?);
        }
        Ok(Prepared { program, arguments, environment })
    }
}
