//! A message goes to another thread and comes back. How long does that take, by its size?

use std::cell::RefCell;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use crossbeam::channel;
use lab::child::explain;
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::errno::Errno;

pub const EXPERIMENT: Experiment = Experiment {
    name: "handoff",
    question: "What moves when a message goes through a channel?",
    claims: &[],
    run,
};

type Message = Box<[u8]>;

const SMALL: usize = 1 << 10;
const LARGE: usize = 64 << 20;

fn run(lab: &Lab) -> Result<Evidence> {
    // Threads inherit the CPU, so the two take turns and nothing is carried between caches.
    let _pinned = Pinned::to(allowed_cpus()[0])?;
    let (small, large) = (RefCell::new(filled(SMALL)?), RefCell::new(filled(LARGE)?));
    let mut copy = filled(LARGE)?;
    std::thread::scope(|threads| {
        // ANCHOR: echo
        let (to_echo, inbox) = mpsc::sync_channel::<Message>(1);
        let (outbox, from_echo) = mpsc::sync_channel::<Message>(1);
        spawn(threads, "echo", move || {
            for mut message in inbox {
                message[0] = message[0].wrapping_add(1);
                if outbox.send(message).is_err() {
                    break;
                }
            }
        })?;
        let by_std = |message: Message| -> Result<Message> {
            to_echo.send(message).context("the echo has ended")?;
            from_echo.recv().context("the echo has ended")
        };
        // ANCHOR_END: echo
        let (to_echo, inbox) = channel::bounded::<Message>(1);
        let (outbox, from_echo) = channel::bounded::<Message>(1);
        spawn(threads, "echo", move || {
            for mut message in inbox {
                message[0] = message[0].wrapping_add(1);
                if outbox.send(message).is_err() {
                    break;
                }
            }
        })?;
        let by_crossbeam = |message: Message| -> Result<Message> {
            to_echo.send(message).context("the echo has ended")?;
            from_echo.recv().context("the echo has ended")
        };

        let before = large.borrow().as_ptr().addr();
        let first = large.borrow()[0];
        there_and_back(&large, &by_std)?;
        let same = large.borrow().as_ptr().addr() == before;
        let written = large.borrow()[0] == first.wrapping_add(1);
        let words = if same { "the same address" } else { "another address" };
        say!("main", "{} MiB go to a thread and come back: {words}", LARGE >> 20);
        let words = if written { "is seen" } else { "is not seen" };
        say!("main", "a byte that the other thread changed {words} here");

        let (rounds, batch) = (lab.by_effort(5, 15, 60), Duration::from_millis(1));
        let measured = Rounds::measure(
            rounds,
            batch,
            &mut [
                Contestant::new("std, small", || there_and_back(&small, &by_std)),
                Contestant::new("std, large", || there_and_back(&large, &by_std)),
                Contestant::new("crossbeam, small", || there_and_back(&small, &by_crossbeam)),
                Contestant::new("crossbeam, large", || there_and_back(&large, &by_crossbeam)),
                Contestant::new("a copy of the large one", || {
                    copy.copy_from_slice(&large.borrow());
                    Ok(())
                }),
            ],
        )?;
        say!("main", "there and back, in microseconds (p10 to p90):");
        let (large, small) = (LARGE >> 20, SMALL >> 10);
        let names = [
            format!("std, {small} KiB"),
            format!("std, {large} MiB"),
            format!("crossbeam, {small} KiB"),
            format!("crossbeam, {large} MiB"),
            format!("a copy of {large} MiB"),
        ];
        for (index, name) in names.into_iter().enumerate() {
            let took = measured.microseconds(index);
            say!("main", "  {name:<18}{:>10.2} µs  ({took})", took.median);
        }
        let ratios = [measured.compare(1, 0), measured.compare(3, 2), measured.compare(4, 1)];
        match measured.doubt() {
            Some(why) => say_why!("main", "not to be compared here: {why}"),
            None => {
                let [std, crossbeam, copy] = ratios.each_ref().map(|c| c.ratio);
                say!("main", "{large} MiB take {std} times as long as {small} KiB by std's,");
                say!("main", "{crossbeam} times by crossbeam's (p10 to p90)");
                say!("main", "to copy them takes {copy} times as long");
            }
        }
        Ok(Evidence::new()
            .fact("handoff: the message keeps its address", same)
            .fact("handoff: what the other thread wrote is seen", written)
            .fact("handoff: the small message in KiB", small)
            .fact("handoff: the large message in MiB", large)
            .compared("handoff by std: large / small", &ratios[0])
            .compared("handoff by crossbeam: large / small", &ratios[1])
            .compared("copying / handing over the large one", &ratios[2]))
    })
}

// ANCHOR: moves
/// Gives the message away, and takes what comes back.
fn there_and_back(
    message: &RefCell<Message>,
    echo: &impl Fn(Message) -> Result<Message>,
) -> Result<()> {
    let given = message.take();
    let back = echo(given)?;
    message.replace(back);
    Ok(())
}
// ANCHOR_END: moves

fn filled(size: usize) -> Result<Message> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| explain("mmap")(Errno::ENOMEM))?;
    bytes.resize(size, b'x');
    Ok(bytes.into_boxed_slice())
}
