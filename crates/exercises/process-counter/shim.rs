//! Makes counters and uses them, in this process and in those that are forked from it.

use std::io;

use driver::shim::{answer, is_enough};
use driver::{Failure, Wire, mixed};
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
                // Adds 1 until it is enough, with little between one addition and the next; how often.
                "add on and on" => {
                    let mut times = 0_u64;
                    while !is_enough() {
                        for _ in 0..32 {
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                            counter.add(1);
                        }
                        times += 256;
                    }
                    times.to_bytes()
                }
                // The same; how often, and what of the numbers that came back.
                "draw on and on" => {
                    let (mut times, mut sum) = (0_u64, 0_u64);
                    while !is_enough() {
                        for _ in 0..256 {
                            sum = sum.wrapping_add(mixed(counter.add(1)));
                        }
                        times += 256;
                    }
                    (times, sum).to_bytes()
                }
                _ => counter.get().to_bytes(),
            }
        }
    })
}
