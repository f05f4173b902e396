//! Many idle threads against many idle processes: what each of them holds in user memory and in
//! the kernel.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_io};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::{Pid, pause, pipe};

use crate::proc::{page_tables, system, user};

pub const EXPERIMENT: Experiment = Experiment {
    name: "idle",
    question: "What does an idle thread hold in memory, and what an idle process?",
    claims: &["isolation-costs-memory", "threads-lightweight"],
    run,
};

/// What one idle thread or process holds, in KiB, as the mean of many.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    made: usize,
    rss: f64,
    user: f64,
    page_tables: f64,
    kernel_stack: f64,
    slab: f64,
}

/// Fewer than these are lost in what the rest of the system does.
const ENOUGH: usize = 50;
/// How often at most both are made, until other programs leave the kernel's counters alone.
const ATTEMPTS: u32 = 3;

fn run(lab: &Lab) -> Result<Evidence> {
    let wanted = lab.by_effort(300, 1000, 1000);
    say!("parent", "makes {wanted} threads, then {wanted} processes; each of them only sleeps");
    let mut attempt = 1;
    let (thread, process) = loop {
        let thread = in_a_child(|| threads(wanted))?;
        settle();
        let process = processes(wanted)?;
        if thread.made.min(process.made) < ENOUGH {
            let why = format!(
                "only {} threads and {} processes could be made of {wanted} (ulimit -u)",
                thread.made, process.made
            );
            say!("parent", "gives up: {why}");
            return Ok(Evidence::new().missing("memory per thread", why));
        }
        // Both have one stack in the kernel, of the same size. Where the system's counters say
        // something else, others moved them.
        let agree = (process.kernel_stack / thread.kernel_stack - 1.0).abs() < 0.1;
        if agree && thread.slab > 0.0 && process.slab > 0.0 {
            break (thread, process);
        }
        if attempt == ATTEMPTS {
            let why =
                format!("other programs moved the kernel's counters in all {attempt} attempts");
            say!("parent", "gives up: {why}");
            return Ok(Evidence::new().missing("memory per thread", why));
        }
        say!("parent", "other programs moved the kernel's counters, makes them again");
        attempt += 1;
        settle();
    };
    let fewest = thread.made.min(process.made);
    if fewest < wanted {
        say!("parent", "only {fewest} of them could be made (ulimit -u)");
    }

    say!("parent", "{:<24} {:>12} {:>12}", "in KiB, each", "thread", "process");
    let mut found = Evidence::new().fact("threads made", thread.made);
    found = found.fact("processes made", process.made).fact("attempts", attempt);
    for ((part, of_thread), (_, of_process)) in thread.parts().into_iter().zip(process.parts()) {
        say!("parent", "{part:<24} {of_thread:>12.1} {of_process:>12.1}");
        found = found.measured(&format!("thread: {part}"), of_thread, "KiB").measured(
            &format!("process: {part}"),
            of_process,
            "KiB",
        );
    }
    let (thread_all, process_all) = (thread.together(), process.together());
    let ratio = process_all / thread_all;
    say!("parent", "{:<24} {thread_all:>12.1} {process_all:>12.1}", "together");
    say!("parent", "a process holds {ratio:.1} x as much as a thread");
    say!("parent", "RSS would say {:.0} KiB for each process", process.rss);
    Ok(found
        .measured("memory per thread", thread_all, "KiB")
        .measured("memory per process", process_all, "KiB")
        .measured("memory: process / thread", ratio, "")
        .measured("process: RSS", process.rss, "KiB"))
}

impl Footprint {
    fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("user memory (PSS)", self.user),
            ("page tables", self.page_tables),
            ("stack in the kernel", self.kernel_stack),
            ("other kernel objects", self.slab),
        ]
    }

    fn together(&self) -> f64 {
        self.parts().iter().map(|(_, part)| part).sum()
    }
}

