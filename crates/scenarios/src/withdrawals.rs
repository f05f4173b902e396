//! Two threads draw 80 from an account with 100: with the lock let go between the look and the
//! withdrawal, and under one lock.

use explorer::explored as std;

use std::sync::{Arc, Mutex};

use crate::program::{Program, drop, show};

fn look_then_draw(account: &Mutex<i32>) {
    let balance = account.lock().unwrap();
    let enough = *balance >= 80;
    show("enough", enough);
    drop(balance);
    if enough {
        let mut balance = account.lock().unwrap();
        *balance -= 80;
        drop(balance);
    }
}

fn look_and_draw(account: &Mutex<i32>) {
    let mut balance = account.lock().unwrap();
    if *balance >= 80 {
        *balance -= 80;
    }
    drop(balance);
}

pub fn broken() -> Program {
    twice("look_then_draw", look_then_draw)
}

pub fn mended() -> Program {
    twice("look_and_draw", look_and_draw)
}

fn twice(name: &'static str, draw: fn(&Mutex<i32>)) -> Program {
    let account = Arc::new(Mutex::new(100));
    let [first, second] = [(); 2].map(|()| Arc::clone(&account));
    Program::new()
        .shared("account", &account)
        .thread("A", name, move || draw(&first))
        .thread("B", name, move || draw(&second))
        .ends(move || match *account.lock().unwrap() {
            left @ 0.. => Ok(format!("{left} are left")),
            debt => Err(format!("the account is {debt}, although each looked first")),
        })
}
