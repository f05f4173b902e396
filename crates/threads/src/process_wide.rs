//! Some calls are about the whole process, whichever of its threads makes them.

use std::ffi::CString;
use std::io::{PipeWriter, Read, Write, pipe};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use lab::child::{Child, LIMIT, exit, give_up, in_words};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Role, TimeLimit, say};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, dup2_stdout, execv, getpid, gettid};

use crate::proc::{threads_of, threads_of_this_process};

pub const EXPERIMENT: Experiment = Experiment {
    name: "process-wide",
    question: "One of three threads makes a call: what becomes of the others?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let program = lab::role("threads", ROLE.name);
    let words = program.get_args().map(|word| word.to_string_lossy().into_owned());
    let words = [ROLE.name.to_owned()].into_iter().chain(words).map(CString::new);
    let words: Vec<CString> = words.collect::<Result<_, _>>()?;

    // ANCHOR: calls
    let (exited, _) = in_one_of_three_threads(|_| std::process::exit(7))?;
    let exited = in_words(exited);
    say!("main", "exit(7) in one of three threads: the process {exited}");

    let (_, after_exec) = in_one_of_three_threads(|tell| {
        let _ = dup2_stdout(tell).map(|()| execv(c"/proc/self/exe", &words));
    })?;
    let after_exec = if after_exec.is_empty() { "no thread".to_owned() } else { after_exec };
    say!("main", "execve in one of three: the program runs in {after_exec}");

    let (_, after_fork) = in_one_of_three_threads(|tell| {
        // SAFETY: the child waits for a signal, and does nothing else.
        let child = unsafe { Child::fork(|| libc::pause()) };
        match child.and_then(|child| threads_of(child.pid())) {
            Ok(threads) => drop({ tell }.write_all(count(threads.len()).as_bytes())),
            Err(error) => give_up(&error),
        }
    })?;
    say!("main", "fork in one of three: the child has {after_fork}");

    let (killed, _) = in_one_of_three_threads(|_| {
        // SAFETY: the default action is what a process starts with.
        let _ = unsafe { signal(Signal::SIGTERM, SigHandler::SigDfl) };
        // SAFETY: the call takes three integers.
        unsafe { libc::syscall(libc::SYS_tgkill, getpid(), gettid(), libc::SIGTERM) };
    })?;
    let killed = in_words(killed);
    say!("main", "SIGTERM for one of three: the process {killed}");
    // ANCHOR_END: calls
    let taken_by = signal_to_the_process()?;
    say!("main", "SIGUSR1 for the process: taken by {taken_by}");
    Ok(Evidence::new()
        .fact("exit: the process", exited)
        .fact("execve: the program runs in", after_exec)
        .fact("fork: the child has", after_fork)
        .fact("a deadly signal to one thread: the process", killed)
        .fact("a signal to the process is handled in", taken_by))
}

/// What a thread executes: it tells how many threads its process has.
pub const ROLE: Role = Role {
    name: "after-exec",
    run: |_| {
        let threads = threads_of_this_process()?.len();
        Ok(write!(std::io::stdout(), "{}", count(threads))?)
    },
};

fn count(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

/// Runs `call` in one of the three threads of a new process. Returns how the process ended, and
/// what was written to the pipe. Where the call leaves it alone, the process exits with 0.
fn in_one_of_three_threads(call: impl FnOnce(&PipeWriter) + Send) -> Result<(WaitStatus, String)> {
    let (mut told, tell) = pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let tid = AtomicI32::new(0);
            thread::scope(|scope| {
                let bystander = spawn(scope, "bystander", || {
                    loop {
                        thread::park();
                    }
                });
                let caller = spawn(scope, "caller", || {
                    tid.store(gettid().as_raw(), SeqCst);
                    match threads_of_this_process() {
                        Ok(all) if all.len() == 3 => call(&tell),
                        Ok(all) => give_up(&anyhow!("there were {} threads, not 3", all.len())),
                        Err(error) => give_up(&error),
                    }
                });
                if let Some(error) = bystander.err().or(caller.err()) {
                    give_up(&error);
                }
                let has_ended = || {
                    let caller = Pid::from_raw(tid.load(SeqCst));
                    caller.as_raw() != 0
                        && threads_of_this_process().is_ok_and(|all| !all.contains(&caller))
                };
                wait_until(has_ended);
                exit(0)
            })
        })
    }?;
    drop(tell);
    let pid = child.pid();
    let status = child.wait()?;
    let mut text = String::new();
    told.read_to_string(&mut text).context("read")?;
    ensure!(status != WaitStatus::Exited(pid, 1), "the process could not make its threads");
    Ok((status, text))
}

/// The thread that ran the handler.
static TAKEN_BY: AtomicI32 = AtomicI32::new(0);

extern "C" fn take(_: i32) {
    TAKEN_BY.store(gettid().as_raw(), SeqCst);
}

// ANCHOR: signal
/// Sends this process a signal that all of its threads but one have blocked.
fn signal_to_the_process() -> Result<&'static str> {
    // SAFETY: the handler asks for an id and stores it, both of which a handler may do.
    unsafe { signal(Signal::SIGUSR1, SigHandler::Handler(take)) }.context("sigaction")?;
    let usr1 = SigSet::from(Signal::SIGUSR1);
    usr1.thread_block().context("pthread_sigmask")?; // New threads inherit the mask.
    let open = AtomicI32::new(0);
    let taken = || TAKEN_BY.load(SeqCst) != 0;
    thread::scope(|scope| {
        spawn(scope, "blocks it", || wait_until(taken))?;
        spawn(scope, "takes it", || {
            let _ = usr1.thread_unblock();
            open.store(gettid().as_raw(), SeqCst);
            wait_until(taken);
        })?;
        wait_until(|| open.load(SeqCst) != 0);
        kill(getpid(), Signal::SIGUSR1).context("kill")?;
        wait_until(taken);
        anyhow::Ok(())
    })?;
    // ANCHOR_END: signal
    let taken_by = TAKEN_BY.load(SeqCst);
    Ok(match taken_by {
        0 => "none of them",
        tid if tid == open.into_inner() => "the one not blocking it",
        _ => "one that blocks it",
    })
}

/// Looks again and again until `done`, or until a child's time is over.
fn wait_until(done: impl Fn() -> bool) {
    let mut limit = TimeLimit::new(LIMIT / 2);
    while !done() && !limit.is_over() {
        thread::sleep(Duration::from_millis(1));
    }
}
