//! What a table of philosophers must do under every schedule.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use harness::{Check, serve, until_others_block};
use philosophers::Table;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Table = Table::new;
const _: fn(&Table, usize, fn() -> usize) -> usize = Table::dine;

fn main() {
    serve(&[
        Check::explored("alone", alone),
        Check::explored("neighbours-apart", neighbours_apart),
        Check::explored("all-eat", all_eat),
        Check::explored("opposite-together", opposite_together),
        Check::explored("neighbours-only", neighbours_only),
        Check::explored("waits-asleep", waits_asleep),
        Check::explored("nobody-starves", nobody_starves),
    ]);
}

fn start<T: Send + 'static>(seat: usize, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(format!("philosopher {seat}")).spawn(f).unwrap()
}

fn alone() {
    for seats in [2, 5] {
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

/// Two who sit opposite each other eat until both do.
fn opposite_together() {
    let table = Arc::new(Table::new(4));
    let meeting = Arc::new(Barrier::new(2));
    let philosophers = [1, 3].map(|seat| {
        let (table, meeting) = (table.clone(), meeting.clone());
        start(seat, move || table.dine(seat, || drop(meeting.wait())))
    });
    for philosopher in philosophers {
        philosopher.join().unwrap();
    }
}

/// One eats until `meanwhile` is over, and a neighbour of his must wait until then.
fn while_a_neighbour_waits(table: &Arc<Table>, meanwhile: impl FnOnce()) {
    let (begins, eats) = channel();
    let (finish, wait) = channel();
    let at_table = table.clone();
    let first = start(0, move || {
        at_table.dine(0, || {
            begins.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    eats.recv().unwrap();
    let finished = Arc::new(AtomicBool::new(false));
    let (at_table, apart) = (table.clone(), finished.clone());
    let second = start(1, move || at_table.dine(1, || apart.load(SeqCst)));
    meanwhile();
    finished.store(true, SeqCst);
    finish.send(()).unwrap();
    first.join().unwrap();
    let waited: bool = second.join().unwrap();
    assert!(waited, "philosopher 1 eats while 0 eats");
}

/// Who waits for a neighbour does not keep somebody on the other side of the table from eating.
fn neighbours_only() {
    let table = Arc::new(Table::new(5));
    while_a_neighbour_waits(&table, || {
        let at_table = table.clone();
        start(3, move || at_table.dine(3, || ())).join().unwrap();
    });
}

fn waits_asleep() {
    while_a_neighbour_waits(&Arc::new(Table::new(3)), until_others_block);
}

/// Philosopher 1 waits while 0 eats. Then 2 may eat, or have to wait, as the table likes; but 0 must
/// not eat again before 1 has.
fn nobody_starves() {
    let table = Arc::new(Table::new(4));
    let eaten = Arc::new(AtomicBool::new(false));
    let (finish, wait) = channel();
    let mut others = Vec::new();
    table.dine(0, || {
        let (at_table, eats) = (table.clone(), eaten.clone());
        others.push(start(1, move || at_table.dine(1, || eats.store(true, SeqCst))));
        until_others_block();
        assert!(!eaten.load(SeqCst), "philosopher 1 eats while 0 eats");
        let at_table = table.clone();
        others.push(start(2, move || at_table.dine(2, || wait.recv().unwrap())));
        until_others_block();
    });
    finish.send(()).unwrap();
    let first = table.dine(0, || eaten.load(SeqCst));
    assert!(first, "philosopher 0 eats again before 1, who has been waiting since the meal before");
    for other in others {
        other.join().unwrap();
    }
}
