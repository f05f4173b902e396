//! A model of two threads whose writes wait in a store buffer before they reach memory, and the
//! search of everything that can happen.
//!
//! The model knows one cause of surprise and is exhaustive about it: a store is seen by its own
//! thread at once and by the other later. Relaxed stores to different places may leave the buffer
//! in any order, as on Arm and Power; a Release store leaves it after all that came before; a
//! SeqCst store waits until the buffer is empty and goes to memory directly. Loads are done in
//! program order, as if all were Acquire.
//!
//! Source: P. McKenney, *Memory Barriers: a Hardware View for Software Hackers* (2010).

use std::collections::{BTreeMap, BTreeSet};

/// How a store is ordered with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// No order with stores to other places.
    Relaxed,
    /// After all earlier stores of its thread.
    Release,
    /// As Release, and before all later loads of its thread.
    SeqCst,
}

/// One step of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Writes a value to a place.
    Store(&'static str, u32, Order),
    /// Reads a place; what was read is part of the outcome.
    Load(&'static str),
}

/// What the loads of both threads returned: the first thread's in order, then the second's.
pub type Outcome = Vec<u32>;

/// One way to an outcome: who did what, in order.
pub type Schedule = Vec<(usize, String)>;

#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    memory: BTreeMap<&'static str, u32>,
    next: [usize; 2],
    buffers: [Vec<(&'static str, u32, Order)>; 2],
    read: [Vec<u32>; 2],
}

/// All outcomes of two threads on memory that is zero at first, each with a shortest schedule.
// ANCHOR: explore
pub fn explore(threads: [&[Step]; 2]) -> BTreeMap<Outcome, Schedule> {
    let mut outcomes = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = std::collections::VecDeque::from([(State::default(), Schedule::new())]);
    while let Some((state, schedule)) = waiting.pop_front() {
        let moves = state.moves(threads);
        if moves.is_empty() {
            outcomes.entry(state.read.concat()).or_insert(schedule);
            continue;
        }
        for (who, what, after) in moves {
            if seen.insert(after.clone()) {
                let mut longer = schedule.clone();
                longer.push((who, what));
                waiting.push_back((after, longer));
            }
        }
    }
    outcomes
}
// ANCHOR_END: explore

impl State {
    /// Everything that can happen next: who, what, and the state after it.
    fn moves(&self, threads: [&[Step]; 2]) -> Vec<(usize, String, State)> {
        let mut moves = Vec::new();
        for (who, steps) in threads.iter().enumerate() {
            if let Some(step) = steps.get(self.next[who]) {
                moves.extend(self.step(who, *step));
            }
            for index in 0..self.buffers[who].len() {
                moves.extend(self.drain(who, index));
            }
        }
        moves
    }

    /// The thread's next step, if it can be done now.
    fn step(&self, who: usize, step: Step) -> Option<(usize, String, State)> {
        let mut after = self.clone();
        after.next[who] += 1;
        let what = match step {
            Step::Store(_, _, Order::SeqCst) if !self.buffers[who].is_empty() => return None,
            Step::Store(place, value, Order::SeqCst) => {
                after.memory.insert(place, value);
                format!("{place} = {value}, in memory at once")
            }
            Step::Store(place, value, order) => {
                after.buffers[who].push((place, value, order));
                format!("{place} = {value}, into its buffer")
            }
            Step::Load(place) => {
                let own = self.buffers[who].iter().rfind(|(buffered, ..)| *buffered == place);
                let value = own.map_or_else(
                    || self.memory.get(place).copied().unwrap_or(0),
                    |(_, value, _)| *value,
                );
                after.read[who].push(value);
                format!("reads {place}: {value}")
            }
        };
        Some((who, what, after))
    }

    /// One buffered store reaches memory, if it may go before those that are older.
    fn drain(&self, who: usize, index: usize) -> Option<(usize, String, State)> {
        let (older, rest) = self.buffers[who].split_at(index);
        let (place, value, order) = rest[0];
        let same_place = older.iter().any(|(earlier, ..)| *earlier == place);
        if same_place || (order != Order::Relaxed && !older.is_empty()) {
            return None;
        }
        let mut after = self.clone();
        after.buffers[who].remove(index);
        after.memory.insert(place, value);
        Some((who, format!("{place} = {value} reaches memory"), after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sees_its_own_store_before_others_do() {
        let own = [Step::Store("x", 1, Order::Relaxed), Step::Load("x")];
        let outcomes = explore([&own, &[Step::Load("x")]]);
        assert_eq!(outcomes.into_keys().collect::<Vec<_>>(), [vec![1, 0], vec![1, 1]]);
    }

    #[test]
    fn stores_to_one_place_stay_in_order() {
        let twice = [Step::Store("x", 1, Order::Relaxed), Step::Store("x", 2, Order::Relaxed)];
        let outcomes = explore([&twice, &[Step::Load("x"), Step::Load("x")]]);
        assert!(!outcomes.contains_key(&vec![2, 1]), "{outcomes:?}");
        assert_eq!(outcomes.len(), 6);
    }
}
