//! Two threads move money between two accounts: with the locks in opposite orders, and in one.

use explorer::explored as std;

use std::sync::{Arc, Mutex};

use crate::program::{Program, drop};

fn to_the_right(left: &Mutex<i32>, right: &Mutex<i32>) {
    let mut from = left.lock().unwrap();
    let mut to = right.lock().unwrap();
    *from -= 10;
    *to += 10;
    drop(to);
    drop(from);
}

fn to_the_left(left: &Mutex<i32>, right: &Mutex<i32>) {
    let mut from = right.lock().unwrap();
    let mut to = left.lock().unwrap();
    *from -= 20;
    *to += 20;
    drop(to);
    drop(from);
}

fn to_the_left_in_order(left: &Mutex<i32>, right: &Mutex<i32>) {
    let mut to = left.lock().unwrap();
    let mut from = right.lock().unwrap();
    *from -= 20;
    *to += 20;
    drop(from);
    drop(to);
}

pub fn broken() -> Program {
    against("to_the_left", to_the_left)
}

pub fn mended() -> Program {
    against("to_the_left_in_order", to_the_left_in_order)
}

fn against(name: &'static str, other: fn(&Mutex<i32>, &Mutex<i32>)) -> Program {
    let (left, right) = (Arc::new(Mutex::new(100)), Arc::new(Mutex::new(100)));
    let both = || (Arc::clone(&left), Arc::clone(&right));
    let (first, second) = (both(), both());
    Program::new()
        .shared("left", &left)
        .shared("right", &right)
        .thread("A", "to_the_right", move || to_the_right(&first.0, &first.1))
        .thread("B", name, move || other(&second.0, &second.1))
        .ends(move || match (*left.lock().unwrap(), *right.lock().unwrap()) {
            (110, 90) => Ok("left has 110 and right has 90".to_owned()),
            (left, right) => Err(format!("left has {left} and right has {right}")),
        })
}
