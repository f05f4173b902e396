//! Each thread of one process has a policy, a nice value and a set of CPUs of its own. A call that
//! names the process by its pid changes one thread.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::mpsc::channel;

use anyhow::{Context, Result};
use lab::child::{explain, give_up};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::unistd::{Pid, getpid, gettid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "policies",
    question: "Whose are policy and nice value, the process's or the thread's?",
    claims: &["process-own-scheduling"],
    run,
};

// ANCHOR: wishes
/// What three threads of this process ask for.
const WISHES: [(&str, i32, i32); 3] = [
    ("first", libc::SCHED_OTHER, 3),
    ("second", libc::SCHED_BATCH, 6),
    ("third", libc::SCHED_IDLE, 9),
];
// ANCHOR_END: wishes

fn run(_: &Lab) -> Result<Evidence> {
    let (asked, seen) = (Barrier::new(WISHES.len() + 1), Barrier::new(WISHES.len() + 1));
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        let before = nice_of(getpid())?;
        let (mut tids, mut wishes) = (Vec::new(), BTreeSet::new());
        for (name, policy, nice) in WISHES {
            let (tell, asked, seen) = (tell.clone(), &asked, &seen);
            spawn(scope, name, move || {
                if let Err(error) = ask(gettid(), policy, before + nice) {
                    give_up(&error);
                }
                // What it has then is what it asked for, before anybody else asks.
                let has = policy_of(gettid()).and_then(|policy| Ok((policy, nice_of(gettid())?)));
                let _ = tell.send(has.map(|has| (gettid(), has)));
                asked.wait();
                seen.wait();
            })?;
            let (tid, has) = told.recv().context("a thread ended")??;
            tids.push(tid);
            wishes.insert(has);
        }
        asked.wait();
        let (mut policies, mut nices) = (Vec::new(), Vec::new());
        for ((name, ..), tid) in WISHES.iter().zip(&tids) {
            let (policy, nice) = (policy_of(*tid)?, nice_of(*tid)?);
            say!(name, "thread {tid}: {}, nice {nice}", policy_name(policy));
            policies.push(policy);
            nices.push(nice);
        }
        let main = (policy_of(getpid())?, nice_of(getpid())?);
        say!("main", "thread {}: {}, nice {}", getpid(), policy_name(main.0), main.1);
        // ANCHOR: process-call
        // The process id is the thread id of the main thread, and that is whom the call means.
        let all: Vec<Pid> = tids.iter().copied().chain([getpid()]).collect();
        let nices_of = || all.iter().map(|tid| nice_of(*tid)).collect::<Result<Vec<_>>>();
        let then = nices_of()?;
        set_nice_of(getpid(), main.1 + 1)?;
        let changed = then.iter().zip(nices_of()?).filter(|(then, now)| *then != now).count();
        // ANCHOR_END: process-call
        let have = if changed == 1 { "has" } else { "have" };
        say!("main", "setpriority for the pid: {changed} of {} threads {have} changed", all.len());
        let born = spawn(scope, "new", || nice_of(gettid()))?;
        let born = born.join().ok().context("the thread has panicked")??;
        let inherits = born == nice_of(getpid())?;
        let whose = if inherits { "that of its maker" } else { "not that of its maker" };
        say!("main", "a new thread begins with nice {born}, {whose}");
        seen.wait();
        let distinct = |values: &[i32]| {
            let mut values = values.to_vec();
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        Ok(Evidence::new()
            .fact("policies: threads that asked", WISHES.len())
            .fact("policies: different things asked for", wishes.len())
            .fact("policies: different nice values", distinct(&nices))
            .fact("policies: different policies", distinct(&policies))
            .fact("policies: threads changed by a call for the pid", changed)
            .fact("policies: a new thread inherits", inherits))
    })
}

// ANCHOR: ask
/// Sets policy and nice value of a thread.
fn ask(thread: Pid, policy: i32, nice: i32) -> Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the structure lives during the call.
    let set = unsafe { libc::sched_setscheduler(thread.as_raw(), policy, &parameters) };
    Errno::result(set).map_err(explain("sched_setscheduler"))?;
    set_nice_of(thread, nice)
}
// ANCHOR_END: ask

/// The nice value of a thread, getpriority(2). It may be -1, so that only errno tells of an error.
fn nice_of(thread: Pid) -> Result<i32> {
    Errno::clear();
    // SAFETY: the call takes two integers.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, thread.as_raw() as libc::id_t) };
    match Errno::last_raw() {
        0 => Ok(nice),
        errno => Err(explain("getpriority")(Errno::from_raw(errno))),
    }
}

fn set_nice_of(thread: Pid, nice: i32) -> Result<()> {
    // SAFETY: the call takes three integers.
    let set = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread.as_raw() as libc::id_t, nice) };
    Errno::result(set).map(drop).map_err(explain("setpriority"))
}

/// The policy of a thread, sched_getscheduler(2).
fn policy_of(thread: Pid) -> Result<i32> {
    // SAFETY: the call takes an integer.
    let policy = unsafe { libc::sched_getscheduler(thread.as_raw()) };
    Errno::result(policy).map_err(explain("sched_getscheduler"))
}

/// The name of a policy, sched(7).
pub fn policy_name(policy: i32) -> &'static str {
    match policy {
        libc::SCHED_OTHER => "SCHED_OTHER",
        libc::SCHED_BATCH => "SCHED_BATCH",
        libc::SCHED_IDLE => "SCHED_IDLE",
        libc::SCHED_FIFO => "SCHED_FIFO",
        libc::SCHED_RR => "SCHED_RR",
        _ => "another policy",
    }
}
