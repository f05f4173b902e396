//! Many bytes from one party to another: handed over, copied by the kernel, or copied once.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_io, status};
use lab::sample::{Contestant, Pinned, Sampling, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, read, write};
use shared_memory::spsc_ring::{LOOKS_BEFORE_SLEEP, Ring};

use crate::link::again;

pub const EXPERIMENT: Experiment = Experiment {
    name: "bandwidth",
    question: "How fast do many bytes come to another process?",
    claims: &["ipc-slower"],
    run,
};

/// Sends so many messages of so many bytes, and returns how long that took.
type Way = fn(bytes: usize, times: u32, cpus: Cpus) -> Result<Duration>;

/// Where the receiver and the sender run.
type Cpus = (usize, usize);

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
        &[64, 4 * KIB, 64 * KIB, MIB][..],
        &[64, 4 * KIB, 64 * KIB, MIB, LARGE][..],
        &[1, 64, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, LARGE, 4 * LARGE][..],
    );
    let (rounds, batch) = lab.by_effort((3, 1), (3, 1), (15, 8));
    let sampling = Sampling { rounds, batch: Duration::from_millis(batch), tolerance: TOLERANCE };
    let cpus = allowed_cpus();
    let own = *cpus.first().context("no CPU is allowed")?;
    let other = cpus[cpus.len() - 1];
    let forbidden = read_from_process(64, 1, (own, other)).err();
    let ways = || WAYS.iter().filter(|(name, _)| *name != FORBIDDEN || forbidden.is_none());

    let heads: String = sizes.iter().map(|size| format!("{:>8}", in_words(*size))).collect();
    say!("receiver", "{:<16}{heads}", "GB/s, the best");
    let mut lines: Vec<String> = ways().map(|(name, _)| format!("{name:<16}")).collect();
    let mut evidence = Evidence::new();
    for &bytes in sizes {
        let measured = sampling.measure(&mut contestants(ways(), bytes, (own, other)))?;
        for (index, (line, (name, _))) in lines.iter_mut().zip(ways()).enumerate() {
            let took = measured.microseconds(index);
            *line += &format!("{:>8}", rate(bytes as f64 / took.min / 1e3));
            evidence = evidence.sampled(&format!("{name}: message of {bytes} B"), took, "µs");
        }
    }
    for line in lines {
        say!("receiver", "{line}");
    }
    if let Some(why) = forbidden {
        for bytes in sizes {
            let name = format!("{FORBIDDEN}: message of {bytes} B");
            evidence = evidence.missing(&name, format!("{why:#}"));
        }
    }
    Ok(large_messages(lab, evidence, own)?.fact("bytes of the largest message", LARGE))
}

/// Reads another process's memory, which not every machine allows.
const FORBIDDEN: &str = "process_vm_readv";
/// A wake-up on another CPU takes now so long, now so long.
const TOLERANCE: f64 = 1.0;
/// The message by which the kernel's copies are judged.
const LARGE: usize = 16 * MIB;

fn contestants<'a>(
    ways: impl Iterator<Item = &'a (&'static str, Way)>,
    bytes: usize,
    cpus: Cpus,
) -> Vec<Contestant<'a>> {
    ways.map(|(name, way)| {
        Contestant::timed(name, move |times| way(bytes, times, cpus).context(*name))
    })
    .collect()
}

/// Compares the faster of the kernel's streams with the pointer, both parties on one CPU: there
/// nobody is woken on another one, so what differs is the copying.
fn large_messages(lab: &Lab, evidence: Evidence, cpu: usize) -> Result<Evidence> {
    const NAMES: [&str; 2] = ["a large message through the kernel", "a large message as a pointer"];
    let sampling = Sampling {
        // It turns on a factor of ten, and is a factor of hundreds.
        rounds: lab.by_effort(3, 9, 21),
        batch: Duration::from_millis(1),
        tolerance: TOLERANCE,
    };
    let measured = sampling.measure(&mut contestants(WAYS[..3].iter(), LARGE, (cpu, cpu)))?;
    let [pointer, pipe, socket] = [0, 1, 2];
    let median = |way| measured.microseconds(way).median;
    let faster = if median(pipe) < median(socket) { pipe } else { socket };
    let compared = measured.compare(faster, pointer).named(NAMES[0], NAMES[1]);
    let (name, size, ratio) = (WAYS[faster].0, in_words(LARGE), compared.ratio);
    match &compared.doubt {
        None => {
            say!("receiver", "both on CPU {cpu}, CPU time: {size} by a {name} cost");
            say!("receiver", "as much as {:.0} pointers ({ratio})", ratio.median);
        }
        Some(why) => say_why!("receiver", "both on CPU {cpu}: not to be compared here: {why}"),
    }
    Ok(evidence
        .fact("the faster stream of the kernel", name)
        .compared("through the kernel / as a pointer", &compared))
}

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

