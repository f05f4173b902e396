//! What one message takes besides time: system calls, copies by the kernel, CPU time, switches.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Barrier;
use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain_io, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::WaitStatus;
use shared_memory::spsc_ring::Ring;

use crate::system_calls;

pub const EXPERIMENT: Experiment = Experiment {
    name: "per-message",
    question: "What does a message cost besides time?",
    claims: &["ipc-costs-more"],
    run,
};

/// A message of 64 bytes.
type Message = [u64; 8];

/// A way to send so many messages to another thread or process.
type Way = fn(u64) -> Result<()>;

/// Each with how many times as many messages are sent, because they take so much less. The pipe and
/// the channel of std come in the same two forms: many messages wait until the receiver gets to them, or
/// the sender waits for each message to be taken.
const WAYS: [(&str, Way, u64); 8] = [
    ("pipe, awaited", pipe_awaited, 1),
    ("channel, awaited", channel_awaited, 1),
    ("pipe, buffered", pipe, 1),
    ("channel, buffered", channel, 10),
    ("channel, in batches", channel_in_batches, 50),
    ("Unix socket", unix_socket, 1),
    ("ring", ring, 50),
    ("ring, in batches", ring_in_batches, 50),
];

/// Messages that are sent as one in the batched ways.
const BATCH: u64 = 64;
/// Messages that wait for the receiver in the buffered pipe and channel: half of what a pipe of 64 KiB
/// holds.
const HELD: usize = 512;
/// Messages that the ring holds.
const CAPACITY: usize = 4096;

fn run(lab: &Lab) -> Result<Evidence> {
    let (traced, timed) = lab.by_effort((512, 1_024), (1_024, 8_192), (4_096, 65_536));
    let [calls, copies, cpu, switches] = ["calls", "copies", "µs of CPU", "switches"];
    say!("counter", "{:<24}{calls:>8}{copies:>8}{cpu:>11}{switches:>10}", "a message of 64 bytes");
    let mut evidence = Evidence::new();
    for (name, way, more) in WAYS {
        let cost = cost(way, more * traced, more * timed)?;
        let figure = |figure: Option<f64>| figure.map_or("?".to_owned(), |f| format!("{f:.3}"));
        say!(
            "counter",
            "{name:<24}{:>8}{:>8}{:>11.3}{:>10.4}",
            figure(cost.calls),
            figure(cost.copies),
            cost.cpu,
            cost.switches
        );
        let fact = |what: &str| format!("{name}: {what} per message");
        evidence = match cost.calls {
            Some(calls) => evidence.measured(&fact("system calls"), calls, "calls"),
            None => evidence.missing(&fact("system calls"), "ptrace(2) is not allowed here"),
        };
        evidence = match cost.copies {
            Some(copies) => evidence.measured(&fact("copies"), copies, "copies"),
            None => evidence.missing(&fact("copies"), "this kernel has no /proc/PID/io"),
        };
        evidence = evidence.measured(&fact("CPU time"), cost.cpu, "µs").measured(
            &fact("switches"),
            cost.switches,
            "switches",
        );
    }
    Ok(evidence)
}

/// Per message.
struct Cost {
    calls: Option<f64>,
    /// How often the kernel copied its bytes.
    copies: Option<f64>,
    /// In microseconds, of both parties.
    cpu: f64,
    switches: f64,
}

fn cost(way: Way, traced: u64, timed: u64) -> Result<Cost> {
    // Twice as many messages need as much more as they need themselves; what is needed once for
    // the ends of the link cancels out.
    // ANCHOR: difference
    let once = system_calls::count(|| way(traced))?;
    let twice = system_calls::count(|| way(2 * traced))?;
    let calls = once.zip(twice).map(|(once, twice)| (twice as f64 - once as f64) / traced as f64);
    // ANCHOR_END: difference

    let (before, copied) = (Used::by_children()?, copied_bytes());
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe { Child::fork(|| status(way(timed))) }?;
    ensure!(matches!(child.wait()?, WaitStatus::Exited(_, 0)), "a party failed");
    let (after, bytes) = (Used::by_children()?, timed as f64 * size_of::<Message>() as f64);
    Ok(Cost {
        calls: calls.map(|calls| calls.max(0.0)),
        copies: copied.zip(copied_bytes()).map(|(before, after)| (after - before) as f64 / bytes),
        cpu: (after.microseconds - before.microseconds) / timed as f64,
        switches: (after.switches - before.switches) as f64 / timed as f64,
    })
}

