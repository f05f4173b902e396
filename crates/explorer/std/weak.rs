//! Stands in for `std` where orderings are explored: the same names. Memory is std's own, seen through
//! the compiler's instrumentation; threads are the explorer's, and there is nothing in `sync` that
//! waits.

pub use ::std::*;

pub use ::explorer::weak::{sync, thread, thread_local};

pub mod hint {
    pub use ::explorer::weak::spin_loop;
    pub use ::std::hint::*;
}
