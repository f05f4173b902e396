//! Two tasks take turns: one changes a thing, the other looks, and the other way round. So it is
//! seen from both sides whether they have the same thing or each its own.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use anyhow::Result;
use lab::child::{LIMIT, late};
use lab::{Shared, TimeLimit};

use crate::things::{THINGS, change_all, checked};

/// Memory that both have whatever the flags are, for the turns and for what was found.
#[derive(Default)]
pub struct Page {
    turn: AtomicU32,
    /// Set to zero by the kernel when a thread ends.
    pub alive: AtomicI32,
    /// The new task's answers.
    pub pid: AtomicI32,
    pub tid: AtomicI32,
    pub answers: [AtomicI32; 24],
    /// And each thing, when the new task has changed it.
    pub changed: [AtomicI32; 24],
}

const MAKER: u32 = 0;
const OTHER: u32 = 1;

impl Page {
    /// A new page that children share; it lives as long as the process.
    pub fn new() -> Result<&'static Page> {
        Ok(Shared::new(Page::default())?.leak())
    }

    /// Gives the turn to the other task, and waits until it comes back.
    pub fn hand_over(&self) -> Result<()> {
        self.turn.store(OTHER, SeqCst);
        let mut limit = TimeLimit::new(LIMIT);
        while self.turn.load(SeqCst) != MAKER {
            if limit.is_over() {
                return Err(late("the other task did not answer"));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }

    /// In the other task: waits for the turn. Without a maker that could give it, the task ends.
    pub fn wait_for_turn(&self) {
        let mut limit = TimeLimit::new(LIMIT);
        while self.turn.load(SeqCst) != OTHER {
            if limit.is_over() {
                lab::child::exit(1);
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// In the other task: gives the turn back.
    pub fn hand_back(&self) {
        self.turn.store(MAKER, SeqCst);
    }
}

/// Whether two tasks have the same thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sharing {
    Own,
    Both,
    OneWay,
}

impl Sharing {
    pub fn word(self) -> &'static str {
        match self {
            Sharing::Own => "own",
            Sharing::Both => "both",
            Sharing::OneWay => "one way",
        }
    }
}

// ANCHOR: there
/// The other task's half.
pub fn other_side(page: &Page) {
    page.wait_for_turn();
    for (thing, answer) in THINGS.iter().zip(&page.answers) {
        answer.store(thing.change(1), SeqCst);
    }
    page.hand_back();
    page.wait_for_turn();
    for (thing, answer) in THINGS.iter().zip(&page.answers) {
        answer.store((thing.get)(), SeqCst);
    }
    page.hand_back();
}

/// The maker's half: for each thing, whether a change of one is seen by the other.
pub fn this_side(page: &Page) -> Result<[Sharing; THINGS.len()]> {
    page.hand_over()?;
    for (thing, answer) in THINGS.iter().zip(&page.answers) {
        checked(thing, answer.load(SeqCst))?;
    }
    let seen_here = THINGS.map(|thing| (thing.get)() == 1);
    change_all(2)?;
    page.hand_over()?;
    Ok(std::array::from_fn(|index| {
        match (seen_here[index], page.answers[index].load(SeqCst) == 2) {
            (true, true) => Sharing::Both,
            (false, false) => Sharing::Own,
            _ => Sharing::OneWay,
        }
    }))
}
// ANCHOR_END: there

/// What a task does that was made by clone: it says who it is, and plays the other side.
pub extern "C" fn other_task(page: *mut c_void) -> c_int {
    // SAFETY: whoever starts the task passes a page, which lives as long as the process.
    let page = unsafe { &*page.cast::<Page>() };
    who_am_i(page);
    other_side(page);
    0
}

/// Notes the caller's two numbers, and sees to it that the caller dies with its maker. (The time
/// limit of [`Page::wait_for_turn`] is for who comes to this after its maker's death.)
pub fn who_am_i(page: &Page) {
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    page.pid.store(std::process::id() as i32, SeqCst);
    page.tid.store(nix::unistd::gettid().as_raw(), SeqCst);
}
