//! Many bytes from one party to another: handed over, copied by the kernel, or copied once.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_io};
use lab::sample::{Contestant, Pinned, Rounds, Sampling, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use shared_memory::spsc_ring::{LOOKS_BEFORE_SLEEP, Ring};

pub const EXPERIMENT: Experiment = Experiment {
    name: "bandwidth",
    question: "How fast do many bytes come to another process?",
    claims: &["ipc-slower"],
    run,
};

/// Sends so many messages of so many bytes, and returns how long that took.
type Way = fn(bytes: usize, times: u32) -> Result<Duration>;

/// The first hands over a pointer between threads, the last stays within one thread; the others
/// are between processes.
const WAYS: [(&str, Way); 6] = [
    ("pointer", hand_over),
    ("pipe", pipe),
    ("Unix socket", unix_socket),
    ("shared ring", ring),
    ("process_vm_readv", read_from_process),
    ("memcpy", copy),
];

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn run(lab: &Lab) -> Result<Evidence> {
    let sizes: &[usize] = lab.by_effort(
        &[64, 64 * KIB, 16 * MIB][..],
        &[64, 4 * KIB, 64 * KIB, MIB, 16 * MIB][..],
        &[1, 64, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 16 * MIB, 64 * MIB][..],
    );
    let (rounds, batch) = lab.by_effort((5, 1), (5, 1), (15, 20));
    let heads: String = sizes.iter().map(|size| format!("{:>8}", in_words(*size))).collect();
    say!("receiver", "{:<16}{heads}", "GB/s, the best");
    let mut rows = WAYS.map(|(name, _)| format!("{name:<16}"));
    let mut largest = None;
    for &bytes in sizes {
        let measured = in_turn(bytes, rounds, Duration::from_millis(batch))?;
        for (row, took) in rows.iter_mut().zip(&measured.took) {
            let rate = took.map(|took| rate(bytes as f64 / took.min / 1e3));
            *row += &format!("{:>8}", rate.unwrap_or_else(|| "-".to_owned()));
        }
        largest = Some((measured, bytes));
    }
    for row in rows {
        say!("receiver", "{row}");
    }
    Ok(match largest {
        Some((measured, bytes)) => measured.report(Evidence::new(), bytes),
        None => Evidence::new(),
    })
}

/// What a message of one size took.
struct Measured {
    /// In µs, for each of the ways; `None` where it is forbidden.
    took: [Option<Summary>; WAYS.len()],
    rounds: Rounds,
    /// Why process_vm_readv is not among them.
    forbidden: Option<String>,
}

/// Measures all ways in turn with messages of one size.
fn in_turn(bytes: usize, rounds: usize, batch: Duration) -> Result<Measured> {
    let forbidden = read_from_process(64, 1).err().map(|error| format!("{error:#}"));
    let allowed = |name: &str| name != "process_vm_readv" || forbidden.is_none();
    let mut contestants: Vec<_> = WAYS
        .into_iter()
        .filter(|(name, _)| allowed(name))
        .map(|(name, way)| Contestant::timed(name, move |times| way(bytes, times).context(name)))
        .collect();
    // A wake-up on another CPU takes now so long, now so long. What is asked turns on a factor.
    let rounds = Sampling { rounds, batch, tolerance: 1.0 }.measure(&mut contestants)?;
    let place = |way: usize| contestants.iter().position(|c| c.name == WAYS[way].0);
    let took = std::array::from_fn(|way| place(way).map(|index| rounds.microseconds(index)));
    Ok(Measured { took, rounds, forbidden })
}

impl Measured {
    /// Compares the faster of the kernel's streams with the pointer.
    fn report(&self, mut evidence: Evidence, bytes: usize) -> Evidence {
        const POINTER: usize = 0;
        const STREAMS: [usize; 2] = [1, 2];
        for ((name, _), took) in WAYS.iter().zip(&self.took) {
            if let Some(took) = took {
                evidence = evidence.sampled(&format!("{name}: one large message"), *took, "µs");
            }
        }
        if let Some(why) = &self.forbidden {
            evidence = evidence.missing("process_vm_readv: one large message", why);
        }
        let [pipe, socket] = STREAMS.map(|stream| self.rounds.microseconds(stream).median);
        let faster = if pipe < socket { STREAMS[0] } else { STREAMS[1] };
        let compared = self.rounds.compare(faster, POINTER).named(BY_KERNEL, BY_POINTER);
        let (ratio, size) = (compared.ratio, in_words(bytes));
        say!("receiver", "{size} by a {} take {:.0} x a pointer", WAYS[faster].0, ratio.median);
        evidence
            .fact("bytes of the largest message", bytes)
            .fact("the faster stream of the kernel", WAYS[faster].0)
            .compared("through the kernel / as a pointer", &compared)
    }
}

/// The two sides of the comparison of large messages.
const BY_KERNEL: &str = "a large message through the kernel";
const BY_POINTER: &str = "a large message as a pointer";

fn in_words(bytes: usize) -> String {
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        _ => format!("{} MiB", bytes / MIB),
    }
}

