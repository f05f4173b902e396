//! Runs one experiment in a process of its own, so that a crash, a hang or a leftover of one
//! experiment costs its own row and nothing else.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Pid};
use serde_json::{Value as Json, json};

use crate::child::{self, Child};
use crate::machine::Busy;
use crate::narrate::{self, Hues};
use crate::{
    Effort, Evidence, Experiment, Lab, NoEvidence, Package, Unavailable, bounds, events, start,
};

/// First argument of a process that runs one experiment for a supervisor.
const EXPERIMENT_FLAG: &str = "--experiment-for-supervisor";
/// First argument of a process that plays a role in an experiment.
const ROLE_FLAG: &str = "--role-in-experiment";
/// The trace file's absolute path, for processes that execute this program again.
const TRACE_VARIABLE: &str = "LAB_TRACE";

/// How an experiment is run by its supervisor.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// How much time the experiment takes.
    pub effort: Effort,
    /// After how long it is stopped; [`Effort::limit`] is generous.
    pub limit: Duration,
    /// Whether the story is kept off standard output.
    pub quiet: bool,
    /// Whether roles are coloured, where standard output is a terminal.
    pub colour: bool,
    /// Where trace events go.
    pub trace: Option<&'a std::path::Path>,
}

impl Run<'_> {
    /// Runs `package/experiment` in a child process and returns what it found, or why it found
    /// nothing: this machine cannot show it, or it crashed, hung, gave up or left a process behind.
    pub fn experiment(
        &self,
        package: &str,
        experiment: &Experiment,
    ) -> Result<Evidence, NoEvidence> {
        let (name, watch) = (experiment.name, Busy::begin());
        events::experiment_begins(name, experiment.question);
        let outcome = self.outcome(package, experiment);
        events::experiment_ends(name);
        outcome
            .unwrap_or_else(|error| Err(NoEvidence::of(&error)))
            .map(|mut evidence| {
                evidence.while_busy(watch.so_far());
                evidence
            })
            .map_err(|without| match without {
                NoEvidence::Unavailable(why) => NoEvidence::Unavailable(format!("{name}: {why}")),
                NoEvidence::Failed(why) => NoEvidence::Failed(format!("{name}: {why}")),
            })
    }

    fn outcome(
        &self,
        package: &str,
        experiment: &Experiment,
    ) -> Result<Result<Evidence, NoEvidence>> {
        let new_file = |name| memfd_create(name, MFdFlags::empty());
        let report = new_file(c"evidence").map_err(child::explain("memfd_create"))?;
        let hues = if self.colour { Hues::create().ok() } else { None };
        let _ = nix::sys::prctl::set_child_subreaper(true);
        let mut command = Command::new(start::this_program());
        command
            .arg0(package)
            .args([EXPERIMENT_FLAG, &std::process::id().to_string(), package, experiment.name])
            .arg(report.as_raw_fd().to_string())
            .arg(self.effort.word())
            .arg(if self.quiet { "1" } else { "0" })
            .arg(hues.as_ref().map_or(-1, AsRawFd::as_raw_fd).to_string())
            .stdin(Stdio::null());
        // Its children take signals as usual, so what this process is protected from must not reach
        // them either.
        if start::is_protected() {
            command.process_group(0);
        }
        // A file and not a pipe, which a talkative experiment would fill.
        let mut errors = None;
        if self.quiet {
            let file = File::from(new_file(c"stderr").map_err(child::explain("memfd_create"))?);
            command
                .stdout(Stdio::null())
                .stderr(file.try_clone().map_err(child::explain_io("dup"))?)
                // Nobody reads the stack of a panic there, and it takes long to find its lines.
                .env_remove("RUST_BACKTRACE");
            errors = Some(file);
        }
        if let Some(path) = self.trace {
            command.env(TRACE_VARIABLE, path);
        }
        let killed_before = killed_for_memory();
        let process = command.spawn().map_err(child::explain_io("fork"))?;
        let child = Child::adopt(Pid::from_raw(process.id() as i32));
        let (status, in_time) = match child.wait_for(self.limit)? {
            Ok(status) => (status, true),
            Err(late) => (late.kill()?, false),
        };
        let leftovers = child::sweep();
        let Found { own, child } = found(&read_whole(report.into())?);
        if !in_time {
            let what = format!("it was stopped after {} s", self.limit.as_secs());
            return if child.is_some() {
                Ok(Err(because(what, child)))
            } else {
                Err(child::late(&what))
            };
        }
        if own.is_none()
            && !matches!(status, WaitStatus::Signaled(..))
            && let Some(why) = child
        {
            return Ok(Err(why));
        }
        let why = match (status, own) {
            (WaitStatus::Signaled(_, signal, _), _) => {
                let what = format!("it was ended by {signal}");
                return Err(match lack_behind(signal, killed_before) {
                    Some(limit) => Unavailable::because(format!("{what}: {limit}")).into(),
                    None => anyhow::anyhow!("{what}"),
                });
            }
            (_, Some(Err(NoEvidence::Failed(why)))) => why,
            (_, Some(Err(unavailable))) => return Ok(Err(unavailable)),
            (WaitStatus::Exited(_, code), _) if code != 0 => {
                let errors = errors.map(read_whole).transpose()?.unwrap_or_default();
                match errors.lines().last() {
                    Some(last) => format!("it exited with {code}: {last}"),
                    None => format!("it exited with {code}"),
                }
            }
            _ if leftovers > 0 => {
                let them = if leftovers == 1 { "process" } else { "processes" };
                format!("it left {leftovers} {them} behind")
            }
            // Evidence from an experiment of which a part has failed shows that failure, perhaps.
            (_, Some(Ok(evidence))) => return Ok(child.map_or(Ok(evidence), Err)),
            (_, None) => "it ended without its evidence".to_owned(),
        };
        Ok(Err(because(why, child)))
    }
}

