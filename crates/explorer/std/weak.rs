//! Stands in for `std` where orderings are modelled: the same names, and behind `sync`, `thread`
//! and `cell::UnsafeCell` a model of weakly ordered memory.

pub use ::std::*;

pub use ::explorer::weak::{sync, thread, thread_local};

pub mod cell {
    pub use ::explorer::weak::cell::UnsafeCell;
    pub use ::std::cell::*;
}

pub mod hint {
    pub use ::explorer::weak::spin_loop;
    pub use ::std::hint::*;
}
