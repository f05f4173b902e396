//! Makes counters and uses them, in this process and in those that are forked from it.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use driver::nix::libc;
use driver::shim::{answer, is_enough};
use driver::stepping::step_through;
use driver::{Failure, Wire, mixed};
use process_counter::Counter;

/// The types that a submission must have.
const _: fn() -> io::Result<Counter> = Counter::new;
const _: fn(&Counter, u64) -> u64 = Counter::add;
const _: fn(&Counter) -> u64 = Counter::get;

/// The line to the process that adds whenever another one is stopped, and of how many stops it is told.
static LINE: AtomicI32 = AtomicI32::new(-1);
static ONE_IN: AtomicU64 = AtomicU64::new(1);
static STOPS: AtomicU64 = AtomicU64::new(0);

/// Longer than this nobody is stopped after each instruction. What is not reached by then is not tried.
const STEPPING: Duration = Duration::from_millis(400);

/// Lets the other process add, and waits until it has; at one stop of several, in no order.
fn stopped() -> bool {
    let stop = STOPS.fetch_add(1, SeqCst);
    if mixed(stop) % ONE_IN.load(SeqCst) != 0 {
        return true;
    }
    let (line, mut byte) = (LINE.load(SeqCst), 1_u8);
    // SAFETY: both take a descriptor by its number and a byte that lives during the call.
    unsafe {
        libc::write(line, (&raw const byte).cast(), 1) == 1
            && libc::read(line, (&raw mut byte).cast(), 1) == 1
    }
}

/// Adds on and on for a while, stopped after each instruction; how often, and what of the numbers that
/// came back.
fn add_step_by_step(counter: &Counter, number: u64) -> (u64, u64) {
    let begun = Instant::now();
    let (mut times, mut sum) = (0_u64, 0_u64);
    while times < 50 && begun.elapsed() < STEPPING {
        sum = sum.wrapping_add(step_through(4000, stopped, || mixed(counter.add(number))));
        times += 1;
    }
    (times, sum)
}

/// Adds whenever it is told; how often, what of the numbers that came back, and how often `get` said
/// something else a moment before.
fn add_when_told(counter: &Counter, number: u64, line: &mut UnixStream) -> (u64, u64, u64) {
    let (mut times, mut sum, mut odd) = (0_u64, 0_u64, 0_u64);
    let mut byte = [0_u8];
    while line.read_exact(&mut byte).is_ok() && byte != [0] {
        let seen = counter.get();
        let before = counter.add(number);
        odd += u64::from(seen != before);
        sum = sum.wrapping_add(mixed(before));
        times += 1;
        if line.write_all(&byte).is_err() {
            break;
        }
    }
    (times, sum, odd)
}

fn main() {
    let mut line: Option<(UnixStream, UnixStream)> = None;
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
        // A line to whoever is forked after this.
        "line" => {
            line = arguments.take::<bool>().then(|| UnixStream::pair().expect("a pair of sockets"));
            ().to_bytes()
        }
        other => {
            let which: u64 = arguments.take();
            let counter = counters[which as usize].as_ref().expect("a counter that is there");
            match other {
                "add" => counter.add(arguments.take()).to_bytes(),
                "add often" => {
                    let (times, number): (u64, u64) = arguments.take();
                    for _ in 0..times {
                        counter.add(number);
                    }
                    ().to_bytes()
                }
                "add when told" => {
                    let number: u64 = arguments.take();
                    let (line, _) = line.as_mut().expect("a line");
                    add_when_told(counter, number, line).to_bytes()
                }
                "add step by step" => {
                    let (number, one_in): (u64, u64) = arguments.take();
                    let (_, line) = line.as_mut().expect("a line");
                    LINE.store(line.as_raw_fd(), SeqCst);
                    ONE_IN.store(one_in, SeqCst);
                    let added = add_step_by_step(counter, number);
                    line.write_all(&[0]).expect("somebody who listens");
                    added.to_bytes()
                }
                // Adds a number until it is enough, with little between one addition and the next; how often.
                "add on and on" => {
                    let number: u64 = arguments.take();
                    let mut times = 0_u64;
                    while !is_enough() {
                        for _ in 0..32 {
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                            counter.add(number);
                        }
                        times += 256;
                    }
                    times.to_bytes()
                }
                // The same; how often, and what of the numbers that came back.
                "draw on and on" => {
                    let number: u64 = arguments.take();
                    let (mut times, mut sum) = (0_u64, 0_u64);
                    while !is_enough() {
                        for _ in 0..256 {
                            sum = sum.wrapping_add(mixed(counter.add(number)));
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
