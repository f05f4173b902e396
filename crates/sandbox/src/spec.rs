//! What is to be run, and what it may use.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Isolation that can be switched off, for trying out how it goes without.
pub const CAN_DO_WITHOUT: [&str; 4] = ["namespaces", "user namespace", "Landlock", "seccomp"];

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
    /// Files and directories that the programs read and execute, beside those of the system.
    pub needed: Vec<PathBuf>,
    /// Directories in one of which the working directory is made where there is no mount namespace;
    /// the first in which programs can be executed is taken.
    pub places: Vec<PathBuf>,
    /// What of [`CAN_DO_WITHOUT`] is not to be used.
    pub without: Vec<String>,
}

impl Spec {
    pub(crate) fn wants(&self, isolation: &str) -> bool {
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
    /// Whether it may write to the working directory.
    pub writes: bool,
    /// Whether it may read `/proc`, and let a child of it leave a core file of up to 1 MiB.
    pub sees_processes: bool,
    /// What it may ask of the kernel, beside computing.
    pub allow: Vec<Allow>,
    /// What it may use.
    pub limits: Limits,
    /// How it talks to who runs it, if it does.
    pub channel: Option<Channel>,
    /// A file in the working directory that is looked through once the program has ended with 0.
    pub inspect: Option<String>,
}

impl Job {
    /// Who builds makes files and starts processes.
    pub(crate) fn allows(&self, what: Allow) -> bool {
        let builds = self.allow.contains(&Allow::Building);
        self.allow.contains(&what) || (builds && matches!(what, Allow::Files | Allow::Processes))
    }
}

/// Groups of system calls. Without any of them, a program has its memory, its threads, clocks, the
/// descriptors that it was given, and may open files to read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allow {
    /// To make, write, rename and remove files; not to change modes, owners, times or attributes.
    Files,
    /// To fork, execute, wait, signal, poll; pipes, and pairs of sockets.
    Processes,
    /// Memory with a name or a descriptor: memfd_create(2), and System V's shmget(2) where it is
    /// the run's own.
    SharedMemory,
    /// Pairs of sockets with their options; where the run has a root of its own, also Unix sockets
    /// with a name.
    Sockets,
    /// What a compiler and a linker do beside all that.
    Building,
}

/// Looks through a file, given its name and what is in it; says what it may not contain.
pub type Inspect = fn(&str, &[u8]) -> Vec<String>;

/// A channel to a program: a socket that keeps packets apart. Packets count only if they begin with
/// the secret and a line feed; then come a word for their kind, another line feed, and their body.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Channel {
    /// Which descriptor it is for the program.
    pub descriptor: i32,
    /// What its packets begin with.
    pub secret: String,
    /// The first packet to it, after the secret.
    pub order: String,
    /// The longest packet from it, in bytes.
    pub longest: usize,
    /// Kinds of packets after which the program waits to be looked at and let go.
    pub last: Vec<String>,
    /// How its threads are asked where they are when its time is up.
    pub question: Question,
}

/// How a thread is asked where it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Question {
    /// By this signal.
    pub signal: i32,
    /// It answers with a packet of this kind: its number, a line feed, and a backtrace.
    pub answer: String,
    /// The source file that a thread should name, or it is asked again.
    pub source: String,
}

/// What a program may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Time by the clock, in seconds.
    pub seconds: f64,
    /// Memory of all its processes together, in bytes.
    pub memory: u64,
    /// Output that is kept, in bytes; [`most_output`](Limits::most_output) ends it.
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

impl Limits {
    /// Output after which it is ended, in bytes: more than a line or two for each of the hundred
    /// thousand calls that a check may make.
    pub fn most_output(&self) -> usize {
        256 * self.output
    }
}
