//! What threads, processes and messages cost on a machine: the figures that a choice turns on, each
//! with the range in which it was seen and the size up to which it was measured.

use crate::answers::{bytes, short};

/// Microseconds or KiB that grow with a size: so much for nothing, and so much for each unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What is to be paid in any case.
    pub fixed: f64,
    /// What each unit adds.
    pub each: f64,
    /// The largest size that was measured: beyond it the line is drawn on.
    pub to: f64,
}

impl Line {
    /// The value at a size.
    pub fn at(self, size: f64) -> f64 {
        self.fixed + self.each * size
    }

    /// The line through what was measured at two sizes; it never falls.
    pub fn through(small: (f64, f64), large: (f64, f64)) -> Line {
        let each = ((large.1 - small.1) / (large.0 - small.0)).max(0.0);
        Line { fixed: (small.1 - each * small.0).max(0.0), each, to: large.0 }
    }

    /// What has to be said of a value at a size beyond what was measured, where a unit has so many
    /// bytes; nothing within.
    pub fn drawn_on(self, size: f64, unit: f64) -> String {
        match size > self.to * 1.001 {
            true => format!(", drawn on from {}", bytes(self.to * unit)),
            false => String::new(),
        }
    }
}

/// Data that go to a process and come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThereAndBack {
    /// So many bytes were sent.
    pub bytes: f64,
    /// µs that it took.
    pub took: f64,
}

impl ThereAndBack {
    /// Milliseconds for so many bytes, at the same rate.
    pub fn ms(self, bytes: f64) -> f64 {
        self.took * 1e-3 * bytes / self.bytes
    }
}

/// Times are the CPU time of all who take part, in µs, while they share one CPU. Memory is in KiB.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Start a thread and join it.
    pub thread: f64,
    /// Fork a process and reap it, by MiB that the parent has touched.
    pub fork: Line,
    /// Start a program and reap it.
    pub program: f64,
    /// Hand a task to a thread that sleeps, and wait for its end.
    pub thread_task: f64,
    /// Hand a task to a process that sleeps, and wait for its end.
    pub process_task: f64,
    /// Find one event with epoll and read it, without any switch.
    pub event: f64,
    /// A message through a pipe, by KiB.
    pub pipe: Line,
    /// A message into shared memory and out of it, by KiB.
    pub shared: Line,
    /// What one more thread holds: private memory, page tables, and what the kernel keeps for it.
    pub thread_kib: f64,
    /// The same of one more forked process, by MiB that the parent has touched.
    pub process_kib: Line,
    /// What of these the kernel keeps for a thread.
    pub thread_in_kernel: f64,
    /// And for a process.
    pub process_in_kernel: f64,
    /// What one more worker of Python's multiprocessing holds, beside a parent that has touched nothing.
    /// `None` if it was not asked for, or there is no Python here.
    pub python_kib: Option<f64>,
    /// A task of an event loop with a buffer of 1 KiB.
    pub task_kib: f64,
    /// MiB that this machine has free.
    pub free_mib: f64,
    /// CPUs that may be used.
    pub cpus: f64,
    /// What all use, by pipe to a process and back. `None` if there is nothing.
    pub there_and_back: Option<ThereAndBack>,
}

/// What was measured, with its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The medians.
    pub figures: Figures,
    /// The lower ends, p10.
    pub low: Figures,
    /// The upper ends, p90.
    pub high: Figures,
    /// Why the figures are not to be trusted much: they did not agree with themselves.
    pub doubt: Option<String>,
    /// How busy others kept the machine meanwhile, if so busy that it matters.
    pub busy: Option<String>,
}

impl Measured {
    /// The range of what is computed from the figures.
    pub fn range(&self, of: impl Fn(&Figures) -> f64) -> [f64; 2] {
        let ends = [of(&self.low), of(&self.figures), of(&self.high)];
        [ends.iter().copied().fold(f64::INFINITY, f64::min), ends.into_iter().fold(0.0, f64::max)]
    }