/// How time is taken: by the clock on the wall where the parties have a CPU each. On one CPU it is
/// the CPU time of both, which is the same as long as nobody else wants that CPU, and stays the
/// same when somebody does.
enum Clock {
    Wall,
    Cpu(Option<ClockId>),
}

impl Clock {
    /// For this process, its threads, and a child if there is one.
    fn of((own, other): Cpus, child: Option<Pid>) -> Result<Clock> {
        if own != other {
            return Ok(Clock::Wall);
        }
        let child = child.map(ClockId::pid_cpu_clock_id).transpose();
        Ok(Clock::Cpu(child.map_err(explain("clock_getcpuclockid"))?))
    }

    fn now(&self) -> Result<Duration> {
        let read = |clock| clock_gettime(clock).map_err(explain("clock_gettime"));
        Ok(match self {
            Clock::Wall => read(ClockId::CLOCK_MONOTONIC)?.into(),
            Clock::Cpu(child) => {
                let child = child.map(read).transpose()?.map_or(Duration::ZERO, Duration::from);
                child + Duration::from(read(ClockId::CLOCK_PROCESS_CPUTIME_ID)?)
            }
        })
    }
}

/// A message whose bytes all have a value of its own.
fn message(bytes: usize) -> Vec<u8> {
    vec![b'm'; bytes]
}

/// Whether all of a message arrived, in the last copy that was made. It is compared piece by piece,
/// for one byte after the other takes as long as to send them.
fn check(message: &[u8]) -> Result<()> {
    let whole = message.chunks(KIB).all(|piece| piece == &[b'm'; KIB][..piece.len()]);
    ensure!(whole, "a message was changed on the way");
    Ok(())
}

/// Runs `send` in a child, and `receive` here as soon as the child is ready. The receiver's memory
/// is made after the fork: what both processes have would be copied by the first write to it. `send` and
/// what it writes to go to the child: if that fails, what is read here ends.
fn between_processes(
    bytes: usize,
    (own, other): Cpus,
    send: impl FnOnce() -> Result<()>,
    receive: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Duration> {
    let (mut ready, mut say_ready) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut go, mut say_go) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(move || {
            let _pinned = Pinned::to(other);
            let started = say_ready.write_all(b"r").and_then(|()| go.read_exact(&mut [0]));
            let sent = started.map_err(anyhow::Error::from).and_then(|()| send());
            // The end of a process takes CPU time, too, which is not the message's.
            let ended = sent.and_then(|()| go.read_exact(&mut [0]).context("read"));
            status(ended)
        })
    }?;
    let _pinned = Pinned::to(own)?;
    let mut to = vec![b'?'; bytes];
    ready.read_exact(&mut [0]).context("the sender did not start")?;
    let clock = Clock::of((own, other), Some(child.pid()))?;
    let start = clock.now()?;
    say_go.write_all(b"g").context("start the sender")?;
    receive(&mut to)?;
    let took = clock.now()?.saturating_sub(start);
    say_go.write_all(b"e").context("end the sender")?;
    child.wait()?;
    check(&to)?;
    Ok(took)
}

fn stream(bytes: usize, times: u32, cpus: Cpus, [input, output]: [OwnedFd; 2]) -> Result<Duration> {
    let from = message(bytes);
    between_processes(
        bytes,
        cpus,
        move || (0..times).try_for_each(|_| write_all(&input, &from)),
        |to| (0..times).try_for_each(|_| read_all(&output, to)),
    )
}

