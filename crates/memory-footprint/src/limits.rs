//! Threads and processes come out of one budget: the limit on a user's "processes" counts both.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};
use lab::child::{Child, die_with, explain, explain_io, status};
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Pid, Uid, getpid, getuid, pause, pipe, setgroups, setresgid, setresuid};

use crate::proc::read;

pub const EXPERIMENT: Experiment = Experiment {
    name: "limits",
    question: "How many threads may there be, and how many processes?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let found = allowed()?;
    say!("parent", "limits of the kernel here:");
    for (what, path, remark) in [
        ("tasks of all users", "/proc/sys/kernel/threads-max", "threads and processes alike"),
        ("ids", "/proc/sys/kernel/pid_max", "a thread takes one as well"),
        ("mappings of a process", "/proc/sys/vm/max_map_count", "a thread takes two or more"),
    ] {
        let limit = read(path).unwrap_or_else(|_| "unknown".to_owned());
        say!("parent", "{:>9} {what}: {remark}", limit.trim());
    }
    let why = match found {
        Ok((processes, threads)) if processes > 0 && threads > 0 => {
            return Ok(Evidence::new()
                .fact("more processes allowed", processes)
                .fact("more threads allowed", threads));
        }
        Ok(_) => "this user may not make another process or thread".to_owned(),
        Err(why) => why,
    };
    say_why!("parent", "cannot show the limit on a user's processes: {why}");
    Ok(Evidence::new()
        .missing("more processes allowed", why.as_str())
        .missing("more threads allowed", why))
}

/// How many more than now are tried to be allowed, and how many are tried.
const MORE: u64 = 10;
const TRIED: usize = 20;

/// How many processes and how many threads a low limit allows. Tried in a child, since neither a
/// hard limit nor an identity can be taken back. `Err` says why it can't be tried here.
fn allowed() -> Result<Result<(usize, usize), String>> {
    let parent = getpid();
    let (reader, writer) = pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let said = match become_a_user_who_can_be_limited(parent).and_then(|()| try_both()) {
                Ok((processes, threads)) => format!("{processes} {threads}"),
                Err(error) => format!("{error:#}"),
            };
            status(write!(File::from(writer), "{said}"))
        })
    }?;
    let mut said = String::new();
    File::from(reader).read_to_string(&mut said).map_err(explain_io("read"))?;
    child.wait()?;
    let numbers: Vec<usize> = said.split(' ').flat_map(str::parse).collect();
    Ok(if let [processes, threads] = numbers[..] { Ok((processes, threads)) } else { Err(said) })
}

/// The limit does not bind root, who becomes a user whom nobody else is.
fn become_a_user_who_can_be_limited(parent: Pid) -> Result<()> {
    if !getuid().is_root() {
        return Ok(());
    }
    let id = 61_000 + getpid().as_raw() as u32 % 4_000;
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    setgroups(&[]).map_err(explain("setgroups"))?;
    setresgid(gid, gid, gid).map_err(explain("setresgid"))?;
    setresuid(uid, uid, uid).map_err(explain("setresuid"))?;
    // A change of identity takes the parent-death signal away, prctl(2).
    die_with(parent);
    Ok(())
}

fn try_both() -> Result<(usize, usize)> {
    let now = tasks_of(getuid())?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NPROC).map_err(explain("getrlimit"))?;
    let limit = hard.min(now + MORE);
    setrlimit(Resource::RLIMIT_NPROC, limit, hard).map_err(explain("setrlimit"))?;
    say!(
        "child",
        "user {} has {now} task{} and may have {limit} (RLIMIT_NPROC)",
        getuid(),
        if now == 1 { "" } else { "s" }
    );

    let mut processes = Vec::new();
    while processes.len() < TRIED {
        // SAFETY: this process has one thread, so the child inherits no lock that someone else
        // holds.
        let forked = unsafe {
            Child::fork(|| {
                loop {
                    pause();
                }
            })
        };
        match forked {
            Ok(child) => processes.push(child),
            Err(refused) => {
                say!("child", "makes {} processes, then {}", processes.len(), brief(&refused));
                break;
            }
        }
    }
    if processes.len() == TRIED {
        say!("child", "makes {TRIED} processes, and none is refused");
    }
    let processes = processes.into_iter().map(Child::kill).filter(Result::is_ok).count();

    let gate = Mutex::new(());
    let threads = thread::scope(|threads| {
        let closed = gate.lock().expect("nobody panics while holding it");
        let mut made = 0;
        while made < TRIED {
            let idle = || drop(gate.lock());
            if let Err(error) = thread::Builder::new().spawn_scoped(threads, idle) {
                let refused = explain_io("thread")(error);
                say!("child", "makes {made} threads, then {}", brief(&refused));
                break;
            }
            made += 1;
        }
        drop(closed);
        if made == TRIED {
            say!("child", "makes {TRIED} threads, and none is refused");
        }
        made
    });
    Ok((processes, threads))
}

/// An error's call and errno without the cause, which is known here.
fn brief(error: &anyhow::Error) -> String {
    error.to_string().split(": ").take(2).collect::<Vec<_>>().join(": ")
}

/// How many tasks a user has: the threads of all processes with that real user id.
fn tasks_of(user: Uid) -> Result<u64> {
    let mut tasks = 0;
    for process in fs::read_dir("/proc").context("/proc")?.flatten() {
        // A link such as /proc/self would count a process again.
        if process.file_name().to_string_lossy().parse::<u32>().is_err() {
            continue;
        }
        // A process that has just ended has no such file any more.
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        let field = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok()
        };
        if field("Uid:") == Some(user.as_raw().into()) {
            tasks += field("Threads:").unwrap_or(0);
        }
    }
    Ok(tasks)
}
