//! Not waiting for the second lock prevents the deadlock and invites the livelock: both let go, both
//! try again, in step, for ever. What brings them out of step is tried one by one, and a limit on
//! the time of waiting beside it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use parking_lot_detecting::Mutex;

use crate::named::Named;

pub const EXPERIMENT: Experiment = Experiment {
    name: "try-lock",
    question: "Is it enough to give up when the second lock is taken?",
    claims: &["deadlock-freezes"],
    run,
};

/// What a teller does between two attempts.
type Pause = fn(u32);

/// The first attempts of both collide in all of these, and nothing keeps the others in step.
const OUT_OF_STEP: [(&str, Pause); 3] =
    [("no barrier", |_| ()), ("a fixed pause", |_| sleep(100)), ("a random pause", random_pause)];

fn run(lab: &Lab) -> Result<Evidence> {
    let attempts = lab.by_effort(200, 1000, 10_000);
    let (start, before) = (Instant::now(), processor_time());
    let [one, two] = both_transfer(|me, from, to, meet| {
        (1..=attempts).find(|_| try_transfer(me, from, to, Some(meet)))
    })?;
    let (wall, used) = (start.elapsed(), processor_time() - before);
    let done = [one, two].iter().flatten().count();
    let [first, second] = [one, two].map(|attempts_made| attempts_made.unwrap_or(attempts));
    say!("main", "in step by a barrier: {first} and {second} attempts, {done} transfers");
    say!("main", "meanwhile {} ms of CPU time in {} ms", used.as_millis(), wall.as_millis());

    let mut evidence = Evidence::new()
        .fact("transfers in a livelock", done)
        .measured("attempts of each in a livelock", first.min(second), "attempts")
        .measured("CPU time in a livelock", used.as_secs_f64() * 1e3, "ms");
    for (name, pause) in OUT_OF_STEP {
        let [one, two] = both_transfer(|me, from, to, meet| {
            let mut attempt = 1;
            let mut done = try_transfer(me, from, to, Some(meet));
            while !done && attempt < attempts {
                pause(attempt);
                attempt += 1;
                done = try_transfer(me, from, to, None);
            }
            done.then_some(attempt)
        })?;
        evidence = tell(evidence, name, [one, two], attempts);
    }
    let (gave_up, done) = with_a_time_limit(attempts)?;
    say!("main", "a limit of {WAITS:?} on the waiting: {gave_up} of 2 gave up");
    Ok(tell(evidence, "a time limit", done, attempts).measured(
        "gave up at the time limit",
        gave_up,
        "tellers",
    ))
}

/// Says after how many attempts each got through, if it did.
fn tell(evidence: Evidence, name: &str, done: [Option<u32>; 2], most: u32) -> Evidence {
    match done {
        [Some(one), Some(two)] => say!("main", "{name}: done after {one} and {two} attempts"),
        _ => say!("main", "{name}: not both are done after {most} attempts"),
    }
    let transfers = done.iter().flatten().count();
    let tried: u32 = done.iter().map(|attempts| attempts.unwrap_or(most)).sum();
    evidence.measured(&format!("{name}: transfers"), transfers, "transfers").measured(
        &format!("{name}: attempts"),
        tried,
        "attempts",
    )
}

// ANCHOR: try_transfer
/// Gives up, with nothing changed, if the second lock is taken.
fn try_transfer(
    me: &'static str,
    from: &Named<i64>,
    to: &Named<i64>,
    meet: Option<&Barrier>,
) -> bool {
    let mut source = from.lock(me);
    meet.map(Barrier::wait); // Each holds its first lock.
    let second = to.try_lock(me);
    meet.map(Barrier::wait); // Each has seen the other's lock taken.
    let Some(mut target) = second else { return false };
    *source -= 10;
    *target += 10;
    true
}
// ANCHOR_END: try_transfer

fn sleep(microseconds: u64) {
    thread::sleep(Duration::from_micros(microseconds));
}

/// Sleeps for a random time, of up to twice as long after each failure.
fn random_pause(failures: u32) {
    sleep(RandomState::new().hash_one(failures) % (100 << failures.min(6)));
}

/// How long one waits at most.
const WAITS: Duration = Duration::from_millis(10);

/// Waits for the second lock, but not for ever. Returns how many had to give up at the collision,
/// and the attempts of both.
fn with_a_time_limit(most: u32) -> Result<(usize, [Option<u32>; 2])> {
    let (a, b, meet) = (Mutex::new(100), Mutex::new(100), Barrier::new(2));
    let transfer = |from: &Mutex<i64>, to: &Mutex<i64>, first: bool| {
        let mut source = from.lock();
        if first {
            meet.wait(); // Each holds its first lock.
        }
        let Some(mut target) = to.try_lock_for(WAITS) else { return false };
        *source -= 10;
        *target += 10;
        true
    };
    let until_done = |from: &Mutex<i64>, to: &Mutex<i64>| {
        (1..=most).find(|attempt| transfer(from, to, *attempt == 1))
    };
    let done = side_by_side(|| until_done(&a, &b), || until_done(&b, &a))?;
    Ok((done.iter().filter(|attempts| **attempts != Some(1)).count(), done))
}

/// Runs `part` for both directions at the same time; each returns its attempts if it got through.
fn both_transfer(
    part: impl Fn(&'static str, &Named<i64>, &Named<i64>, &Barrier) -> Option<u32> + Sync,
) -> Result<[Option<u32>; 2]> {
    let (a, b) = (Named::new("account A", 100), Named::new("account B", 100));
    let meet = Barrier::new(2);
    side_by_side(|| part("teller-1", &a, &b, &meet), || part("teller-2", &b, &a, &meet))
}

/// Runs one part in this thread and one in another. If there can be no thread, neither runs.
fn side_by_side(
    one: impl FnOnce() -> Option<u32>,
    two: impl FnOnce() -> Option<u32> + Send,
) -> Result<[Option<u32>; 2]> {
    thread::scope(|threads| {
        let second = lab::thread::spawn(threads, "teller-2", two)?;
        let first = one();
        let second = second.join().map_err(|_| anyhow::anyhow!("teller-2 panicked"))?;
        Ok([first, second])
    })
}

/// The CPU time that this process has used.
fn processor_time() -> Duration {
    let time = |time: nix::sys::time::TimeVal| time.num_microseconds();
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        Duration::from_micros((time(usage.user_time()) + time(usage.system_time())) as u64)
    })
}
