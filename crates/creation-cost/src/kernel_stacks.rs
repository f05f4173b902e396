//! What a thread takes inside the kernel, as a counter of the whole system shows it.

use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Fewer threads than these are lost in what the rest of the system does.
const ENOUGH: usize = 100;
/// KiB of a page: no kernel stack is smaller, so less is what others gave back meanwhile.
const SMALLEST: f64 = 4.0;
/// How often the counter is read again when others moved it.
const ATTEMPTS: usize = 5;
/// The kernel frees the stacks of tasks that have ended a little later (RCU).
const SETTLING: Duration = Duration::from_millis(30);

/// KiB of kernel stack per thread: makes `count` threads and looks at the counter before, while
/// they live, and afterwards. `Err` says why it cannot be told here.
pub fn per_thread(count: usize) -> Result<Result<f64, String>> {
    for _ in 0..ATTEMPTS {
        thread::sleep(SETTLING);
        let before = counter()?;
        let (made, during) = while_threads_live(count)?;
        thread::sleep(SETTLING);
        let after = counter()?;
        if made < ENOUGH {
            return Ok(Err(format!("only {made} threads could be made")));
        }
        let [rise, fall] = [during - before, during - after].map(|change| change / made as f64);
        if rise >= SMALLEST && (rise / fall - 1.0).abs() < 0.25 {
            return Ok(Ok(rise));
        }
    }
    Ok(Err("other programs moved the kernel's counter all the time".to_owned()))
}

/// Makes `count` threads, or as many as are allowed, and reads the counter while they wait.
fn while_threads_live(count: usize) -> Result<(usize, f64)> {
    let gate = Mutex::new(());
    thread::scope(|threads| {
        let closed = gate.lock().expect("nobody panics while holding it");
        let made = (0..count)
            .take_while(|_| {
                thread::Builder::new().spawn_scoped(threads, || drop(gate.lock())).is_ok()
            })
            .count();
        let during = counter();
        drop(closed);
        Ok((made, during?))
    })
}

/// Kernel stacks of all tasks of the system in KiB, KernelStack in proc(5).
fn counter() -> Result<f64> {
    let meminfo = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix("KernelStack:")?.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse().ok())
        .context("meminfo has no KernelStack")
}
