//! A ring in shared memory carries messages between two processes without the kernel's help.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, LIMIT, late};
use lab::{Evidence, Experiment, Lab, TimeLimit, say, span};
use nix::sys::wait::WaitStatus;

use crate::spsc_ring::{Gone, Ring};

pub const EXPERIMENT: Experiment = Experiment {
    name: "ring",
    question: "How do two processes exchange messages without the kernel?",
    claims: &["ipc-by-shared-memory"],
    run,
};

const CAPACITY: usize = 1 << 16;

fn run(lab: &Lab) -> Result<Evidence> {
    let messages = lab.by_effort(1_000_000, 10_000_000, 100_000_000);
    let one_by_one = one_by_one(messages)?;
    let batched = batched(messages)?;
    let in_order = one_by_one.in_order && batched.in_order;
    ensure!(in_order, "messages were lost, doubled or out of order");
    let (received, gone) = producer_dies()?;
    Ok(Evidence::new()
        .fact("messages through the ring", 2 * messages)
        .fact("messages in order", in_order)
        .measured("ring: message by message", one_by_one.nanoseconds, "ns")
        .measured("ring: in batches", batched.nanoseconds, "ns")
        .fact("ring: system calls per message", one_by_one.calls)
        .fact("messages of a producer that was killed", received)
        .fact("consumer learns of the death", gone == Gone::Died))
}

struct Outcome {
    in_order: bool,
    nanoseconds: f64,
    /// System calls of the consumer, per message.
    calls: f64,
}

// ANCHOR: one-by-one
fn one_by_one(messages: u64) -> Result<Outcome> {
    let ring = Ring::<u64>::create(CAPACITY)?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let Ok(mut producer) = ring.producer() else { return 1 };
            let _span = span!("producer", "sends the numbers below {messages} one by one");
            i32::from((0..messages).any(|number| producer.push(&number).is_err()))
        })
    }?;
    let mut consumer = ring.consumer()?;
    let mut expected = consumer.pop()?;
    let start = Instant::now();
    while let Ok(number) = consumer.pop() {
        expected += 1;
        if number != expected {
            break;
        }
    }
    // ANCHOR_END: one-by-one
    let outcome = Outcome {
        in_order: expected + 1 == messages,
        nanoseconds: start.elapsed().as_nanos() as f64 / messages as f64,
        calls: consumer.system_calls() as f64 / messages as f64,
    };
    ensure!(matches!(child.wait()?, WaitStatus::Exited(_, 0)), "the producer failed");
    say!(
        "consumer",
        "got all of them in order, {:.1} ns and {:.5} system calls each",
        outcome.nanoseconds,
        outcome.calls
    );
    Ok(outcome)
}

fn batched(messages: u64) -> Result<Outcome> {
    let ring = Ring::<u64>::create(CAPACITY)?;
    // SAFETY: as above.
    let child = unsafe {
        Child::fork(|| {
            let Ok(mut producer) = ring.producer() else { return 1 };
            let _span = span!("producer", "sends them again, as many at once as there is room for");
            let mut number = 0;
            while number < messages {
                let room = producer.room();
                let count = room.len().min((messages - number) as usize).min(CAPACITY / 16);
                for slot in &mut room[..count] {
                    *slot = number;
                    number += 1;
                }
                producer.publish(count);
                if count == 0 && producer.wait().is_err() {
                    return 1;
                }
            }
            0
        })
    }?;
    let mut consumer = ring.consumer()?;
    consumer.wait()?;
    let start = Instant::now();
    let (mut expected, mut in_order) = (0, true);
    loop {
        let ready = consumer.ready();
        let count = ready.len();
        for number in ready {
            in_order &= *number == expected;
            expected += 1;
        }
        consumer.release(count);
        if count == 0 && consumer.wait().is_err() {
            break;
        }
    }
    let outcome = Outcome {
        in_order: in_order && expected == messages,
        nanoseconds: start.elapsed().as_nanos() as f64 / messages as f64,
        calls: consumer.system_calls() as f64 / messages as f64,
    };
    ensure!(matches!(child.wait()?, WaitStatus::Exited(_, 0)), "the producer failed");
    say!("consumer", "got them in order, {:.1} ns each", outcome.nanoseconds);
    Ok(outcome)
}

/// Kills a producer and returns how much of what it sent arrived, and how its end was noticed.
fn producer_dies() -> Result<(u64, Gone)> {
    const SENT: u64 = 1000;
    let ring = Ring::<u64>::create(CAPACITY)?;
    // SAFETY: as above.
    let child = unsafe {
        Child::fork(|| {
            let Ok(mut producer) = ring.producer() else { return 1 };
            // Said first: after the last message this process may be dead.
            say!("producer", "sends {SENT} messages and would send more");
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
    let killed = child.kill().context("kill the producer")?;
    say!("consumer", "killed the producer: {}", signal(killed)?);
    let mut received = 0;
    let gone = loop {
        match consumer.pop() {
            Ok(_) => received += 1,
            Err(gone) => break gone,
        }
    };
    say!("consumer", "receives the {received} messages, then learns: {gone}");
    Ok((received, gone))
}

fn signal(status: WaitStatus) -> Result<&'static str> {
    match status {
        WaitStatus::Signaled(_, signal, _) => Ok(signal.as_str()),
        other => bail!("the producer ended with {other:?}"),
    }
}
