//! What speaks for a choice and against it, the sums, and what would turn it.

use crate::answers::{Answers, bytes, counted, short};
use crate::decide::{Choice, Cost, MIB, Model, NOTICED_CPU, cost, decide};
use crate::figures::{Figures, Measured};
use crate::turns::turns;

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
    /// The figures with their ranges, a line each.
    pub measured: Vec<String>,
}

/// Decides, and says why: on several machines, for one of them.
pub fn recommend(a: &Answers, m: &Measured) -> Recommendation {
    let f = &m.figures;
    let choice = decide(a, f);
    let each = a.on_each();
    let mut because = because(&choice, &each, m);
    if a.machines > 1.0 {
        let no_thread = "no thread reaches another machine: messages go by sockets";
        let share = format!(
            "each of {} machines has {} at once, {} and {} a second: the sums are for one",
            short(a.machines),
            short(each.at_once),
            counted(each.starts, "start"),
            counted(each.messages, "message")
        );
        because.splice(0..0, [no_thread.to_owned(), share]);
    }
    Recommendation {
        costs: Model::ALL.map(|model| cost(model, &each, f)).to_vec(),
        because,
        sums: sums(&each, f),
        against: against(&choice, a, &each, m),
        measured: measured(&each, m),
        turns: turns(&choice, a, m),
        choice,
    }
}

/// Sentences, each kept if its condition holds.
#[derive(Default)]
struct Sentences(Vec<String>);

impl Sentences {
    fn say(&mut self, so: bool, text: impl Into<String>) {
        if so {
            self.0.push(text.into());
        }
    }
}

fn because(choice: &Choice, a: &Answers, m: &Measured) -> Vec<String> {
    let f = &m.figures;
    let mut why = Sentences::default();
    let of = |model| cost(model, a, f);
    let walled = a.walled() || a.programs;
    why.say(!a.trusted, "code that is not trusted needs a wall: threads read each other's memory");
    why.say(
        !a.input_trusted,
        "what strangers send may take a task over: a wall keeps it from the others",
    );
    why.say(a.crash_stays, "a crash ends a whole process, so what must live on is in another");
    why.say(a.programs, "another program is another process in any case");
    why.say(a.gil_binds() && !walled, "one interpreter computes on one CPU at a time (GIL)");
    why.say(!walled && !a.gil_binds(), "nothing asks for a wall between the tasks");
    why.say(
        a.stays(),
        match a.starts > 0.0 {
            true => format!("each lives {} s, so its start is of no account", short(a.lives())),
            false => "tasks are begun once and stay, so their start is of no account".into(),
        },
    );
    let (thread, pool, event) = (of(Model::Thread), of(Model::Pool), of(Model::Async));
    match choice.model {
        Model::Async => {
            let (each, name) = match walled {
                true => (of(Model::ProcessPool), "a pool of processes"),
                false => (thread, "threads"),
            };
            why.say(
                true,
                format!(
                    "{} that wait cost {} MiB as {name} and {} MiB as async tasks; messages and \
                     starts {} and {} CPUs",
                    short(a.at_once),
                    short(each.mib),
                    short(event.mib),
                    short(each.cpus()),
                    short(event.cpus())
                ),
            );
        }
        Model::Pool if !a.waits && a.at_once > a.cores => why.say(
            true,
            format!(
                "{} that compute are not faster on {} than {}",
                short(a.at_once),
                counted(a.cores, "CPU"),
                counted(a.workers(), "thread")
            ),
        ),
        Model::Pool => why.say(
            true,
            format!(
                "a pool saves {} CPUs against a thread each",
                short(thread.cpus() - pool.cpus())
            ),
        ),
        Model::Thread => why.say(
            !a.stays(),
            format!(
                "a pool would save {} CPUs, which nobody notices",
                short((thread.cpus() - pool.cpus()).max(0.0))
            ),
        ),
        Model::ProcessPool => why.say(
            true,
            format!(
                "{} {} tasks, with {} CPUs; a process each takes {}",
                counted(a.workers(), "worker"),
                if a.workers() == 1.0 { "takes" } else { "take" },
                short(of(Model::ProcessPool).cpus()),
                short(of(Model::Process).cpus())
            ),
        ),
        Model::Ring | Model::ProcessRing => {
            let woken = if choice.model == Model::Ring { pool } else { of(Model::ProcessPool) };
            why.say(
                true,
                format!(
                    "to wake somebody for each start and message takes {} CPUs of {}; who spins on a \
                     ring wakes nobody: {} for what passes",
                    short(woken.cpus()),
                    short(a.cores),
                    short(of(choice.model).starts + of(choice.model).messages)
                ),
            );
        }
        Model::Process => {}
    }
    let threads = matches!(choice.model, Model::Thread | Model::Pool | Model::Ring);
    let read = a.shared - a.written;
    why.say(
        read > 0.0 && (threads || choice.model == Model::Async && !walled),
        format!("all read {}: within one process there is one copy", bytes(read)),
    );
    // Of Python's forked workers there is more to say than that.
    let inherits = !threads && !a.programs && (walled || choice.model != Model::Async);
    why.say(
        read > 0.0 && inherits && (!a.python || choice.model == Model::Async),
        format!("all read {}: a process forked after it was loaded needs no copy", bytes(read)),
    );
    if let Some(took) = there_and_back(a.written, m).filter(|_| a.written > 0.0 && threads) {
        why.say(
            true,
            format!(
                "several write {}: threads share it as it is; to a process and back by pipe it takes \
                 {took}",
                bytes(a.written),
            ),
        );
    }
    why.0
}

