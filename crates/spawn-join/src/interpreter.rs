//! Runs Python so that nothing of it is left: no process, no file, however either of the two ends.

use std::ffi::CStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::Unavailable;
use lab::child::{Child, LIMIT, die_with, explain, explain_io, in_words};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getgid, getpid, getuid, write};

/// Where Python's helpers keep their files, and the script lies.
const DIRECTORY: &CStr = c"/dev/shm";
const SCRIPT: &CStr = c"/dev/shm/script.py";

/// No script takes so long.
const PATIENCE: Duration = Duration::from_secs(15);

/// How Python can be run here.
pub struct Python {
    /// Whether its files vanish with it, or why not. A fork server makes a directory, which would
    /// stay if it were killed.
    pub leaves_nothing: Result<(), String>,
    identity: Identity,
}

/// How a script ended and what it printed.
pub struct Ran {
    pub ended_well: bool,
    pub printed: String,
    /// The last line on standard error, or how it ended.
    pub last_error: String,
}

impl Ran {
    /// The same, if it ended well.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] where Python got no process, thread or memory.
    pub fn well(self) -> Result<Ran> {
        const WANTING: [&str; 4] =
            ["[Errno 11]", "[Errno 12]", "can't start new thread", "MemoryError"];
        if self.ended_well {
            return Ok(self);
        }
        let why = format!("python3: {}", self.last_error);
        match WANTING.iter().any(|word| self.last_error.contains(word)) {
            true => Err(Unavailable::because(why).into()),
            false => bail!(why),
        }
    }
}

/// A script that runs.
struct Running {
    process: Child,
    output: File,
    errors: File,
    /// It may be read from here.
    _source: File,
}

impl Python {
    /// Finds out whether a process may have a directory of its own here.
    pub fn find() -> Result<Python> {
        let identity = Identity::of_this_process();
        // SAFETY: this process has one thread, so the child inherits no lock of someone else.
        let child = unsafe {
            Child::fork(|| {
                let tried = own_directory(&identity).and_then(|()| write_file(SCRIPT, b""));
                tried.map_or_else(|errno| errno as i32, |()| 0)
            })
        }?;
        let leaves_nothing = match child.wait()? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, errno) => {
                let errno = Errno::from_raw(errno);
                Err(format!("there can be no /dev/shm of its own here ({errno:?})"))
            }
            other => Err(format!("the child that tried it {}", in_words(other))),
        };
        Ok(Python { leaves_nothing, identity })
    }

    /// Runs a script; `None` if there is no python3 that could run it.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Result<Option<Ran>> {
        Ok(self.run_all(&[(script, arguments)])?.and_then(|mut all| all.pop()))
    }

    /// Runs scripts, each with its arguments, at the same time; `None` if there is no python3 that
    /// could run them.
    pub fn run_all(&self, scripts: &[(&str, &[&str])]) -> Result<Option<Vec<Ran>>> {
        let mut started = Vec::new();
        for (script, arguments) in scripts {
            let Some(process) = self.start(script, arguments)? else { return Ok(None) };
            started.push(process);
        }
        let mut ended = Vec::new();
        for Running { process, output, errors, .. } in started {
            let why = "python3 does not come to its end: it may want what is refused (random numbers, a thread)";
            ensure!(process.ends_within(PATIENCE)?, Unavailable::because(why));
            ended.push((process.wait()?, output, errors));
        }
        wait_for_orphans();
        let mut all = Vec::new();
        for (status, mut output, mut errors) in ended {
            // The shell's status for a command that does not exist, and observe.py's for an old Python.
            if matches!(status, WaitStatus::Exited(_, 127)) {
                return Ok(None);
            }
            let errors = contents(&mut errors)?;
            all.push(Ran {
                ended_well: matches!(status, WaitStatus::Exited(_, 0)),
                printed: contents(&mut output)?,
                last_error: errors.lines().last().map_or_else(|| in_words(status), str::to_owned),
            });
        }
        Ok(Some(all))
    }

    /// Starts a script; `None` if there is no python3. The output goes to files without a name; so is
    /// the script, or it lies in a directory of its own.
    fn start(&self, script: &str, arguments: &[&str]) -> Result<Option<Running>> {
        let mut source = nameless_file()?;
        source.write_all(script.as_bytes()).context("write")?;
        let (output, errors) = (nameless_file()?, nameless_file()?);
        let this = getpid();
        // Python's own helper processes outlive it for a moment: this process waits for them too.
        nix::sys::prctl::set_child_subreaper(true).context("prctl")?;
        let own = self.leaves_nothing.is_ok();
        let path = match own {
            true => SCRIPT.to_string_lossy().into_owned(),
            false => format!("/proc/{this}/fd/{}", source.as_raw_fd()),
        };
        let mut command = Command::new("python3");
        command
            .arg(path)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(output.try_clone().context("dup")?)
            .stderr(errors.try_clone().context("dup")?);
        if own {
            command.env("TMPDIR", DIRECTORY.to_str().context("the directory's name")?);
        }
        let (identity, text) = (self.identity.clone(), script.to_owned());
        // SAFETY: the closure makes a few system calls, allocates nothing, and takes no lock.
        unsafe {
            command.pre_exec(move || {
                if own {
                    own_directory(&identity)?;
                    write_file(SCRIPT, text.as_bytes())?;
                }
                die_with(this);
                Ok(())
            })
        };
        let process = match command.spawn() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {
                return Err(explain_io("fork")(error));
            }
            spawned => spawned.map_err(explain_io("start python3"))?,
        };
        let process = Child::adopt(Pid::from_raw(process.id() as i32));
        Ok(Some(Running { process, output, errors, _source: source }))
    }
}

