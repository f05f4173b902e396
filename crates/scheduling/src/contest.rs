//! Threads or processes that want one CPU, and how much of it each of them gets.

use std::io::{PipeWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use lab::Unavailable;
use lab::child::{Child, explain, explain_io, status};
use lab::machine::Busy;
use lab::sample::{Comparison, Pinned};
use lab::thread::spawn;
use nix::errno::Errno;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, getsid};

/// What a contestant does before it wants the CPU, such as to set its nice value.
pub type Before = fn() -> Result<()>;

/// Reads how much CPU time each contestant has had since it began.
pub type Clocks<'a> = &'a (dyn Fn() -> Result<Vec<Duration>> + Sync);

/// After this long a contest is over, however little its contestants had of the CPU.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// A contestant process ends by itself after this.
const LIFE: Duration = Duration::from_secs(20);

/// The CPU on which contestants meet.
pub fn cpu() -> usize {
    lab::machine::allowed_cpus().last().copied().unwrap_or(0)
}

// ANCHOR: threads
/// Lets one thread for each of `before` spin on one CPU while `watch` looks at their clocks, and at
/// the nice value that each has.
pub fn threads<T>(
    before: &[Before],
    watch: impl FnOnce(Clocks<'_>, &[i32]) -> Result<T>,
) -> Result<T> {
    let (cpu, over) = (cpu(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _end = AtEnd(&over);
        let mut begun = Vec::new();
        for before in before {
            let ((tell, told), over) = (channel(), &over);
            spawn(scope, "spinner", move || {
                let ready = Pinned::to(cpu).and_then(|pin| {
                    before()?;
                    Ok((pin, nice()?))
                });
                let is = ready.as_ref().map(|(_, nice)| (own_clock(), *nice));
                let _ = tell.send(is.map_err(why));
                while ready.is_ok() && !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })?;
            begun.push(told);
        }
        let (mut clocks, mut nices) = (Vec::new(), Vec::new());
        for told in begun {
            let (clock, nice) = told.recv().context("a thread ended")??;
            clocks.push(clock);
            nices.push(nice);
        }
        watch(&|| read_all(&clocks), &nices)
    })
}
// ANCHOR_END: threads

// ANCHOR: processes
/// Lets one process for each of `teams` spin on one CPU: so many threads, after `before`.
pub fn processes<T>(
    teams: &[(usize, Before)],
    watch: impl FnOnce(Clocks<'_>, &[Child]) -> Result<T>,
) -> Result<T> {
    let (cpu, mut children, mut clocks) = (cpu(), Vec::new(), Vec::new());
    let mut begun = Vec::new();
    for (threads, before) in teams {
        let (mut told, tell) = std::io::pipe().map_err(explain_io("pipe"))?;
        let play = || -> Result<()> {
            before()?;
            let _pin = Pinned::to(cpu)?;
            std::thread::scope(|scope| {
                for _ in 1..*threads {
                    spawn(scope, "spinner", || spin_for_life(&tell))?;
                }
                spin_for_life(&tell)
            })
        };
        // SAFETY: this process has one thread.
        let child = unsafe { Child::fork(|| status(play())) }?;
        clocks.push(clock_getcpuclockid(child.pid()).map_err(explain("clock_getcpuclockid"))?);
        children.push(child);
        // Each thread writes a byte when it begins to spin; nothing comes of a team that has ended.
        let threads = *threads;
        begun.push(move || told.read_exact(&mut vec![0; threads]));
    }
    for mut team in begun {
        team().context("a contestant ended before it began")?;
    }
    watch(&|| read_all(&clocks), &children)
}
// ANCHOR_END: processes

/// Whether each of these processes is in a session of its own, getsid(2).
pub fn in_own_sessions(processes: &[Child]) -> Result<bool> {
    let session = |child: &Child| getsid(Some(child.pid())).map_err(explain("getsid"));
    let sessions = processes.iter().map(session).collect::<Result<Vec<Pid>>>()?;
    Ok(sessions.iter().zip(processes).all(|(session, child)| *session == child.pid()))
}

fn spin_for_life(mut tell: &PipeWriter) -> Result<()> {
    tell.write_all(b".").map_err(explain_io("write"))?;
    let start = Instant::now();
    while start.elapsed() < LIFE {
        std::hint::spin_loop();
    }
    Ok(())
}

/// An error for another thread, which tells what is not available here from what went wrong.
fn why(error: &anyhow::Error) -> anyhow::Error {
    match lab::NoEvidence::of(error) {
        lab::NoEvidence::Unavailable(why) => Unavailable::because(why).into(),
        lab::NoEvidence::Failed(why) => anyhow!(why),
    }
}

/// Ends the spinning, however the contest ends.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The CPU-time clock of this thread, which other threads of the process may read too.
pub fn own_clock() -> ClockId {
    let mut clock = 0;
    // SAFETY: the thread is this one, and `clock` is valid for a write.
    match unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) } {
        0 => ClockId::from_raw(clock),
        _ => ClockId::CLOCK_THREAD_CPUTIME_ID,
    }
}

/// What a CPU-time clock shows.
pub fn read(clock: ClockId) -> Result<Duration> {
    Ok(clock_gettime(clock).map_err(explain("clock_gettime"))?.into())
}

