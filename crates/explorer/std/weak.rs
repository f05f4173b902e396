//! Stands in for `std` where orderings are explored: the same names. Memory is std's own, seen through
//! the compiler's instrumentation; threads are the explorer's, and there is nothing in `sync` that
//! waits.

pub use ::std::*;

pub use ::explorer::weak::{sync, thread, thread_local};

/// What is there without being named is std's too, but for the macro that stands for something of
/// `thread`.
pub mod prelude {
    macro_rules! as_in_std {
        ($($edition:ident)*) => {
            $(
                pub mod $edition {
                    pub use ::explorer::weak::thread_local;
                    pub use ::std::prelude::$edition::*;
                }
            )*
        };
    }

    as_in_std! { v1 rust_2015 rust_2018 rust_2021 rust_2024 }
}

pub mod hint {
    pub use ::explorer::weak::spin_loop;
    pub use ::std::hint::*;
}
