//! One thread sends two numbers and another adds them: until the channel is empty, and until it is
//! closed.

use explorer::explored as std;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

// What the functions return goes by the explorer: that would be a step of its own.
use ::std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::program::{Program, show};

fn send_two(numbers: Sender<u32>) {
    numbers.send(1).unwrap();
    numbers.send(2).unwrap();
}

fn add_until_empty(numbers: &Receiver<u32>) -> u32 {
    let mut sum = 0;
    while let Ok(number) = numbers.try_recv() {
        sum += number;
        show("sum", sum);
    }
    sum
}

fn add_until_closed(numbers: &Receiver<u32>) -> u32 {
    let mut sum = 0;
    while let Ok(number) = numbers.recv() {
        sum += number;
        show("sum", sum);
    }
    sum
}

pub fn broken() -> Program {
    added("add_until_empty", add_until_empty)
}

pub fn mended() -> Program {
    added("add_until_closed", add_until_closed)
}

fn added(name: &'static str, add: fn(&Receiver<u32>) -> u32) -> Program {
    let (sender, receiver) = channel();
    let sum = Arc::new(AtomicU32::new(0));
    let kept = Arc::clone(&sum);
    Program::new()
        .shared("numbers", &receiver)
        .thread("A", "send_two", move || send_two(sender))
        .thread("B", name, move || {
            kept.store(add(&receiver), SeqCst);
            // Else A could not send any more, and would panic: that is another story.
            ::std::mem::forget(receiver);
        })
        .ends(move || match sum.load(SeqCst) {
            3 => Ok("the sum is 3".to_owned()),
            sum => Err(format!("the sum is {sum}, for B took empty for the end")),
        })
}