/// A whole message by write(2). With 64 bytes of it, `write_all` of std takes 36 ns longer than this
/// loop, of the 450 that its way through a pipe takes: std's functions for pipes are not inlined.
fn write_all(input: &OwnedFd, mut message: &[u8]) -> Result<()> {
    while !message.is_empty() {
        let written = again(|| write(input, message)).map_err(explain("write"))?;
        message = &message[written..];
    }
    Ok(())
}

/// A whole message by read(2).
fn read_all(output: &OwnedFd, mut message: &mut [u8]) -> Result<()> {
    while !message.is_empty() {
        let got = again(|| read(output, message)).map_err(explain("read"))?;
        ensure!(got > 0, "the sender has closed its end");
        message = &mut message[got..];
    }
    Ok(())
}

/// A pipe that holds 1 MiB, where the user's limit allows that: its capacity decides. Measured in
/// turn with a C program on one CPU, it takes 1.01 to 1.03 times as long as there if both measure
/// pipe, socket and memcpy alone. Among all ways it is 1.04 to 1.11: each message goes to other
/// pages, and the other ways have taken the caches meanwhile. (A socket: 1.00 to 1.06.)
fn pipe(bytes: usize, times: u32, cpus: Cpus) -> Result<Duration> {
    let (output, input) = std::io::pipe().map_err(explain_io("pipe"))?;
    let _ = nix::fcntl::fcntl(input.as_fd(), nix::fcntl::FcntlArg::F_SETPIPE_SZ(MIB as i32));
    stream(bytes, times, cpus, [input.into(), output.into()])
}

fn unix_socket(bytes: usize, times: u32, cpus: Cpus) -> Result<Duration> {
    let (input, output) =
        std::os::unix::net::UnixStream::pair().map_err(explain_io("socketpair"))?;
    stream(bytes, times, cpus, [input.into(), output.into()])
}

/// A ring of bytes: copied in by the sender, copied out by the receiver, in pieces of at most an
/// eighth of the ring.
fn ring(bytes: usize, times: u32, cpus: Cpus) -> Result<Duration> {
    const PIECE: usize = 32 * KIB;
    let ring = Ring::<u8>::create(8 * PIECE)?;
    // Looking is of use only if the other party has a CPU of its own.
    let looks = if cpus.0 == cpus.1 { 0 } else { LOOKS_BEFORE_SLEEP };
    let from = message(bytes);
    between_processes(
        bytes,
        cpus,
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
fn read_from_process(bytes: usize, times: u32, (own, other): Cpus) -> Result<Duration> {
    let from = message(bytes);
    let (mut ready, mut say_ready) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut taken, mut say_taken) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(move || {
            let _pinned = Pinned::to(other);
            let one = |_| say_ready.write_all(b"r").and_then(|()| taken.read_exact(&mut [0]));
            status((0..times).try_for_each(one))
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
fn hand_over(bytes: usize, times: u32, (own, other): Cpus) -> Result<Duration> {
    let (send, receive) = sync_channel::<Vec<u8>>(0);
    let (give_back, get_back) = sync_channel::<Vec<u8>>(1);
    std::thread::scope(|threads| {
        let receiver = move || {
            let _pinned = Pinned::to(other);
            receive.iter().all(|message| give_back.send(message).is_ok())
        };
        std::thread::Builder::new()
            .spawn_scoped(threads, receiver)
            .map_err(explain_io("thread"))?;
        let _pinned = Pinned::to(own)?;
        let mut message = message(bytes);
        let clock = Clock::of((own, other), None)?;
        let start = clock.now()?;
        for _ in 0..times {
            send.send(message).context("the receiver is gone")?;
            message = get_back.recv().context("the receiver is gone")?;
        }
        // There and back are two messages.
        let took = clock.now()?.saturating_sub(start) / 2;
        drop(send);
        check(&message)?;
        Ok(took)
    })
}
// ANCHOR_END: hand-over

fn copy(bytes: usize, times: u32, _: Cpus) -> Result<Duration> {
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