/// What went wrong, with what a child could not do as its reason, which also says of which kind it is.
fn because(what: String, child: Option<NoEvidence>) -> NoEvidence {
    match child {
        Some(NoEvidence::Unavailable(why)) => NoEvidence::Unavailable(format!("{what}: {why}")),
        Some(NoEvidence::Failed(why)) => NoEvidence::Failed(format!("{what}: {why}")),
        None => NoEvidence::Failed(what),
    }
}

/// How many processes the kernel has killed because memory, or that of a cgroup, was used up.
fn killed_for_memory() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/vmstat").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}

/// The limit that a signal tells of, setrlimit(2), if it tells of one.
pub(crate) fn limit_of(signal: Signal) -> Option<&'static str> {
    match signal {
        Signal::SIGXCPU => Some("the limit on CPU time is reached (ulimit -t)"),
        Signal::SIGXFSZ => Some("files may not grow as much as it needs (ulimit -f)"),
        _ => None,
    }
}

/// The same, also of the memory of a machine or a container on which the kernel has killed more than
/// `before`.
fn lack_behind(signal: Signal, before: Option<u64>) -> Option<String> {
    if signal != Signal::SIGKILL || killed_for_memory() <= before {
        return limit_of(signal).map(str::to_owned);
    }
    Some(match crate::machine::Cgroup::here().memory {
        Some(max) => format!(
            "the kernel killed it because memory.max of this container, {}, was reached",
            bounds::bytes(max)
        ),
        None => "the kernel killed it because memory was used up".to_owned(),
    })
}

/// What the experiment's processes wrote for their supervisor.
#[derive(Default)]
struct Found {
    /// The experiment's own line, its last.
    own: Option<Result<Evidence, NoEvidence>>,
    /// What a child could not do, the first of them.
    child: Option<NoEvidence>,
}

