//! A thread on another CPU, and one on the same: who sleeps elsewhere must be woken there.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::{Sampling, TOLERANCE, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say, say_why};

use crate::round_trip::{Other, Time, Who, measure};

pub const EXPERIMENT: Experiment = Experiment {
    name: "cross-cpu",
    question: "And if the other task has a CPU of its own?",
    claims: &[],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let (first, last) = (*cpus.first().context("no CPU is allowed")?, cpus[cpus.len() - 1]);
    const RATIO: &str = "another CPU / same CPU";
    if first == last {
        say!("asker", "one CPU is allowed: nobody can be woken on another");
        return Ok(Evidence::new().missing(RATIO, "one CPU is allowed"));
    }
    let sampling = Sampling {
        rounds: lab.by_effort(9, 21, 51),
        batch: Duration::from_micros(lab.by_effort(500, 2_000, 5_000)),
        tolerance: TOLERANCE,
    };
    let nothing = &|| ();
    let others = [
        Other { name: "thread, same CPU", who: Who::Thread, cpu: last, turn: nothing },
        Other { name: "thread, another CPU", who: Who::Thread, cpu: first, turn: nothing },
        Other { name: "process, another CPU", who: Who::Process, cpu: first, turn: nothing },
    ];
    let rounds = measure(sampling, Time::Wall, last, nothing, &others)?;
    let place = rounds.compare(1, 0);
    let kind = rounds.compare(2, 1);
    let [same, thread, process] = [0, 1, 2].map(|index| rounds.microseconds(index).median);
    let [here, there, at_process] = [0, 1, 2].map(|index: usize| others[index].cpu);
    say!("asker", "asks on CPU {last}, in turn; by the clock, µs of a round trip:");
    say!("asker", "  to a thread on CPU {here:<3}    {same:>7.2}");
    say!("asker", "  to a thread on CPU {there:<3}    {thread:>7.2}");
    say!("asker", "  to a process on CPU {at_process:<3}   {process:>7.2}");
    match rounds.doubt() {
        Some(why) => say_why!("asker", "the ratios are not to be trusted: {why}"),
        None => {
            let (place, kind) = (place.ratio, kind.ratio);
            say!("asker", "CPU {there} to CPU {here} {:.2} ({place})", place.median);
            say!("asker", "process to thread{}", difference(&kind));
        }
    }
    Ok(Evidence::new().compared(RATIO, &place).compared("another CPU: process / thread", &kind))
}

/// What lies within this of 1 differs by so little that it may be called the same.
const SAME: f64 = 1.25;

/// A ratio in words: that no difference was seen is said only where one would have been.
fn difference(ratio: &Summary) -> String {
    if ratio.is_above(1.0) || ratio.is_below(1.0) {
        format!(" {:.2} ({ratio})", ratio.median)
    } else if ratio.is_above(1.0 / SAME) && ratio.is_below(SAME) {
        format!(": no difference seen ({ratio})")
    } else {
        format!(": too far apart to tell ({ratio})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_ratio_shows_neither_a_difference_nor_that_there_is_none() {
        let said = |samples: [f64; 3]| difference(&Summary::of(samples.to_vec()).unwrap());
        assert_eq!(said([1.1, 1.2, 1.3]), " 1.20 (1.10 to 1.30)");
        assert_eq!(said([0.9, 1.0, 1.1]), ": no difference seen (0.90 to 1.10)");
        assert_eq!(said([0.7, 1.0, 13.0]), ": too far apart to tell (0.70 to 13)");
    }
}