/// Makes idle threads, as many as wanted or allowed, and looks at what this process and the
/// kernel hold more than before.
fn threads(wanted: usize) -> Result<Footprint> {
    let own = Pid::this();
    let (user_before, tables_before, before) = (user(own)?, page_tables(own)?, system()?);
    let (gate, asleep) = (Mutex::new(()), AtomicUsize::new(0));
    thread::scope(|threads| {
        let closed = gate.lock().expect("nobody panics while holding it");
        let idle = || {
            asleep.fetch_add(1, Ordering::Relaxed);
            drop(gate.lock());
        };
        let made = (0..wanted)
            .map_while(|_| thread::Builder::new().spawn_scoped(threads, idle).ok())
            .count();
        while asleep.load(Ordering::Relaxed) < made {
            thread::sleep(Duration::from_millis(1));
        }
        let seen = (user(own)?, page_tables(own)?, system()?);
        drop(closed);
        let (user, tables, now) = seen;
        let each = |before: f64, now: f64| (now - before) / made as f64;
        Ok(Footprint {
            made,
            rss: each(user_before.rss, user.rss),
            user: each(user_before.pss, user.pss),
            page_tables: each(tables_before, tables),
            kernel_stack: each(before.kernel_stacks, now.kernel_stacks),
            slab: each(before.slab, now.slab),
        })
    })
}

/// Forks idle processes, as many as wanted or allowed, and looks at what they and the kernel hold.
fn processes(wanted: usize) -> Result<Footprint> {
    // ANCHOR: processes
    let before = system()?;
    let (asleep, tell) = pipe().map_err(explain("pipe"))?;
    let mut idle = Vec::with_capacity(wanted);
    while idle.len() < wanted {
        // SAFETY: this process has one thread, so nobody else holds a lock.
        let child = unsafe {
            Child::fork(|| {
                let _ = nix::unistd::write(&tell, &[1]);
                loop {
                    pause();
                }
            })
        };
        let Ok(child) = child else { break };
        idle.push(child);
    }
    let made = idle.len();
    std::fs::File::from(asleep).read_exact(&mut vec![0; made]).context("read")?;
    let now = system()?;
    // ANCHOR_END: processes
    // They are all alike, so a few dozen tell the mean.
    let some: Vec<Pid> = idle.iter().step_by(made.div_ceil(32).max(1)).map(Child::pid).collect();
    let mean = |look: &dyn Fn(Pid) -> Result<f64>| -> Result<f64> {
        Ok(some.iter().map(|pid| look(*pid)).sum::<Result<f64>>()? / some.len() as f64)
    };
    Ok(Footprint {
        made,
        rss: mean(&|pid| Ok(user(pid)?.rss))?,
        user: mean(&|pid| Ok(user(pid)?.pss))?,
        page_tables: mean(&page_tables)?,
        kernel_stack: (now.kernel_stacks - before.kernel_stacks) / made as f64,
        slab: (now.slab - before.slab) / made as f64,
    })
}

/// Measures in a child, so that arenas and cached stacks of threads that ended are not copied to
/// the processes that are forked afterwards.
fn in_a_child(measure: impl FnOnce() -> Result<Footprint>) -> Result<Footprint> {
    let (reader, writer) = pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let mut writer = std::fs::File::from(writer);
            match measure() {
                Ok(f) => i32::from(
                    writeln!(
                        writer,
                        "{} {} {} {} {} {}",
                        f.made, f.rss, f.user, f.page_tables, f.kernel_stack, f.slab
                    )
                    .is_err(),
                ),
                Err(error) => {
                    eprintln!("{error:#}");
                    1
                }
            }
        })
    }?;
    let mut text = String::new();
    std::fs::File::from(reader).read_to_string(&mut text).map_err(explain_io("read"))?;
    child.wait()?;
    let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    ensure!(numbers.len() == 6, "the child that made threads failed");
    let [made, rss, user, page_tables, kernel_stack, slab] = numbers[..] else { unreachable!() };
    Ok(Footprint { made: made as usize, rss, user, page_tables, kernel_stack, slab })
}

/// The kernel frees what ended tasks held a little later; until then its counters mix the two.
fn settle() {
    thread::sleep(Duration::from_millis(30));
}
