//! The choice: a pure function of what is asked for and of what things cost.
//!
//! Walls come first: what must stay apart is put into processes, whatever it costs. Among what is
//! left the simplest is taken whose cost nobody notices beside the cheapest.

use crate::answers::Answers;
use crate::figures::Figures;

/// The five ways to run many tasks.
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
}

impl Model {
    /// All of them, the simplest first.
    pub const ALL: [Model; 5] =
        [Model::Thread, Model::Pool, Model::Process, Model::ProcessPool, Model::Async];

    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Model::Thread => "a thread each",
            Model::Pool => "a thread pool",
            Model::Process => "a process each",
            Model::ProcessPool => "a process pool",
            Model::Async => "async tasks",
        }
    }
}

/// What is recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// One model, or none for a mix.
    pub model: Option<Model>,
    /// In a few words without figures: two choices are the same if these are.
    pub short: &'static str,
}

const fn plain(model: Model, short: &'static str) -> Choice {
    Choice { model: Some(model), short }
}

const fn mix(short: &'static str) -> Choice {
    Choice { model: None, short }
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
    /// MiB for those that are there at once.
    pub mib: f64,
}

impl Cost {
    /// CPUs' worth of time altogether.
    pub fn cpus(&self) -> f64 {
        self.starts + self.messages
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

    /// Workers that a pool needs: where tasks wait, one for each that is there.
    pub fn workers(&self) -> f64 {
        if self.waits { self.at_once } else { self.at_once.min(self.cores) }
    }
}

/// What a model takes for these answers on this machine.
pub fn cost(model: Model, a: &Answers, f: &Figures) -> Cost {
    let (memory, kib) = (a.memory / MIB, a.size / 1024.0);
    let process = if a.programs { f.program } else { f.fork.at(memory) };
    let (start, held, many) = match model {
        Model::Thread => (f.thread, f.thread_kib, a.at_once),
        Model::Pool => (f.thread_task, f.thread_kib, a.workers()),
        Model::Process => (process, f.process_kib.at(memory), a.at_once),
        Model::ProcessPool => (f.process_task, f.process_kib.at(memory), a.workers()),
        Model::Async => (f.event, f.task_kib, a.at_once),
    };
    let message = match model {
        // The half of a hand-over and its answer: who sleeps is woken and finds a pointer.
        Model::Thread | Model::Pool => f.thread_task / 2.0,
        Model::Process | Model::ProcessPool => f.process_task / 2.0 + f.pipe.each * kib,
        Model::Async => f.event,
    };
    Cost {
        model,
        starts: a.starts * start * 1e-6,
        messages: a.messages * message * 1e-6,
        mib: many * held / 1024.0,
    }
}

/// The first of these models beside which no other one saves what is noticed.
fn simplest(models: &[Model], a: &Answers, f: &Figures) -> Model {
    let costs: Vec<Cost> = models.iter().map(|model| cost(*model, a, f)).collect();
    let least = |of: &dyn Fn(&Cost) -> f64| costs.iter().map(of).fold(f64::INFINITY, f64::min);
    let (cpus, mib) = (least(&Cost::cpus), least(&|cost| cost.mib));
    let unnoticed =
        |cost: &&Cost| cost.cpus() - cpus <= NOTICED_CPU * a.cores && cost.mib - mib <= NOTICED_MIB;
    // Where none is best in both, time decides.
    let cheapest = || costs.iter().min_by(|a, b| a.cpus().total_cmp(&b.cpus()));
    costs.iter().find(unnoticed).or_else(cheapest).map_or(models[0], |cost| cost.model)
}

// ANCHOR: decide
/// What to use.
pub fn decide(a: &Answers, f: &Figures) -> Choice {
    if a.machines > 1.0 {
        return match on_one_machine(&Answers { machines: 1.0, ..a.clone() }, f) {
            Choice { model: Some(Model::Process), .. } if !a.trusted => {
                mix("on each machine a supervisor and sandboxed processes")
            }
            Choice { model: Some(Model::Process), .. } => {
                mix("on each machine a supervisor and processes")
            }
            Choice { model: Some(Model::Async), .. } => {
                mix("on each machine a process a core, async tasks inside")
            }
            Choice { model: Some(Model::Thread | Model::Pool), .. } => {
                mix("on each machine a process with threads inside")
            }
            _ => mix("on each machine a supervisor and a process pool"),
        };
    }
    on_one_machine(a, f)
}

fn on_one_machine(a: &Answers, f: &Figures) -> Choice {
    use Model::{Async, Pool, Process, ProcessPool, Thread};
    let walled = a.crash_stays || !a.trusted;
    // What must stay apart gets an address space of its own.
    if a.programs {
        return match a.trusted {
            true => plain(Process, "a process for each task, run as a program"),
            false => plain(Process, "a sandboxed process for each task, run as a program"),
        };
    }
    if a.crash_stays && a.trusted && a.waits && simplest(&[Process, Async], a, f) == Async {
        return mix("a few processes with async tasks inside");
    }
    if walled && a.stays() {
        return match a.trusted {
            true => mix("a host of threads, a process for each that stays"),
            false => mix("a host of threads, a sandboxed process for each that stays"),
        };
    }
    if !a.trusted {
        return plain(Process, "a sandboxed process for each task");
    }
    if walled || a.gil_binds() {
        // More processes than CPUs compute no faster.
        let bounded = a.waits || a.at_once <= a.cores;
        return match simplest(&[Process, ProcessPool], a, f) {
            Process if bounded => plain(Process, "a process for each task"),
            _ => plain(ProcessPool, "a process pool"),
        };
    }
    // What may share shares.
    if a.waits {
        return match simplest(&[Thread, Pool, Async], a, f) {
            Thread => plain(Thread, "a thread for each task"),
            Pool => plain(Pool, "a thread pool"),
            _ => plain(Async, "async tasks"),
        };
    }
    match simplest(&[Thread, Pool], a, f) {
        Thread if a.at_once <= a.cores && a.stays() => plain(Thread, "a few threads that stay"),
        Thread if a.at_once <= a.cores => plain(Thread, "a thread for each task"),
        _ => plain(Pool, "a thread pool"),
    }
}
// ANCHOR_END: decide

#[cfg(test)]
mod tests;
