//! Looks for the real standard library behind the one that it is given.
//!
//! exercise: bounded-queue
//! verdict: refused

extern crate core as real;

use real::sync::atomic::AtomicUsize;

pub use ::explorer::explored as inside;

pub struct BoundedQueue<T>(AtomicUsize, std::marker::PhantomData<std::sync::Mutex<T>>);
