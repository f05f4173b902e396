//! A limit on time in which time that this process was stopped does not count.

use std::time::{Duration, Instant};

/// A stretch of time after which something is given up. Time in which this process was stopped
/// (Ctrl-Z and `fg`, SIGSTOP and SIGCONT) or got no CPU at all does not count: whoever waits looks
/// at least once a [`TimeLimit::SLICE`], and of a longer gap only two slices are counted.
#[derive(Clone, Debug)]
pub struct TimeLimit {
    left: Duration,
    looked: Instant,
}

impl TimeLimit {
    /// The longest time to wait between two looks.
    pub const SLICE: Duration = Duration::from_millis(100);

    /// Begins now.
    pub fn new(limit: Duration) -> TimeLimit {
        TimeLimit { left: limit, looked: Instant::now() }
    }

    /// Whether the time is up. To be asked at least once a slice.
    pub fn is_over(&mut self) -> bool {
        let took = self.looked.elapsed();
        self.looked += took;
        self.left = self.left.saturating_sub(took.min(2 * TimeLimit::SLICE));
        self.left.is_zero()
    }

    /// How long to wait before the next look: a slice, or what is left.
    pub fn slice(&self) -> Duration {
        self.left.min(TimeLimit::SLICE)
    }

    /// The same limit without what passed while someone else was stopped.
    pub(crate) fn forgive(&mut self) {
        self.looked = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_as_two_slices() {
        let mut limit = TimeLimit::new(3 * TimeLimit::SLICE);
        std::thread::sleep(5 * TimeLimit::SLICE);
        assert!(!limit.is_over(), "the process did not look, so it was not running");
        assert!(limit.slice() <= TimeLimit::SLICE);
        std::thread::sleep(TimeLimit::SLICE);
        assert!(limit.is_over());
        limit.forgive();
        assert!(limit.is_over(), "what is over stays over");
    }
}
