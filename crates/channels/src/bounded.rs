//! A channel has room for so many messages. What if it is full, or the other side has gone?

use std::sync::mpsc::{self, SyncSender, TrySendError};

use anyhow::{Context, Result};
use lab::child::LIMIT;
use lab::narrate::{wakes, woken};
use lab::proc::comes_to_block_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, mark, say, stretch};
use nix::libc::SYS_futex;
use nix::unistd::gettid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "bounded",
    question: "A producer is faster than its consumer. What holds it back?",
    claims: &[],
    run,
};

const ROOM: usize = 4;
const MANY: usize = 100_000;

fn run(_: &Lab) -> Result<Evidence> {
    let (sender, receiver) = mpsc::sync_channel(ROOM);
    let fits = fill(&sender);
    say!("main", "a channel of {ROOM}: {fits} messages went in, the next is refused");

    std::thread::scope(|threads| {
        // Dropped at the end of this block, however it ends, so that no thread waits on.
        let receiver = receiver;
        // ANCHOR: full
        let (tell, told) = mpsc::channel();
        let producer = spawn(threads, "producer", move || {
            let _ = tell.send(gettid());
            let waits = stretch!("sender", "waits until one more message fits");
            let sent = sender.send(usize::MAX).is_ok();
            drop(waits);
            woken("room");
            sent
        })?;
        let thread = told.recv().context("the producer has ended")?;
        let sleeps = comes_to_block_in(thread, SYS_futex, LIMIT)?;
        wakes("room");
        let first = receiver.recv().context("recv")?;
        mark!("receiver", "takes message {first}");
        let sent = producer.join().ok().context("the producer has panicked")?;
        let room = if sent { "fits" } else { "is lost" };
        mark!("sender", "its message {room}; the sender is dropped with its thread");
        // ANCHOR_END: full
        let words = if sleeps { "sleeps" } else { "does not sleep" };
        say!("producer", "thread {thread} sends one more, and {words}");
        let words = if sent { "its message is in" } else { "its message is lost" };
        say!("main", "takes message {first}; the producer goes on, {words}");

        // The only sender has gone with its thread. What it has sent is still there.
        let left: Vec<usize> = receiver.iter().collect();
        mark!("receiver", "takes {} more, until the end", left.len());
        say!("main", "the producer has ended; {} messages are still there", left.len());
        let end = receiver.recv().is_err();
        let words = if end { "says that no more can come" } else { "says something else" };
        say!("main", "after them recv {words}");

        let (sender, receiver) = mpsc::channel();
        for number in 0..MANY {
            sender.send(number).context("send")?;
        }
        let waiting = receiver.try_iter().count();
        say!("main", "without a bound {waiting} messages went in before one was taken");
        drop(receiver);
        let back = sender.send(7).map_err(|error| error.0).err();
        let words = back.map_or("send says that all is well".to_owned(), |number| {
            format!("send fails, and {number} comes back")
        });
        say!("main", "nobody can receive any more; {words}");

        let (alone, taken) = rendezvous()?;
        let words = match (alone, taken) {
            (true, _) => "though nobody takes it",
            (false, true) => "only when it is taken",
            (false, false) => "and is not taken",
        };
        say!("main", "in a channel of 0 a message goes in {words}");
        Ok(Evidence::new()
            .fact("bounded: messages that fit", fits)
            .fact("bounded: a sender to a full channel sleeps", sleeps)
            .fact("bounded: messages left by an ended sender", left.len())
            .fact("bounded: the end is told after the last message", end)
            .fact("unbounded: messages that wait", waiting)
            .fact("bounded: a message that nobody can take comes back", back == Some(7))
            .fact("bounded: a channel of 0 is a rendezvous", !alone && taken))
    })
}

/// Sends until there is no room; says how many messages went in.
fn fill(sender: &SyncSender<usize>) -> usize {
    (0..)
        .take_while(|number| !matches!(sender.try_send(*number), Err(TrySendError::Full(_))))
        .count()
}

/// Whether a message can be put into a channel of 0 while nobody waits for it, and whether one is taken
/// that is sent to somebody.
fn rendezvous() -> Result<(bool, bool)> {
    let (sender, receiver) = mpsc::sync_channel(0);
    let alone = sender.try_send(1).is_ok();
    std::thread::scope(|threads| {
        let taker = spawn(threads, "taker", move || receiver.recv_timeout(LIMIT))?;
        sender.send(2).context("send")?;
        let taken = taker.join().is_ok_and(|taken| taken == Ok(2));
        Ok((alone, taken))
    })
}
