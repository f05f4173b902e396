//! Many idle threads against many idle processes: what each of them holds in user memory and in
//! the kernel.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, LIMIT, die_with, explain, explain_io, explain_spawn, status};
use lab::proc::comes_to_block_in_one_of;
use lab::sample::Comparison;
use lab::{Evidence, Experiment, Lab, NoEvidence, Summary, Unavailable, say, say_why};
use nix::sys::signal::Signal;
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
/// How often more than wanted all are made, until other programs leave the kernel's counters alone.
const SPARE: usize = 6;
/// What is made, in turn.
const KINDS: [&str; 3] = ["thread", "forked process", "executed process"];

fn run(lab: &Lab) -> Result<Evidence> {
    let (wanted, rounds) = lab.by_effort((150, 3), (300, 3), (1000, 7));
    let sleep = sleep();
    match &sleep {
        Some(_) => say!("parent", "makes threads, forks processes, and runs sleep(1),"),
        None => say!("parent", "finds no sleep(1) on the PATH; makes threads and forks processes,"),
    }
    say!("parent", "{wanted} of each, {rounds} times in turn; each of them only sleeps");
    let mut taken: Vec<Vec<Footprint>> = Vec::new();
    let mut disturbed = 0;
    while taken.len() < rounds {
        let mut all =
            vec![in_a_child(|| threads(wanted))?, processes(wanted, forked, |_, _| Ok(()))?];
        if let Some(sleep) = &sleep {
            all.push(processes(wanted, |_| executed(sleep), falls_asleep)?);
        }
        if all.iter().any(|each| each.made < ENOUGH) {
            let few = all.iter().zip(KINDS).filter(|(each, _)| each.made < ENOUGH);
            let made: Vec<String> =
                few.map(|(each, kind)| format!("{} of {wanted} {kind}s", each.made)).collect();
            let why = format!("only {} could be made", made.join(", "));
            say_why!("parent", "gives up: {why}");
            return Ok(missing(Evidence::new(), 1, &why));
        }
        // All have one stack in the kernel, of the same size. Where the system's counters say
        // something else, others moved them.
        let agree = all.iter().all(|each| {
            (each.kernel_stack / all[0].kernel_stack - 1.0).abs() < 0.1 && each.slab > 0.0
        });
        if agree {
            taken.push(all);
        } else if disturbed == SPARE {
            let why = format!("other programs moved the kernel's counters {disturbed} times");
            say_why!("parent", "gives up: {why}");
            return Ok(missing(Evidence::new(), 1, &why));
        } else {
            say!("parent", "other programs moved the kernel's counters, makes them again");
            disturbed += 1;
            settle();
        }
    }
    let fewest = taken.iter().flatten().map(|each| each.made).min().unwrap_or(0);
    if fewest < wanted {
        say!("parent", "not so many were allowed each time: {fewest} at least");
    }
    let found = report(&taken)?.measured("of each at least", fewest, "made");
    Ok(match sleep {
        Some(_) => found,
        None => missing(found, 2, "there is no program `sleep` on the PATH"),
    })
}

/// The program sleep(1), where the shell would find it.
fn sleep() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join("sleep"))
        .find(|path| path.is_file())
}

/// Declares the comparisons from the one of that kind on missing.
fn missing(found: Evidence, from: usize, why: &str) -> Evidence {
    KINDS[from..]
        .iter()
        .fold(found, |found, kind| found.missing(&format!("memory: {kind} / thread"), why))
}