    /// The range in words, such as `2.10 to 2.40`; nothing where both ends are printed alike.
    pub fn spread(&self, of: impl Fn(&Figures) -> f64) -> Option<String> {
        let [low, high] = self.range(of).map(short);
        (low != high).then(|| format!("{low} to {high}"))
    }

    /// All that speaks against the figures, as one sentence.
    pub fn rough(&self) -> Option<String> {
        let all: Vec<&str> =
            [&self.busy, &self.doubt].into_iter().flatten().map(|it| &**it).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Figures {
    /// Made-up figures of a plain machine, for tests.
    #[cfg(test)]
    pub fn made_up() -> Figures {
        Figures {
            thread: 25.0,
            fork: Line { fixed: 150.0, each: 20.0, to: 256.0 },
            program: 800.0,
            thread_task: 5.0,
            process_task: 6.0,
            event: 1.5,
            pipe: Line { fixed: 1.0, each: 0.2, to: 1024.0 },
            shared: Line { fixed: 0.02, each: 0.05, to: 1024.0 },
            thread_kib: 20.0,
            process_kib: Line { fixed: 120.0, each: 2.0, to: 256.0 },
            thread_in_kernel: 12.0,
            process_in_kernel: 30.0,
            python_kib: None,
            task_kib: 1.1,
            free_mib: 8192.0,
            cpus: 4.0,
            there_and_back: Some(ThereAndBack { bytes: 16777216.0, took: 8000.0 }),
        }
    }
}

impl Measured {
    /// The same at all ends.
    #[cfg(test)]
    pub fn exactly(figures: &Figures) -> Measured {
        let [low, high] = [figures.clone(), figures.clone()];
        Measured { figures: figures.clone(), low, high, doubt: None, busy: None }
    }

    /// Figures a tenth below those in the middle and a tenth above.
    #[cfg(test)]
    pub fn made_up() -> Measured {
        let scaled = |by: f64| {
            let f = Figures::made_up();
            let line = |line: Line| Line { fixed: line.fixed * by, each: line.each * by, ..line };
            let sent = |sent: ThereAndBack| ThereAndBack { took: sent.took * by, ..sent };
            Figures {
                thread: f.thread * by,
                fork: line(f.fork),
                program: f.program * by,
                thread_task: f.thread_task * by,
                process_task: f.process_task * by,
                event: f.event * by,
                pipe: line(f.pipe),
                shared: line(f.shared),
                there_and_back: f.there_and_back.map(sent),
                ..f
            }
        };
        Measured { low: scaled(0.9), high: scaled(1.1), ..Measured::exactly(&Figures::made_up()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_both_points_and_never_falls() {
        let line = Line::through((1.0, 3.0), (5.0, 11.0));
        assert_eq!((line.fixed, line.each, line.at(10.0)), (1.0, 2.0, 21.0));
        let noise = Line::through((1.0, 3.0), (5.0, 2.0));
        assert_eq!((noise.fixed, noise.each), (3.0, 0.0));
    }

    #[test]
    fn beyond_what_was_measured_a_line_is_drawn_on() {
        let line = Line::through((0.0, 100.0), (64.0, 200.0));
        assert_eq!(line.drawn_on(64.0, 1048576.0), "");
        assert_eq!(line.drawn_on(1024.0, 1048576.0), ", drawn on from 64 MiB");
        assert_eq!(line.drawn_on(65.0, 1024.0), ", drawn on from 64 KiB");
    }

    #[test]
    fn what_was_sent_is_scaled_by_its_rate() {
        let sent = ThereAndBack { bytes: 16e6, took: 8000.0 };
        assert_eq!([sent.ms(16e6), sent.ms(400e6)], [8.0, 200.0]);
    }

    #[test]
    fn a_range_has_its_ends_in_order() {
        let m = Measured::made_up();
        assert_eq!(m.spread(|f| f.thread).unwrap(), "22.5 to 27.5");
        assert_eq!(m.spread(|f| 1000.0 / f.thread).unwrap(), "36.4 to 44.4");
        assert_eq!(m.spread(|f| f.cpus), None);
    }
}
