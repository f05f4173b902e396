//! `execve` puts another program into the same process. What the kernel keeps for the process
//! stays, what was memory is gone.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, explain, failed, in_words, status};
use lab::proc::{self, mappings_of, state};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, chdir, dup2_stdin, execv, gettid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "exec",
    question: "Another program in the same process: what stays, what goes?",
    claims: &["process-is-a-program"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let [before, after] = observe(Caller::FirstThread)?;
    let pid = before.pid;
    match after.was_executed() {
        true => say!("parent", "child {pid} calls execve; seen before and after it:"),
        false => say!("parent", "child {pid} makes no execve; seen twice:"),
    }
    let rows = before.rows().into_iter().zip(after.rows());
    for ((what, before), (_, after)) in rows.clone() {
        let mark = if before == after { "stays" } else { "changes" };
        say!("parent", "  {what:<22} {before:<13} {after:<13} {mark}");
    }
    let stays = rows.filter(|((_, before), (_, after))| before == after).count();
    let files = 1 + usize::from(before.file != after.file);
    let programs = if files == 1 { "program" } else { "programs, one after the other" };
    say!("parent", "process {pid} has run {files} {programs}");

    let [threads, left] = observe(Caller::AnotherThread)?;
    let pid = threads.pid;
    let who = if threads.caller == pid { "the first" } else { "a later one" };
    let calls = if left.was_executed() { "calls execve" } else { "makes no execve" };
    say!("parent", "child {pid} has {}, and {who} {calls}", many(threads.threads));
    let whose = match left.only_thread {
        None => "",
        Some(only) if only == pid => ", and its id is the first one's",
        Some(_) => ", and its id is another",
    };
    say!("parent", "afterwards it has {}{whose}", many(left.threads));
    Ok(Evidence::new()
        .fact("exec: files run by one process", files)
        .fact("exec: things that stay", stays)
        .fact("exec: plain descriptor stays", after.plain_descriptor)
        .fact("exec: close-on-exec descriptor stays", after.close_on_exec)
        .fact("exec: ignored signal stays ignored", after.usr1 == "ignored")
        .fact("exec: handled signal stays handled", after.usr2 == "handled")
        .fact("exec: directory stays", after.directory == before.directory)
        .fact("exec: mappings of the old program", after.old_mappings)
        .fact("exec by a thread: threads before", threads.threads)
        .fact("exec by a thread: threads after", left.threads)
        .fact("exec by a thread: the process id stays", left.only_thread == Some(pid)))
}

/// Which thread of the child calls execve.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    FirstThread,
    AnotherThread,
}

/// What is seen of the child in proc(5).
struct Seen {
    pid: Pid,
    file: (u64, u64),
    program: &'static str,
    threads: usize,
    /// The thread that is about to call execve.
    caller: Pid,
    only_thread: Option<Pid>,
    plain_descriptor: bool,
    close_on_exec: bool,
    usr1: &'static str,
    usr2: &'static str,
    directory: String,
    old_mappings: usize,
}

impl Seen {
    /// Whether an execve lies behind it, after which no handler is left.
    fn was_executed(&self) -> bool {
        self.usr2 != "handled"
    }

    fn rows(&self) -> [(&'static str, String); 8] {
        let open = |yes: bool| if yes { "open" } else { "closed" }.to_owned();
        [
            ("process id", self.pid.to_string()),
            ("program", self.program.to_owned()),
            ("old program's mappings", self.old_mappings.to_string()),
            ("current directory", self.directory.clone()),
            ("a descriptor", open(self.plain_descriptor)),
            ("one with O_CLOEXEC", open(self.close_on_exec)),
            ("SIGUSR1", self.usr1.to_owned()),
            ("SIGUSR2", self.usr2.to_owned()),
        ]
    }
}

/// Forks a child that prepares itself and calls execve, and looks at it before and after.
fn observe(caller: Caller) -> Result<[Seen; 2]> {
    let plain = memfd_create(c"plain", MFdFlags::empty()).map_err(explain("memfd_create"))?;
    let closing =
        memfd_create(c"closing", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let descriptors = [plain.as_raw_fd(), closing.as_raw_fd()];
    let (go_reader, mut go) = std::io::pipe().context("pipe")?;
    // The child's end closes when the child calls execve, or ends.
    let (mut ready, ready_writer) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child =
        unsafe { Child::fork(|| prepare_and_exec(caller, go_reader.into(), ready_writer.into())) }?;
    let mut caller = [0; 4];
    ready.read_exact(&mut caller).context("the child did not come to its call")?;
    let caller = Pid::from_raw(i32::from_ne_bytes(caller));
    let own = fs::read_link("/proc/self/exe").context("/proc/self/exe")?;
    let before = look(child.pid(), caller, descriptors, &own)?;
    go.write_all(b"g").context("write")?;
    let mut refused = Vec::new();
    ready.read_to_end(&mut refused).context("read")?;
    if !refused.is_empty() || state(child.pid()).is_none_or(|state| state == 'Z') {
        bail!("execve: the child {}", in_words(child.wait()?));
    }
    let after = look(child.pid(), caller, descriptors, &own)?;
    drop(go);
    // `read` fails at the end of its input; with another status the shell has not come to it.
    let ended = child.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0 | 1)), "the shell {}", in_words(ended));
    Ok([before, after])
}

