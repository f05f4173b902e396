//! Stands in for `std` where schedules are explored: the same names, and behind `sync` and
//! `thread` a scheduler that tries interleavings.

pub use ::std::*;

pub use ::explorer::explored::{sync, thread, thread_local};

pub mod hint {
    pub use ::explorer::explored::spin_loop;
    pub use ::std::hint::*;
}
