//! All schedules through the states of a program: how many, how many go wrong, and the simplest of
//! those.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use anyhow::{Context, Result, ensure};

use crate::Graph;

/// What there is to be said of all schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// How many there are.
    pub all: u128,
    /// How many go wrong.
    pub wrong: u128,
    /// The one that goes wrong with the fewest switches: for each state on the way, which of its
    /// ways on is taken.
    pub shortest: Option<Vec<usize>>,
    /// How often it switches from one thread to another.
    pub switches: usize,
}

impl Graph {
    /// Counts all schedules.
    ///
    /// # Errors
    ///
    /// If there is no end of them because a schedule leads back to where it was.
    pub fn schedules(&self) -> Result<Schedules> {
        let mut counts: Vec<Option<(u128, u128)>> = vec![None; self.states.len()];
        self.count(0, &mut counts, &mut vec![false; self.states.len()])?;
        let (all, wrong) = counts[0].context("a state")?;
        let (shortest, switches) = match self.shortest() {
            Some((path, switches)) => (Some(path), switches),
            None => (None, 0),
        };
        Ok(Schedules { all, wrong, shortest, switches })
    }

    fn count(
        &self,
        state: usize,
        counts: &mut [Option<(u128, u128)>],
        open: &mut [bool],
    ) -> Result<(u128, u128)> {
        if let Some(known) = counts[state] {
            return Ok(known);
        }
        ensure!(!open[state], "it runs in a circle, so its schedules have no number");
        open[state] = true;
        let mut sum = match &self.states[state].end {
            Some(end) => (1, u128::from(end.wrong)),
            None => (0, 0),
        };
        for next in &self.states[state].next {
            let (all, wrong) = self.count(next.state, counts, open)?;
            sum = (sum.0 + all, sum.1 + wrong);
        }
        open[state] = false;
        counts[state] = Some(sum);
        Ok(sum)
    }

    /// The way to an end that is wrong with the fewest switches.
    fn shortest(&self) -> Option<(Vec<usize>, usize)> {
        // A node is a state with the thread that ran last. Those with as many switches are visited
        // before those with one more.
        let mut from: HashMap<Node, Option<(Node, usize)>> = HashMap::new();
        let mut open: VecDeque<(Node, Option<(Node, usize)>)> = VecDeque::from([((0, None), None)]);
        let mut switches = 0;
        while !open.is_empty() {
            let mut later = VecDeque::new();
            while let Some((node, before)) = open.pop_front() {
                let Entry::Vacant(place) = from.entry(node) else { continue };
                place.insert(before);
                let state = &self.states[node.0];
                if state.end.as_ref().is_some_and(|end| end.wrong) {
                    return Some((way_to(node, &from), switches));
                }
                for (way, next) in state.next.iter().enumerate() {
                    let stays = node.1.is_none_or(|last| last == next.thread);
                    let queue = if stays { &mut open } else { &mut later };
                    queue.push_back(((next.state, Some(next.thread)), Some((node, way))));
                }
            }
            open = later;
            switches += 1;
        }
        None
    }
}

/// A state, and the thread that has run last.
type Node = (usize, Option<usize>);

/// Which way is taken at each node until this one.
fn way_to(mut node: Node, from: &HashMap<Node, Option<(Node, usize)>>) -> Vec<usize> {
    let mut ways = Vec::new();
    while let Some((before, way)) = from[&node] {
        ways.push(way);
        node = before;
    }
    ways.reverse();
    ways
}
