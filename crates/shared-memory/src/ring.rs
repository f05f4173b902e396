//! A ring in shared memory carries messages between two processes without the kernel's help.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, LIMIT, failed, in_words, late};
use lab::sample::{Comparison, Pinned, TOLERANCE, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, TimeLimit, say, say_why};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::WaitStatus;

use crate::spsc_ring::{Consumer, Gone, LOOKS_BEFORE_SLEEP, Producer, Ring};

pub const EXPERIMENT: Experiment = Experiment {
    name: "ring",
    question: "How do two processes exchange messages without the kernel?",
    claims: &["ipc-by-shared-memory"],
    run,
};

const CAPACITY: usize = 1 << 16;
/// Messages that are sent in one round of each way.
const ROUND: u64 = 500_000;
const WAYS: [&str; 2] = ["ring: one by one", "ring: in batches"];

fn run(lab: &Lab) -> Result<Evidence> {
    let rounds = lab.by_effort(1, 9, 51);
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    let (mut sent, mut in_order, mut calls) = (0, 0, 0);
    // In turn: one by one, in batches, and one by one again as the control.
    for _ in 0..rounds {
        let ways: [(Send, Receive); 3] =
            [(send, receive), (send_batches, receive_batches), (send, receive)];
        for (way, (send, receive)) in ways.into_iter().enumerate() {
            let round = exchange(send, receive)?;
            if in_order == sent {
                sent += ROUND;
                in_order += round.in_order;
            }
            calls += round.calls_of_both();
            took[way].push(round);
        }
        if in_order < sent {
            break; // The rest could show nothing else.
        }
    }
    let each = calls as f64 / in_order.max(1) as f64;
    if in_order == sent {
        say!("consumer", "all {sent} messages came in order, by {calls} system calls");
    } else {
        say!("consumer", "message {in_order} was lost, doubled or changed");
    }
    let evidence = Evidence::new()
        .fact("messages through the ring", sent)
        .fact("messages in order", in_order)
        .measured("ring: system calls per message", each, "calls");
    let compared = compared(&took).context("no round was measured")?;
    if in_order == sent {
        tell(&compared);
    }
    producer_dies(evidence.compared("ring: one by one to in batches", &compared))
}

/// One round: how many messages came in order before the first that did not, and what it took.
struct Round {
    in_order: u64,
    /// Nanoseconds per message.
    nanoseconds: f64,
    /// System calls of the producer and of the consumer.
    calls: [u64; 2],
    /// How often one of the two lost its CPU.
    switches: u64,
}

impl Round {
    /// What the messages cost, whichever end had to call.
    fn calls_of_both(&self) -> u64 {
        self.calls.iter().sum()
    }
}

type Send = fn(&mut Producer<'_, u64>) -> Result<(), Gone>;
type Receive = fn(&mut Consumer<'_, u64>) -> u64;

// ANCHOR: one-by-one
fn send(producer: &mut Producer<'_, u64>) -> Result<(), Gone> {
    for number in 0..ROUND {
        producer.push(&number)?;
    }
    Ok(())
}

fn receive(consumer: &mut Consumer<'_, u64>) -> u64 {
    let mut expected = 0;
    while consumer.pop() == Ok(expected) {
        expected += 1;
    }
    expected
}
// ANCHOR_END: one-by-one

fn send_batches(producer: &mut Producer<'_, u64>) -> Result<(), Gone> {
    let mut number = 0;
    while number < ROUND {
        let room = producer.room();
        let count = room.len().min((ROUND - number) as usize).min(CAPACITY / 16);
        for slot in &mut room[..count] {
            *slot = number;
            number += 1;
        }
        producer.publish(count);
        if count == 0 {
            producer.wait()?;
        }
    }
    Ok(())
}

fn receive_batches(consumer: &mut Consumer<'_, u64>) -> u64 {
    let mut expected = 0;
    loop {
        let ready = consumer.ready();
        let count = ready.len();
        for number in ready {
            if *number != expected {
                return expected;
            }
            expected += 1;
        }
        consumer.release(count);
        if count == 0 && consumer.wait().is_err() {
            return expected;
        }
    }
}

/// Sends from a child, receives here, each pinned to a CPU of its own where there are two.
fn exchange(send: Send, receive: Receive) -> Result<Round> {
    let ring = Ring::<u64>::create(CAPACITY)?;
    let cpus = allowed_cpus();
    let (here, there) = (*cpus.first().context("no CPU is allowed")?, cpus[cpus.len() - 1]);
    let looks = if here == there { 0 } else { LOOKS_BEFORE_SLEEP };
    let memory = crate::memory::shared(size_of::<[AtomicU64; 2]>())?;
    // SAFETY: the mapping is zeroed, aligned and large enough, and outlives every use.
    let [their_calls, their_switches] = unsafe { &*memory.as_ptr().cast::<[AtomicU64; 2]>() };
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let pinned = Pinned::to(there).and_then(|pinned| Ok((pinned, ring.producer()?)));
            let (_pinned, mut producer) = match pinned {
                Ok(both) => both,
                Err(error) => return failed(&error),
            };
            producer.looks_before_sleep(looks);
            let before = switches();
            // That the consumer left early is no fault of this end.
            let _ = send(&mut producer);
            their_calls.store(producer.system_calls(), Release);
            their_switches.store(switches() - before, Release);
            0
        })
    }?;
    let _pinned = Pinned::to(here)?;
    let mut consumer = ring.consumer()?;
    consumer.looks_before_sleep(looks);
    // The clock begins with the first message. A producer that failed sends none.
    while consumer.pending() == 0 {
        if child.ends_within(Duration::ZERO)? && consumer.pending() == 0 {
            bail!("the producer {}", in_words(child.wait()?));
        }
        std::thread::yield_now();
    }
    let (start, before) = (Instant::now(), switches());
    let in_order = receive(&mut consumer);
    let took = start.elapsed();
    let own = (consumer.system_calls(), switches() - before);
    drop(consumer); // A producer that still has messages learns that nobody wants them.
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the producer {}", in_words(status));
    Ok(Round {
        in_order,
        nanoseconds: took.as_nanos() as f64 / in_order.max(1) as f64,
        calls: [their_calls.load(Acquire), own.0],
        switches: own.1 + their_switches.load(Acquire),
    })
}

