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
    /// What a program can do because of what is missing, and what it cannot though it is harmless.
    pub fn lacks(&self) -> Vec<&'static str> {
        let has = |what: &str| self.isolation.iter().any(|it| it.starts_with(what));
        let (root, landlock, alone) = (has("root directory"), has("Landlock"), has("user number"));
        let mut lacks = Vec::new();
        let mut lack = |is: bool, what| {
            if is {
                lacks.push(what);
            }
        };
        lack(!root && !landlock && !alone, "reads and writes every file that you may");
        lack(!root && !landlock && alone, "reads every file that everybody may");
        lack(!root && landlock, "sees whether a file exists, whatever its path");
        lack(!root, "may use no socket with a name, and no shared memory in /dev/shm");
        let scoped = self.isolation.iter().any(|it| {
            let version = it.strip_prefix("Landlock (version ").and_then(|it| it.strip_suffix(')'));
            version.and_then(|it| it.parse::<u32>().ok()).is_some_and(|version| version >= 6)
        });
        let processes = has("process namespace");
        lack(!processes && !scoped && !alone, "sends signals to your other processes");
        lack(!processes, "sees the processes of others");
        lack(!processes && !alone, "counts for the same limit on processes as what else you run");
        lack(!processes, "outlives this program if all that watch it are killed at once");
        lack(!has("IPC namespace") && !alone, "may use no System V shared memory");
        lack(!has("seccomp"), "calls the kernel as it likes: modes, queues, keys, sockets");
        lacks
    }

    /// Writes the account for who waits for it.
    pub(crate) fn tell(&self) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let _ = std::io::stdout().write_all(&text);
        let _ = std::io::stdout().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_everything_lacks_nothing() {
        let with = |isolation: &[&str]| {
            let isolation = isolation.iter().map(|it| (*it).to_owned()).collect();
            Account { isolation, ..Account::default() }.lacks()
        };
        let all = [
            "user namespace",
            "process namespace",
            "mount namespace",
            "network namespace",
            "IPC namespace",
            "root directory of its own",
            "seccomp",
            "Landlock (version 7)",
            "resource limits",
        ];
        assert_eq!(with(&all), Vec::<&str>::new());
        let bare = with(&["seccomp", "Landlock (version 5)"]);
        assert!(bare.contains(&"sends signals to your other processes"), "{bare:?}");
        let bare = with(&["user number of its own", "seccomp", "Landlock (version 7)"]);
        assert!(!bare.contains(&"sends signals to your other processes"), "{bare:?}");
        assert!(!bare.iter().any(|it| it.contains("reads")), "{bare:?}");
    }
}
