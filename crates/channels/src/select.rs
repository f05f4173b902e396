//! A thread waits for several channels at once, and takes what comes first.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam::channel::{self, Receiver, select, select_biased};
use lab::child::LIMIT;
use lab::proc::comes_to_block_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::libc::SYS_futex;
use nix::unistd::gettid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "select",
    question: "How does one thread wait for work and for the order to stop?",
    claims: &[],
    run,
};

const TRIES: u32 = 1000;

fn run(_: &Lab) -> Result<Evidence> {
    let (work, jobs) = channel::unbounded::<u32>();
    let (order, stop) = channel::bounded::<()>(0);
    let (tell, told) = channel::bounded(1);
    std::thread::scope(|threads| {
        // Dropped at the end of this block, however it ends, so that the worker does not wait on.
        let order = order;
        // ANCHOR: worker
        let worker = spawn(threads, "worker", || {
            let _ = tell.send(gettid());
            let mut done = Vec::new();
            loop {
                select! {
                    recv(jobs) -> job => done.extend(job),
                    recv(stop) -> _ => return done,
                }
                let _ = tell.send(gettid());
            }
        })?;
        // ANCHOR_END: worker
        let thread = told.recv().context("the worker has ended")?;
        let sleeps = comes_to_block_in(thread, SYS_futex, LIMIT)?;
        work.send(7).context("send")?;
        told.recv().context("the worker has ended")?;
        // Dropped: that no more can come is an event, too.
        drop(order);
        let done = worker.join().ok().context("the worker has panicked")?;
        let words = if sleeps { "sleeps" } else { "does not sleep" };
        say!("worker", "thread {thread} waits for two channels, and {words}");
        say!("worker", "has done the jobs {done:?}, and stopped when it was told");

        let fair = firsts(|a, b| {
            select! { recv(a) -> _ => true, recv(b) -> _ => false }
        })?;
        let biased = firsts(|a, b| {
            select_biased! { recv(a) -> _ => true, recv(b) -> _ => false }
        })?;
        say!("main", "both channels have a message: the first one's was taken");
        say!("main", "{fair} of {TRIES} times by select, {biased} by select_biased");

        let limit = Duration::from_millis(20);
        let (start, never) = (Instant::now(), channel::never::<()>());
        let late = select! {
            recv(never) -> _ => false,
            recv(channel::after(limit)) -> _ => start.elapsed() >= limit,
        };
        let words = if late { "not before its time" } else { "too early" };
        say!("main", "a time limit of {limit:?} is a channel, too: {words}");
        Ok(Evidence::new()
            .fact("select: it sleeps while both are empty", sleeps)
            .fact("select: jobs done before the order to stop", done.len())
            .measured("select: the first of two that are ready", fair, "times")
            .fact("select: takes now the one, now the other", (1..TRIES).contains(&fair))
            .fact("select_biased: the first of two that are ready", biased)
            .fact("select: a time limit is a channel", late))
    })
}

/// How often the first of two channels is chosen that both have a message.
fn firsts(choose: impl Fn(&Receiver<()>, &Receiver<()>) -> bool) -> Result<u32> {
    let mut first = 0;
    for _ in 0..TRIES {
        let (to_a, a) = channel::bounded(1);
        let (to_b, b) = channel::bounded(1);
        to_a.send(()).context("send")?;
        to_b.send(()).context("send")?;
        first += u32::from(choose(&a, &b));
    }
    Ok(first)
}
