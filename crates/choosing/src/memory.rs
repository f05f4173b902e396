//! Memory that a parent has touched, and what one more idle thread or process holds: for itself, in
//! page tables, and in the kernel.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, mpsc};
use std::thread::{Builder, scope};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, die_with, explain, explain_io, failed, in_words};
use lab::machine::page_size;
use lab::proc::read;
use lab::{Shared, Summary};
use memmap2::MmapMut;
use nix::unistd::{Pid, pause, pipe, write};

/// Threads that are made before the kernel's counters are looked at again.
const THREADS: usize = 64;
/// The same of processes, of which each holds more.
const PROCESSES: usize = 48;
/// So often, if so many may be there at once: others move these counters, too.
const BATCHES: usize = 5;

/// So many bytes of private memory, with a byte written to every page, so that each is there.
pub fn touched(bytes: usize) -> Result<MmapMut> {
    let mut memory = MmapMut::map_anon(bytes).map_err(explain_io("mmap"))?;
    for page in memory.chunks_mut(page_size()) {
        page[0] = 1;
    }
    Ok(memory)
}

/// What one more of many holds, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Private memory and page tables.
    pub own: f64,
    /// The kernel's objects and its stack for the task, which the whole system's counters tell.
    pub kernel: Summary,
}

impl Held {
    /// What the kernel keeps, at the lower end of what was seen, in the middle, and at the upper end.
    pub fn in_kernel(&self) -> [f64; 3] {
        let Summary { p10, median, p90, .. } = self.kernel;
        [p10, median, p90].map(|kib| kib.max(0.0))
    }

    /// The same of all that it holds.
    pub fn all(&self) -> [f64; 3] {
        self.in_kernel().map(|kernel| self.own + kernel)
    }
}

/// What one more idle thread holds. It is looked at in a new process, which has no stacks left of
/// threads that have ended.
pub fn idle_thread() -> Result<Held> {
    let told = Shared::new([const { AtomicU64::new(0) }; BATCHES + 2])?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| match idle_threads() {
            Ok((own, kernel)) => {
                told[0].store(own.to_bits(), Relaxed);
                told[1].store(kernel.len() as u64, Relaxed);
                for (place, kib) in told[2..].iter().zip(kernel) {
                    place.store(kib.to_bits(), Relaxed);
                }
                0
            }
            Err(error) => failed(&error),
        })
    }?;
    let status = in_words(child.wait()?);
    ensure!(status == "exited with 0", "a child {status}");
    let number = |place: &AtomicU64| f64::from_bits(place.load(Relaxed));
    let kernel = told[2..].iter().take(told[1].load(Relaxed) as usize).map(number).collect();
    Ok(Held { own: number(&told[0]), kernel: Summary::of(kernel).context("no thread was made")? })
}

fn idle_threads() -> Result<(f64, Vec<f64>)> {
    let (before, gate) = (holds(Pid::this())?, Mutex::new(()));
    let (now, made, kernel) = scope(|threads| {
        let closed = gate.lock().ok().context("nobody panics while holding it")?;
        let (tell, told) = mpsc::channel();
        let (made, kernel) = in_batches(THREADS, || {
            let (tell, gate) = (tell.clone(), &gate);
            // One thread less than wanted is no reason to give up.
            let idle = Builder::new().spawn_scoped(threads, move || {
                let _ = tell.send(());
                drop(gate.lock());
            });
            idle.map_err(explain_io("thread"))?;
            told.recv_timeout(LIMIT).context("a thread did not start")
        })?;
        let now = holds(Pid::this());
        drop(closed);
        anyhow::Ok((now?, made.len(), kernel))
    })?;
    Ok(((now - before).max(0.0) / made as f64, kernel))
}

/// What one more child that was forked from this process, and only sleeps, holds.
pub fn idle_process() -> Result<Held> {
    let (made, kernel) = in_batches(PROCESSES, || asleep(|| ()))?;
    let own = holds(made[0].pid())?;
    for child in &made {
        child.signal(nix::sys::signal::Signal::SIGKILL)?;
    }
    Ok(Held { own, kernel: Summary::of(kernel).context("no process was made")? })
}

/// What a child that was forked from this process, has done its `work` and sleeps, has for itself and
/// in page tables, in KiB.
pub fn own_of_process(work: impl FnOnce()) -> Result<f64> {
    let child = asleep(work)?;
    let held = holds(child.pid())?;
    child.kill()?;
    Ok(held)
}

/// A worker of Python's multiprocessing that was forked, and waits. It ends with its parent, which
/// keeps the other end of the pipe.
const PYTHON: &str = "
import multiprocessing
def work(mine, other):
    mine.close()
    other.send(0)
    try: other.recv()
    except EOFError: pass
