//! Runs one experiment in a process of its own, so that a crash, a hang or a leftover of one
//! experiment costs its own row and nothing else.

use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::{Value as Json, json};

use crate::child::{self, Child};
use crate::machine::Busy;
use crate::{Effort, Evidence, Experiment, Lab, NoEvidence, Package, narrate};

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
    /// Whether roles are coloured.
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
        self.outcome(package, experiment)
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
        let report =
            memfd_create(c"evidence", MFdFlags::empty()).map_err(child::explain("memfd_create"))?;
        let _ = nix::sys::prctl::set_child_subreaper(true);
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(package)
            .args([EXPERIMENT_FLAG, &std::process::id().to_string(), package, experiment.name])
            .arg(report.as_raw_fd().to_string())
            .arg(self.effort.word())
            .args([self.quiet, self.colour].map(|yes| if yes { "1" } else { "0" }))
            .stdin(Stdio::null());
        if self.quiet {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        if let Some(path) = self.trace {
            command.env(TRACE_VARIABLE, path);
        }
        let mut process = command.spawn().map_err(child::explain_io("fork"))?;
        let child = Child::adopt(nix::unistd::Pid::from_raw(process.id() as i32));
        let in_time = child.ends_within(self.limit)?;
        if !in_time {
            child.signal(nix::sys::signal::Signal::SIGKILL);
        }
        let status = process.wait().context("wait")?;
        std::mem::forget(child);
        let leftovers = child::sweep();
        let mut errors = String::new();
        if let Some(mut stderr) = process.stderr.take() {
            let _ = stderr.read_to_string(&mut errors);
        }
        let found = serde_json::from_str(&read_whole(report)?).ok().and_then(|json| found(&json));
        let why = if !in_time {
            format!("it was stopped after {} s", self.limit.as_secs())
        } else if let Some(signal) = status.signal() {
            let signal = nix::sys::signal::Signal::try_from(signal);
            format!("it was ended by {}", signal.map_or("a signal", |signal| signal.as_str()))
        } else if let Some(Err(without)) = found {
            return Ok(Err(without));
        } else if !status.success() {
            let code = status.code().unwrap_or(-1);
            match errors.lines().last() {
                Some(last) => format!("it exited with {code}: {last}"),
                None => format!("it exited with {code}"),
            }
        } else if leftovers > 0 {
            format!("it left {leftovers} process{} behind", if leftovers == 1 { "" } else { "es" })
        } else if let Some(Ok(evidence)) = found {
            return Ok(Ok(evidence));
        } else {
            "it ended without its evidence".to_owned()
        };
        Ok(Err(NoEvidence::Failed(why)))
    }
}

/// What the experiment's process wrote for its supervisor.
fn found(json: &Json) -> Option<Result<Evidence, NoEvidence>> {
    let why = |key: &str| json[key].as_str().map(str::to_owned);
    if let Some(why) = why("unavailable") {
        return Some(Err(NoEvidence::Unavailable(why)));
    }
    if let Some(why) = why("failed") {
        return Some(Err(NoEvidence::Failed(why)));
    }
    Evidence::from_json(json).map(Ok)
}

fn read_whole(fd: OwnedFd) -> Result<String> {
    use std::io::Seek;
    let mut file = std::fs::File::from(fd);
    let mut text = String::new();
    file.rewind().context("lseek")?;
    file.read_to_string(&mut text).context("read")?;
    Ok(text)
}

/// A command that executes this program again, to play `role` of `package`.
pub fn role(package: &str, role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    let colour = if narrate::in_colour() { "1" } else { "0" };
    let parent = std::process::id().to_string();
    command.arg0(role).args([ROLE_FLAG, &parent, colour, package, role]);
    command
}

/// If this process was started by a supervisor or to play a role, does that and never returns.
pub fn serve(packages: &[&Package]) {
    let arguments: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [_, EXPERIMENT_FLAG, parent, package, name, fd, effort, quiet, colour] => {
            die_with(parent);
            narrate::set_up(quiet == "1", colour == "1", inherited_trace());
            experiment(packages, package, name, fd, effort)
        }
        [_, ROLE_FLAG, parent, colour, package, name, ref rest @ ..] => {
            die_with(parent);
            narrate::set_up(false, colour == "1", inherited_trace());
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
        _ => return,
    };
    match outcome {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error:#}");
            std::process::exit(1)
        }
    }
}

/// Ties this process to the one that started it, whose pid stands on the command line.
fn die_with(parent: &str) {
    child::die_with(nix::unistd::Pid::from_raw(parent.parse().unwrap_or(0)));
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
    // SAFETY: as above; from here on the file owns it.
    let mut report = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let found = match (experiment.run)(&Lab { effort }) {
        Ok(evidence) => evidence.to_json(),
        Err(error) => match NoEvidence::of(&error) {
            NoEvidence::Unavailable(why) => json!({ "unavailable": why }),
            NoEvidence::Failed(why) => json!({ "failed": why }),
        },
    };
    std::io::Write::write_all(&mut report, found.to_string().as_bytes())
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