// ANCHOR: prepare
extern "C" fn do_nothing(_: libc::c_int) {}

/// What the child does. It returns only if execve fails, of which it tells the parent.
fn prepare_and_exec(caller: Caller, go: OwnedFd, ready: OwnedFd) -> i32 {
    let handled = SigHandler::Handler(do_nothing);
    for (signal, handler) in [(Signal::SIGUSR1, SigHandler::SigIgn), (Signal::SIGUSR2, handled)] {
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        let _ = unsafe { sigaction(signal, &action) };
    }
    let _ = (chdir("/"), dup2_stdin(&go));
    let exec = || {
        let (mut go, mut ready) = (std::fs::File::from(go), std::fs::File::from(ready));
        let _ = ready.write_all(&gettid().as_raw().to_ne_bytes());
        let _ = go.read_exact(&mut [0]);
        // The shell waits for a line that never comes, and ends at the end of its input.
        let refused = execv(c"/bin/sh", &[c"sh", c"-c", c"read line"]);
        let _ = ready.write_all(b"f");
        status(refused.map_err(explain("execve")))
    };
    match caller {
        Caller::FirstThread => exec(),
        Caller::AnotherThread => std::thread::scope(|threads| {
            let sleeps = spawn(threads, "sleeps", || {
                loop {
                    std::thread::park();
                }
            });
            match sleeps.and_then(|_| spawn(threads, "execs", exec)) {
                Ok(execs) => execs.join().unwrap_or(1),
                Err(error) => failed(&error),
            }
        }),
    }
}
// ANCHOR_END: prepare

fn look(pid: Pid, caller: Pid, descriptors: [RawFd; 2], own: &Path) -> Result<Seen> {
    let path = format!("/proc/{pid}/exe");
    let file = fs::metadata(&path).context(path)?;
    let is = |other: &Path| fs::metadata(other).is_ok_and(|other| same_file(&file, &other));
    let program = match (is(own), is(Path::new("/bin/sh"))) {
        (true, _) => "this one",
        (_, true) => "/bin/sh",
        _ => "another",
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).context("/proc/PID/task")?;
    let tasks: Vec<String> =
        tasks.map_while(|task| task.ok()?.file_name().into_string().ok()).collect();
    let open = |fd: RawFd| fs::symlink_metadata(format!("/proc/{pid}/fd/{fd}")).is_ok();
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).context("/proc/PID/cwd")?;
    let own = own.to_string_lossy();
    Ok(Seen {
        pid,
        file: (file.dev(), file.ino()),
        program,
        threads: tasks.len(),
        caller,
        only_thread: match &tasks[..] {
            [only] => only.parse().ok().map(Pid::from_raw),
            _ => None,
        },
        plain_descriptor: open(descriptors[0]),
        close_on_exec: open(descriptors[1]),
        usr1: disposition(pid, Signal::SIGUSR1),
        usr2: disposition(pid, Signal::SIGUSR2),
        directory: directory.to_string_lossy().into_owned(),
        old_mappings: mappings_of(pid)?.iter().filter(|m| *m.name == *own).count(),
    })
}

fn many(threads: usize) -> String {
    crate::instances::many(threads, "thread", "threads")
}

fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// What a process does with a signal, from the masks in proc_pid_status(5).
fn disposition(process: Pid, signal: Signal) -> &'static str {
    let has = |mask: &str| {
        let mask = proc::status(process, mask).and_then(|hex| u64::from_str_radix(&hex, 16).ok());
        mask.is_some_and(|mask| mask >> (signal as u32 - 1) & 1 == 1)
    };
    match (has("SigIgn"), has("SigCgt")) {
        (true, _) => "ignored",
        (_, true) => "handled",
        _ => "default",
    }
}
