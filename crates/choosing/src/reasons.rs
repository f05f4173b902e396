//! What speaks for a choice and against it, the sums, and what would turn it.

use crate::answers::{Answers, bytes, short};
use crate::decide::{Choice, Cost, MIB, Model, NOTICED_CPU, cost, decide};
use crate::figures::{Figures, MOST_TOUCHED};

/// A recommendation with all that speaks for it and against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// What to use.
    pub choice: Choice,
    /// What each model would take.
    pub costs: Vec<Cost>,
    /// Why, in sentences.
    pub because: Vec<String>,
    /// The sums, in sentences.
    pub sums: Vec<String>,
    /// What speaks against it.
    pub against: Vec<String>,
    /// What would turn it, and to what.
    pub turns: Vec<String>,
}

/// Decides, and says why.
pub fn recommend(a: &Answers, f: &Figures) -> Recommendation {
    let choice = decide(a, f);
    Recommendation {
        costs: Model::ALL.map(|model| cost(model, a, f)).to_vec(),
        because: because(&choice, a, f),
        sums: sums(a, f),
        against: against(&choice, a, f),
        turns: turns(&choice, a, f),
        choice,
    }
}

fn because(choice: &Choice, a: &Answers, f: &Figures) -> Vec<String> {
    let mut why = Vec::new();
    let mut say = |so: bool, text: String| {
        if so {
            why.push(text)
        }
    };
    let stay = a.stays();
    let walled = a.crash_stays || !a.trusted || a.programs;
    say(!a.trusted, "what is not trusted needs a wall: threads read each other's memory".into());
    say(a.crash_stays, "a crash ends a whole process, so what must live on is in another".into());
    say(a.programs, "another program is another process in any case".into());
    say(a.machines > 1.0, "no thread reaches another machine: messages go by sockets".into());
    say(a.gil_binds() && !walled, "one interpreter computes on one CPU at a time (GIL)".into());
    say(!walled && !a.gil_binds(), "nothing asks for a wall between the tasks".into());
    say(
        stay,
        match a.starts > 0.0 {
            true => format!("each lives {} s, so its start is of no account", short(a.lives())),
            false => "tasks are begun once and stay, so their start is of no account".into(),
        },
    );
    let (thread, pool) = (cost(Model::Thread, a, f), cost(Model::Pool, a, f));
    let event = cost(Model::Async, a, f);
    match choice.model {
        Some(Model::Async) => say(
            true,
            format!(
                "{} that wait cost {} MiB as threads and {} MiB as async tasks; messages and starts {} \
             and {} CPUs",
                short(a.at_once),
                short(thread.mib),
                short(event.mib),
                short(thread.cpus()),
                short(event.cpus())
            ),
        ),
        Some(Model::Pool) if !a.waits && a.at_once > a.cores => say(
            true,
            format!(
                "{} that compute are not faster on {} CPUs than {} threads",
                short(a.at_once),
                short(a.cores),
                short(a.workers())
            ),
        ),
        Some(Model::Pool) => say(
            true,
            format!(
                "a pool saves {} CPUs against a thread each",
                short(thread.cpus() - pool.cpus())
            ),
        ),
        Some(Model::Thread) if !stay => say(
            true,
            format!(
                "a pool would save {} CPUs, which nobody notices",
                short(thread.cpus() - pool.cpus())
            ),
        ),
        Some(Model::ProcessPool) => {
            let (each, pool) = (cost(Model::Process, a, f), cost(Model::ProcessPool, a, f));
            say(
                true,
                format!(
                    "{} workers take tasks, with {} CPUs; a process each takes {}",
                    short(a.workers()),
                    short(pool.cpus()),
                    short(each.cpus())
                ),
            );
        }
        _ => {}
    }
    if a.written > 0.0 && matches!(choice.model, Some(Model::Thread | Model::Pool)) {
        let there_and_back = 2.0 * a.written / 1024.0 * f.pipe.each * 1e-3;
        say(
            true,
            format!(
                "several write {}: threads share it as it is; to a process and back by pipe it takes {} ms",
                bytes(a.written),
                short(there_and_back)
            ),
        );
    }
    why
}