/// How often this thread lost its CPU so far, getrusage(2).
fn switches() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD);
    usage.map_or(0, |u| (u.voluntary_context_switches() + u.involuntary_context_switches()) as u64)
}

/// One by one against in batches, round by round. An end that spins and has a CPU to itself is
/// hardly ever switched; a figure that was taken otherwise is doubted.
fn compared([one, batch, again]: &[Vec<Round>; 3]) -> Option<Comparison> {
    let times = |rounds: &[Round]| rounds.iter().map(|r| r.nanoseconds).collect::<Vec<_>>();
    let (one_ns, batch_ns, again_ns) = (times(one), times(batch), times(again));
    let pairs: Vec<[f64; 2]> =
        one_ns.iter().zip(&batch_ns).map(|(one, batch)| [*one, *batch]).collect();
    let mut compared = Comparison::paired(WAYS, "ns", &pairs)?;
    let control = Summary::of(again_ns.iter().zip(&one_ns).map(|(a, b)| a / b).collect())?;
    let switches =
        |rounds: &[Round]| Summary::of(rounds.iter().map(|round| round.switches as f64).collect());
    let counts = [switches(one)?, switches(batch)?];
    compared.control = Some((format!("{} again / {0}", WAYS[0]), control));
    compared.switches = Some(counts);
    let cpus = allowed_cpus();
    compared.place = match cpus[..] {
        [cpu] => format!("both on CPU {cpu}"),
        _ => format!("on CPUs {} and {}", cpus[0], cpus[cpus.len() - 1]),
    };
    if cpus.len() < 2 {
        compared.doubt = Some("one CPU is allowed: the ends take turns".to_owned());
    } else if counts.iter().any(|count| count.median > SWITCHES) {
        let count = counts[0].median.max(counts[1].median);
        compared.doubt = Some(format!("an end lost its CPU {count} times in a round"));
    } else if (control.median - 1.0).abs() >= 2.0 * TOLERANCE {
        let control = control.median;
        compared.doubt = Some(format!("too noisy: one by one took {control:.2} times itself"));
    } else if compared.ratio.p90 > 5.0 * compared.ratio.p10 {
        compared.doubt = Some(format!("too noisy: the ratio swings, {}", compared.ratio));
    }
    Some(compared)
}

/// More switches than that in the few milliseconds of a round, and somebody else used the CPUs.
const SWITCHES: f64 = 6.0;

fn tell(compared: &Comparison) {
    let [(_, one), (_, batch)] = &compared.sides;
    let (one, batch, place) = (one.median, batch.median, &compared.place);
    say!("consumer", "{place}: one by one {one:.1} ns, in batches {batch:.1} ns");
    match &compared.doubt {
        None => say!(
            "consumer",
            "one by one / in batches, in turn: {:.2} ({})",
            compared.ratio.median,
            compared.ratio
        ),
        Some(doubt) => say_why!("consumer", "not to be compared: {doubt}"),
    }
}

/// Kills a producer, and sees how much of what it sent arrives and how its end is noticed.
fn producer_dies(evidence: Evidence) -> Result<Evidence> {
    const SENT: u64 = 1000;
    let ring = Ring::<u64>::create(CAPACITY)?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let mut producer = match ring.producer() {
                Ok(producer) => producer,
                Err(error) => return failed(&error),
            };
            for number in 0..SENT {
                let _ = producer.push(&number);
            }
            std::thread::sleep(Duration::from_secs(60));
            0
        })
    }?;
    let mut consumer = ring.consumer()?;
    let mut limit = TimeLimit::new(LIMIT / 2);
    while (consumer.pending() as u64) < SENT {
        if limit.is_over() {
            return Err(late("the producer did not send"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let ended = in_words(child.kill().context("kill the producer")?);
    say!("consumer", "a producer that had sent {SENT} messages {ended}");
    let mut received = 0;
    let gone = loop {
        match consumer.pop() {
            Ok(_) => received += 1,
            Err(gone) => break gone,
        }
    };
    say!("consumer", "receives {received} of them, then learns: {gone}");
    Ok(evidence
        .fact("messages of a producer that was killed", received)
        .fact("consumer learns of the death", gone == Gone::Died))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The producer fills the ring meanwhile, sleeps, and has to be woken.
    fn receive_late(consumer: &mut Consumer<'_, u64>) -> u64 {
        std::thread::sleep(Duration::from_millis(100));
        receive(consumer)
    }

    #[test]
    fn the_calls_of_both_ends_are_counted() {
        let round = exchange(send, receive_late).unwrap();
        assert_eq!(round.in_order, ROUND);
        let [producer, consumer] = round.calls;
        assert!(producer >= 2 && consumer >= 1, "{producer} to sleep, {consumer} to wake");
        assert_eq!(round.calls_of_both(), producer + consumer);
    }
}