fork = multiprocessing.get_context('fork')
mine, other = fork.Pipe()
worker = fork.Process(target=work, args=(mine, other))
worker.start()
other.close()
mine.recv()
kib = 0
for name, key in ('smaps_rollup', 'Private_Dirty:'), ('status', 'VmPTE:'):
    with open(f'/proc/{worker.pid}/{name}') as lines:
        kib += sum(int(line.split()[1]) for line in lines if line.startswith(key))
print(kib)
mine.close()
worker.join()
";

/// KiB that a worker of Python's multiprocessing has for itself and in page tables. `None` if there is
/// no `python3` that can tell.
pub fn idle_python() -> Result<Option<f64>> {
    let mut command = Command::new("python3");
    command.args(["-I", "-c", PYTHON]).stdin(Stdio::null()).stderr(Stdio::null());
    let parent = Pid::this();
    // SAFETY: the closure makes two system calls.
    unsafe {
        command.pre_exec(move || {
            die_with(parent);
            Ok(())
        })
    };
    let Ok(mut python) = command.stdout(Stdio::piped()).spawn() else { return Ok(None) };
    let told = python.stdout.take().context("there is no pipe")?;
    let python = Child::adopt(Pid::from_raw(python.id() as i32));
    // Beyond the limit it is killed; then nobody has told anything.
    if python.wait_for(LIMIT)?.is_err() {
        return Ok(None);
    }
    let mut text = String::new();
    File::from(OwnedFd::from(told)).read_to_string(&mut text).map_err(explain_io("read"))?;
    Ok(text.trim().parse().ok())
}

/// Makes some in batches, as many as may be, and looks how many KiB more the kernel holds for each
/// of a batch. All stay, so that nothing is freed in between.
fn in_batches<T>(batch: usize, mut make: impl FnMut() -> Result<T>) -> Result<(Vec<T>, Vec<f64>)> {
    let (mut made, mut kernel) = (Vec::new(), Vec::new());
    while kernel.len() < BATCHES {
        let before = in_kernel()?;
        for of in 0..batch {
            match make() {
                Ok(one) => made.push(one),
                // As many as the limit allows, if that is enough for a figure.
                Err(_) if made.len() >= batch / 4 => {
                    if kernel.is_empty() {
                        kernel.push((in_kernel()? - before) / of as f64);
                    }
                    return Ok((made, kernel));
                }
                Err(error) => return Err(error),
            }
        }
        kernel.push((in_kernel()? - before) / batch as f64);
    }
    Ok((made, kernel))
}

/// A child that has done its `work` and sleeps.
fn asleep(work: impl FnOnce()) -> Result<Child> {
    let (asleep, tell) = pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            work();
            let _ = write(&tell, &[1]);
            loop {
                pause();
            }
        })
    }?;
    drop(tell);
    File::from(asleep).read_exact(&mut [0]).map_err(explain_io("read"))?;
    Ok(child)
}

/// Memory that a process has for itself and its page tables, in KiB, from smaps_rollup and status.
fn holds(pid: Pid) -> Result<f64> {
    let memory = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let status = read(&format!("/proc/{pid}/status"))?;
    Ok(number(&memory, "Private_Dirty")? + number(&status, "VmPTE")?)
}

/// Stacks of all tasks in the kernel, and its objects that cannot be reclaimed, in KiB.
fn in_kernel() -> Result<f64> {
    let memory = read("/proc/meminfo")?;
    Ok(number(&memory, "KernelStack")? + number(&memory, "SUnreclaim")?)
}

fn number(text: &str, key: &str) -> Result<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("there is no {key} in what the kernel reports"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_stack_in_the_kernel() {
        // 4 KiB is the least that any machine gives; beside a build others come and go.
        let batches = Summary::of(vec![15.0, 19.0, 20.0, 21.0, 40.0]).unwrap();
        assert_eq!(Held { own: 13.0, kernel: batches }.all()[1], 33.0);
        let gone = Summary::of(vec![-8.0]).unwrap();
        assert_eq!(Held { own: 13.0, kernel: gone }.all(), [13.0; 3]);
    }

    #[test]
    fn where_few_may_be_made_there_is_a_figure_of_them() {
        let made = |most: usize| {
            let mut count = 0;
            in_batches(THREADS, || {
                count += 1;
                ensure!(count <= most, "the limit is reached");
                Ok(count)
            })
            .map(|(made, kernel)| (made.len(), kernel.len()))
        };
        assert_eq!(made(1000).unwrap(), (THREADS * BATCHES, BATCHES));
        assert_eq!(made(THREADS + 3).unwrap(), (THREADS + 3, 1));
        assert_eq!(made(THREADS / 2).unwrap(), (THREADS / 2, 1));
        assert!(made(3).is_err());
    }
}