/// What so many bytes take to a process and back, with its range and with the size that was sent.
fn there_and_back(wanted: f64, m: &Measured) -> Option<String> {
    let sent = m.figures.there_and_back?;
    let ms = |f: &Figures| f.there_and_back.map_or(0.0, |sent| sent.ms(wanted));
    let mut range: Vec<String> = m.spread(ms).into_iter().collect();
    if (wanted - sent.bytes).abs() >= 1.0 {
        range.push(format!("at the rate of {}", bytes(sent.bytes)));
    }
    let range = if range.is_empty() { String::new() } else { format!(" ({})", range.join("; ")) };
    Some(format!("{} ms{range}", short(ms(&m.figures))))
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
        false => format!(" beside {touched}{}", f.fork.drawn_on(memory, MIB)),
    };
    let piped = f.pipe.drawn_on(kib, 1024.0);
    let drawn_on = match f.process_kib.drawn_on(memory, MIB) {
        note if note.is_empty() => note,
        note => format!(" ({})", &note[2..]),
    };
    let (pipe, shared) = (f.pipe.at(kib), f.shared.at(kib));
    let rate = a.messages * 1e-6;
    vec![
        format!(
            "{} a second: {started} takes {} CPUs ({} µs each{beside}), a thread {} ({} µs), \
             a thread pool {} ({}), a process pool {} ({}), an event loop {} ({})",
            counted(a.starts, "start"),
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
            "{} a second of {}: copying takes {} CPUs by pipe ({} µs each{piped}), {} by \
             shared memory ({}); waking a thread for each {}, a process {}; an event loop {}",
            counted(a.messages, "message"),
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
            "{} at once: as threads {} MiB, as processes {}{drawn_on}, as async tasks {}; pools of {}: {} and \
             {}",
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

/// What speaks against it; `all` are the answers for all machines together.
fn against(choice: &Choice, all: &Answers, a: &Answers, m: &Measured) -> Vec<String> {
    use Model::{Async, Pool, Process, ProcessPool, ProcessRing, Ring, Thread};
    let f = &m.figures;
    let mut contra = Sentences::default();
    let ends = [&m.low, &m.high].map(|figures| decide(all, figures).short);
    if let Some(other) = ends.into_iter().find(|short| *short != choice.short) {
        contra
            .say(true, format!("it is close: with figures at an end of their range it is {other}"));
    }
    let used = cost(choice.model, a, f);
    let neither = "and neither does anything else that keeps what is asked for";
    let (cpus, cores) = (short(used.cpus()), short(a.cores));
    let is = if a.cores == 1.0 { "is" } else { "are" };
    contra.say(
        used.cpus() > a.cores,
        format!("it does not fit, {neither}: {cpus} CPUs are wanted, {cores} {is} there"),
    );
    let (mib, free) = (short(used.mib), short(f.free_mib));
    contra.say(
        used.mib > f.free_mib,
        format!("it does not fit, {neither}: {mib} MiB are wanted, {free} are free"),
    );
    contra.say(
        used.mib <= f.free_mib && a.memory / MIB + used.mib > f.free_mib,
        format!(
            "with the {} that the parent has touched more memory is wanted than the {} that are free",
            bytes(a.memory),
            bytes(f.free_mib * MIB)
        ),
    );
    let kib = a.size / 1024.0;
    if matches!(choice.model, Thread | Pool | Ring) {
        contra.say(true, "a crash ends all tasks, and each can read and spoil the others' data");
        contra
            .say(a.written > 0.0, "what several write needs locks, or slices that do not overlap");
        let asleep = a.messages * f.thread_task / 2.0 * 1e-6;
        let copied = a.messages * f.shared.at(kib) * 1e-6;
        contra.say(
            choice.model != Ring && a.can_spin() && asleep - copied > NOTICED_CPU * a.cores,
            format!(
                "to wake a thread for each message takes {} CPUs: let the reader spin on a ring in \
                 memory instead ({} CPUs for the copies), on a CPU of its own",
                short(asleep),
                short(copied)
            ),
        );
        contra.say(
            choice.model != Thread && (a.waits || a.at_once > a.cores),
            "a task that waits for another of the same pool can wait for ever",
        );
        contra.say(a.python && a.waits, "Python: what computes in between holds up the others");
    }
    contra.say(
        choice.model.spins(),
        format!(
            "who spins keeps a CPU busy when nothing comes, too: {} of them",
            short(used.spinning)
        ),
    );
    let few = choice.model == Async && a.walled();
    if choice.model == Async {
        contra.say(true, "a task that computes or blocks holds up all others of its thread");
        contra.say(
            a.written > 0.0 && !few,
            format!("the {} that several write may change at each await", bytes(a.written)),
        );
        contra.say(!few, "a crash ends all tasks, and every library must be of the same kind");
        contra.say(
            few,
            "a crash or an intruder reaches all tasks of its process: the more processes, the fewer",
        );
    }
    contra.say(
        matches!(choice.model, ProcessPool) || choice.model == ProcessRing && a.trusted,
        "a worker keeps what a task left in it: start it anew after so many",
    );
    if few || matches!(choice.model, Process | ProcessPool | ProcessRing) {
        contra.say(
            a.written > 0.0,
            format!(
                "the {} that several write must be mapped shared, without pointers, and a lock's \
                 owner may die with it",
                bytes(a.written)
            ),
        );
        contra.say(
            a.shared > a.written && a.programs,
            format!("a program has no copy of the {} that all read: map a file", bytes(a.shared)),
        );
        let saved = a.messages * (f.pipe.at(kib) - f.shared.at(kib)) * 1e-6;
        contra.say(
            !choice.model.spins() && saved > NOTICED_CPU * a.cores,
            format!(
                "messages by pipe take {} CPUs more than by shared memory: use that for them",
                short(saved)
            ),
        );
        contra.say(
            choice.model.spins() && a.sandboxed(),
            "what stands in a ring can change while it is looked at: copy it, then check the copy",
        );
        contra.say(
            a.sandboxed(),
            "a process of the same user is no wall yet: it takes a user of its own, seccomp, \
             Landlock or namespaces",
        );
        contra.say(
            a.walled(),
            "somebody must notice the end of a process and start it again, and give up where that \
             is hopeless",
        );
        python(&mut contra, choice, a, m);
    }
    contra.say(
        all.machines > 1.0 && a.shared > 0.0,
        format!(
            "machines have no memory in common: each needs the {} that all use, and word of what is \
             written",
            bytes(a.shared)
        ),
    );
    contra.say(
        all.machines > 1.0,
        "a machine may be unreachable without having ended: time limits, and tasks that may run \
         twice",
    );
    contra.say(
        choice.model == Process && a.waits && !a.programs,
        match a.at_once {
            1.0 => "the process counts against the limit on tasks".into(),
            many => format!("{} processes count against the limit on tasks", short(many)),
        },
    );
    contra.say(
        choice.model == Process && !a.waits && a.at_once > a.cores,
        format!("run at most {} at once: they compute, and there are no more CPUs", short(a.cores)),
    );
    contra.0
}

/// What Python's workers have to do with the data that all use, and with the figures.
fn python(contra: &mut Sentences, choice: &Choice, a: &Answers, m: &Measured) {
    let f = &m.figures;
    contra.say(a.python, "Python pickles what it sends, which no figure here contains");
    contra.say(
        a.python && f.python_kib.is_none(),
        "a worker of Python holds an interpreter's data, too: no python3 was found to tell how much",
    );
    if !a.python || a.shared == 0.0 || choice.model == Model::Async {
        return;
    }
    let many = if choice.model == Model::Process { a.at_once } else { a.workers() };
    let (shared, all) = (bytes(a.shared), bytes(a.shared * many));
    contra.say(
        !a.programs,
        format!(
            "Python counts references in the objects: who reads the {shared} that all use writes to \
             their pages, so each of {} forked workers may come to a copy of its own, {all} together",
            short(many)
        ),
    );
    let sent = there_and_back(a.shared, m)
        .map_or(String::new(), |took| format!("; to send them by pipe and back takes {took}"));
    contra.say(
        true,
        format!("arrays in multiprocessing.shared_memory or a mapped file are not copied{sent}"),
    );
    let free = f.free_mib * MIB;
    contra.say(
        a.shared * many > free,
        format!("so many copies do not fit: {all}, and {} are free", bytes(free)),
    );
}

/// The figures that the sums are made of, with their ranges: µs of CPU time, and KiB.
fn measured(a: &Answers, m: &Measured) -> Vec<String> {
    let (memory, kib) = (a.memory / MIB, a.size / 1024.0);
    let (touched, size) = (bytes(a.memory), bytes(a.size));
    let line = |name: String, of: &dyn Fn(&Figures) -> f64, unit: &str, drawn_on: String| {
        let spread = m.spread(of).map_or(String::new(), |spread| format!("{spread} "));
        let value = short(of(&m.figures));
        let line = format!("{name}{drawn_on}");
        format!("{line:<44}{value:>8} {unit:<4}{spread}").trim_end().to_owned()
    };
    let plain = String::new;
    let f = &m.figures;
    let mut all = vec![
        line("a thread begins and ends".into(), &|f| f.thread, "µs", plain()),
        line(
            format!("fork beside {touched}"),
            &|f| f.fork.at(memory),
            "µs",
            f.fork.drawn_on(memory, MIB),
        ),
        line("a program begins and ends".into(), &|f| f.program, "µs", plain()),
        line("a thread does a task and answers".into(), &|f| f.thread_task, "µs", plain()),
        line("a process does a task and answers".into(), &|f| f.process_task, "µs", plain()),
        line("an event loop finds an event".into(), &|f| f.event, "µs", plain()),
        line(
            format!("{size} through a pipe"),
            &|f| f.pipe.at(kib),
            "µs",
            f.pipe.drawn_on(kib, 1024.0),
        ),
        line(
            format!("{size} through shared memory"),
            &|f| f.shared.at(kib),
            "µs",
            f.shared.drawn_on(kib, 1024.0),
        ),
    ];
    if let Some(sent) = f.there_and_back {
        let of = |f: &Figures| f.there_and_back.map_or(0.0, |sent| sent.took);
        all.push(line(format!("{} to a process and back", bytes(sent.bytes)), &of, "µs", plain()));
    }
    all.push(line(
        format!("an idle thread, {} in the kernel", short(f.thread_in_kernel)),
        &|f| f.thread_kib,
        "KiB",
        plain(),
    ));
    if let Some(of) = f.python_kib.filter(|_| a.python) {
        all.push(line(
            "an idle worker of Python".into(),
            &|f| f.python_kib.unwrap_or(of),
            "KiB",
            plain(),
        ));
    }
    all.push(line(
        format!("idle, forked beside {touched}"),
        &|f| f.process_kib.at(memory),
        "KiB",
        f.process_kib.drawn_on(memory, MIB),
    ));
    all
}

#[cfg(test)]
mod tests;