/// Tells what each of them took, and compares.
fn report(taken: &[Vec<Footprint>]) -> Result<Evidence> {
    let kinds = taken[0].len();
    let heads: String = ["thread", "forked", "executed"][..kinds]
        .iter()
        .map(|kind| format!("{kind:>10}"))
        .collect();
    say!("parent", "{:<22}{heads}", "in KiB, each");
    let mut found = Evidence::new().fact("rounds", taken.len());
    let of = |kind: usize, part: &dyn Fn(&Footprint) -> f64| {
        Summary::of(taken.iter().map(|all| part(&all[kind])).collect()).context("nothing was made")
    };
    for (index, (name, _)) in taken[0][0].parts().into_iter().enumerate() {
        let mut line = format!("{name:<22}");
        for (kind, what) in KINDS[..kinds].iter().enumerate() {
            let part = of(kind, &|each| each.parts()[index].1)?;
            line += &format!("{:>10.1}", part.median);
            found = found.sampled(&format!("{what}: {name}"), part, "KiB");
        }
        say!("parent", "{line}");
    }
    let mut line = format!("{:<22}", "together");
    for kind in 0..kinds {
        line += &format!("{:>10.1}", of(kind, &Footprint::together)?.median);
    }
    say!("parent", "{line}");
    for (kind, name) in KINDS[..kinds].iter().enumerate().skip(1) {
        let pairs: Vec<[f64; 2]> =
            taken.iter().map(|all| [all[kind].together(), all[0].together()]).collect();
        let compared =
            Comparison::paired([&format!("memory per {name}"), "memory per thread"], "KiB", &pairs)
                .context("nothing was made")?;
        let ratio = compared.ratio;
        let article = if name.starts_with('e') { "an" } else { "a" };
        say!("parent", "{article} {name} holds {:.1} x a thread ({ratio})", ratio.median);
        found = found.compared(&format!("memory: {name} / thread"), &compared);
    }
    let rss = of(1, &|each| each.rss)?;
    say!("parent", "RSS would say {:.0} KiB for each forked process", rss.median);
    Ok(found.sampled("forked process: RSS", rss, "KiB"))
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

/// Makes idle processes, as many as wanted or allowed, and looks at what they and the kernel hold.
/// When one is asleep, a byte is written to the pipe: by itself, or by `wait`.
fn processes(
    wanted: usize,
    make: impl Fn(&OwnedFd) -> Result<Child>,
    wait: fn(&Child, &OwnedFd) -> Result<()>,
) -> Result<Footprint> {
    settle();
    // ANCHOR: processes
    let before = system()?;
    let (asleep, tell) = pipe().map_err(explain("pipe"))?;
    let mut idle = Vec::with_capacity(wanted);
    while idle.len() < wanted {
        let Ok(child) = make(&tell) else { break };
        idle.push(child);
    }
    idle.iter().try_for_each(|child| wait(child, &tell))?;
    let made = idle.len();
    std::fs::File::from(asleep).read_exact(&mut vec![0; made]).context("read")?;
    let now = system()?;
    // ANCHOR_END: processes
    // They are all alike, so a few dozen tell the mean.
    let some: Vec<Pid> = idle.iter().step_by(made.div_ceil(32).max(1)).map(Child::pid).collect();
    let mean = |look: &dyn Fn(Pid) -> Result<f64>| -> Result<f64> {
        Ok(some.iter().map(|pid| look(*pid)).sum::<Result<f64>>()? / some.len() as f64)
    };
    let footprint = Footprint {
        made,
        rss: mean(&|pid| Ok(user(pid)?.rss))?,
        user: mean(&|pid| Ok(user(pid)?.pss))?,
        page_tables: mean(&page_tables)?,
        kernel_stack: (now.kernel_stacks - before.kernel_stacks) / made as f64,
        slab: (now.slab - before.slab) / made as f64,
    };
    // All are told to end before any is waited for, so that they end at the same time.
    idle.iter().try_for_each(|child| child.signal(Signal::SIGKILL))?;
    Ok(footprint)
}

/// A copy of this process that sleeps.
fn forked(tell: &OwnedFd) -> Result<Child> {
    // SAFETY: this process has one thread, so nobody else holds a lock.
    unsafe {
        Child::fork(|| {
            let _ = nix::unistd::write(tell, &[1]);
            loop {
                pause();
            }
        })
    }
}

/// The program sleep(1).
fn executed(sleep: &Path) -> Result<Child> {
    let mut command = Command::new(sleep);
    command.arg("1000").env_clear().stdin(Stdio::null());
    let parent = Pid::this();
    // SAFETY: the closure makes two system calls.
    unsafe {
        command.pre_exec(move || {
            die_with(parent);
            Ok(())
        })
    };
    let program = command.spawn().map_err(explain_spawn("execve"))?;
    Ok(Child::adopt(Pid::from_raw(program.id() as i32)))
}

/// A program says that it sleeps by being asleep. C libraries differ in the call.
fn falls_asleep(program: &Child, tell: &OwnedFd) -> Result<()> {
    let calls = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep];
    let asleep = comes_to_block_in_one_of(program.pid(), &calls, LIMIT)?;
    ensure!(asleep, Unavailable::because("the program `sleep` was not seen asleep"));
    nix::unistd::write(tell, &[1]).map_err(explain("write"))?;
    Ok(())
}

/// Measures in a child, so that arenas and cached stacks of threads that ended are not copied to
/// the processes that are forked afterwards.
fn in_a_child(measure: impl FnOnce() -> Result<Footprint>) -> Result<Footprint> {
    let (reader, writer) = pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let mut writer = std::fs::File::from(writer);
            let said = match measure().map_err(|error| NoEvidence::of(&error)) {
                Ok(f) => format!(
                    "{} {} {} {} {} {}",
                    f.made, f.rss, f.user, f.page_tables, f.kernel_stack, f.slab
                ),
                Err(NoEvidence::Unavailable(why)) => format!("{UNAVAILABLE}{why}"),
                Err(NoEvidence::Failed(why)) => why,
            };
            status(writer.write_all(said.as_bytes()))
        })
    }?;
    let mut text = String::new();
    std::fs::File::from(reader).read_to_string(&mut text).map_err(explain_io("read"))?;
    child.wait()?;
    if let Some(why) = text.strip_prefix(UNAVAILABLE) {
        return Err(Unavailable::because(why).into());
    }
    let numbers: Vec<f64> = text.split(' ').flat_map(str::parse).collect();
    let [made, rss, user, page_tables, kernel_stack, slab] = numbers[..] else {
        bail!("the child that made threads: {text}")
    };
    Ok(Footprint { made: made as usize, rss, user, page_tables, kernel_stack, slab })
}

/// How a child begins to say that this machine cannot show it.
const UNAVAILABLE: &str = "unavailable: ";

/// The kernel frees what ended tasks held a little later; until then its counters mix the two.
fn settle() {
    thread::sleep(Duration::from_millis(30));
}