struct Used {
    microseconds: f64,
    switches: i64,
}

impl Used {
    /// What all children used that have ended and were waited for, getrusage(2).
    fn by_children() -> Result<Used> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
        let time = usage.user_time() + usage.system_time();
        Ok(Used {
            microseconds: time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64,
            switches: usage.voluntary_context_switches() + usage.involuntary_context_switches(),
        })
    }
}

/// How many bytes the kernel copied in reads and writes of this process and of its children that
/// were waited for, proc_pid_io(5). Each is one copy, in or out.
fn copied_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    };
    Some(field("rchar:")? + field("wchar:")?)
}

/// The sum by which the receiver shows that it got every message.
fn should(messages: u64) -> u64 {
    8 * (messages * (messages - 1) / 2)
}

fn bytes(message: &Message) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (place, word) in bytes.chunks_exact_mut(8).zip(message) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

fn sum_of_bytes(bytes: &[u8; 64]) -> u64 {
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("8 bytes"))).sum()
}

/// Writes each message to a stream, from a child, and reads it here. What the child writes to is its
/// own, here and in the other ways: if it fails, the stream ends, and nobody waits for the rest.
fn stream(messages: u64, mut input: impl Write, mut output: impl Read) -> Result<()> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(move || {
            let sent = |number| input.write_all(&bytes(&[number; 8]));
            status((0..messages).try_for_each(sent))
        })
    }?;
    let (mut message, mut sum) = ([0; 64], 0);
    for _ in 0..messages {
        output.read_exact(&mut message).context("read")?;
        sum += sum_of_bytes(&message);
    }
    child.wait()?;
    ensure!(sum == should(messages), "the sum is wrong");
    Ok(())
}

/// The parts of `messages` that a pipe or a channel holds at once. The receiver comes to each when all
/// of it is there, however busy the machine is: what waiting costs, the awaited ways show.
fn parts(messages: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..messages).step_by(HELD).map(move |first| first..messages.min(first + HELD as u64))
}

fn pipe(messages: u64) -> Result<()> {
    let pipe = || std::io::pipe().map_err(explain_io("pipe"));
    let ((mut output, mut input), (mut sent, mut say_sent)) = (pipe()?, pipe()?);
    let (mut taken, mut say_taken) = pipe()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(move || {
            status(parts(messages).try_for_each(|mut part| {
                part.try_for_each(|number| input.write_all(&bytes(&[number; 8])))?;
                say_sent.write_all(b"s")?;
                taken.read_exact(&mut [0])
            }))
        })
    }?;
    let (mut message, mut sum) = ([0; 64], 0);
    for part in parts(messages) {
        sent.read_exact(&mut [0]).context("read")?;
        for _ in part {
            output.read_exact(&mut message).context("read")?;
            sum += sum_of_bytes(&message);
        }
        say_taken.write_all(b"t").context("write")?;
    }
    child.wait()?;
    ensure!(sum == should(messages), "the sum is wrong");
    Ok(())
}

fn unix_socket(messages: u64) -> Result<()> {
    let (input, output) =
        std::os::unix::net::UnixStream::pair().map_err(explain_io("socketpair"))?;
    // As files, because the kernel counts the bytes of read(2) and write(2), not of recv(2).
    stream(messages, File::from(OwnedFd::from(input)), File::from(OwnedFd::from(output)))
}

fn ring(messages: u64) -> Result<()> {
    let ring = Ring::<Message>::create(CAPACITY)?;
    // SAFETY: as above.
    let child = unsafe {
        Child::fork(|| {
            status(ring.producer().and_then(|mut producer| {
                (0..messages).try_for_each(|number| Ok(producer.push(&[number; 8])?))
            }))
        })
    }?;
    let mut consumer = ring.consumer()?;
    let mut sum = 0;
    for _ in 0..messages {
        sum += consumer.pop()?.iter().sum::<u64>();
    }
    child.wait()?;
    ensure!(sum == should(messages), "the sum is wrong");
    Ok(())
}

