//! How far apart two CPUs are: the time that a cache line takes from one to the other and back.
//!
//! On a virtual machine the answer changes while one measures, because the host moves the virtual
//! CPUs: between siblings of one core, cores that share a cache, and cores that do not. A figure
//! from one distance says nothing about another, so each sample is labelled by two probes.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

/// Round trips in one probe: short beside a sample, long beside reading the clock.
const TRIPS: u64 = 200;

/// A class of distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// Below 80 ns there and back: two threads of one core.
    Siblings,
    /// Below 250 ns: two cores that share a cache.
    Near,
    /// Everything else.
    Far,
}

impl Distance {
    /// All classes, the closest first.
    pub const ALL: [Distance; 3] = [Distance::Siblings, Distance::Near, Distance::Far];

    /// The class of a round trip.
    pub fn of(round_trip: Duration) -> Distance {
        match round_trip.as_nanos() {
            0..80 => Distance::Siblings,
            80..250 => Distance::Near,
            _ => Distance::Far,
        }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Distance::Siblings => "siblings",
            Distance::Near => "near",
            Distance::Far => "far",
        })
    }
}

/// Two cache lines that one side writes each, for a spinning ping-pong.
#[repr(C)]
#[derive(Default)]
pub struct Probe {
    there: Padded,
    back: Padded,
}

#[repr(C, align(128))]
#[derive(Default)]
struct Padded(AtomicU64);

impl Probe {
    /// Measures one round trip of a cache line; the other side is in [`Probe::answer`]. `None` if
    /// it does not answer within a second.
    pub fn ask(&self) -> Option<Duration> {
        let first = self.there.0.load(Acquire);
        let mut start = Instant::now();
        let asked = start;
        for trip in 0..TRIPS {
            if trip == TRIPS / 10 {
                start = Instant::now();
            }
            self.there.0.store(first + trip + 1, Release);
            let mut looks = 0u32;
            while self.back.0.load(Acquire) != first + trip + 1 {
                looks += 1;
                if looks.is_multiple_of(1 << 16) && asked.elapsed() > Duration::from_secs(1) {
                    return None;
                }
                std::hint::spin_loop();
            }
        }
        Some(start.elapsed() / (TRIPS - TRIPS / 10) as u32)
    }

    /// Answers one [`Probe::ask`] of the other side.
    pub fn answer(&self) {
        let first = self.back.0.load(Acquire);
        let asked = Instant::now();
        for trip in 0..TRIPS {
            let mut looks = 0u32;
            while self.there.0.load(Acquire) != first + trip + 1 {
                looks += 1;
                if looks.is_multiple_of(1 << 16) && asked.elapsed() > Duration::from_secs(2) {
                    return;
                }
                std::hint::spin_loop();
            }
            self.back.0.store(first + trip + 1, Release);
        }
    }
}
