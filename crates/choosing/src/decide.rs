//! The choice: a pure function of what is asked for and of what things cost.
//!
//! Walls come first: what must stay apart is put into processes, whatever it costs. Among what is
//! left the simplest is taken whose cost nobody notices beside the cheapest.

use crate::answers::Answers;
use crate::figures::Figures;

/// The ways to run many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A thread for each task.
    Thread,
    /// Threads that take one task after the other.
    Pool,
    /// A process for each task.
    Process,
    /// Processes that take one task after the other.
    ProcessPool,
    /// Tasks of an event loop on one thread.
    Async,
    /// Threads that spin on rings in memory: nobody is woken, and each keeps a CPU busy.
    Ring,
    /// The same between processes, in shared memory.
    ProcessRing,
}

impl Model {
    /// All of them, the simplest first.
    pub const ALL: [Model; 7] = [
        Model::Thread,
        Model::Pool,
        Model::Process,
        Model::ProcessPool,
        Model::Async,
        Model::Ring,
        Model::ProcessRing,
    ];

    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Model::Thread => "a thread each",
            Model::Pool => "a thread pool",
            Model::Process => "a process each",
            Model::ProcessPool => "a process pool",
            Model::Async => "async tasks",
            Model::Ring => "threads, rings",
            Model::ProcessRing => "proc's, rings",
        }
    }

    /// Whether who waits for a message spins.
    pub fn spins(self) -> bool {
        matches!(self, Model::Ring | Model::ProcessRing)
    }
}

/// What is recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The model, or the one that decides in a mix.
    pub model: Model,
    /// Whether it is a part of a mix.
    pub mix: bool,
    /// In a few words without figures: two choices are the same if these are.
    pub short: &'static str,
}

const fn plain(model: Model, short: &'static str) -> Choice {
    Choice { model, mix: false, short }
}

const fn mix(model: Model, short: &'static str) -> Choice {
    Choice { model, mix: true, short }
}

/// What a model would take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Which one.
    pub model: Model,
    /// CPUs' worth of time for beginning tasks.
    pub starts: f64,
    /// CPUs' worth of time for messages.
    pub messages: f64,
    /// CPUs that are kept busy in any case, by those who spin.
    pub spinning: f64,
    /// MiB for those that are there at once.
    pub mib: f64,
}

impl Cost {
    /// CPUs' worth of time altogether.
    pub fn cpus(&self) -> f64 {
        (self.starts + self.messages).max(self.spinning)
    }

    /// Whether so many CPUs may be used, and so much memory is free.
    pub fn fits(&self, a: &Answers, f: &Figures) -> bool {
        self.cpus() <= a.cores && self.mib <= f.free_mib
    }
}

/// A difference of so large a share of all CPUs is noticed.
pub const NOTICED_CPU: f64 = 0.05;
/// A difference of so many MiB is noticed.
const NOTICED_MIB: f64 = 100.0;
/// A task that lives so many seconds stays: what its start costs is of no account.
const STAYS: f64 = 60.0;
/// Bytes of a MiB.
pub const MIB: f64 = 1048576.0;

impl Answers {
    /// Seconds that a task lives, by J. Little's law: how many there are, by how many begin.
    pub fn lives(&self) -> f64 {
        self.at_once / self.starts
    }

    /// Whether its start is of no account.
    pub fn stays(&self) -> bool {
        self.lives() >= STAYS
    }

    /// Whether the GIL keeps threads from computing side by side.
    pub fn gil_binds(&self) -> bool {
        self.python && !self.waits && self.cores > 1.0
    }

    /// Whether somebody can spin on a ring: not in Python, and not where who spins takes the one CPU
    /// from whom it waits for.
    pub fn can_spin(&self) -> bool {
        !self.python && self.cores >= 2.0
    }

    /// Whether tasks run in a sandbox: their code or what they read is not trusted.
    pub fn sandboxed(&self) -> bool {
        !self.trusted || !self.input_trusted
    }

    /// Whether something asks for a wall between the tasks.
    pub fn walled(&self) -> bool {
        self.crash_stays || self.sandboxed()
    }

    /// The share of one of the machines.
    pub fn on_each(&self) -> Answers {
        Answers {
            machines: 1.0,
            starts: self.starts / self.machines,
            at_once: (self.at_once / self.machines).ceil(),
            messages: self.messages / self.machines,
            ..self.clone()
        }
    }

