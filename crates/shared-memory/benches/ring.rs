//! `cargo bench -p shared-memory`: the ring between two processes, beside a pipe and a Unix socket
//! between the same, and beside rtrb and crossbeam's ArrayQueue between threads of one process.
//! `cargo bench -p shared-memory -- 65536` measures messages of so many bytes only.
//!
//! Receiver and sender are pinned to a CPU each, and spin. All are measured in turn, with batches
//! of about 5 ms. Before and after each batch the distance of the two CPUs is probed; a sample
//! counts only if it did not change, and is compared with samples of that distance only. The
//! sender's CPU is never idle in between, because a host likes to move idle virtual CPUs.

use std::fs::File;
use std::hint::spin_loop;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use crossbeam::queue::ArrayQueue;
use lab::Summary;
use lab::child::Child;
use lab::sample::{Pinned, allowed_cpus};
use nix::sys::resource::{UsageWho, getrusage};
use shared_memory::distance::{Distance, Probe};
use shared_memory::futex::{self, Scope};
use shared_memory::spsc_ring::{Consumer, Producer, Ring};

/// Samples of one contestant at one message size.
const ROUNDS: usize = 40;
const BATCH: Duration = Duration::from_millis(2);

fn main() -> Result<()> {
    // `cargo test` runs benchmarks too, without this argument; there is nothing to test here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let cpus = allowed_cpus();
    let [near, .., far] = cpus[..] else { bail!("the benchmark needs two CPUs, one is allowed") };
    println!("{}", lab::machine::one_line());
    println!("Receiver on CPU {near}, sender on CPU {far}. Nanoseconds per message, median.");
    println!(
        "x rtrb, x memcpy: how many times as long as rtrb takes, and as one CPU takes to copy"
    );
    println!("the message; medians of ratios measured in turn, and p10 to p90.");
    let _pinned = Pinned::to(near)?;
    let wanted: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let rows: [(usize, Compare, usize); 5] = [
        (8, compare::<1>, 4096),
        (64, compare::<8>, 1024),
        (1024, compare::<128>, 256),
        (65536, compare::<8192>, 16),
        // Slots that stay in a CPU's own cache.
        (65536, compare::<8192>, 4),
    ];
    for (bytes, compare, capacity) in rows {
        if wanted.is_empty() || wanted.contains(&bytes) {
            println!("\n{bytes} bytes a message, room for {capacity}");
            compare(capacity, far)?;
        }
    }
    Ok(())
}

/// Compares the contestants with room for so many messages, the sender on that CPU.
type Compare = fn(usize, usize) -> Result<()>;

/// A message of `WORDS` words, which all hold the message's number.
type Message<const WORDS: usize> = [u64; WORDS];

const CONTESTANTS: [(&str, Kind); 9] = [
    ("rtrb, threads", Kind::Rtrb),
    ("rtrb, looking seldom, threads", Kind::RtrbSeldom),
    ("rtrb in chunks, threads", Kind::RtrbChunks),
    ("ArrayQueue, threads", Kind::ArrayQueue),
    ("ring, processes", Kind::Ring),
    ("ring in batches, processes", Kind::RingBatches),
    ("pipe, processes", Kind::Pipe),
    ("Unix socket, processes", Kind::Socket),
    ("memcpy, one CPU", Kind::Memcpy),
];

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    Rtrb = 1,
    RtrbSeldom,
    RtrbChunks,
    ArrayQueue,
    Ring,
    RingBatches,
    Pipe,
    Socket,
    Memcpy,
}

/// How many bytes a batch shows to the other side at once, at most.
const CHUNK: usize = 8 << 10;

/// How many messages that is, but at least one, and at most an eighth of the ring.
const fn chunk<const WORDS: usize>() -> usize {
    let messages = CHUNK / size_of::<Message<WORDS>>();
    if messages > 0 { messages } else { 1 }
}

