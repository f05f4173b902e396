//! Five philosophers, five forks, and each needs the two beside the plate (Dijkstra, 1965).

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Barrier, Condvar, Mutex, PoisonError};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, Shared, say, span};

use crate::named::Named;
use crate::watch::{Part, pause_at, watch};

pub const EXPERIMENT: Experiment = Experiment {
    name: "philosophers",
    question: "How do five who each need two forks come to eat?",
    claims: &[],
    run,
};

const SEATS: usize = 5;
const NAMES: [&str; SEATS] = ["Ada", "Barbara", "Edsger", "Frances", "Grace"];
type Forks = [Named<u32>; SEATS];

fn run(lab: &Lab) -> Result<Evidence> {
    let meals = lab.by_effort(20, 100, 10_000);
    let forks = lay_the_table();
    let all_hold_one = Barrier::new(SEATS);
    let left_first = dine(true, &|me, seat, eaten| {
        let left = forks[seat].lock(me);
        let holds = span!(me, "holds {}", forks[seat].name());
        all_hold_one.wait();
        let right = forks[(seat + 1) % SEATS].lock(me);
        drop((right, holds, left));
        eaten();
    })?;
    tell("left fork first, all at once", &left_first);

    let forks = lay_the_table();
    let lower_first = dine(false, &|me, seat, eaten| {
        for meal in 0..meals {
            lower_fork_first(me, seat, &forks, meal);
            eaten();
        }
    })?;
    tell("lower number first", &lower_first);

    let (forks, table) = (lay_the_table(), Table::default());
    let one_seat_empty = dine(false, &|me, seat, eaten| {
        for meal in 0..meals {
            table.with_a_seat(|| {
                let _left = forks[seat].lock(me);
                pause_at(meal);
                let _right = forks[(seat + 1) % SEATS].lock(me);
            });
            eaten();
        }
    })?;
    tell(&format!("at most {ROOM} at the table"), &one_seat_empty);

    let tray = Tray::default();
    let both_or_none = dine(false, &|_, seat, eaten| {
        for meal in 0..meals {
            tray.with_both(seat, || pause_at(meal));
            eaten();
        }
    })?;
    tell("both forks or none", &both_or_none);
    let [left_first, lower_first, one_seat_empty, both_or_none] =
        [left_first, lower_first, one_seat_empty, both_or_none].map(|dined| dined.frozen);
    Ok(Evidence::new()
        .fact("philosophers frozen with the left fork first", left_first)
        .fact("philosophers frozen with the lower fork first", lower_first)
        .fact("philosophers frozen with a seat left empty", one_seat_empty)
        .fact("philosophers frozen with both forks or none", both_or_none))
}

/// What became of a dinner.
struct Dined {
    frozen: usize,
    meals: u32,
}

fn tell(rule: &str, Dined { frozen, meals }: &Dined) {
    if *frozen == 0 {
        say!("main", "{rule}: {meals} meals for {SEATS}, and nobody froze");
    } else {
        say!("main", "{rule}: {frozen} froze");
    }
}

// ANCHOR: fixes
/// Breaks the circle: the last one reaches across, for fork 0 before fork 4.
fn lower_fork_first(me: &'static str, seat: usize, forks: &Forks, meal: u32) {
    let (left, right) = (seat, (seat + 1) % SEATS);
    let _first = forks[left.min(right)].lock(me);
    pause_at(meal);
    let _second = forks[left.max(right)].lock(me);
}

/// So many may sit at the table.
const ROOM: usize = SEATS - 1;

/// Counts who sits at the table: with one seat empty, somebody has two forks.
#[derive(Default)]
struct Table {
    seated: Mutex<usize>,
    somebody_left: Condvar,
}

impl Table {
    fn with_a_seat(&self, eat: impl Fn()) {
        let seated = self.seated.lock().unwrap_or_else(PoisonError::into_inner);
        let seated = self.somebody_left.wait_while(seated, |seated| *seated == ROOM);
        *seated.unwrap_or_else(PoisonError::into_inner) += 1;
        eat();
        *self.seated.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.somebody_left.notify_one();
    }
}

/// Lends both forks at once: nobody holds one and waits for the other.
#[derive(Default)]
struct Tray {
    lent: Mutex<[bool; SEATS]>,
    returned: Condvar,
}

impl Tray {
    fn with_both(&self, seat: usize, eat: impl Fn()) {
        let (left, right) = (seat, (seat + 1) % SEATS);
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = self.returned.wait_while(lent, |lent| lent[left] || lent[right]);
        let mut lent = lent.unwrap_or_else(PoisonError::into_inner);
        (lent[left], lent[right]) = (true, true);
        drop(lent);
        eat();
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        (lent[left], lent[right]) = (false, false);
        self.returned.notify_all();
    }
}
// ANCHOR_END: fixes

fn lay_the_table() -> Forks {
    ["fork 0", "fork 1", "fork 2", "fork 3", "fork 4"].map(|name| Named::new(name, 0))
}

/// What one does at a seat, by name; it is told of each meal that was eaten.
type Eat<'a> = &'a (dyn Fn(&'static str, usize, &dyn Fn()) + Sync);

/// Seats them all, in a process of their own; returns how many wait in a circle, and the meals.
fn dine(aloud: bool, eat: Eat<'_>) -> Result<Dined> {
    let meals = Shared::new(AtomicU32::new(0))?;
    let eaten = || {
        meals.fetch_add(1, Relaxed);
    };
    let at = |seat: usize| move |me| eat(me, seat, &eaten);
    let seats: [_; SEATS] = std::array::from_fn(at);
    let parts: Vec<Part<'_>> =
        NAMES.into_iter().zip(&seats).map(|(name, seat)| (name, seat as _)).collect();
    let frozen = watch(aloud, &parts)?.in_cycle;
    Ok(Dined { frozen, meals: meals.load(Relaxed) })
}