    /// Workers that a pool needs: where tasks wait, one for each that is there.
    pub fn workers(&self) -> f64 {
        if self.waits { self.at_once } else { self.at_once.min(self.cores) }
    }
}

/// What a model takes for these answers on this machine.
pub fn cost(model: Model, a: &Answers, f: &Figures) -> Cost {
    let (memory, kib) = (a.memory / MIB, a.size / 1024.0);
    let process = if a.programs { f.program } else { f.fork.at(memory) };
    // A process that spins takes one task after the other, unless each needs a process of its own.
    let own = a.programs || !a.trusted;
    let held = held_by_process(a, f);
    let (start, held, many) = match model {
        Model::Thread => (f.thread, f.thread_kib, a.at_once),
        Model::Pool => (f.thread_task, f.thread_kib, a.workers()),
        Model::Process => (process, held, a.at_once),
        Model::ProcessPool => (f.process_task, held, a.workers()),
        Model::Async => (f.event, f.task_kib, a.at_once),
        Model::Ring => (f.shared.fixed, f.thread_kib, a.workers()),
        Model::ProcessRing if own => (process, held, a.at_once),
        Model::ProcessRing => (f.shared.fixed, held, a.workers()),
    };
    let message = match model {
        // The half of a hand-over and its answer: who sleeps is woken and finds a pointer.
        Model::Thread | Model::Pool => f.thread_task / 2.0,
        Model::Process | Model::ProcessPool => f.process_task / 2.0 + f.pipe.each * kib,
        Model::Async => f.event,
        Model::Ring | Model::ProcessRing => f.shared.at(kib),
    };
    Cost {
        model,
        starts: a.starts * start * 1e-6,
        messages: a.messages * message * 1e-6,
        spinning: if model.spins() { many } else { 0.0 },
        mib: many * held / 1024.0,
    }
}

/// KiB that a process holds for itself: Python's workers hold an interpreter's data, too.
pub fn held_by_process(a: &Answers, f: &Figures) -> f64 {
    let plain = f.process_kib.at(a.memory / MIB);
    match f.python_kib {
        Some(python) if a.python => python + plain - f.process_kib.fixed,
        _ => plain,
    }
}

/// What these models cost: of those that fit, or of all where none does.
fn fitting(models: &[Model], a: &Answers, f: &Figures) -> Vec<Cost> {
    let possible = models.iter().filter(|model| a.can_spin() || !model.spins());
    let all: Vec<Cost> = possible.map(|model| cost(*model, a, f)).collect();
    let fit: Vec<Cost> = all.iter().copied().filter(|cost| cost.fits(a, f)).collect();
    if fit.is_empty() { all } else { fit }
}

/// The first of these models beside which no other one saves what is noticed, among those that fit.
fn simplest(models: &[Model], a: &Answers, f: &Figures) -> Model {
    let costs = fitting(models, a, f);
    let least = |of: &dyn Fn(&Cost) -> f64| costs.iter().map(of).fold(f64::INFINITY, f64::min);
    let (cpus, mib) = (least(&Cost::cpus), least(&|cost| cost.mib));
    let unnoticed =
        |cost: &&Cost| cost.cpus() - cpus <= NOTICED_CPU * a.cores && cost.mib - mib <= NOTICED_MIB;
    // Where none is best in both, time decides.
    let cheapest = || costs.iter().min_by(|a, b| a.cpus().total_cmp(&b.cpus()));
    costs.iter().find(unnoticed).or_else(cheapest).map_or(models[0], |cost| cost.model)
}

/// The first of these models that fits, whatever it costs; where none does, the simplest of those that
/// lack least.
fn strictest(models: &[Model], a: &Answers, f: &Figures) -> Model {
    match fitting(models, a, f).first() {
        Some(cost) if cost.fits(a, f) => cost.model,
        _ => simplest(models, a, f),
    }
}