fn compare<const WORDS: usize>(capacity: usize, sender_cpu: usize) -> Result<()> {
    let ring = Ring::<Message<WORDS>>::create(capacity)?;
    let (mut pipe, pipe_in) = std::io::pipe().context("pipe")?;
    let (mut socket, socket_in) = std::os::unix::net::UnixStream::pair().context("socketpair")?;
    let desks = shared_memory::memory::shared(size_of::<[Desk; 2]>())?;
    // SAFETY: the mapping is zeroed, aligned and large enough for two desks, which are atomics.
    let [process, thread] = unsafe { &*desks.as_ptr().cast::<[Desk; 2]>() };

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _pinned = Pinned::to(sender_cpu);
            let Ok(mut producer) = ring.producer() else { return 1 };
            producer.looks_before_sleep(u32::MAX);
            let mut pipe = File::from(OwnedFd::from(pipe_in));
            let mut socket = File::from(OwnedFd::from(socket_in));
            process.serve(|kind, count| match kind {
                kind if kind == Kind::Ring as u32 => send_to_ring(&mut producer, count),
                kind if kind == Kind::RingBatches as u32 => send_batches(&mut producer, count),
                kind if kind == Kind::Pipe as u32 => write_all::<WORDS>(&mut pipe, count),
                _ => write_all::<WORDS>(&mut socket, count),
            });
            0
        })
    }?;
    let mut consumer = ring.consumer()?;
    consumer.looks_before_sleep(u32::MAX);
    let (mut rtrb_in, mut rtrb_out) = rtrb::RingBuffer::<Message<WORDS>>::new(capacity);
    let queue = ArrayQueue::<Message<WORDS>>::new(capacity);

    let samples = std::thread::scope(|threads| -> Result<Samples> {
        let queue = &queue;
        threads.spawn(move || {
            let _pinned = Pinned::to(sender_cpu);
            thread.serve(|kind, count| match kind {
                kind if kind == Kind::Rtrb as u32 => send_to_rtrb(&mut rtrb_in, count, 1),
                kind if kind == Kind::RtrbSeldom as u32 => send_to_rtrb(&mut rtrb_in, count, 64),
                kind if kind == Kind::RtrbChunks as u32 => send_chunks(&mut rtrb_in, count),
                _ => {
                    for number in 0..count {
                        let mut message = [number; WORDS];
                        while let Err(back) = queue.push(message) {
                            message = back;
                            spin_loop();
                        }
                    }
                }
            });
        });
        let mut receive = |kind: Kind, count: u64| -> Result<u64> {
            Ok(match kind {
                Kind::Rtrb => receive(count, 1, || rtrb_out.pop().ok()),
                Kind::RtrbSeldom => receive(count, 64, || rtrb_out.pop().ok()),
                Kind::RtrbChunks => receive_chunks(&mut rtrb_out, count),
                Kind::ArrayQueue => receive(count, 1, || queue.pop()),
                Kind::Ring if WORDS < 512 => receive(count, 1, || consumer.pop().ok()),
                Kind::Ring => receive_large(&mut consumer, count),
                Kind::RingBatches => receive_batches(&mut consumer, count),
                Kind::Pipe => read_all::<WORDS>(&mut pipe, count)?,
                Kind::Socket => read_all::<WORDS>(&mut socket, count)?,
                Kind::Memcpy => copy::<WORDS>(capacity, count),
            })
        };
        let outcome = (|| -> Result<Samples> {
            let mut busy = process;
            process.wake(Desk::REST, 0);
            let mut samples = Samples::new();
            let mut sizes = [0u64; CONTESTANTS.len()];
            for round in 0..=ROUNDS {
                for (index, (_, kind)) in CONTESTANTS.iter().enumerate() {
                    let desk = match kind {
                        Kind::Rtrb | Kind::RtrbSeldom | Kind::RtrbChunks | Kind::ArrayQueue => {
                            thread
                        }
                        _ => process,
                    };
                    if !std::ptr::eq(desk, busy) {
                        desk.wake(Desk::PROBE, 0);
                        busy.order(Desk::REST, 0);
                        busy = desk;
                    } else {
                        desk.order(Desk::PROBE, 0);
                    }
                    let before = desk.probe.ask().context("the sender is stuck")?;
                    desk.done()?;
                    let mut count = sizes[index].max(64);
                    let mut disturbed;
                    let per_message = loop {
                        let (start, before) = (Instant::now(), switches());
                        if *kind != Kind::Memcpy {
                            desk.order(*kind as u32, count);
                        }
                        let sum = receive(*kind, count)?;
                        let took = start.elapsed();
                        desk.done()?;
                        disturbed = switches() - before;
                        if *kind != Kind::Memcpy {
                            disturbed += desk.switches.load(Relaxed);
                        }
                        let should = (WORDS as u64).wrapping_mul(count * (count - 1) / 2);
                        ensure!(sum == should, "a message was lost or changed on the way");
                        if round > 0 {
                            break took.as_nanos() as f64 / count as f64;
                        }
                        if took > BATCH / 2 {
                            count =
                                (count as f64 * BATCH.as_secs_f64() / took.as_secs_f64()) as u64;
                            sizes[index] = count.max(64);
                            break f64::NAN;
                        }
                        count *= 2;
                    };
                    desk.order(Desk::PROBE, 0);
                    let after = desk.probe.ask().context("the sender is stuck")?;
                    desk.done()?;
                    let sleeps = matches!(kind, Kind::Pipe | Kind::Socket);
                    if round > 0 && (disturbed == 0 || sleeps) {
                        samples.add(round, index, per_message, before, after);
                    }
                }
            }
            Ok(samples)
        })();
        // A sender that is stuck would be waited for in vain; the child dies with this process.
        let samples = outcome.unwrap_or_else(|error| {
            eprintln!("ring: {error:#}");
            std::process::exit(1)
        });
        // The one that sleeps is woken for it, the other is told.
        for desk in [process, thread] {
            desk.wake(Desk::STOP, 0);
        }
        Ok(samples)
    })?;
    child.wait()?;
    samples.print(size_of::<Message<WORDS>>());
    Ok(())
}

