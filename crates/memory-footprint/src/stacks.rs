//! A thread's stack: what is reserved, what is in use, and when it is given back.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use anyhow::{Context, Result};
use lab::child::explain_thread;
use lab::proc::{Mapping, mappings};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::Pid;

use crate::proc::{address_space, user};

pub const EXPERIMENT: Experiment = Experiment {
    name: "stacks",
    question: "Does a thread with a stack of 2 MiB take 2 MiB?",
    claims: &[],
    run,
};

const KIB: usize = 1024;
const LARGE: usize = 2048 * KIB;
const SMALL: usize = 64 * KIB;
const DEEP: usize = 256 * KIB;

// ANCHOR: run
fn run(lab: &Lab) -> Result<Evidence> {
    let count = lab.by_effort(50, 100, 1000);
    let before = Memory::now()?;
    say!("main", "{:<37}{:>14}{:>8}", "MiB more than before", "address space", "in use");
    let threads = Threads::make(count, LARGE)?;
    let idle = before.until_now(&idle_threads(count, LARGE))?;
    let arenas = arenas()?;
    threads.go_deep()?;
    let deep = before.until_now(&format!("each has been {} KiB deep", DEEP / KIB))?;
    threads.end();
    let ended = before.until_now("all have ended")?;

    let before = Memory::now()?;
    let threads = Threads::make(count, SMALL)?;
    let small = before.until_now(&idle_threads(count, SMALL))?;
    threads.end();
    // ANCHOR_END: run
    match arenas {
        0 => say!("main", "beyond the stacks nothing large is reserved"),
        _ => say!("main", "{arenas} arenas of the allocator were reserved too, 64 MiB each"),
    }
    let (touched, kept) = (deep.in_use - idle.in_use, ended.in_use);
    if touched > 0.0 && kept < deep.in_use / 2.0 {
        say!("main", "a stack costs the depth once reached, until its thread ends");
    }
    let each = |all: f64| all / count as f64;
    Ok(Evidence::new()
        .fact("threads with stacks", count)
        .measured("address space for each thread", each(idle.reserved), "KiB")
        .measured("in use for each idle thread", each(idle.in_use), "KiB")
        .fact("arenas of the allocator", arenas)
        .measured("in use after each was deep", each(deep.in_use), "KiB")
        .measured("in use after all have ended", each(ended.in_use), "KiB")
        .measured("in use for each with a small stack", each(small.in_use), "KiB"))
}

/// How many stretches of 64 MiB the allocator has reserved, each at a multiple of that: its arenas
/// in glibc, of which a part is open and the rest closed.
fn arenas() -> Result<usize> {
    const ARENA: usize = 64 * 1024 * KIB;
    let all = mappings()?;
    let begins = all.iter().filter(|mapping| mapping.addresses.start.is_multiple_of(ARENA));
    let is_whole = |open: &&Mapping| {
        let end = open.addresses.start + ARENA;
        open.addresses.end == end
            || all.iter().any(|rest| {
                rest.is_closed()
                    && rest.addresses.start == open.addresses.end
                    && rest.addresses.end == end
            })
    };
    Ok(begins.filter(is_whole).count())
}

fn idle_threads(count: usize, stack: usize) -> String {
    format!("{count} idle threads, stacks of {} KiB", stack / KIB)
}

/// What this process has reserved and what it uses, in KiB.
#[derive(Clone, Copy)]
struct Memory {
    reserved: f64,
    in_use: f64,
}

impl Memory {
    fn now() -> Result<Memory> {
        let own = Pid::this();
        Ok(Memory { reserved: address_space(own)?, in_use: user(own)?.rss })
    }

    /// How much has come since, shown in MiB.
    fn until_now(&self, what: &str) -> Result<Memory> {
        let now = Memory::now()?;
        let (reserved, in_use) = (now.reserved - self.reserved, now.in_use - self.in_use);
        say!("main", "{what:<37}{:>14.1}{:>8.1}", reserved / 1024.0, in_use / 1024.0);
        Ok(Memory { reserved, in_use })
    }
}

/// Threads that sleep until they are sent into the deep or to their end.
struct Threads {
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
    done: Receiver<()>,
}

impl Threads {
    fn make(count: usize, stack: usize) -> Result<Threads> {
        let (tell, done) = channel();
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let (order, orders) = channel();
            let tell = tell.clone();
            let body = move || {
                let _ = tell.send(());
                while orders.recv().is_ok() {
                    descend(DEEP);
                    let _ = tell.send(());
                }
            };
            let thread = Builder::new().stack_size(stack).spawn(body);
            threads.push((order, thread.map_err(explain_thread(stack))?));
        }
        let threads = Threads { threads, done };
        threads.all_done()?;
        Ok(threads)
    }

    fn go_deep(&self) -> Result<()> {
        for (order, _) in &self.threads {
            order.send(()).context("a thread ended early")?;
        }
        self.all_done()
    }

    fn all_done(&self) -> Result<()> {
        for _ in &self.threads {
            self.done.recv().context("a thread ended early")?;
        }
        Ok(())
    }

    fn end(self) {
        for (order, thread) in self.threads {
            drop(order);
            let _ = thread.join();
        }
    }
}

/// Uses so many bytes of stack, and returns.
fn descend(bytes: usize) {
    let mut frame = [0u8; 4096];
    black_box(&mut frame);
    if bytes > frame.len() {
        descend(bytes - frame.len());
    }
    black_box(&mut frame);
}