fn ring_in_batches(messages: u64) -> Result<()> {
    let ring = Ring::<Message>::create(CAPACITY)?;
    let produce = || -> Result<()> {
        let mut producer = ring.producer()?;
        let mut number = 0;
        while number < messages {
            let room = producer.room();
            let count = room.len().min(BATCH as usize).min((messages - number) as usize);
            for slot in &mut room[..count] {
                *slot = [number; 8];
                number += 1;
            }
            producer.publish(count);
            if count == 0 {
                producer.wait()?;
            }
        }
        Ok(())
    };
    // SAFETY: as above.
    let child = unsafe { Child::fork(|| status(produce())) }?;
    let mut consumer = ring.consumer()?;
    let (mut sum, mut got) = (0, 0);
    while got < messages {
        let ready = consumer.ready();
        let count = ready.len();
        sum += ready.iter().flatten().sum::<u64>();
        consumer.release(count);
        got += count as u64;
        if count == 0 {
            consumer.wait()?;
        }
    }
    child.wait()?;
    ensure!(sum == should(messages), "the sum is wrong");
    Ok(())
}

/// Each message is answered by a byte, and the next is sent then.
fn pipe_awaited(messages: u64) -> Result<()> {
    let (mut output, mut input) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut taken, mut say_taken) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(move || {
            let sent = |number| {
                input.write_all(&bytes(&[number; 8])).and_then(|()| taken.read_exact(&mut [0]))
            };
            status((0..messages).try_for_each(sent))
        })
    }?;
    let (mut message, mut sum) = ([0; 64], 0);
    for _ in 0..messages {
        output.read_exact(&mut message).context("read")?;
        sum += sum_of_bytes(&message);
        say_taken.write_all(b"t").context("write")?;
    }
    child.wait()?;
    ensure!(sum == should(messages), "the sum is wrong");
    Ok(())
}

/// A channel between threads that holds nothing: the sender waits for each message to be taken.
fn channel_awaited(messages: u64) -> Result<()> {
    let (sender, receiver) = sync_channel::<Message>(0);
    through_threads(
        messages,
        move || (0..messages).all(|number| sender.send([number; 8]).is_ok()),
        move || receiver.iter().map(|message| message.iter().sum::<u64>()).sum(),
    )
}

/// A channel that holds as many messages as are sent by the pipe at once.
fn channel(messages: u64) -> Result<()> {
    let (sender, receiver) = sync_channel::<Message>(HELD);
    let turn = Barrier::new(2);
    through_threads(
        messages,
        || {
            parts(messages).all(|mut part| {
                let all_sent = part.all(|number| sender.send([number; 8]).is_ok());
                turn.wait();
                turn.wait();
                all_sent
            })
        },
        || {
            let mut sum = 0;
            for part in parts(messages) {
                turn.wait();
                let held = part.filter_map(|_| receiver.recv().ok());
                sum += held.map(|message| message.iter().sum::<u64>()).sum::<u64>();
                turn.wait();
            }
            sum
        },
    )
}

/// The same, but a message of the channel is a batch of messages.
fn channel_in_batches(messages: u64) -> Result<()> {
    let (sender, receiver) = sync_channel::<Vec<Message>>(4);
    through_threads(
        messages,
        move || {
            let batch =
                |first: u64| (first..(first + BATCH).min(messages)).map(|n| [n; 8]).collect();
            (0..messages).step_by(BATCH as usize).all(|first| sender.send(batch(first)).is_ok())
        },
        move || receiver.iter().flatten().flatten().sum(),
    )
}

fn through_threads(
    messages: u64,
    send: impl FnOnce() -> bool + Send,
    receive: impl FnOnce() -> u64,
) -> Result<()> {
    std::thread::scope(|threads| {
        std::thread::Builder::new().spawn_scoped(threads, send).map_err(explain_io("thread"))?;
        ensure!(receive() == should(messages), "the sum is wrong");
        Ok(())
    })
}