fn found(lines: &str) -> Found {
    let (mut found, mut not_killed) = (Found::default(), None);
    for line in lines.lines() {
        let Ok(json) = serde_json::from_str::<Json>(line) else { break };
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        if let Some(why) = text("child unavailable") {
            found.child.get_or_insert(NoEvidence::Unavailable(why));
        } else if let Some(why) = text("child failed") {
            found.child.get_or_insert(NoEvidence::Failed(why));
        } else if let Some(why) = text("child not killed") {
            not_killed.get_or_insert(NoEvidence::Unavailable(why));
        } else if let Some(why) = text("unavailable") {
            found.own = Some(Err(NoEvidence::Unavailable(why)));
        } else if let Some(why) = text("failed") {
            found.own = Some(Err(NoEvidence::Failed(why)));
        } else {
            found.own = Evidence::from_json(&json).map(Ok);
        }
    }
    // Who is about to fail gives up its children too: that one could not be killed is a reason only
    // where there is no other.
    found.child = found.child.or(not_killed);
    found
}

/// The file for the supervisor, in the processes of an experiment.
static REPORT: AtomicI32 = AtomicI32::new(-1);

/// Tells the supervisor why a child of the experiment fails; on standard error where there is none.
pub(crate) fn note(error: &anyhow::Error) {
    let told = match NoEvidence::of(error) {
        NoEvidence::Unavailable(why) => tell(&json!({ "child unavailable": why })),
        NoEvidence::Failed(why) => tell(&json!({ "child failed": why })),
    };
    if !told {
        eprintln!("{}", messages::one_line(&format!("{error:#}")));
    }
}

/// Tells the supervisor of a child that was ended because a limit was reached. What it was for then
/// fails, and says so only as whoever waits for it sees it.
pub(crate) fn note_limit(pid: Pid, signal: Signal) {
    if let Some(limit) = limit_of(signal) {
        tell(&json!({ "child unavailable": format!("{pid} was ended by {signal}: {limit}") }));
    }
}

/// Tells the supervisor that a child which nobody waits for any more could not be killed.
pub(crate) fn note_not_killed(errno: Errno) {
    let why = child::explain("kill")(errno).to_string();
    if !tell(&json!({ "child not killed": why })) {
        eprintln!("{why}");
    }
}

fn tell(json: &Json) -> bool {
    let fd = REPORT.load(Ordering::Relaxed);
    let line = format!("{json}\n");
    // SAFETY: the descriptor stays open while this process lives, and the text is valid.
    unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) != -1 }
}

