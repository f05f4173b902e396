//! Finds shorter schedules that lead to the same finding.

use std::time::Instant;

use super::execution::STEPS;
use super::trace::Recorded;
use super::{Found, follow};
use crate::schedule::Steps;

/// The shorter of the two, if both are the same finding.
pub(super) fn shorter(best: Found, other: Option<Found>) -> Found {
    match other {
        Some(other) if other.is_as(&best) && other.steps.length() < best.steps.length() => other,
        _ => best,
    }
}

/// Leaves out one run of steps after the other, as long as the finding stays.
///
/// What is found so is as true as what the search finds: whatever is left out, a follower runs only
/// threads that can run, so each schedule is one that a machine may choose, and in the end it is
/// fair, so nothing comes of a thread that is never let run. What it begins with, `kept`, stays.
pub(super) fn step_by_step(body: fn(), mut best: Found, end: Instant, kept: &Steps) -> Found {
    let mut number = 0;
    // Made one by one: all together would take the square of the schedule's memory.
    while number < 1 + best.steps.chances.len() + best.steps.runs.len() {
        if Instant::now() > end {
            return best;
        }
        if let Some(steps) = without(&best.steps, number, kept) {
            let before = best.steps.length();
            best = shorter(best, follow(body, &steps, Recorded::Nothing));
            if best.steps.length() < before {
                number = 0;
                continue;
            }
        }
        number += 1;
    }
    best
}

/// The schedule without one of its parts: all that chance decided, one such decision, or one run. If
/// there is nothing to leave out beyond what is kept, nothing.
fn without(steps: &Steps, part: usize, kept: &Steps) -> Option<Steps> {
    let Some(index) = part.checked_sub(1) else {
        let decided = steps.chances.iter().skip(kept.chances.len()).any(|byte| *byte < 255);
        return decided.then(|| Steps { chances: kept.chances.clone(), ..steps.clone() });
    };
    let mut fewer = steps.clone();
    match index.checked_sub(steps.chances.len()) {
        None if index < kept.chances.len() || steps.chances[index] == 255 => return None,
        None => fewer.chances[index] = 255,
        Some(index) if index < kept.runs.len() => return None,
        Some(index) => drop(fewer.runs.remove(index)),
    }
    Some(fewer)
}

/// For threads that run for ever, a short beginning of the schedule, after which they do so also in
/// a fair order. If there is none, the schedule as it was. What it begins with, `kept`, stays.
pub(super) fn to_a_beginning(body: fn(), found: Found, kept: &Steps) -> Found {
    let mut count = kept.runs.len().max(1);
    while count < found.steps.runs.len() {
        let Steps { runs, chances } = &found.steps;
        let beginning = Steps { runs: runs[..count].to_vec(), chances: chances.clone() };
        // If all that happens is that no step is left, most of them must have been fair.
        if found.is_endless() && beginning.length().2 > STEPS / 2 {
            break;
        }
        match follow(body, &beginning, Recorded::Nothing) {
            Some(other) if other.is_as(&found) => return Found { steps: beginning, ..other },
            _ => count *= 2,
        }
    }
    found
}
