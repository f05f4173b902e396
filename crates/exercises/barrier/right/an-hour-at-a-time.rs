//! Waits for an hour, and then again: as good as without a limit.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Round {
    number: usize,
    missing: usize,
}

pub struct Barrier {
    threads: usize,
    round: Mutex<Round>,
    next: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let round = Mutex::new(Round { number: 0, missing: threads });
        Barrier { threads, round, next: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut round = self.round.lock().unwrap();
        round.missing -= 1;
        if round.missing == 0 {
            *round = Round { number: round.number + 1, missing: self.threads };
            self.next.notify_all();
            return true;
        }
        self.wait_for(round);
        false
    }

    fn wait_for<'a>(&'a self, mut round: MutexGuard<'a, Round>) {
        let mine = round.number;
        while round.number == mine {
            (round, _) = self.next.wait_timeout(round, HOUR).unwrap();
        }
    }
}