fn sums(a: &Answers, f: &Figures) -> Vec<String> {
    let of = |model| cost(model, a, f);
    let (thread, pool, process) = (of(Model::Thread), of(Model::Pool), of(Model::Process));
    let (kept, event) = (of(Model::ProcessPool), of(Model::Async));
    let memory = a.memory / MIB;
    let (started, price) = match a.programs {
        true => ("a program", f.program),
        false => ("fork", f.fork.at(memory)),
    };
    let (kib, touched) = (a.size / 1024.0, bytes(a.memory));
    let beside = match a.programs {
        true => String::new(),
        false if a.memory <= MOST_TOUCHED => format!(" beside {touched}"),
        false => format!(" beside {touched}, drawn on from {}", bytes(MOST_TOUCHED)),
    };
    let (pipe, shared) = (f.pipe.at(kib), f.shared.at(kib));
    let rate = a.messages * 1e-6;
    vec![
        format!(
            "{} starts a second: {started} takes {} CPUs ({} µs each{beside}), a thread {} ({} µs), \
             a thread pool {} ({}), a process pool {} ({}), an event loop {} ({})",
            short(a.starts),
            short(process.starts),
            short(price),
            short(thread.starts),
            short(f.thread),
            short(pool.starts),
            short(f.thread_task),
            short(kept.starts),
            short(f.process_task),
            short(event.starts),
            short(f.event)
        ),
        format!(
            "{} messages a second of {}: copying takes {} CPUs by pipe ({} µs each), {} by shared \
             memory ({}); waking a thread for each {}, a process {}; an event loop {}",
            short(a.messages),
            bytes(a.size),
            short(pipe * rate),
            short(pipe),
            short(shared * rate),
            short(shared),
            short(f.thread_task / 2.0 * rate),
            short(f.process_task / 2.0 * rate),
            short(event.messages)
        ),
        format!(
            "{} at once: as threads {} MiB, as processes {}, as async tasks {}; pools of {}: {} and {}",
            short(a.at_once),
            short(thread.mib),
            short(process.mib),
            short(event.mib),
            short(a.workers()),
            short(pool.mib),
            short(kept.mib)
        ),
    ]
}

fn against(choice: &Choice, a: &Answers, f: &Figures) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut say = |so: bool, text: String| {
        if so {
            all.push(text)
        }
    };
    let used = choice.model.map(|model| cost(model, a, f));
    if let Some(cost) = used {
        say(
            cost.cpus() > a.cores,
            format!(
                "it does not fit: {} CPUs are wanted, {} are there",
                short(cost.cpus()),
                short(a.cores)
            ),
        );
        say(
            cost.mib > f.free_mib,
            format!(
                "it does not fit: {} MiB are wanted, {} are free",
                short(cost.mib),
                short(f.free_mib)
            ),
        );
    }
    let kib = a.size / 1024.0;
    match choice.model {
        Some(Model::Thread | Model::Pool) => {
            say(
                true,
                "a crash ends all tasks, and each can read and spoil the others' data".into(),
            );
            say(
                a.written > 0.0,
                "what several write needs locks, or slices that do not overlap".into(),
            );
            let asleep = a.messages * f.thread_task / 2.0 * 1e-6;
            say(
                asleep > NOTICED_CPU * a.cores,
                format!(
                    "to wake a thread for each message takes {} CPUs: let the reader spin on a ring \
                 in memory instead ({} CPUs for the copies), on a CPU of its own",
                    short(asleep),
                    short(a.messages * f.shared.at(kib) * 1e-6)
                ),
            );
            say(
                choice.model == Some(Model::Pool),
                "a task that waits for another of the same pool can wait for ever".into(),
            );
            say(a.python && a.waits, "Python: what computes in between holds up the others".into());
        }
        Some(Model::Async) => {
            say(true, "a task that computes or blocks holds up all others of its thread".into());
            say(true, "a crash ends all tasks, and every library must be of the same kind".into());
        }
        Some(Model::ProcessPool) => {
            say(true, "a worker keeps what a task left in it: start it anew after so many".into());
        }
        _ => {}
    }
    if !matches!(choice.model, Some(Model::Thread | Model::Pool | Model::Async)) {
        say(
            a.written > 0.0,
            format!(
                "the {} that several write must be mapped shared, without pointers, and a lock's owner \
             may die with it",
                bytes(a.written)
            ),
        );
        say(
            a.shared > a.written && a.programs,
            format!("a program has no copy of the {} that all read: map a file", bytes(a.shared)),
        );
        let (pipe, shared) = (f.pipe.at(kib), f.shared.at(kib));
        let saved = a.messages * (pipe - shared) * 1e-6;
        say(
            saved > NOTICED_CPU * a.cores,
            format!(
                "messages by pipe take {} CPUs more than by shared memory: use that for them",
                short(saved)
            ),
        );
        say(
            !a.trusted,
            "a process of the same user is no wall yet: it takes a user of its own, \
             seccomp, Landlock or namespaces"
                .into(),
        );
        say(
            a.crash_stays || !a.trusted,
            "somebody must notice the end of a process and start it \
             again, and give up where that is hopeless"
                .into(),
        );
        say(a.python, "Python pickles what it sends, which no figure here contains".into());
        say(
            a.machines > 1.0,
            "a machine may be unreachable without having ended: time limits, \
             and tasks that may run twice"
                .into(),
        );
    }
    say(
        choice.model == Some(Model::Process) && a.waits && !a.programs,
        format!("{} processes count against the limit on tasks", short(a.at_once)),
    );
    let bound = choice.model == Some(Model::Process) && !a.waits && a.at_once > a.cores;
    say(
        bound,
        format!("run at most {} at once: they compute, and there are no more CPUs", short(a.cores)),
    );
    all
}