/// Where a sender gets its orders.
#[repr(C, align(128))]
struct Desk {
    order: AtomicU32,
    count: AtomicU64,
    finished: AtomicU32,
    /// How often the sender lost its CPU during the last order.
    switches: AtomicU64,
    probe: Probe,
}

impl Desk {
    const NOTHING: u32 = 0;
    const PROBE: u32 = 100;
    const REST: u32 = 101;
    const STOP: u32 = 102;

    /// The sender's side: does what it is told, spinning for orders until it is told to rest.
    fn serve(&self, mut send: impl FnMut(u32, u64)) {
        loop {
            match self.order.load(Acquire) {
                Desk::NOTHING => spin_loop(),
                Desk::REST => futex::wait(&self.order, Desk::REST, Scope::Shared, None),
                order => {
                    let before = switches();
                    match order {
                        Desk::STOP => return,
                        Desk::PROBE => self.probe.answer(),
                        kind => send(kind, self.count.load(Relaxed)),
                    }
                    self.switches.store(switches() - before, Relaxed);
                    self.order.store(Desk::NOTHING, Relaxed);
                    self.finished.store(1, Release);
                }
            }
        }
    }

    fn order(&self, order: u32, count: u64) {
        self.finished.store(u32::from(order == Desk::REST), Relaxed);
        self.count.store(count, Relaxed);
        self.order.store(order, Release);
    }

    fn wake(&self, order: u32, count: u64) {
        self.order(order, count);
        futex::wake(&self.order, 1, Scope::Shared);
    }

    fn done(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(10);
        while self.order.load(Relaxed) != Desk::NOTHING && self.finished.load(Acquire) == 0 {
            ensure!(Instant::now() < end, "the sender is stuck");
        }
        Ok(())
    }
}

/// How often this thread lost its CPU so far, getrusage(2). For one that spins that is a sign that
/// somebody else uses the CPU.
fn switches() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD);
    usage.map_or(0, |u| (u.voluntary_context_switches() + u.involuntary_context_switches()) as u64)
}