/// Three figures, so that the columns stay narrow.
fn rate(gigabytes: f64) -> String {
    match gigabytes {
        0.0..0.1 => format!("{gigabytes:.4}"),
        0.1..10.0 => format!("{gigabytes:.2}"),
        10.0..1000.0 => format!("{gigabytes:.1}"),
        _ => format!("{gigabytes:.0}.0"),
    }
}

/// A message whose bytes all have a value of its own.
fn message(bytes: usize) -> Vec<u8> {
    vec![b'm'; bytes]
}

/// Whether all of a message arrived, in the last copy that was made.
fn check(message: &[u8]) -> Result<()> {
    ensure!(message.iter().all(|byte| *byte == b'm'), "a message was changed on the way");
    Ok(())
}

/// Where the receiver and the sender run: on two CPUs, if two are allowed.
fn cpus() -> Result<(usize, usize)> {
    let cpus = allowed_cpus();
    Ok((*cpus.first().context("no CPU is allowed")?, cpus[cpus.len() - 1]))
}

/// Runs `send` in a child, and `receive` here as soon as the child is ready. The receiver's memory
/// is made after the fork: what both processes have would be copied by the first write to it.
fn between_processes(
    bytes: usize,
    send: impl FnOnce() -> Result<()>,
    receive: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Duration> {
    let (mut ready, mut say_ready) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut go, mut say_go) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (own, other) = cpus()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _pinned = Pinned::to(other);
            let started = say_ready.write_all(b"r").and_then(|()| go.read_exact(&mut [0]));
            i32::from(started.is_err() || send().is_err())
        })
    }?;
    let _pinned = Pinned::to(own)?;
    let mut to = vec![b'?'; bytes];
    ready.read_exact(&mut [0]).context("the sender did not start")?;
    let start = Instant::now();
    say_go.write_all(b"g").context("start the sender")?;
    receive(&mut to)?;
    let took = start.elapsed();
    child.wait()?;
    check(&to)?;
    Ok(took)
}

fn stream(
    bytes: usize,
    times: u32,
    mut input: impl Write,
    mut output: impl Read,
) -> Result<Duration> {
    let from = message(bytes);
    between_processes(
        bytes,
        || (0..times).try_for_each(|_| input.write_all(&from)).context("write"),
        |to| (0..times).try_for_each(|_| output.read_exact(to)).context("read"),
    )
}

/// A pipe that holds 1 MiB, where the user's limit allows that: its capacity decides.
fn pipe(bytes: usize, times: u32) -> Result<Duration> {
    let (output, input) = std::io::pipe().map_err(explain_io("pipe"))?;
    let _ = nix::fcntl::fcntl(input.as_fd(), nix::fcntl::FcntlArg::F_SETPIPE_SZ(MIB as i32));
    stream(bytes, times, input, output)
}

fn unix_socket(bytes: usize, times: u32) -> Result<Duration> {
    let (input, output) =
        std::os::unix::net::UnixStream::pair().map_err(explain_io("socketpair"))?;
    stream(bytes, times, input, output)
}

