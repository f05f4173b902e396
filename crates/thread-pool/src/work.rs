//! Tasks that need a CPU for about so long: a number of steps, so that they are the same work on a
//! busy machine too.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many steps this CPU makes in a microsecond.
#[derive(Clone, Copy)]
pub struct Speed(f64);

impl Speed {
    /// The best of some tries.
    pub fn measured() -> Speed {
        const STEPS: u64 = 100_000;
        let try_once = || {
            let start = Instant::now();
            steps(STEPS);
            STEPS as f64 / start.elapsed().as_secs_f64() * 1e-6
        };
        Speed((0..5).map(|_| try_once()).fold(0.0, f64::max))
    }

    /// Uses a CPU for about so long.
    pub fn compute(self, time: Duration) {
        steps((self.0 * time.as_secs_f64() * 1e6) as u64);
    }
}

fn steps(count: u64) {
    for step in 0..count {
        black_box(step);
    }
}
