//! Where explored threads get their memory: for each thread from an arena of its own that every
//! execution begins anew. So a block has the same address in every execution, none is used twice
//! within one, and what is used after it was freed shows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::memory::THREADS;
use super::shadow::AccessKind;
use super::{execution, undo};

/// Bytes of each thread's arena, of which only what is used becomes memory.
const ARENA: usize = 64 << 20;

static START: AtomicUsize = AtomicUsize::new(0);
static USED: [AtomicUsize; THREADS] = [const { AtomicUsize::new(0) }; THREADS];
/// Bytes of all arenas that were asked for and not given back.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Whether what is allocated is none of the execution's business.
static ASIDE: AtomicBool = AtomicBool::new(false);

/// While this is so, memory comes from the system, and nothing that is freed is noted.
pub fn set_aside(aside: bool) {
    ASIDE.store(aside, Ordering::Relaxed);
}

/// The allocator of a program whose checks are explored.
#[derive(Debug)]
pub struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// Begins the arenas anew: whatever was in them is gone.
pub fn begin() {
    if START.load(Ordering::Relaxed) == 0 {
        let length = THREADS * ARENA;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever there is room, touches nothing that there is.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, access, how, -1, 0) };
        if start != libc::MAP_FAILED {
            START.store(start as usize, Ordering::Relaxed);
        }
    }
    for used in &USED {
        used.store(0, Ordering::Relaxed);
    }
    TAKEN.store(0, Ordering::Relaxed);
}

/// How many bytes the execution has at the moment.
pub fn taken() -> usize {
    TAKEN.load(Ordering::Relaxed)
}

fn take(thread: usize, layout: Layout) -> Option<*mut u8> {
    let start = START.load(Ordering::Relaxed) + thread * ARENA;
    // Blocks lie apart, so that two never share a granule.
    let align = layout.align().max(16);
    let begin = (start + USED[thread].load(Ordering::Relaxed)).next_multiple_of(align);
    let end = begin.checked_add(layout.size())?;
    if end > start + ARENA {
        return None;
    }
    USED[thread].store(end - start, Ordering::Relaxed);
    TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
    Some(begin as *mut u8)
}

fn is_ours(block: *mut u8) -> bool {
    let start = START.load(Ordering::Relaxed);
    start != 0 && (start..start + THREADS * ARENA).contains(&(block as usize))
}

// SAFETY: blocks of the arenas are disjoint, aligned, and stay until the execution is over, when
// nothing of it is left; all others are the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let explored = !ASIDE.load(Ordering::Relaxed);
        let me = explored.then(execution::me).flatten();
        let ours = me.and_then(|thread| take(thread, layout));
        // SAFETY: the caller promises what the system's allocator wants.
        ours.unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_ours(block) && ASIDE.load(Ordering::Relaxed) {
            // It stays until the execution is over.
        } else if is_ours(block) {
            TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
            execution::plain(block as usize, layout.size(), AccessKind::Free);
        } else if undo::is_alone() && execution::is_inside() {
            // It was made before the execution, and is what a variable refers to when that is what it
            // was again.
        } else {
            // SAFETY: it came from the system's allocator, with this layout.
            unsafe { System.dealloc(block, layout) };
        }
    }
}
