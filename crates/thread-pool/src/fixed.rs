//! Four threads, ten thousand tasks: who runs them, what the threads do meanwhile, and what one
//! task leaves for the next.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{LIMIT, explain};
use lab::proc::{comes_to_block_in, state};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{Pid, gettid};

use crate::pool::Pool;

pub const EXPERIMENT: Experiment = Experiment {
    name: "fixed",
    question: "Who runs ten thousand tasks, and what do the threads do without one?",
    claims: &["pool-is-idle-threads"],
    run,
};

const THREADS: usize = 4;
const TASKS: usize = 10_000;
const IDLE: Duration = Duration::from_millis(50);

/// What a task leaves behind.
const LEFT: u32 = 7;

thread_local! {
    static LEFT_BEHIND: Cell<u32> = const { Cell::new(0) };
}

fn run(_: &Lab) -> Result<Evidence> {
    let pool = Pool::new(THREADS)?;
    let mut asleep = 0;
    let mut hidden = None;
    for tid in pool.tids() {
        match comes_to_block_in(*tid, libc::SYS_futex, LIMIT) {
            Ok(blocked) => asleep += usize::from(blocked),
            Err(why) => hidden = Some(format!("{why:#}")),
        }
    }
    let letters: BTreeSet<char> = pool.tids().iter().filter_map(|tid| state(*tid)).collect();
    let (before, start) = (cpu_time()?, Instant::now());
    std::thread::sleep(IDLE);
    let idle = start.elapsed();
    let used = (cpu_time()? - before).as_secs_f64() / idle.as_secs_f64() * 100.0;
    let given = pool.given();
    let gave = if given == 0 { "nothing".to_owned() } else { format!("{given} tasks") };
    say!("main", "made {} threads and gave them {gave} to do", pool.tids().len());
    if hidden.is_none() {
        say!(
            "main",
            "{asleep} of them sleep in futex; state {}",
            Vec::from_iter(letters).iter().collect::<String>()
        );
    }
    say!("main", "for {} ms the process used {used:.1} % of a CPU", idle.as_millis());

    // ANCHOR: tasks
    let (tell, ran) = mpsc::channel::<Pid>();
    // The first tasks wait for each other, so each is on a thread of its own.
    let together = Arc::new(Barrier::new(THREADS));
    for number in 0..TASKS {
        let (tell, together) = (tell.clone(), together.clone());
        pool.execute(move || {
            if number < THREADS {
                together.wait();
            }
            let _ = tell.send(gettid());
        });
    }
    // ANCHOR_END: tasks
    drop(tell);
    let mut ran_in = Vec::new();
    while let Ok(tid) = ran.recv_timeout(LIMIT) {
        ran_in.push(tid);
    }
    let distinct: BTreeSet<Pid> = ran_in.iter().copied().collect();
    let ours = ran_in.iter().filter(|tid| pool.tids().contains(tid)).count();
    say!("main", "{} of {TASKS} tasks were run, by {} threads", ran_in.len(), distinct.len());
    say!("main", "{ours} of them by those that were made before");
    let made = pool.tids().len();
    drop(pool);

    let found = what_the_next_task_finds()?;
    say!("main", "a task is to leave {LEFT} in a thread-local; the next one finds {found}");
    let evidence = Evidence::new()
        .fact("fixed: threads made", made)
        .fact("fixed: tasks given before the look", given)
        .measured("fixed: CPU used while idle", used, "%")
        .fact("fixed: tasks", TASKS)
        .fact("fixed: tasks run", ran_in.len())
        .fact("fixed: tasks run by threads of the pool", ours)
        .fact("fixed: threads that ran tasks", distinct.len())
        .fact("fixed: the next task finds what one left", found != 0);
    Ok(match hidden {
        None => evidence.fact("fixed: threads asleep while idle", asleep),
        Some(why) => evidence.missing("fixed: threads asleep while idle", why),
    })
}

/// What stands in a thread-local variable after a task of somebody else.
fn what_the_next_task_finds() -> Result<u32> {
    let pool = Pool::new(1)?;
    let (tell, told) = mpsc::channel();
    // ANCHOR: left-behind
    pool.execute(|| LEFT_BEHIND.set(LEFT));
    pool.execute(move || {
        let _ = tell.send(LEFT_BEHIND.get());
    });
    // ANCHOR_END: left-behind
    told.recv_timeout(LIMIT).context("the second task did not run")
}

/// The CPU time of this process, getrusage(2).
fn cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(explain("getrusage"))?;
    let time = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(time.num_microseconds().unsigned_abs()))
}