// ANCHOR: decide
/// What to use.
pub fn decide(a: &Answers, f: &Figures) -> Choice {
    if a.machines <= 1.0 {
        return on_one_machine(a, f);
    }
    let each = on_one_machine(&a.on_each(), f).model;
    let short = match (each, a.sandboxed()) {
        (Model::Process, true) => "on each machine a supervisor and sandboxed processes",
        (Model::Process, false) => "on each machine a supervisor and processes",
        (Model::ProcessPool, true) => "on each machine a supervisor and a sandboxed process pool",
        (Model::ProcessPool, false) => "on each machine a supervisor and a process pool",
        (Model::ProcessRing, true) => "on each machine sandboxed processes, rings in shared memory",
        (Model::ProcessRing, false) => "on each machine processes, rings in shared memory",
        (Model::Async, true) => "on each machine sandboxed processes, async tasks inside",
        (Model::Async, false) => "on each machine a process a core, async tasks inside",
        (Model::Ring, _) => "on each machine a process with threads, rings between them",
        (Model::Thread | Model::Pool, _) => "on each machine a process with threads inside",
    };
    mix(each, short)
}

fn on_one_machine(a: &Answers, f: &Figures) -> Choice {
    use Model::{Async, Pool, Process, ProcessPool, ProcessRing, Ring, Thread};
    let sandboxed = a.sandboxed();
    // What must stay apart gets an address space of its own.
    if a.programs {
        let model = strictest(&[Process, ProcessRing], a, f);
        let short = match (model, sandboxed) {
            (Process, false) => "a process for each task, run as a program",
            (Process, true) => "a sandboxed process for each task, run as a program",
            (_, false) => "a process for each task, run as a program, rings in shared memory",
            (_, true) => {
                "a sandboxed process for each task, run as a program, rings in shared memory"
            }
        };
        return plain(model, short);
    }
    // A few of them share a fate, and an intruder: that is for code of one owner, and where processes
    // that take one task at a time, each or from a pool, cost more than is noticed.
    let few = a.walled() && a.trusted && a.waits;
    if few && simplest(&[Process, ProcessPool, Async, ProcessRing], a, f) == Async {
        return mix(
            Async,
            match sandboxed {
                true => "a few sandboxed processes with async tasks inside",
                false => "a few processes with async tasks inside",
            },
        );
    }
    // Where code is not trusted, no process is used for a second task.
    let apart: &[Model] = match a.trusted {
        true => &[Process, ProcessPool, ProcessRing],
        false => &[Process, ProcessRing],
    };
    if a.walled() && a.stays() {
        let model = strictest(apart, a, f);
        let short = match (model, sandboxed) {
            (Process, true) => "a host of threads, a sandboxed process for each that stays",
            (Process, false) => "a host of threads, a process for each that stays",
            (ProcessPool, true) => "a host of threads, a pool of sandboxed processes",
            (ProcessPool, false) => "a host of threads, a process pool",
            (_, true) => "a host of threads, sandboxed processes, rings in shared memory",
            (_, false) => "a host of threads, processes, rings in shared memory",
        };
        return mix(model, short);
    }
    if sandboxed {
        let model = strictest(apart, a, f);
        let short = match model {
            Process => "a sandboxed process for each task",
            ProcessPool => "a pool of sandboxed processes",
            _ if a.trusted => "a pool of sandboxed processes, rings in shared memory",
            _ => "a sandboxed process for each task, rings in shared memory",
        };
        return plain(model, short);
    }
    if a.walled() || a.gil_binds() {
        // More processes than CPUs compute no faster.
        let bounded = a.waits || a.at_once <= a.cores;
        return match simplest(apart, a, f) {
            Process if bounded => plain(Process, "a process for each task"),
            ProcessRing => plain(ProcessRing, "a process pool, rings in shared memory"),
            _ => plain(ProcessPool, "a process pool"),
        };
    }
    // What may share shares.
    let model = match a.waits {
        true => simplest(&[Thread, Pool, Async, Ring], a, f),
        false => simplest(&[Thread, Pool, Ring], a, f),
    };
    let enough = a.waits || a.at_once <= a.cores;
    match model {
        Async => plain(Async, "async tasks"),
        Ring if enough => plain(Ring, "a few threads that stay, rings between them"),
        Ring => plain(Ring, "a pool of threads that spin on rings"),
        Thread if enough && a.stays() && !a.waits => plain(Thread, "a few threads that stay"),
        Thread if enough => plain(Thread, "a thread for each task"),
        _ => plain(Pool, "a thread pool"),
    }
}
// ANCHOR_END: decide

#[cfg(test)]
mod tests;
