//! Makes counters and uses them, in this process and in those that are forked from it.

use std::io;

use driver::shim::answer;
use driver::{Failure, Wire};
use process_counter::Counter;

/// The types that a submission must have.
const _: fn() -> io::Result<Counter> = Counter::new;
const _: fn(&Counter, u64) -> u64 = Counter::add;
const _: fn(&Counter) -> u64 = Counter::get;

fn main() {
    let mut counters: Vec<Option<Counter>> = Vec::with_capacity(1000);
    answer(move |name, arguments| match name {
        "Counter::new" => {
            let made = Counter::new().map(|counter| counters.push(Some(counter)));
            made.map_err(Failure::from).to_bytes()
        }
        "drop" => {
            let which: u64 = arguments.take();
            drop(counters[which as usize].take());
            ().to_bytes()
        }
        other => {
            let which: u64 = arguments.take();
            let counter = counters[which as usize].as_ref().expect("a counter that is there");
            match other {
                "add" => counter.add(arguments.take()).to_bytes(),
                "add often" => {
                    let times: u64 = arguments.take();
                    for _ in 0..times {
                        counter.add(1);
                    }
                    ().to_bytes()
                }
                // The same, and says what each of them returned.
                "add in a loop" => {
                    let times: u64 = arguments.take();
                    (0..times).map(|_| counter.add(1)).collect::<Vec<u64>>().to_bytes()
                }
                _ => counter.get().to_bytes(),
            }
        }
    })
}