fn read_all(clocks: &[ClockId]) -> Result<Vec<Duration>> {
    clocks.iter().map(|clock| read(*clock)).collect()
}

/// The nice value with which this program was started, getpriority(2). It may be -1, so that only
/// errno tells of an error.
pub fn nice() -> Result<i32> {
    Errno::clear();
    // SAFETY: the call takes two integers; on Linux 0 is the thread that calls.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    match Errno::last_raw() {
        0 => Ok(nice),
        errno => Err(explain("getpriority")(Errno::from_raw(errno))),
    }
}

/// What a thread is seen to be after `before`, by such as [`nice`].
pub fn after<T: Send>(before: Before, look: fn() -> Result<T>) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = spawn(scope, "looks", || before().and_then(|()| look()))?;
        thread.join().ok().context("the thread has panicked")?
    })
}

/// The policy of this thread, or its nice value where that is the usual one.
pub fn own_rank() -> Result<String> {
    // SAFETY: the call takes an integer; 0 is the thread that calls.
    let policy = unsafe { libc::sched_getscheduler(0) };
    Ok(match Errno::result(policy).map_err(explain("sched_getscheduler"))? {
        libc::SCHED_OTHER => format!("nice {}", nice()?),
        other => crate::policies::policy_name(other).to_owned(),
    })
}

/// Makes this thread so many steps nicer than it was started.
pub fn be_nicer(steps: i32) -> Result<()> {
    let nice = nice()?;
    if nice + steps > NICEST {
        let why = format!("nice {nice} already, and {steps} steps more are over {NICEST}");
        return Err(Unavailable::because(why).into());
    }
    set_nice(nice + steps)
}

/// The largest nice value that there is; setpriority(2) takes a larger one for this.
pub const NICEST: i32 = 19;

/// Sets the nice value of this thread, setpriority(2).
pub fn set_nice(nice: i32) -> Result<()> {
    // SAFETY: the call takes three integers; on Linux 0 is the thread that calls.
    let set = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    Errno::result(set).map(drop).map_err(explain("setpriority"))
}

/// Sets policy and real-time priority of this thread, sched_setscheduler(2).
pub fn set_policy(policy: i32, priority: i32) -> Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the structure lives during the call; 0 is the thread that calls.
    let set = unsafe { libc::sched_setscheduler(0, policy, &parameters) };
    Errno::result(set).map(drop).map_err(explain("sched_setscheduler"))
}

/// As much of a contest as good figures need.
#[derive(Clone, Copy)]
pub struct Length {
    /// So many intervals.
    pub intervals: usize,
    /// An interval lasts until the contestants together have had so much of the CPU. What others
    /// take of it prolongs the interval, and changes nothing in how these share the rest.
    pub each: Duration,
}

/// CPU time of each contestant in each interval, in milliseconds.
pub struct Shares(pub Vec<Vec<f64>>);

impl Length {
    /// Reads all clocks at the two ends of each interval.
    pub fn watch(self, clocks: Clocks<'_>) -> Result<Shares> {
        let (start, watch) = (Instant::now(), Busy::begin());
        let mut shares = Vec::new();
        for _ in 0..self.intervals {
            let (begin, from) = (Instant::now(), clocks()?);
            let interval = loop {
                std::thread::sleep(Duration::from_millis(5));
                let now = clocks()?;
                let had: Vec<_> = now.iter().zip(&from).map(|(now, from)| *now - *from).collect();
                let all = had.iter().sum::<Duration>();
                if all >= self.each {
                    on_one_cpu(all, begin.elapsed())?;
                    break had;
                }
                if start.elapsed() > PATIENCE {
                    return Err(too_little(watch.so_far()));
                }
            };
            shares.push(interval.iter().map(|had| had.as_secs_f64() * 1e3).collect());
        }
        Ok(Shares(shares))
    }
}

/// Whoever had more CPU time than has gone by was on more than one CPU, and did not compete.
pub fn on_one_cpu(had: Duration, took: Duration) -> Result<()> {
    match had > took.mul_f64(1.2) {
        true => Err(Unavailable::because("the contestants were not on one CPU").into()),
        false => Ok(()),
    }
}

/// The error for contestants that got next to nothing: a busy machine, or a fault.
pub fn too_little(busy: Option<String>) -> anyhow::Error {
    match busy {
        Some(busy) => {
            Unavailable::because(format!("the contest got too little CPU: {busy}")).into()
        }
        None => anyhow!("the contestants did not use the CPU"),
    }
}

impl Shares {
    /// Milliseconds of one contestant over all intervals.
    pub fn total(&self, who: usize) -> f64 {
        self.0.iter().map(|interval| interval[who]).sum()
    }

    /// Compares two contestants interval by interval.
    pub fn compare(&self, names: [&str; 2], first: usize, second: usize) -> Option<Comparison> {
        // A contestant that had nothing in an interval counts as one that had a microsecond.
        let pair = |interval: &Vec<f64>| [first, second].map(|who| interval[who].max(0.001));
        let mut compared =
            Comparison::paired(names, "ms", &self.0.iter().map(pair).collect::<Vec<_>>())?;
        compared.place = format!("on CPU {}", cpu());
        Some(compared)
    }
}
