//! What a table of philosophers must do under every schedule.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use harness::{Check, any_of, serve, set_most_steps, until_limits_pass, until_others_block};
use philosophers::Table;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Table = Table::new;
const _: fn(&Table, usize, fn() -> usize) -> usize = Table::dine;

/// What a meal may be, and what it may return.
#[allow(dead_code)]
fn any_meal<T>(table: &Table, eat: impl FnOnce() -> T) -> T {
    table.dine(0, eat)
}

fn main() {
    serve(&[
        Check::explored("alone", alone),
        Check::explored("neighbours-apart", neighbours_apart),
        Check::explored("all-eat", all_eat),
        Check::explored("opposite-together", opposite_together),
        Check::explored("neighbours-only", neighbours_only),
        Check::explored("waits-asleep", waits_asleep),
        Check::explored("nobody-starves", nobody_starves),
        Check::explored("many", many),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 400_000;

fn start<T: Send + 'static>(seat: usize, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(format!("philosopher {seat}")).spawn(f).unwrap()
}

fn alone() {
    for seats in [2, 5, 6, 130] {
        let table = Table::new(seats);
        for seat in (0..seats).chain(0..seats) {
            let meal = table.dine(seat, || 100 + seat);
            assert_eq!(meal, 100 + seat, "what dine returned to philosopher {seat}");
        }
    }
}

fn neighbours_apart() {
    for seats in [2, 3] {
        let table = Arc::new(Table::new(seats));
        let eating = Arc::new(AtomicUsize::new(0));
        // At these tables, everybody is a neighbour of everybody.
        let philosophers: Vec<_> = (0..seats)
            .map(|seat| {
                let (table, eating) = (table.clone(), eating.clone());
                start(seat, move || {
                    let others = table.dine(seat, || {
                        let others = eating.fetch_add(1, SeqCst);
                        eating.fetch_sub(1, SeqCst);
                        others
                    });
                    assert_eq!(others, 0, "neighbours who ate when philosopher {seat} began");
                })
            })
            .collect();
        for philosopher in philosophers {
            philosopher.join().unwrap();
        }
    }

    // At larger tables, everybody has two neighbours: a fork lies on either side.
    let table = Arc::new(Table::new(5));
    let forks = Arc::new([(); 5].map(|()| AtomicBool::new(false)));
    let philosophers = [0, 1, 2, 3, 4].map(|seat| {
        let (table, forks) = (table.clone(), forks.clone());
        start(seat, move || {
            table.dine(seat, || {
                let mine = [&forks[seat], &forks[(seat + 1) % 5]];
                let used = mine.map(|fork| fork.swap(true, SeqCst));
                assert_eq!(used, [false; 2], "whether the forks of philosopher {seat} are in use");
                mine.map(|fork| fork.store(false, SeqCst));
            });
        })
    });
    for philosopher in philosophers {
        philosopher.join().unwrap();
    }
}

fn all_eat() {
    let table = Arc::new(Table::new(3));
    let eating = Arc::new(AtomicUsize::new(0));
    let philosophers = [0, 1, 2].map(|seat| {
        let (table, eating) = (table.clone(), eating.clone());
        start(seat, move || {
            let mut meals = 0;
            for _ in 0..2 {
                meals += table.dine(seat, || {
                    assert_eq!(eating.fetch_add(1, SeqCst), 0, "neighbours who eat meanwhile");
                    eating.fetch_sub(1, SeqCst);
                    1
                });
            }
            meals
        })
    });
    for philosopher in philosophers {
        let meals: i32 = philosopher.join().unwrap();
        assert_eq!(meals, 2, "meals of a philosopher who was hungry twice");
    }
}

fn opposite_together() {
    meet(4, &[1, 3]);
    meet(4, &[0, 2]);
    meet(6, &[0, 2, 4]);
    meet(6, &[5, 2]);
}

/// Those who sit at these seats, none of them neighbours, eat until all of them do.
fn meet(seats: usize, hungry: &[usize]) {
    let table = Arc::new(Table::new(seats));
    let meeting = Arc::new(Barrier::new(hungry.len()));
    let philosopher = |&seat: &usize| {
        let (table, meeting) = (table.clone(), meeting.clone());
        start(seat, move || table.dine(seat, || drop(meeting.wait())))
    };
    let philosophers: Vec<_> = hungry.iter().map(philosopher).collect();
    for philosopher in philosophers {
        philosopher.join().unwrap();
    }
}

/// One eats until `meanwhile` is over, and a neighbour of his must wait until then.
fn while_a_neighbour_waits(
    table: &Arc<Table>,
    eats_first: usize,
    waits: usize,
    meanwhile: impl FnOnce(),
) {
    let (begins, eats) = channel();
    let (finish, wait) = channel();
    let at_table = table.clone();
    let first = start(eats_first, move || {
        at_table.dine(eats_first, || {
            begins.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    eats.recv().unwrap();
    let finished = Arc::new(AtomicBool::new(false));
    let (at_table, apart) = (table.clone(), finished.clone());
    let second = start(waits, move || at_table.dine(waits, || apart.load(SeqCst)));
    meanwhile();
    finished.store(true, SeqCst);
    finish.send(()).unwrap();
    first.join().unwrap();
    let waited: bool = second.join().unwrap();
    assert!(waited, "philosopher {waits} eats while {eats_first} eats");
}

/// Who waits for a neighbour does not keep somebody on the other side of the table from eating.
fn neighbours_only() {
    for (seats, eats, waits, across) in
        [(5, 0, 1, 3), (5, 0, 4, 2), (5, 4, 0, 2), (5, 3, 2, 0), (6, 1, 0, 3), (6, 2, 3, 5)]
    {
        let table = Arc::new(Table::new(seats));
        while_a_neighbour_waits(&table, eats, waits, || {
            let at_table = table.clone();
            start(across, move || at_table.dine(across, || ())).join().unwrap();
        });
    }
}

fn waits_asleep() {
    while_a_neighbour_waits(&Arc::new(Table::new(3)), 0, 1, until_limits_pass);
    while_a_neighbour_waits(&Arc::new(Table::new(4)), 0, 3, until_limits_pass);
    while_a_neighbour_waits(&Arc::new(Table::new(2)), 1, 0, until_limits_pass);

    // Both neighbours eat.
    let table = Arc::new(Table::new(5));
    let at_table = table.clone();
    let (finish, wait) = channel();
    let other = start(2, move || at_table.dine(2, || wait.recv().unwrap()));
    until_others_block();
    while_a_neighbour_waits(&table, 0, 1, || {
        until_others_block();
        finish.send(()).unwrap();
        until_others_block();
    });
    other.join().unwrap();
}

fn nobody_starves() {
    for [eats, waits, beyond] in [[0, 1, 2], [1, 0, 3], [3, 0, 1], [0, 3, 2]] {
        eats_first(eats, waits, beyond, None);
    }
    eats_first(0, 1, 2, Some((7, 4)));
    eats_first(3, 2, 1, Some((8, 6)));
    for (seats, eats, waits) in [(2, 0, 1), (2, 1, 0), (3, 2, 0), (3, 1, 0), (5, 4, 3), (5, 4, 0)] {
        eats_before(&Arc::new(Table::new(seats)), eats, waits);
    }
    for (seats, eats) in [(4, 0), (5, 1)] {
        both_eat_before(seats, eats);
    }
    // Somewhere at a table of any size.
    let seats = 2 + any_of(60);
    let (eats, step) = (any_of(seats), [1, seats - 1][any_of(2)]);
    eats_before(&Arc::new(Table::new(seats)), eats, (eats + step) % seats);
}

/// Both neighbours wait while `eats` eats, and one of them may be done when the other has not begun.
fn both_eat_before(seats: usize, eats: usize) {
    let table = Arc::new(Table::new(seats));
    let eaten = Arc::new(AtomicUsize::new(0));
    let others = table.dine(eats, || {
        let others = [(eats + seats - 1) % seats, (eats + 1) % seats].map(|waits| {
            let (at_table, ate) = (table.clone(), eaten.clone());
            start(waits, move || at_table.dine(waits, || drop(ate.fetch_add(1, SeqCst))))
        });
        until_others_block();
        assert_eq!(eaten.load(SeqCst), 0, "neighbours of {eats} who eat while {eats} eats");
        others
    });
    let first = table.dine(eats, || eaten.load(SeqCst));
    assert_eq!(first, 2, "of both neighbours, who waited, those who ate before {eats} ate again");
    for other in others {
        other.join().unwrap();
    }
}

/// Philosopher `waits` waits while `eats` eats, and nobody else is hungry.
fn eats_before(table: &Arc<Table>, eats: usize, waits: usize) {
    let eaten = Arc::new(AtomicBool::new(false));
    let other = table.dine(eats, || {
        let (at_table, ate) = (table.clone(), eaten.clone());
        let other = start(waits, move || at_table.dine(waits, || ate.store(true, SeqCst)));
        until_others_block();
        assert!(!eaten.load(SeqCst), "philosopher {waits} eats while {eats} eats");
        other
    });
    let first = table.dine(eats, || eaten.load(SeqCst));
    assert!(first, "philosopher {eats} eats again before {waits}, who waited for the meal before");
    other.join().unwrap();
}

/// Philosopher `waits` waits while `eats` eats. Then `beyond`, who sits on the other side, may eat,
/// or have to wait, as the table likes; but `eats` must not eat again before `waits` has. Meanwhile
/// somebody across a larger table may have had two meals.
fn eats_first(eats: usize, waits: usize, beyond: usize, across: Option<(usize, usize)>) {
    let table = Arc::new(Table::new(across.map_or(4, |(seats, _)| seats)));
    let eaten = Arc::new(AtomicBool::new(false));
    let (finish, wait) = channel();
    let mut others = Vec::new();
    table.dine(eats, || {
        let (at_table, ate) = (table.clone(), eaten.clone());
        others.push(start(waits, move || at_table.dine(waits, || ate.store(true, SeqCst))));
        until_others_block();
        assert!(!eaten.load(SeqCst), "philosopher {waits} eats while {eats} eats");
        let at_table = table.clone();
        others.push(start(beyond, move || at_table.dine(beyond, || wait.recv().unwrap())));
        until_others_block();
        for (_, across) in [across; 2].into_iter().flatten() {
            table.dine(across, || ());
            until_others_block();
        }
    });
    finish.send(()).unwrap();
    let first = table.dine(eats, || eaten.load(SeqCst));
    assert!(first, "philosopher {eats} eats again before {waits}, who waited for the meal before");
    for other in others {
        other.join().unwrap();
    }
}

/// A large table, at which every second one eats, then the others; and a table at which hundreds of
/// meals have been eaten before somebody has to wait.
fn many() {
    set_most_steps(ENOUGH);
    for begin in [0, 1] {
        meet(300, &Vec::from_iter((begin..300).step_by(2)));
    }
    // At seats, and at tables, whose number needs more than a byte, and where the table closes.
    for seats in [256, 257, 300] {
        let table = Arc::new(Table::new(seats));
        for eats in [0, 127, 128, 254, 255, seats - 2, seats - 1] {
            let next = (eats + 1) % seats;
            eats_before(&table, eats, next);
            eats_before(&table, next, eats);
        }
    }
    // The 256th meal is, in turn, each of the three of which such a scene consists.
    for meals in 250..253 {
        let table = Arc::new(Table::new(5));
        for meal in 0..meals {
            let seat = meal % 5;
            assert_eq!(table.dine(seat, || meal), meal, "what dine returned to philosopher {seat}");
        }
        eats_before(&table, 0, 1);
        eats_before(&table, 1, 0);
        eats_before(&table, 3, 4);
    }
}
