//! Memory that a process shares with its children, and that is there when they are gone.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use lab::child::explain;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// One value in a shared mapping, mmap(2). All its parts are atomic or locked in some other way.
pub struct Board<T>(NonNull<T>);

// SAFETY: only shared references to the value are ever handed out.
unsafe impl<T: Sync> Sync for Board<T> {}

impl<T: Default> Board<T> {
    /// A new one with the default value. Children that are forked later share it.
    pub fn new() -> Result<Board<T>> {
        let length = NonZeroUsize::new(size_of::<T>()).context("nothing to share")?;
        let (access, shared) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
        let memory =
            unsafe { mmap_anonymous(None, length, access, shared) }.map_err(explain("mmap"))?;
        let value = memory.cast::<T>();
        // SAFETY: the mapping is new, large enough, and aligned to a page.
        unsafe { value.write(T::default()) };
        Ok(Board(value))
    }
}

impl<T> Deref for Board<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value was written when the board was made, and lives as long as the board.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Board<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this board's own, and no reference into it outlives the board.
        let _ = unsafe { munmap(self.0.cast(), size_of::<T>()) };
    }
}
