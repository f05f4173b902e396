//! Every schedule against the graph, and programs that are refused.

use std::sync::Arc;

use explorer::explored::sync::Mutex;
use explorer::explored::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::explored::thread::yield_now;

use super::*;
use crate::program::{Program, drop, show};
use crate::{SCENARIOS, Scenario};

/// Runs every schedule from the beginning, up to each of its states, and compares it with the
/// graph, in which schedules that lead to the same state have become one: so nothing that
/// distinguishes states was forgotten. Returns how many schedules there were; stops at `most`.
fn walk(explored: &Explored, graph: &Graph, program: fn() -> crate::Program, most: u128) -> u128 {
    let mut ends = 0;
    let mut open = vec![(0, Vec::new())];
    while let Some((number, path)) = open.pop() {
        let expected = &graph.states[number];
        let (state, _) = explored.state(after(program, &path)).unwrap();
        assert_eq!(State { next: expected.next.clone(), ..state }, *expected, "{path:?}");
        ends += u128::from(expected.end.is_some());
        if ends == most {
            break;
        }
        for next in &expected.next {
            let mut path = path.clone();
            path.push(Step { thread: next.thread + 1, wakes: next.choice });
            open.push((next.state, path));
        }
    }
    ends
}

#[test]
fn every_schedule_goes_as_the_graph_says() {
    const MOST: u128 = 8_000;
    for scenario in SCENARIOS {
        let graph = explore(scenario).unwrap();
        let explored = Explored::new(scenario).unwrap();
        let all = graph.schedules().unwrap().all;
        assert_eq!(walk(&explored, &graph, scenario.program, MOST), all.min(MOST));
    }
}

/// What is said of a program that is none for a page.
fn refused(program: fn() -> Program) -> String {
    let source = include_str!("tests.rs");
    let (name, page, task) = ("refused", "none", "none");
    let scenario = Scenario { name, page, task, goes_wrong: false, program, source };
    let told = explore(&scenario).and_then(|graph| graph.schedules());
    format!("{:#}", told.expect_err("it is refused"))
}

fn with(function: &'static str, run: fn(&AtomicU32)) -> Program {
    let counter = Arc::new(AtomicU32::new(0));
    ["A", "B", "C"].into_iter().fold(Program::new(), |program, name| {
        let counter = Arc::clone(&counter);
        program.thread(name, function, move || run(&counter))
    })
}

#[test]
fn what_is_too_large_is_said() {
    let told = refused(|| with("adds_often", adds_often));
    assert!(told.contains("it has more than 600 states"), "{told}");
}

#[test]
fn what_runs_in_a_circle_is_said() {
    let told = refused(|| with("spins", spins));
    assert!(told.contains("it runs in a circle"), "{told}");
}

#[test]
fn what_is_not_shown_is_said() {
    let told = refused(|| {
        let lock = Arc::new(Mutex::new(()));
        Program::new().thread("A", "locks", move || locks(&lock))
    });
    assert!(told.contains("waits for something, or holds it, that is not shown"), "{told}");
    let told = refused(|| with("elsewhere", spins));
    assert!(told.contains("the file has no function elsewhere"), "{told}");
    let told = refused(|| with("adds_often", spins));
    assert!(told.contains("which is not shown"), "{told}");
}

fn adds_often(counter: &AtomicU32) {
    for round in 0..20 {
        show("round", round);
        counter.fetch_add(1, SeqCst);
    }
}

fn spins(counter: &AtomicU32) {
    while counter.load(SeqCst) == 0 {
        yield_now();
    }
    counter.store(1, SeqCst);
}

fn locks(lock: &Mutex<()>) {
    let guard = lock.lock().unwrap();
    drop(guard);
}