/// A ring of bytes: copied in by the sender, copied out by the receiver, in pieces of at most an
/// eighth of the ring.
fn ring(bytes: usize, times: u32) -> Result<Duration> {
    const PIECE: usize = 32 * KIB;
    let ring = Ring::<u8>::create(8 * PIECE)?;
    let (own, other) = cpus()?;
    // Looking is of use only if the other party has a CPU of its own.
    let looks = if own == other { 0 } else { LOOKS_BEFORE_SLEEP };
    let from = message(bytes);
    between_processes(
        bytes,
        || {
            let mut producer = ring.producer()?;
            producer.looks_before_sleep(looks);
            for _ in 0..times {
                let mut rest = &from[..];
                while !rest.is_empty() {
                    let room = producer.room();
                    let count = room.len().min(rest.len()).min(PIECE);
                    room[..count].copy_from_slice(&rest[..count]);
                    producer.publish(count);
                    rest = &rest[count..];
                    if count == 0 {
                        producer.wait()?;
                    }
                }
            }
            Ok(())
        },
        |to| {
            let mut consumer = ring.consumer()?;
            consumer.looks_before_sleep(looks);
            for _ in 0..times {
                let mut rest = &mut to[..];
                while !rest.is_empty() {
                    let ready = consumer.ready();
                    let count = ready.len().min(rest.len()).min(PIECE);
                    rest[..count].copy_from_slice(&ready[..count]);
                    consumer.release(count);
                    rest = &mut rest[count..];
                    if count == 0 {
                        consumer.wait()?;
                    }
                }
            }
            Ok(())
        },
    )
}

/// The receiver copies each message out of the sender's memory. The sender tells it that there is
/// one, and is told when it may make the next.
fn read_from_process(bytes: usize, times: u32) -> Result<Duration> {
    let from = message(bytes);
    let (mut ready, mut say_ready) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut taken, mut say_taken) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (own, other) = cpus()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _pinned = Pinned::to(other);
            let one = |_| say_ready.write_all(b"r").and_then(|()| taken.read_exact(&mut [0]));
            i32::from((0..times).map(one).any(|outcome| outcome.is_err()))
        })
    }?;
    let _pinned = Pinned::to(own)?;
    let mut to = vec![b'?'; bytes];
    let start = Instant::now();
    for _ in 0..times {
        ready.read_exact(&mut [0]).context("read")?;
        // A fork's child has its memory at the parent's addresses.
        let there = RemoteIoVec { base: from.as_ptr() as usize, len: bytes };
        let here = std::io::IoSliceMut::new(&mut to);
        let read = process_vm_readv(child.pid(), &mut [here], &[there])
            .map_err(explain("process_vm_readv"))?;
        ensure!(read == bytes, "process_vm_readv read {read} bytes of {bytes}");
        say_taken.write_all(b"t").context("write")?;
    }
    let took = start.elapsed();
    child.wait()?;
    check(&to)?;
    Ok(took)
}

/// Moves the message itself: the thread gets its address, and its bytes stay where they are.
// ANCHOR: hand-over
fn hand_over(bytes: usize, times: u32) -> Result<Duration> {
    let (send, receive) = sync_channel::<Vec<u8>>(0);
    let (give_back, get_back) = sync_channel::<Vec<u8>>(1);
    std::thread::scope(|threads| {
        let (own, other) = cpus()?;
        let receiver = move || {
            let _pinned = Pinned::to(other);
            receive.iter().all(|message| give_back.send(message).is_ok())
        };
        std::thread::Builder::new()
            .spawn_scoped(threads, receiver)
            .map_err(explain_io("thread"))?;
        let _pinned = Pinned::to(own)?;
        let mut message = message(bytes);
        let start = Instant::now();
        for _ in 0..times {
            send.send(message).context("the receiver is gone")?;
            message = get_back.recv().context("the receiver is gone")?;
        }
        // There and back are two messages.
        let took = start.elapsed() / 2;
        drop(send);
        check(&message)?;
        Ok(took)
    })
}
// ANCHOR_END: hand-over

fn copy(bytes: usize, times: u32) -> Result<Duration> {
    let (from, mut to) = (message(bytes), message(bytes));
    let start = Instant::now();
    for _ in 0..times {
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&mut to);
    }
    let took = start.elapsed();
    check(&to)?;
    Ok(took)
}