fn read_whole(mut file: File) -> Result<String> {
    use std::io::Seek;
    let mut bytes = Vec::new();
    file.rewind().context("lseek")?;
    file.read_to_end(&mut bytes).context("read")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A command that executes this program again, to play `role` of `package`.
pub fn role(package: &str, role: &str) -> Command {
    let mut command = Command::new(start::this_program());
    let hues = narrate::hues().unwrap_or(-1).to_string();
    let parent = std::process::id().to_string();
    command.arg0(role).args([ROLE_FLAG, &parent, &hues, package, role]);
    command
}

/// If this process was started by a supervisor or to play a role, does that and never returns.
/// Otherwise sets right what it has inherited, and returns in a process that has no children.
pub fn serve(packages: &[&Package]) {
    let arguments: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let hues = |word: &str| word.parse().ok().filter(|fd| *fd >= 0);
    let outcome = match words[..] {
        [_, EXPERIMENT_FLAG, parent, package, name, fd, effort, quiet, colour] => {
            die_with(parent);
            start::set_right_for_experiment();
            narrate::set_up(quiet == "1", hues(colour), inherited_trace());
            events::begin_program(parent_of(parent));
            experiment(packages, package, name, fd, effort)
        }
        [_, ROLE_FLAG, parent, colour, package, name, ref rest @ ..] => {
            // What it inherits from its experiment may be the lesson, so nothing is set right here.
            die_with(parent);
            narrate::set_up(false, hues(colour), inherited_trace());
            events::begin_program(parent_of(parent));
            let found = packages
                .iter()
                .filter(|candidate| candidate.name == package)
                .flat_map(|package| package.roles)
                .find(|role| role.name == name);
            match found {
                Some(role) => (role.run)(rest),
                None => Err(anyhow::anyhow!("there is no role {name}")),
            }
        }
        _ => {
            start::set_right();
            start::too_large_is_an_error();
            if start::has_children() {
                stand_aside();
            }
            return;
        }
    };
    match outcome {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{}", messages::one_line(&format!("{error:#}")));
            std::process::exit(1)
        }
    }
}

/// Lets a child do what this process was started for, and returns there: a supervisor ends all its
/// children, and here are some that it has not made. This process waits and ends as its child does.
fn stand_aside() {
    let parent = nix::unistd::getpid();
    // SAFETY: this process has one thread yet.
    let child = match unsafe { nix::unistd::fork() } {
        Ok(ForkResult::Child) => return child::die_with(parent),
        Ok(ForkResult::Parent { child }) => child,
        Err(errno) => {
            eprintln!("{:#}", child::explain("fork")(errno));
            std::process::exit(1)
        }
    };
    match child::reap(child) {
        Ok(WaitStatus::Exited(_, code)) => std::process::exit(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            child::no_core_dump();
            // SAFETY: the default disposition runs no code of this process.
            unsafe { libc::signal(signal as i32, libc::SIG_DFL) };
            let _ = nix::sys::signal::raise(signal);
        }
        _ => {}
    }
    std::process::exit(1)
}

/// Ties this process to the one that started it, whose pid stands on the command line.
fn die_with(parent: &str) {
    child::die_with(parent_of(parent));
}

fn parent_of(word: &str) -> Pid {
    Pid::from_raw(word.parse().unwrap_or(0))
}

fn experiment(
    packages: &[&Package],
    package: &str,
    name: &str,
    fd: &str,
    effort: &str,
) -> Result<()> {
    let experiment = packages
        .iter()
        .filter(|candidate| candidate.name == package)
        .flat_map(|package| package.experiments)
        .find(|experiment| experiment.name == name)
        .with_context(|| format!("there is no experiment {package} -- {name}"))?;
    let fd: i32 = fd.parse().context("the evidence descriptor")?;
    let effort = Effort::of_word(effort).context("the effort")?;
    nix::fcntl::fcntl(
        // SAFETY: the supervisor opened this descriptor for us and nothing else uses it.
        unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) },
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
    )
    .context("the evidence descriptor")?;
    REPORT.store(fd, Ordering::Relaxed);
    // SAFETY: as above; from here on the file owns it, and it is open until this process ends.
    let mut report = std::mem::ManuallyDrop::new(File::from(unsafe { OwnedFd::from_raw_fd(fd) }));
    let found = match (experiment.run)(&Lab { effort }) {
        Ok(evidence) => evidence.to_json(),
        Err(error) => match NoEvidence::of(&error) {
            NoEvidence::Unavailable(why) => json!({ "unavailable": why }),
            NoEvidence::Failed(why) => json!({ "failed": why }),
        },
    };
    std::io::Write::write_all(&mut *report, found.to_string().as_bytes())
        .context("write the evidence")
}

fn inherited_trace() -> Option<i32> {
    open_trace(std::path::Path::new(&std::env::var_os(TRACE_VARIABLE)?)).ok()
}

/// Opens a trace for appending; the descriptor stays open until the process ends.
pub(crate) fn open_trace(path: &std::path::Path) -> std::io::Result<i32> {
    use std::os::fd::IntoRawFd;
    Ok(std::fs::OpenOptions::new().append(true).open(path)?.into_raw_fd())
}

impl Effort {
    /// How long one experiment may take before it is stopped.
    pub fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Effort::Quick => 20,
            Effort::Normal => 40,
            Effort::Full => 300,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Effort::Quick => "quick",
            Effort::Normal => "normal",
            Effort::Full => "full",
        }
    }

    fn of_word(word: &str) -> Option<Effort> {
        [Effort::Quick, Effort::Normal, Effort::Full]
            .into_iter()
            .find(|effort| effort.word() == word)
    }
}