/// Lines for uid_map and gid_map (user_namespaces(7)): this user and group stay what they are.
#[derive(Clone)]
struct Identity([(&'static CStr, String); 3]);

impl Identity {
    fn of_this_process() -> Identity {
        let (user, group) = (getuid(), getgid());
        Identity([
            (c"/proc/self/setgroups", "deny".to_owned()),
            (c"/proc/self/uid_map", format!("{user} {user} 1")),
            (c"/proc/self/gid_map", format!("{group} {group} 1")),
        ])
    }
}

/// Gives this process a [`DIRECTORY`] in memory that nobody else sees and that ends with it, by a
/// mount namespace (mount_namespaces(7)); without privilege, inside a user namespace. Makes system
/// calls only.
fn own_directory(identity: &Identity) -> nix::Result<()> {
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
        for (path, line) in &identity.0 {
            write_file(path, line.as_bytes())?;
        }
    }
    const NOTHING: Option<&CStr> = None;
    mount(NOTHING, c"/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    mount(Some(c"tmpfs"), DIRECTORY, Some(c"tmpfs"), MsFlags::empty(), NOTHING)
}

fn write_file(path: &CStr, mut bytes: &[u8]) -> nix::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC;
    let file = open(path, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    while !bytes.is_empty() {
        bytes = &bytes[write(&file, bytes)?..];
    }
    Ok(())
}

fn nameless_file() -> Result<File> {
    let file = memfd_create(c"python", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}

fn contents(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.rewind().context("lseek")?;
    file.read_to_string(&mut text).context("read")?;
    Ok(text)
}

/// Reaps the processes that Python left to this one, until all have ended.
fn wait_for_orphans() {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::ECHILD) => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_got_no_process_or_thread_decides_nothing() {
        let ran = |last_error: &str| Ran {
            ended_well: false,
            printed: String::new(),
            last_error: last_error.to_owned(),
        };
        let unavailable = |error: &str| match ran(error).well() {
            Err(why) => why.is::<Unavailable>(),
            Ok(_) => panic!("it has not ended well"),
        };
        assert!(unavailable("BlockingIOError: [Errno 11] Resource temporarily unavailable"));
        assert!(unavailable("RuntimeError: can't start new thread"));
        assert!(!unavailable("NameError: name 'x' is not defined"));
    }
}
