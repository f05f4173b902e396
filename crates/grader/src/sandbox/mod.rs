//! Runs programs that nobody trusts, and says what became of them.
//!
//! Three processes take part. The *grader* writes a [`Spec`] and reads an [`Account`]. It starts
//! itself again as the *keeper*, which goes into namespaces of its own and forks the *supervisor*,
//! the first process of the new process namespace. The supervisor starts each [`Job`], watches it,
//! looks at what it left and kills everything. Where the machine offers less than this, the
//! account says so.
//!
//! If the grader is killed, the kernel kills the keeper (parent-death signal), then the supervisor,
//! and with the first process of a namespace all others. Without a process namespace the supervisor
//! notices that its input was closed, and cleans up by itself.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

mod confine;
mod disk;
mod keeper;
mod processes;
mod supervisor;

pub use keeper::main;

/// What to run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Spec {
    /// Whether a grader that runs as root does this as somebody who may do nothing.
    pub unprivileged: bool,
    /// Files to put into the working directory.
    pub files: Vec<File>,
    /// Run one after the other, up to the first that does not exit with 0.
    pub jobs: Vec<Job>,
    /// For each job, files that are put into the working directory only when it is about to run.
    #[serde(default)]
    pub late: Vec<Vec<File>>,
    /// A file of the working directory whose content is wanted, and the descriptor to write it to.
    pub fetch: Option<(String, i32)>,
    /// Where the working directory must not be mounted, because what is there is needed.
    pub needed: Vec<PathBuf>,
    /// What of [`CAN_DO_WITHOUT`] is not to be used.
    pub without: Vec<String>,
}

impl Spec {
    fn wants(&self, isolation: &str) -> bool {
        !self.without.iter().any(|without| without == isolation)
    }
}

/// A file of the working directory.
#[derive(Debug, Serialize, Deserialize)]
pub struct File {
    /// Its name there.
    pub name: String,
    /// Permissions, as for chmod(2).
    pub mode: u32,
    /// What is in it.
    pub content: Content,
}

/// What is in a [`File`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Content {
    /// These words.
    Text(String),
    /// Everything in the file that this descriptor is open on.
    Descriptor(i32),
}

/// One program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// An absolute path, or a name in the working directory.
    pub program: String,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Files and directories that it may read and execute, beside those of the system.
    pub readable: Vec<PathBuf>,
    /// Whether it may write to the working directory.
    pub writes: bool,
    /// Whether it may read `/proc`.
    pub sees_processes: bool,
    /// What it may use.
    pub limits: Limits,
    /// The secret and the first packet, for a program with a channel to the grader.
    pub channel: Option<(String, String)>,
    /// The source file that a thread should name which is asked where it is.
    pub source: String,
    /// An archive in the working directory that is looked through for what a submission may not
    /// contain, once the program has ended.
    pub inspect: Option<String>,
}

/// What a program may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Time by the clock, in seconds.
    pub seconds: f64,
    /// Memory of all its processes together, in bytes.
    pub memory: u64,
    /// Output that it may print, in bytes; four times as much ends it.
    pub output: usize,
    /// Size of a file, in bytes.
    pub file: u64,
    /// Open descriptors of a process.
    pub descriptors: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Temporary files and shared memory with a name, in bytes.
    pub disk: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            seconds: 10.0,
            memory: 512 << 20,
            output: 64 << 10,
            file: 64 << 20,
            descriptors: 256,
            processes: 128,
            disk: 48 << 20,
        }
    }
}

/// What became of everything.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Account {
    /// Which isolation was in force.
    pub isolation: Vec<String>,
    /// Which was not, and why.
    pub missing: Vec<String>,
    /// One for each job that was started.
    pub ends: Vec<End>,
    /// Why it could not be done, if it could not.
    pub error: Option<String>,
}

