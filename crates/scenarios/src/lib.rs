//! Small programs of threads, each with all its schedules: in the book the reader is the scheduler.
//!
//! A scenario is a few short functions that say `std` and are run under `explorer`, which stops them
//! before each operation that others can see. [`explore`] follows all schedules and makes a
//! [`Graph`] of the program's states; [`page::fragment`] writes it as the part of a page that the
//! chapter includes. Nothing that the page shows is written by hand.
//!
//! Each mistake stands beside its cure, in one file: [`SCENARIOS`] lists them in pairs.

mod empty_channel;
mod graph;
mod lock_order;
mod lost_update;
mod lost_wakeup;
pub mod page;
mod program;
mod schedules;
mod source;
mod stolen_permit;
mod two_reasons;
mod withdrawals;

pub use graph::{End, Graph, Next, Standing, State, Status, explore};
pub use program::Program;
pub use schedules::Schedules;

/// A program for the reader to schedule.
pub struct Scenario {
    /// Lower-case letters and hyphens: the name of the recorded file.
    pub name: &'static str,
    /// The page that shows it, without its extension, below `book/src`.
    pub page: &'static str,
    /// What the reader is to try.
    pub task: &'static str,
    /// Whether some schedule goes wrong.
    pub goes_wrong: bool,
    /// Makes the program. It is called anew for every path.
    pub program: fn() -> Program,
    /// The file in which the functions stand.
    pub source: &'static str,
}

/// All of them, each that goes wrong before its cure.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "lost-update",
        page: "race-condition",
        task: "Each thread adds 1. Make them lose one of the two.",
        goes_wrong: true,
        program: lost_update::broken,
        source: include_str!("lost_update.rs"),
    },
    Scenario {
        name: "lost-update-mended",
        page: "race-condition",
        task: "Now each addition is one step. Try again.",
        goes_wrong: false,
        program: lost_update::mended,
        source: include_str!("lost_update.rs"),
    },
    Scenario {
        name: "withdrawals",
        page: "mutexes",
        task: "Each thread draws 80 if there is enough. Make them draw more than there is.",
        goes_wrong: true,
        program: withdrawals::broken,
        source: include_str!("withdrawals.rs"),
    },
    Scenario {
        name: "withdrawals-mended",
        page: "mutexes",
        task: "Now each keeps the lock from the look to the withdrawal. Try again.",
        goes_wrong: false,
        program: withdrawals::mended,
        source: include_str!("withdrawals.rs"),
    },
    Scenario {
        name: "lock-order",
        page: "deadlock",
        task: "A moves money to the right, B to the left. Make them wait for each other.",
        goes_wrong: true,
        program: lock_order::broken,
        source: include_str!("lock_order.rs"),
    },
    Scenario {
        name: "lock-order-mended",
        page: "deadlock",
        task: "Now both lock the left account first. Try again.",
        goes_wrong: false,
        program: lock_order::mended,
        source: include_str!("lock_order.rs"),
    },
    Scenario {
        name: "lost-wakeup",
        page: "condition-variables",
        task: "A sleeps until B says that it is ready. Make it sleep for ever.",
        goes_wrong: true,
        program: lost_wakeup::broken,
        source: include_str!("lost_wakeup.rs"),
    },
    Scenario {
        name: "lost-wakeup-mended",
        page: "condition-variables",
        task: "Now A looks under the lock that it sleeps with, and looks again. Try again.",
        goes_wrong: false,
        program: lost_wakeup::mended,
        source: include_str!("lost_wakeup.rs"),
    },
    Scenario {
        name: "stolen-permit",
        page: "semaphores",
        task: "A gives two permits; B and C take one each. Make somebody take one that is not there.",
        goes_wrong: true,
        program: stolen_permit::broken,
        source: include_str!("stolen_permit.rs"),
    },
    Scenario {
        name: "stolen-permit-mended",
        page: "semaphores",
        task: "Now whoever was woken looks again. Try again.",
        goes_wrong: false,
        program: stolen_permit::mended,
        source: include_str!("stolen_permit.rs"),
    },
    Scenario {
        name: "empty-channel",
        page: "channels",
        task: "A sends 1 and 2, and B adds them. Make B stop too early.",
        goes_wrong: true,
        program: empty_channel::broken,
        source: include_str!("empty_channel.rs"),
    },
    Scenario {
        name: "empty-channel-mended",
        page: "channels",
        task: "Now B goes on until the channel is closed. Try again.",
        goes_wrong: false,
        program: empty_channel::mended,
        source: include_str!("empty_channel.rs"),
    },
    Scenario {
        name: "two-reasons",
        page: "exercises/bounded-queue",
        task: "A pushes two items into a queue with room for one; B and C pop one each. Make all of them sleep.",
        goes_wrong: true,
        program: two_reasons::broken,
        source: include_str!("two_reasons.rs"),
    },
    Scenario {
        name: "two-reasons-mended",
        page: "exercises/bounded-queue",
        task: "Now each reason to wait has a condition variable of its own. Try again.",
        goes_wrong: false,
        program: two_reasons::mended,
        source: include_str!("two_reasons.rs"),
    },
];
