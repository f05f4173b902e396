//! Three applications, each a process with a heartbeat. One is killed, one takes all the CPU that it
//! can get. What of the others goes on, and what suffers?

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Result;
use lab::child::{Child, explain, explain_io, failed, in_words, late};
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Shared, Summary, TimeLimit, say, say_why};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Gid, Pid, Uid, getppid, getsid, setgroups, setresgid, setresuid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "session",
    question: "Of three applications one is killed, one is greedy. What of the others?",
    claims: &["os-runs-apps-as-processes"],
    run,
};

const APPLICATIONS: usize = 3;
const VICTIM: usize = 1;
const OTHERS: [usize; 2] = [0, 2];
const ALL: [usize; APPLICATIONS] = [0, 1, 2];
const PERIOD: Duration = Duration::from_millis(2);
/// So many beats must be seen to say that a heart goes on.
const BEATS: u64 = 20;
/// Users that no system gives to people.
const USERS: u32 = 60_101;

/// What the applications write, in memory that fork does not copy.
#[derive(Default)]
struct Board {
    beats: [AtomicU64; APPLICATIONS],
    /// Steps of one that computes, and of the greedy ones.
    work: AtomicU64,
    greed: AtomicU64,
}

fn run(lab: &Lab) -> Result<Evidence> {
    let board = &*Shared::new(Board::default())?;
    let users = may_change_user()?;
    // One CPU for all, so that they have something to take from each other.
    let cpu = allowed_cpus()[0];
    let _pinned = Pinned::to(cpu)?;
    // ANCHOR: applications
    let mut applications = Vec::new();
    for one in 0..APPLICATIONS {
        applications.push(start(board, one..one + 1, users)?);
    }
    let all_beat = beat_on(board, &ALL) == APPLICATIONS;
    let processes: BTreeSet<Pid> = applications.iter().map(Child::pid).collect();
    let sessions = applications.iter().map(|one| getsid(Some(one.pid())));
    let one_session =
        sessions.collect::<Result<Vec<_>, _>>()?.iter().all(|id| Ok(*id) == getsid(None));
    // ANCHOR_END: applications
    let where_they_are = if one_session { "one session" } else { "several sessions" };
    let beat = if all_beat { "all hearts beat" } else { "not all hearts beat" };
    say!(
        "manager",
        "{APPLICATIONS} applications, {} processes, {where_they_are}: {beat}",
        processes.len()
    );

    // ANCHOR: kill
    let victim = applications.swap_remove(VICTIM);
    victim.kill()?;
    let going_on = beat_on(board, &OTHERS);
    applications.push(start(board, VICTIM..VICTIM + 1, users)?);
    let restarted = beat_on(board, &[VICTIM]) == 1;
    // ANCHOR_END: kill
    say!("manager", "one is killed: {going_on} of {} others beat on", APPLICATIONS - 1);
    say!("manager", "started again, it {}", if restarted { "beats" } else { "does not beat" });
    let mut evidence = Evidence::new()
        .fact("applications", APPLICATIONS)
        .fact("applications: one session", one_session)
        .fact("applications: all beat", all_beat)
        .fact("one is killed: others that beat on", going_on)
        .fact("one is killed: it is started again", restarted);

    let ms = Duration::from_millis;
    let window = lab.by_effort(ms(10), ms(50), ms(200));
    // ANCHOR: greedy
    let _computes = child(|| count(&board.work))?;
    for (number, name) in [(1, "one process"), (4, "four processes")] {
        let greedy = || child(|| count(&board.greed));
        let _greedy = (0..number).map(|_| greedy()).collect::<Result<Vec<_>>>()?;
        let beats = beat_on(board, &ALL);
        let share = share(board, window).ok_or_else(|| late("no process got the CPU"))?;
        // ANCHOR_END: greedy
        say!("manager", "a greedy one, {name}: {beats} of {APPLICATIONS} hearts beat on;");
        say!("manager", "  one that computes gets {:.2} of the CPU time ({share})", share.median);
        evidence = evidence.fact(&format!("greedy, {name}: hearts that beat on"), beats).sampled(
            &format!("greedy, {name}: share of one that computes"),
            share,
            "of the CPU time",
        );
    }

    let hidden = lab::proc::must_be_shown().map_err(|why| why.to_string());
    match users.map_err(|why| format!("all run as one user here: {why}")).and(hidden) {
        Err(why) => {
            say_why!("manager", "{why}");
            Ok(evidence
                .missing("the same user's memory map is readable", why.as_str())
                .missing("another user's memory map is readable", why.as_str()))
        }
        Ok(()) => {
            let (own, other) = (applications[0].pid(), applications[1].pid());
            let (own, other) = (reads_map(USERS, own)?, reads_map(USERS, other)?);
            let word = |open| if open { "open" } else { "closed" };
            say!("manager", "each has a user: a memory map of the same user is {},", word(own));
            say!("manager", "  one of another user is {}", word(other));
            Ok(evidence
                .fact("the same user's memory map is readable", own)
                .fact("another user's memory map is readable", other))
        }
    }
}