fn send_to_ring<const WORDS: usize>(producer: &mut Producer<'_, Message<WORDS>>, count: u64) {
    for number in 0..count {
        let message = [number; WORDS];
        if producer.push(&message).is_err() {
            return;
        }
    }
}

fn send_to_rtrb<const WORDS: usize>(
    producer: &mut rtrb::Producer<Message<WORDS>>,
    count: u64,
    pauses: u32,
) {
    for number in 0..count {
        let mut message = [number; WORDS];
        while let Err(rtrb::PushError::Full(back)) = producer.push(message) {
            message = back;
            pause(pauses);
        }
    }
}

fn pause(times: u32) {
    for _ in 0..times {
        spin_loop();
    }
}

fn send_batches<const WORDS: usize>(producer: &mut Producer<'_, Message<WORDS>>, count: u64) {
    let mut number = 0;
    while number < count {
        let room = producer.room();
        let some = room.len().min(chunk::<WORDS>()).min((count - number) as usize);
        for slot in &mut room[..some] {
            fill(slot, number);
            number += 1;
        }
        producer.publish(some);
        if some == 0 {
            spin_loop();
        }
    }
}

/// Writes a message into its slot: a small one in place, a large one by a copy. Each line that is
/// stored to has to be fetched from the other CPU first; memcpy(3) takes possession of many lines
/// without that, which at 64 KiB makes three times the rate when the CPUs are far apart.
fn fill<const WORDS: usize>(slot: &mut Message<WORDS>, number: u64) {
    let message = [number; WORDS];
    if WORDS < 512 {
        *slot = message;
    } else {
        slot.copy_from_slice(&std::hint::black_box(message));
    }
}

fn send_chunks<const WORDS: usize>(producer: &mut rtrb::Producer<Message<WORDS>>, count: u64) {
    let mut number = 0;
    while number < count {
        let some = producer.slots().min(chunk::<WORDS>()).min((count - number) as usize);
        if let Ok(chunk) = producer.write_chunk_uninit(some) {
            chunk.fill_from_iter((number..).map(|number| [number; WORDS]));
        }
        number += some as u64;
        if some == 0 {
            spin_loop();
        }
    }
}

fn write_all<const WORDS: usize>(file: &mut File, count: u64) {
    for number in 0..count {
        let message = [number; WORDS];
        if file.write_all(bytemuck::bytes_of(&message)).is_err() {
            return;
        }
    }
}

#[inline]
fn sum<const WORDS: usize>(message: &Message<WORDS>) -> u64 {
    message.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word))
}

fn receive<const WORDS: usize>(
    count: u64,
    pauses: u32,
    mut pop: impl FnMut() -> Option<Message<WORDS>>,
) -> u64 {
    let mut total = 0u64;
    for _ in 0..count {
        total = total.wrapping_add(loop {
            match pop() {
                Some(message) => break sum(&message),
                None => pause(pauses),
            }
        });
    }
    total
}

fn receive_large<const WORDS: usize>(
    consumer: &mut Consumer<'_, Message<WORDS>>,
    count: u64,
) -> u64 {
    let (mut total, mut message) = (0u64, [0; WORDS]);
    for _ in 0..count {
        if consumer.pop_into(&mut message).is_err() {
            break;
        }
        total = total.wrapping_add(sum(&message));
    }
    total
}

fn receive_batches<const WORDS: usize>(
    consumer: &mut Consumer<'_, Message<WORDS>>,
    count: u64,
) -> u64 {
    let (mut total, mut got) = (0u64, 0);
    while got < count {
        let ready = consumer.ready();
        let some = ready.len().min(chunk::<WORDS>());
        for message in &ready[..some] {
            total = total.wrapping_add(sum(message));
        }
        consumer.release(some);
        got += some as u64;
        if some == 0 {
            spin_loop();
        }
    }
    total
}

