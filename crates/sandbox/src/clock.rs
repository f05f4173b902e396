//! How much of the time a run had, and how much of it others took (proc_pid_schedstat(5)).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What the kernel counts for a thread, in nanoseconds: how long it ran, and how long it could have
/// run and did not get a processor.
type Times = (u64, u64);

/// Follows the threads of a run.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// The last that was seen of each thread, also of those that have ended.
    threads: BTreeMap<i32, Times>,
}

impl Clock {
    /// Looks at all threads of these processes; how many they are.
    pub(crate) fn look(&mut self, pids: &[i32]) -> u64 {
        let mut count = 0;
        for pid in pids {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            for task in tasks {
                count += 1;
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let mut fields = text.split_whitespace().map(|field| field.parse().ok());
                let thread = task.file_name().to_str().and_then(|name| name.parse().ok());
                if let (Some(thread), Some(Some(ran)), Some(Some(waited))) =
                    (thread, fields.next(), fields.next())
                {
                    self.threads.insert(thread, (ran, waited));
                }
            }
        }
        count
    }

    /// How long its threads ran on processors, all together.
    pub(crate) fn ran(&self) -> Duration {
        Duration::from_nanos(self.threads.values().map(|(ran, _)| ran).sum())
    }

    /// How much of `passed` others took from it. Threads that take processors from each other have
    /// only themselves to blame, so no more counts than processors had left, shared among as many
    /// threads as could run at a time.
    pub(crate) fn taken(&self, passed: Duration) -> Duration {
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let (ran, passed) = (self.ran().as_secs_f64(), passed.as_secs_f64());
        let waited: u64 = self.threads.values().map(|(_, waited)| waited).sum();
        let waited = waited as f64 / 1e9;
        if passed <= 0.0 {
            return Duration::ZERO;
        }
        let runnable = ((ran + waited) / passed).clamp(1.0, processors);
        let left = (processors * passed - ran).max(0.0);
        Duration::from_secs_f64((waited.min(left) / runnable).min(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(threads: &[(f64, f64)]) -> Clock {
        let nanos = |seconds: f64| (seconds * 1e9) as u64;
        let threads = threads.iter().enumerate();
        let threads =
            threads.map(|(at, (ran, waited))| (at as i32, (nanos(*ran), nanos(*waited)))).collect();
        Clock { threads }
    }

    #[test]
    fn what_others_take_does_not_count() {
        let second = Duration::from_secs(1);
        let taken = |threads: &[(f64, f64)]| clock(threads).taken(second).as_secs_f64();
        assert!((taken(&[(0.25, 0.75)]) - 0.75).abs() < 1e-6, "one thread that waits");
        assert!(taken(&[(0.0, 0.0)]) < 1e-6, "one that sleeps");
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let crowd = vec![(0.25, 0.75); processors * 4];
        assert!(taken(&crowd) < 1e-6, "four times as many as processors, which they have all");
    }
}
