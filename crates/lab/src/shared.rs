//! Values that a process shares with its children.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU8;

use anyhow::{Context, Result};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::child::explain;

/// A value in an anonymous shared mapping, mmap(2): children that are forked later see the same one,
/// not a copy, and what they have written stays when they have ended. An execve(2) takes it away.
/// Dropped, it is unmapped in this process alone; nothing is left when the last one has ended.
///
/// Several processes change it at a time, so it holds atomics, or what a lock made for processes
/// guards. A pointer to what a process makes after the fork is of no use to the others, and std's
/// locks wake nobody in another process. Whoever forks answers for that: [`Child::fork`] is unsafe.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// # fn run() -> anyhow::Result<()> {
/// let found = lab::Shared::new(AtomicU32::new(0))?;
/// // SAFETY: the child only stores a number.
/// let child = unsafe {
///     lab::child::Child::fork(|| {
///         found.store(7, Relaxed);
///         0
///     })
/// }?;
/// child.wait()?;
/// assert_eq!(found.load(Relaxed), 7);
/// # Ok(()) }
/// # run().unwrap();
/// ```
///
/// [`Child::fork`]: crate::child::Child::fork
pub struct Shared<T: ?Sized>(NonNull<T>);

// SAFETY: only shared references to the value are handed out, and it is never dropped.
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}
// SAFETY: as for a reference to it; any thread may unmap it.
unsafe impl<T: ?Sized + Sync> Send for Shared<T> {}

impl<T: Sync> Shared<T> {
    /// Shares a value with the children that are forked from now on. A type that has something to
    /// drop does not compile: it owns memory or a descriptor of one process.
    pub fn new(value: T) -> Result<Shared<T>> {
        const {
            assert!(!std::mem::needs_drop::<T>(), "what it owns belongs to one process");
            assert!(align_of::<T>() <= 4096, "no Linux has smaller pages");
        }
        let place = map(size_of::<T>())?.cast::<T>();
        // SAFETY: the mapping is new, large enough, and aligned to a page.
        unsafe { place.write(value) };
        Ok(Shared(place))
    }

    /// Leaves it mapped until this process ends.
    pub fn leak(self) -> &'static T
    where
        T: 'static,
    {
        // SAFETY: nobody unmaps it.
        unsafe { std::mem::ManuallyDrop::new(self).0.as_ref() }
    }
}

impl Shared<[AtomicU8]> {
    /// Shares so many bytes, all zero. A page takes memory when somebody writes to it.
    pub fn bytes(length: usize) -> Result<Shared<[AtomicU8]>> {
        let place = map(length)?.cast::<AtomicU8>();
        Ok(Shared(NonNull::slice_from_raw_parts(place, length)))
    }
}

fn map(length: usize) -> Result<NonNull<std::ffi::c_void>> {
    let length = NonZeroUsize::new(length).context("nothing to share")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }.map_err(explain("mmap"))
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value is mapped as long as this one lives; anonymous memory is zeros at first,
        // which is a valid byte.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference into it outlives it.
        let unmapped = unsafe { munmap(self.0.cast(), size_of_val(&**self)) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::child::Child;

    #[test]
    fn what_a_child_writes_is_there_when_it_is_gone() {
        let (bytes, word) = (Shared::bytes(3).unwrap(), Shared::new([AtomicU8::new(1)]).unwrap());
        // SAFETY: the child only stores bytes.
        let child = unsafe {
            Child::fork(|| {
                bytes[2].store(word[0].load(Relaxed) + 6, Relaxed);
                word[0].store(9, Relaxed);
                0
            })
        };
        child.unwrap().wait().unwrap();
        let [first, _, last] = &*bytes else { panic!("three bytes") };
        assert_eq!([first, last, &word[0]].map(|byte| byte.load(Relaxed)), [0, 7, 9]);
        assert_eq!(word.leak()[0].load(Relaxed), 9);
    }

    #[test]
    fn dropped_it_is_unmapped() {
        // SAFETY: the child maps and unmaps its own memory; nobody else maps anything there.
        let child = unsafe {
            Child::fork(|| {
                let shared = Shared::new([const { AtomicU8::new(0) }; 100_000]).unwrap();
                let last = std::ptr::from_ref(&shared[99_999]) as usize;
                drop(shared);
                let page = (last - last % crate::machine::page_size()) as *mut libc::c_void;
                // msync(2) says ENOMEM where nothing is mapped.
                let mapped = libc::msync(page, 1, libc::MS_ASYNC) == 0;
                i32::from(mapped)
            })
        };
        let child = child.unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), nix::sys::wait::WaitStatus::Exited(pid, 0));
    }
}