/// What is changed, one at a time, to see whether the choice turns: `set` scales or flips.
fn turns(choice: &Choice, a: &Answers, f: &Figures) -> Vec<String> {
    let mut all = Vec::new();
    let with = |change: &dyn Fn(&mut Answers)| {
        let mut changed = a.clone();
        change(&mut changed);
        decide(&changed, f).short
    };
    type Field = (&'static str, fn(&mut Answers) -> &mut f64, fn(f64) -> String, f64, f64);
    let fields: [Field; 4] = [
        ("starts a second", |a| &mut a.starts, short, 0.01, 1e6),
        ("at once", |a| &mut a.at_once, short, 1.0, 1e6),
        ("messages a second", |a| &mut a.messages, short, 1.0, 1e7),
        ("touched by the parent", |a| &mut a.memory, bytes, MIB, 1e12),
    ];
    for (name, field, shown, least, most) in fields {
        let now = *field(&mut a.clone());
        let at = |value: f64| with(&|changed| *field(changed) = value);
        for end in [most, least] {
            let (mut same, mut other) = (now.clamp(least, most), end);
            // The first step at which it turns, then the place between the two steps.
            let step = if end > now { 1.5 } else { 1.0 / 1.5 };
            let mut next = same;
            let turned = loop {
                next = if end > now { (next * step).min(end) } else { (next * step).max(end) };
                if at(next) != choice.short {
                    other = next;
                    break true;
                }
                same = next;
                if next == end {
                    break false;
                }
            };
            if !turned {
                continue;
            }
            for _ in 0..40 {
                let middle = (same + other) / 2.0;
                if at(middle) == choice.short { same = middle } else { other = middle }
            }
            let way = if end > now { "from" } else { "below" };
            let place = if end > now { other } else { same };
            all.push(format!("{way} {} {name}: {}", shown(place), at(other)));
        }
    }
    type Flip = (&'static str, bool, fn(&mut Answers));
    let flips: [Flip; 8] = [
        ("if a crash must stay inside", !a.crash_stays, |a| a.crash_stays = true),
        ("if a crash may end all", a.crash_stays, |a| a.crash_stays = false),
        ("if the code is not trusted", a.trusted, |a| a.trusted = false),
        ("if the code is trusted", !a.trusted, |a| a.trusted = true),
        ("if the tasks wait", !a.waits, |a| a.waits = true),
        ("if the tasks compute", a.waits, |a| a.waits = false),
        ("on several machines", a.machines <= 1.0, |a| a.machines = 2.0),
        ("without the GIL", a.python, |a| a.python = false),
    ];
    for (name, possible, flip) in flips {
        let turned = with(&|changed| flip(changed));
        if possible && turned != choice.short {
            all.push(format!("{name}: {turned}"));
        }
    }
    all
}