/// What became of one program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct End {
    /// How it ended.
    pub how: How,
    /// What it printed, up to the limit.
    pub output: String,
    /// Whether there was more.
    pub cut: bool,
    /// The packets that it sent with the right secret, without it: their kind and their body.
    pub packets: Vec<(String, String)>,
    /// Whether a packet came without the secret.
    pub forged: bool,
    /// What it had left behind when it said that it was done.
    pub left: Left,
    /// What its threads were doing when its time was up.
    pub doing: Vec<Doing>,
    /// What an inspection found that a submission may not contain.
    pub refused: Vec<String>,
    /// Seconds by the clock.
    pub seconds: f64,
}

impl End {
    /// Where a thread has said that it is, each time that it was asked: backtraces.
    pub fn answers(&self, thread: i32) -> impl Iterator<Item = &str> {
        let answers = self.packets.iter().filter(|(kind, _)| kind == harness::ANSWER);
        answers.filter_map(move |(_, body)| {
            let (from, trace) = body.split_once('\n')?;
            (from.parse() == Ok(thread)).then_some(trace)
        })
    }
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum How {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It said that it was done.
    Done,
    /// Its time was up.
    TimeUp,
    /// It used more memory than it may.
    TooMuchMemory,
    /// It printed more than it may.
    TooMuchOutput,
    /// It had more processes and threads than it may.
    TooManyProcesses,
    /// It wrote more than it may.
    TooMuchDisk,
    /// It was not started, for this reason.
    NotStarted(String),
    /// Nothing is known.
    #[default]
    Unknown,
}

/// What a program leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// Ended children that nobody collected.
    pub zombies: Vec<String>,
    /// Processes that still run.
    pub running: Vec<String>,
    /// Threads beside the first.
    pub threads: Vec<String>,
    /// Open descriptors beside the first three.
    pub descriptors: Vec<String>,
    /// Shared memory with a name.
    pub shared_memory: Vec<String>,
    /// Files in the directory for temporary files.
    pub files: Vec<String>,
}

/// What a thread is doing, as the kernel says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Doing {
    /// The process.
    pub process: i32,
    /// The thread.
    pub thread: i32,
    /// Its name.
    pub name: String,
    /// The letter of proc_pid_stat(5).
    pub state: char,
    /// The system call that it is in, by name.
    pub call: String,
    /// The first argument of the system call.
    pub argument: u64,
    /// Whether it belongs to the program itself and not to a child of it.
    pub own: bool,
}

/// Isolation that can be switched off, for trying out how it goes without.
pub const CAN_DO_WITHOUT: [&str; 4] = ["namespaces", "user namespace", "Landlock", "seccomp"];

/// The hidden argument with which the grader starts itself as the keeper.
pub const KEEPER: &str = "--keeper";

/// Runs what `spec` says. Descriptors that it names must not be closed on exec.
pub fn run(spec: &Spec) -> Result<Account> {
    let mut keeper = Command::new("/proc/self/exe");
    keeper.arg(KEEPER).arg(std::process::id().to_string()).env_clear();
    keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = keeper.spawn().context("the grader cannot start itself again")?;
    let text = serde_json::to_vec(spec)?;
    // The other end notices the death of this process by the end of its input, so the input stays
    // open until the account has been read.
    let mut lifeline = child.stdin.take().context("the keeper's input")?;
    let told = lifeline
        .write_all(&(text.len() as u64).to_le_bytes())
        .and_then(|()| lifeline.write_all(&text));
    let mut account = Vec::new();
    child.stdout.take().context("the keeper's output")?.read_to_end(&mut account)?;
    let mut said = String::new();
    child.stderr.take().context("the keeper's errors")?.read_to_string(&mut said)?;
    let status = child.wait()?;
    drop(lifeline);
    match serde_json::from_slice::<Account>(&account) {
        Ok(Account { error: Some(error), .. }) => bail!("{error}"),
        Ok(account) => told.map(|()| account).context("the keeper"),
        Err(_) => bail!("the supervisor ended early ({status}): {}", said.trim()),
    }
}

/// A file without a name, in memory, that children of this process can be given.
pub fn nameless_file() -> Result<OwnedFd> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    memfd_create("checks", MFdFlags::empty()).context("memfd_create")
}

/// A secret of 128 bits.
pub fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn raw(fd: &impl AsRawFd) -> i32 {
    fd.as_raw_fd()
}
