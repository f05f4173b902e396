//! One thread computes the world, another draws it at the same time: from the same memory, under a
//! lock, and with two and three buffers. Barriers make them meet at the worst moments.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Barrier, RwLock};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "game",
    question: "What does the renderer see while the logic is at work?",
    claims: &["game-state"],
    run,
};

const PARTS: usize = 1024;
const FRAMES: usize = 50;

/// Every part holds the number of the tick that wrote it, so a whole frame has one number.
struct World([AtomicU32; PARTS]);

impl World {
    fn new() -> World {
        World([const { AtomicU32::new(0) }; PARTS])
    }

    // ANCHOR: write
    fn write(&self, tick: u32, half_done: &dyn Fn()) {
        for (index, part) in self.0.iter().enumerate() {
            if index == PARTS / 2 {
                half_done();
            }
            part.store(tick, Relaxed);
        }
    }
    // ANCHOR_END: write

    fn is_whole(&self) -> bool {
        self.0.iter().all(|part| part.load(Relaxed) == self.0[0].load(Relaxed))
    }
}

/// How the world is shared.
trait Shared: Sync {
    /// The logic's turn; `false` if it would have had to wait. Half done, it calls `half_done`.
    fn tick(&self, tick: u32, half_done: &dyn Fn()) -> bool;
    /// The renderer's turn: gets a frame, calls `got`, and says whether the frame is whole; nothing
    /// if it would have had to wait.
    fn draw(&self, got: &dyn Fn()) -> Option<bool>;
}

/// One world and nothing else.
impl Shared for World {
    fn tick(&self, tick: u32, half_done: &dyn Fn()) -> bool {
        self.write(tick, half_done);
        true
    }

    fn draw(&self, got: &dyn Fn()) -> Option<bool> {
        got();
        Some(self.is_whole())
    }
}

impl Shared for RwLock<World> {
    fn tick(&self, tick: u32, half_done: &dyn Fn()) -> bool {
        let Ok(world) = self.try_write() else {
            half_done();
            return false;
        };
        world.write(tick, half_done);
        true
    }

    fn draw(&self, got: &dyn Fn()) -> Option<bool> {
        let world = self.try_read().ok();
        got();
        world.map(|world| world.is_whole())
    }
}

// ANCHOR: double
/// The renderer draws one, the logic writes the other; a finished tick exchanges them.
struct Double {
    worlds: [World; 2],
    front: AtomicUsize,
}

impl Shared for Double {
    fn tick(&self, tick: u32, half_done: &dyn Fn()) -> bool {
        let back = 1 - self.front.load(Relaxed);
        self.worlds[back].write(tick, half_done);
        self.front.store(back, Release);
        true
    }

    fn draw(&self, got: &dyn Fn()) -> Option<bool> {
        let front = self.front.load(Acquire);
        got();
        Some(self.worlds[front].is_whole())
    }
}
// ANCHOR_END: double

// ANCHOR: triple
/// One for the logic, one for the renderer, and one between them that either takes for its own.
struct Triple {
    worlds: [World; 3],
    back: AtomicUsize,
    /// The index of the one between, and [`NEW`] if the renderer has not had it.
    between: AtomicUsize,
    front: AtomicUsize,
}

const NEW: usize = 4;

impl Shared for Triple {
    fn tick(&self, tick: u32, half_done: &dyn Fn()) -> bool {
        let back = self.back.load(Relaxed);
        self.worlds[back].write(tick, half_done);
        let other = self.between.swap(back | NEW, AcqRel);
        self.back.store(other & !NEW, Relaxed);
        true
    }

    fn draw(&self, got: &dyn Fn()) -> Option<bool> {
        if self.between.load(Relaxed) & NEW != 0 {
            let newest = self.between.swap(self.front.load(Relaxed), AcqRel);
            self.front.store(newest & !NEW, Relaxed);
        }
        got();
        Some(self.worlds[self.front.load(Relaxed)].is_whole())
    }
}
// ANCHOR_END: triple

