//! What became of a run.

use std::io::Write;

use serde::{Deserialize, Serialize};

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
    /// Where threads have said that they are, each time that one was asked: its number, a backtrace.
    pub answers: Vec<(i32, String)>,
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
    /// Seconds of these that other programs had the processors and it waited.
    pub delayed: f64,
    /// Seconds that it ran on processors, all threads together.
    pub ran: f64,
}

impl End {
    /// Where this thread has said that it is, each time that it was asked: backtraces.
    pub fn answers_of(&self, thread: i32) -> impl Iterator<Item = &str> {
        self.answers.iter().filter(move |(from, _)| *from == thread).map(|(_, trace)| &**trace)
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
    /// What could not be looked at.
    pub unseen: Vec<String>,
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

impl Account {
    /// Writes the account for who waits for it.
    pub(crate) fn tell(&self) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let _ = std::io::stdout().write_all(&text);
        let _ = std::io::stdout().flush();
    }
}