fn child(body: impl FnOnce() -> i32) -> Result<Child> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    unsafe { Child::fork(body) }
}

/// Starts a process that plays these applications, as the user of the first of them.
fn start(board: &Board, plays: Range<usize>, users: Result<(), &str>) -> Result<Child> {
    child(|| {
        if users.is_ok()
            && let Err(error) = become_user(USERS + plays.start as u32)
        {
            return failed(&error);
        }
        loop {
            std::thread::sleep(PERIOD);
            for one in plays.clone() {
                board.beats[one].fetch_add(1, Relaxed);
            }
        }
    })
}

/// How many of these applications' hearts are seen to beat on.
fn beat_on(board: &Board, applications: &[usize]) -> usize {
    let beats = |one: &usize| board.beats[*one].load(Relaxed);
    let from: Vec<u64> = applications.iter().map(beats).collect();
    let seen = || {
        let now = applications.iter().map(beats);
        now.zip(&from).filter(|(now, from)| *now >= **from + BEATS).count()
    };
    let mut limit = TimeLimit::new(Duration::from_secs(2));
    while seen() < applications.len() && !limit.is_over() {
        std::thread::sleep(PERIOD);
    }
    seen()
}

/// Takes all the CPU that it can get.
fn count(to: &AtomicU64) -> i32 {
    loop {
        to.fetch_add(1, Relaxed);
    }
}

/// Which part of all steps the one that computes has made, in each of five stretches of time.
fn share(board: &Board, window: Duration) -> Option<Summary> {
    let steps = || (board.work.load(Relaxed), board.greed.load(Relaxed));
    let share = |_| {
        let before = steps();
        std::thread::sleep(window);
        let after = steps();
        let (work, greed) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
        // Where others had the CPU all the time, nothing can be said.
        (work + greed > 0.0).then(|| work / (work + greed))
    };
    Summary::of((0..5).filter_map(share).collect())
}

/// Whether this process may give its children other users, and still end them; capabilities(7).
fn may_change_user() -> Result<Result<(), &'static str>> {
    const KILL_SETGID_SETUID: u64 = 1 << 5 | 1 << 6 | 1 << 7;
    let mask = lab::proc::status(Pid::this(), "CapEff");
    let Some(mask) = mask.and_then(|hex| u64::from_str_radix(&hex, 16).ok()) else {
        return Ok(Err("/proc does not show which rights it has"));
    };
    if mask & KILL_SETGID_SETUID != KILL_SETGID_SETUID {
        return Ok(Err("another one takes root's rights"));
    }
    // Root of a user namespace has the rights, but maybe nobody else to become; user_namespaces(7).
    let tried = child(|| i32::from(become_user(USERS).is_err()))?.wait()?;
    Ok(match tried {
        WaitStatus::Exited(_, 0) => Ok(()),
        _ => Err("in this user namespace there is no other to become"),
    })
}

/// Gives this process another user and group, for good.
fn become_user(number: u32) -> Result<()> {
    let (manager, user, group) = (getppid(), Uid::from_raw(number), Gid::from_raw(number));
    setgroups(&[]).map_err(explain("setgroups"))?;
    setresgid(group, group, group).map_err(explain("setresgid"))?;
    setresuid(user, user, user).map_err(explain("setresuid"))?;
    // A change of user takes the parent-death signal away, and closes /proc/pid to the user itself.
    lab::child::die_with(manager);
    nix::sys::prctl::set_dumpable(true).map_err(explain("prctl"))
}

/// Whether a process of that user can read which memory `process` has mapped, proc_pid_maps(5).
fn reads_map(user: u32, process: Pid) -> Result<bool> {
    const READ: i32 = 10;
    const REFUSED: i32 = 11;
    let status = child(|| match become_user(user) {
        Err(error) => failed(&error),
        Ok(()) => match std::fs::read(format!("/proc/{process}/maps")) {
            Ok(_) => READ,
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EACCES | Errno::EPERM) => REFUSED,
                // It is there, and hidden (hidepid).
                Some(Errno::ENOENT) if kill(process, None) != Err(Errno::ESRCH) => REFUSED,
                _ => failed(&explain_io("open")(error)),
            },
        },
    })?
    .wait()?;
    match status {
        WaitStatus::Exited(_, READ) => Ok(true),
        WaitStatus::Exited(_, REFUSED) => Ok(false),
        other => anyhow::bail!("the one that looks {}", in_words(other)),
    }
}