/// What became of [`FRAMES`] frames.
#[derive(Clone, Copy, Default)]
struct Frames {
    whole: usize,
    torn: usize,
    renderer_waits: usize,
    logic_waits: usize,
}

impl Frames {
    fn count(&mut self, drawn: Option<bool>) {
        match drawn {
            Some(true) => self.whole += 1,
            Some(false) => self.torn += 1,
            None => self.renderer_waits += 1,
        }
    }

    fn words(&self) -> String {
        match self {
            Frames { torn: torn @ 1.., .. } => format!("{torn} torn"),
            Frames { renderer_waits: waits @ 1.., .. } => format!("renderer waits {waits} x"),
            Frames { logic_waits: waits @ 1.., .. } => format!("logic waits {waits} x"),
            Frames { whole, .. } => format!("{whole} whole"),
        }
    }
}

fn run(_: &Lab) -> Result<Evidence> {
    let double = Double { worlds: [World::new(), World::new()], front: AtomicUsize::new(0) };
    let triple = Triple {
        worlds: [World::new(), World::new(), World::new()],
        back: AtomicUsize::new(0),
        between: AtomicUsize::new(1),
        front: AtomicUsize::new(2),
    };
    let ways: [(&str, &dyn Shared); 4] = [
        ("raw", &World::new()),
        ("lock", &RwLock::new(World::new())),
        ("two buffers", &double),
        ("three buffers", &triple),
    ];
    say!("main", "{FRAMES} frames each, drawn while a tick is half done, and");
    say!("main", "so slowly that the logic is at its second tick meanwhile:");
    say!("main", "{:<15}{:<20}slow renderer", "", "half-done tick");
    let mut evidence = Evidence::new().fact("game: frames each", FRAMES);
    for (name, shared) in ways {
        let (half, slow) = (half_done_tick(shared)?, slow_renderer(shared)?);
        say!("main", "{name:<15}{:<20}{}", half.words(), slow.words());
        evidence = evidence
            .fact(&format!("game, {name}: torn"), half.torn + slow.torn)
            .fact(&format!("game, {name}: whole"), half.whole + slow.whole)
            .fact(
                &format!("game, {name}: waits"),
                half.renderer_waits + slow.renderer_waits + half.logic_waits + slow.logic_waits,
            );
    }
    Ok(evidence)
}

/// The renderer draws when the logic has written half of a tick.
fn half_done_tick(shared: &dyn Shared) -> Result<Frames> {
    let meet = Barrier::new(2);
    std::thread::scope(|threads| {
        // ANCHOR: half-done
        let logic = spawn(threads, "logic", || {
            for tick in 1..=FRAMES as u32 {
                shared.tick(tick, &|| {
                    meet.wait();
                    meet.wait();
                });
                meet.wait();
            }
        })?;
        let mut frames = Frames::default();
        for _ in 0..FRAMES {
            meet.wait();
            frames.count(shared.draw(&|| {}));
            meet.wait();
            meet.wait();
        }
        // ANCHOR_END: half-done
        logic.join().ok().context("the logic has panicked")?;
        Ok(frames)
    })
}

/// The renderer has a frame when a tick begins, and looks at it when the next one is half done.
fn slow_renderer(shared: &dyn Shared) -> Result<Frames> {
    let meet = Barrier::new(2);
    std::thread::scope(|threads| {
        let logic = spawn(threads, "logic", || {
            let mut waits = 0;
            for tick in 1..=FRAMES as u32 {
                meet.wait();
                let first = shared.tick(1_000 + 2 * tick, &|| {});
                let second = shared.tick(1_001 + 2 * tick, &|| {
                    meet.wait();
                    meet.wait();
                });
                waits += usize::from(!(first && second));
                meet.wait();
            }
            waits
        })?;
        let mut frames = Frames::default();
        for _ in 0..FRAMES {
            frames.count(shared.draw(&|| {
                meet.wait();
                meet.wait();
            }));
            meet.wait();
            meet.wait();
        }
        frames.logic_waits = logic.join().ok().context("the logic has panicked")?;
        Ok(frames)
    })
}