fn receive_chunks<const WORDS: usize>(
    consumer: &mut rtrb::Consumer<Message<WORDS>>,
    count: u64,
) -> u64 {
    let (mut total, mut got) = (0u64, 0);
    while got < count {
        let some = consumer.slots().min(chunk::<WORDS>());
        if let Ok(chunk) = consumer.read_chunk(some) {
            let (first, second) = chunk.as_slices();
            for message in first.iter().chain(second) {
                total = total.wrapping_add(sum(message));
            }
            chunk.commit_all();
        }
        got += some as u64;
        if some == 0 {
            spin_loop();
        }
    }
    total
}

fn read_all<const WORDS: usize>(file: &mut impl Read, count: u64) -> Result<u64> {
    let mut total = 0u64;
    let mut message = [0; WORDS];
    for _ in 0..count {
        file.read_exact(bytemuck::bytes_of_mut(&mut message)).context("read")?;
        total = total.wrapping_add(sum(&message));
    }
    Ok(total)
}

/// Copies messages within one CPU, from and to as much memory as the ring has.
fn copy<const WORDS: usize>(capacity: usize, count: u64) -> u64 {
    thread_local! {
        static BUFFERS: std::cell::RefCell<(Vec<u64>, Vec<u64>)> = const {
            std::cell::RefCell::new((Vec::new(), Vec::new()))
        };
    }
    BUFFERS.with_borrow_mut(|(from, to)| {
        from.resize(capacity * WORDS, 1);
        to.resize(capacity * WORDS, 0);
        for number in 0..count {
            let at = number as usize % capacity * WORDS;
            to[at..at + WORDS].copy_from_slice(&from[at..at + WORDS]);
            std::hint::black_box(&to);
        }
    });
    (WORDS as u64).wrapping_mul(count * (count - 1) / 2)
}

/// Nanoseconds per message, with the round and the distance in which they were measured.
struct Samples(Vec<(usize, usize, Distance, f64)>);

impl Samples {
    fn new() -> Samples {
        Samples(Vec::new())
    }

    fn add(&mut self, round: usize, contestant: usize, ns: f64, before: Duration, after: Duration) {
        let distance = Distance::of(before);
        if distance == Distance::of(after) {
            self.0.push((round, contestant, distance, ns));
        }
    }

    fn of(&self, contestant: usize, distance: Distance) -> Vec<(usize, f64)> {
        self.0
            .iter()
            .filter(|sample| (sample.1, sample.2) == (contestant, distance))
            .map(|sample| (sample.0, sample.3))
            .collect()
    }

    /// The ratios of two contestants, each of samples from one round.
    fn ratio(&self, contestant: usize, rival: usize, distance: Distance) -> Option<Summary> {
        let rivals = self.of(rival, distance);
        let own = self.of(contestant, distance);
        let paired = own
            .iter()
            .filter_map(|(round, ns)| Some(ns / rivals.iter().find(|rival| rival.0 == *round)?.1));
        Summary::of(paired.collect())
    }

    fn print(&self, bytes: usize) {
        for distance in Distance::ALL {
            if self.of(0, distance).len() < 3 {
                continue;
            }
            println!(
                "  {distance:<30} {:>9} {:>6} {:>22} {:>22} {:>4}",
                "ns", "GB/s", "x rtrb", "x memcpy", "n"
            );
            for (index, (name, _)) in CONTESTANTS.iter().enumerate() {
                let own = self.of(index, distance).into_iter().map(|sample| sample.1).collect();
                let Some(ns) = Summary::of(own) else { continue };
                let times = |rival: usize| match self.ratio(index, rival, distance) {
                    Some(ratio) => format!("{:.2} ({ratio})", ratio.median),
                    None => "?".to_owned(),
                };
                println!(
                    "  {name:<30} {:>9.1} {:>6.2} {:>22} {:>22} {:>4}",
                    ns.median,
                    bytes as f64 / ns.median,
                    times(0),
                    times(CONTESTANTS.len() - 1),
                    ns.n
                );
            }
        }
    }
}
