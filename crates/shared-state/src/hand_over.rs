//! A box is handed to another thread and back, with 1 KiB in it and with 64 MiB; then the same as a
//! copy.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::LIMIT;
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, say_why};

pub const EXPERIMENT: Experiment = Experiment {
    name: "hand-over",
    question: "Does it take longer to hand over more?",
    claims: &["threads-communicate-directly"],
    run,
};

const SMALL: usize = 1 << 10;
const LARGE: usize = 64 << 20;
const COPIED: usize = 4 << 20;

type Data = Box<[u8]>;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let (there, other) = channel::<Data>();
    let (back, here) = channel::<Data>();
    let same_address = Cell::new(true);
    let rounds = std::thread::scope(|threads| {
        // ANCHOR: other
        spawn(threads, "other", move || {
            for mut data in other {
                data[0] = data[0].wrapping_add(1);
                if back.send(data).is_err() {
                    return;
                }
            }
        })?;
        // ANCHOR_END: other
        let (mut small, mut large) = (filled(SMALL), filled(LARGE));
        let original = filled(COPIED);
        let rounds = Rounds::measure(
            lab.by_effort(9, 15, 41),
            Duration::from_micros(lab.by_effort(500, 1_000, 4_000)),
            &mut [
                Contestant::new("1 KiB", || trip(&there, &here, &mut small, &same_address)),
                Contestant::new("64 MiB", || trip(&there, &here, &mut large, &same_address)),
                Contestant::new("4 MiB, copied", || {
                    trip(&there, &here, &mut original.clone(), &same_address)
                }),
            ],
        );
        // Without a sender the other thread ends.
        drop(there);
        rounds
    })?;
    let (moved, copied) = (rounds.compare(1, 0), rounds.compare(2, 0));
    say!("main", "to another thread and back, {}:", moved.place);
    let (small, large) = (size(SMALL), size(LARGE));
    let same_address = same_address.get();
    let moved_word = if same_address { "moved" } else { "not moved" };
    let rows = [
        format!("{small}, {moved_word}"),
        format!("{large}, {moved_word}"),
        format!("{}, copied", size(COPIED)),
    ];
    for (which, name) in rows.iter().enumerate() {
        say!("main", "  {name:<17}{:>8.1} µs", rounds.microseconds(which).median);
    }
    let same = if same_address { "the same address" } else { "another address" };
    say!("main", "{large} to {small}: {:.2} times as long", moved.ratio.median);
    if let Some(why) = &moved.doubt {
        say_why!("main", "not to be trusted: {why}");
    }
    say!("main", "what came back was at {same}");

    Ok(Evidence::new()
        .fact("hand over: times as many bytes", LARGE / SMALL)
        .fact("hand over: the large one", large)
        .fact("hand over: the small one", small)
        .fact("hand over: the copied one", size(COPIED))
        .fact("hand over: what came back is at the same address", same_address)
        .compared("hand over: 64 MiB / 1 KiB", &moved.named("64 MiB, moved", "1 KiB, moved"))
        .compared("hand over: copied / 1 KiB", &copied.named("4 MiB, copied", "1 KiB, moved")))
}

/// A number of bytes in the largest unit that it is a whole number of.
fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

fn filled(size: usize) -> Data {
    vec![1; size].into_boxed_slice()
}

// ANCHOR: trip
/// There and back; whether it is where it was.
fn trip(
    there: &Sender<Data>,
    here: &Receiver<Data>,
    data: &mut Data,
    same: &Cell<bool>,
) -> Result<()> {
    let before = data.as_ptr();
    there.send(std::mem::take(data)).context("the other thread ended")?;
    *data = here.recv_timeout(LIMIT).context("nothing came back")?;
    same.set(same.get() && data.as_ptr() == before);
    Ok(())
}
// ANCHOR_END: trip
