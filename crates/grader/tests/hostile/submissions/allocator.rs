//! Brings an allocator of its own, which sees everything that the checks keep in memory.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: alloc

use std::alloc::{GlobalAlloc, Layout, System};

struct Spy;

// SAFETY: everything goes to the system's allocator.
unsafe impl GlobalAlloc for Spy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static SPY: Spy = Spy;

fn attack() {}
