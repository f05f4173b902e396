//! A ring of messages in shared memory, for one producer and one consumer in two processes.
//!
//! Three ideas make it fast:
//!
//! - **No system call, no lock and no fence on the way.** Each end has a position that it alone
//!   writes. To send is to write a slot and then, with release order, the position.
//! - **Cached indices.** Each end remembers how far it may go (`limit`) and looks at the other's
//!   position only when it has come there, so that a cache line travels once for many messages.
//!   Whatever one end writes and the other reads has a cache line of its own.
//! - **Batches.** [`Producer::room`] and [`Consumer::ready`] lend the slots themselves: many
//!   messages are written or read in place, and shown to the other end at once.
//!
//! An end that finds nothing to do looks again now and then for a while, then sleeps in futex(2).
//! The sleeper sets a flag and looks once more; the other writes its position and looks at the
//! flag. If each CPU could delay its own store, both might look too early, and the sleeper would
//! sleep for ever. The usual cure is a fence on both sides, for each message. Here the one that
//! goes to sleep pays for both: by membarrier(2) it makes the CPUs on which the other's process
//! runs order their memory accesses at that moment.
//!
//! Each end holds a robust mutex as a sign of life; if it dies, the kernel says so to the other.
//!
//! For messages of many KiB what counts is the copy, and where the bytes lie:
//!
//! - A slot was last read by the other CPU. A plain store to it must first fetch the line, only to
//!   overwrite it; memcpy(3) of a large block takes possession of lines without their contents.
//!   So a large message is always copied by a call, which the compiler may not dissolve into
//!   stores, and [`Consumer::pop_into`] copies it once to where it is wanted. (A value that is
//!   returned, as by [`Consumer::pop`], may be moved again on its way out.)
//! - Choose a capacity whose slots stay in a CPU's own cache: of 64 KiB, 4 rather than 16, which
//!   are the whole of an L2 cache of 1 MiB. Large messages are given back one by one, so that even
//!   two slots keep both ends at work.
//!
//! Measured in turn between two near CPUs of a virtual machine (`cargo bench`, medians of 65536
//! bytes sent one by one): 2.0 µs with 16 slots and 1.8 with 4, where crossbeam's ArrayQueue took
//! 3.2 and 2.9, rtrb 3.0 and 2.5, and a single CPU's memcpy within its caches 1.5 and 0.6.
//!
//! A peer that goes astray is survived: a position that cannot be is [`Gone::Corrupt`], and slots
//! are found by masking, so that they are always inside the ring. One that means harm is not: a
//! robust mutex keeps pointers in the shared memory.
//!
//! Sources: MCRingBuffer (Lee, Bu, Chandranmenon, IPDPS 2010) for the cached and lazily shown
//! indices. (FastForward, Giacomoni and others, PPoPP 2008, goes further and shares no index at
//! all: there a slot itself says whether it is full.) membarrier(2);
//! pthread_mutexattr_setrobust(3).

use std::fmt;
use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, compiler_fence};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytemuck::Pod;
use lab::child::explain;
use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::futex;
use crate::shared_mutex::SharedMutex;

/// Where the slots begin, in bytes: behind the header, and aligned for every message.
const SLOTS_AT: usize = 4096;
/// The first word of a ring, "spscring" and the version of the layout.
const MAGIC: u64 = u64::from_le_bytes(*b"spscrng1");
/// How often a sleeper looks whether the other end is still alive.
const LOOK_FOR_LIFE: Duration = Duration::from_millis(50);
/// How long a sleeper sleeps if the kernel has no membarrier(2) and a wake-up may be missed.
const WITHOUT_BARRIER: Duration = Duration::from_millis(1);
/// How long an end pauses between two looks. To look takes a cache line away from the other end,
/// which is writing it; who looks seldom finds many messages for the price of one journey.
const PAUSES: u32 = 64;
/// How often an end looks before it sleeps: for about as long as it takes to be woken.
pub const LOOKS_BEFORE_SLEEP: u32 = 50;
/// From so many bytes on a message is large: its copy outweighs the journey of a position.
const LARGE: usize = 4096;

/// Copies a message. A large one by a call of memcpy(3), which is not dissolved into stores.
///
/// # Safety
///
/// As for [`std::ptr::copy_nonoverlapping`] of one `T`.
#[inline]
unsafe fn copy<T>(from: *const T, to: *mut T) {
    let from = if size_of::<T>() >= LARGE { std::hint::black_box(from) } else { from };
    // SAFETY: the caller keeps the contract.
    unsafe { from.copy_to_nonoverlapping(to, 1) }
}

/// The beginning of the shared memory. Both processes see it at addresses of their own.
#[repr(C)]
struct Header {
    magic: u64,
    slot_bytes: u64,
    capacity: u64,
    producer: Side,
    consumer: Side,
}

/// What one end tells the other.
#[repr(C)]
struct Side {
    /// How many messages this end is done with. Written by this end, read by the other.
    position: Line<AtomicU64>,
    /// Seldom written, so that each end keeps a copy of the other's line in its own cache.
    status: Line<Status>,
}

#[repr(C)]
struct Status {
    /// 1 while this end sleeps, or is about to. The word that it sleeps on.
    sleeps: AtomicU32,
    /// One of [`Presence`]'s values.
    presence: AtomicU32,
    /// 1 if membarrier(2) reaches this end's process.
    in_reach: AtomicU32,
    /// Held as long as this end is there.
    life: SharedMutex,
}

/// Two cache lines, because CPUs fetch them in pairs.
#[repr(C, align(128))]
struct Line<T>(T);

/// A ring in shared memory. [`Ring::producer`] and [`Ring::consumer`] join its ends.
pub struct Ring<T> {
    file: File,
    memory: MmapRaw,
    /// A copy, because the header is the peer's to change too.
    capacity: u64,
    _messages: PhantomData<fn(T) -> T>,
}

impl<T: Pod> Ring<T> {
    /// Makes a ring for `capacity` messages, which must be a power of two. It lives in a sealed
    /// memfd, and is gone with the last process that has it open or mapped.
    ///
    /// A consumer gives slots back an eighth of the ring at a time (of messages from 4 KiB on, one
    /// by one), and all of them when it finds the ring empty. So a producer can count on seven
    /// eighths of the capacity.
    pub fn create(capacity: usize) -> Result<Ring<T>> {
        ensure!(capacity.is_power_of_two(), "a ring's capacity is a power of two");
        ensure!(size_of::<T>() > 0 && align_of::<T>() <= SLOTS_AT, "this message has no place");
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(memfd_create(c"ring", flags).map_err(explain("memfd_create"))?);
        file.set_len((SLOTS_AT + capacity * size_of::<T>()) as u64).context("ftruncate")?;
        // Without these seals a peer could shrink the file, and reading the rest would be SIGBUS.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(explain("fcntl F_ADD_SEALS"))?;
        let ring = Ring::map(file, capacity as u64)?;
        let header = ring.memory.as_mut_ptr().cast::<Header>();
        // SAFETY: the mapping holds a header, is zeroed, and nobody else has its descriptor yet.
        unsafe {
            (*header).slot_bytes = size_of::<T>() as u64;
            (*header).capacity = capacity as u64;
            SharedMutex::init(&raw mut (*header).producer.status.0.life, true)?;
            SharedMutex::init(&raw mut (*header).consumer.status.0.life, true)?;
            (*header).magic = MAGIC;
        }
        Ok(ring)
    }

    /// Opens a ring that another process made, from a descriptor that it passed on. Fails if the
    /// memory could still shrink, or does not hold such a ring of such messages.
    pub fn open(descriptor: OwnedFd) -> Result<Ring<T>> {
        let seals = fcntl(&descriptor, FcntlArg::F_GET_SEALS).map_err(explain("F_GET_SEALS"))?;
        let seals = SealFlag::from_bits_truncate(seals);
        ensure!(seals.contains(SealFlag::F_SEAL_SHRINK), "the ring's memory is not sealed");
        let mut ring = Ring::<T>::map(File::from(descriptor), 0)?;
        let header = ring.header();
        ensure!(header.magic == MAGIC, "this memory holds no ring");
        let slot_bytes = header.slot_bytes;
        ensure!(
            slot_bytes == size_of::<T>() as u64,
            "the ring's messages have {slot_bytes} bytes, not {}",
            size_of::<T>()
        );
        let room = ((ring.memory.len() - SLOTS_AT) / size_of::<T>()) as u64;
        let capacity = header.capacity;
        ensure!(
            capacity.is_power_of_two() && capacity <= room,
            "the ring's capacity of {capacity} cannot be"
        );
        ring.capacity = capacity;
        Ok(ring)
    }

    fn map(file: File, capacity: u64) -> Result<Ring<T>> {
        let bytes = file.metadata().context("fstat")?.len() as usize;
        ensure!(bytes > SLOTS_AT, "this memory is too small for a ring");
        let memory = MmapOptions::new().len(bytes).populate().map_raw(&file).context("mmap")?;
        Ok(Ring { file, memory, capacity, _messages: PhantomData })
    }

    fn header(&self) -> &Header {
        // SAFETY: the mapping is longer than a header and page aligned; what the other process
        // writes in it is atomic or a pthread mutex; the rest is written before it is shared.
        unsafe { &*self.memory.as_ptr().cast() }
    }

    /// Joins as the producer. Fails if another one is there; one that died is replaced. Join
    /// after a fork, not before: the end belongs to the thread that joined.
    pub fn producer(&self) -> Result<Producer<'_, T>> {
        let Header { producer, consumer, .. } = self.header();
        Ok(Producer(self.join(producer, consumer, self.capacity)?))
    }

    /// Joins as the consumer, on the same conditions as [`Ring::producer`]. One that replaces a
    /// consumer that died gets again what the dead one had not given back.
    pub fn consumer(&self) -> Result<Consumer<'_, T>> {
        let Header { producer, consumer, .. } = self.header();
        let end = self.join(consumer, producer, 0)?;
        let stride = if size_of::<T>() >= LARGE { 1 } else { (self.capacity / 8).max(1) };
        Ok(Consumer { shown: end.position, stride, end })
    }

    fn join<'a>(&'a self, own: &'a Side, peer: &'a Side, lead: u64) -> Result<End<'a, T>> {
        match own.status.0.life.try_lock() {
            Ok(()) => {}
            Err(Errno::EOWNERDEAD) => own.status.0.life.make_consistent()?,
            Err(Errno::EBUSY) => anyhow::bail!("this end of the ring is taken"),
            Err(errno) => return Err(explain("pthread_mutex_trylock")(errno)),
        }
        let in_reach = membarrier(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
        own.status.0.in_reach.store(in_reach.into(), Relaxed);
        own.status.0.sleeps.store(0, Relaxed);
        own.status.0.presence.store(Presence::Here as u32, Release);
        let position = own.position.0.load(Acquire);
        Ok(End {
            // SAFETY: the slots begin inside the mapping, which is longer than SLOTS_AT.
            slots: unsafe { self.memory.as_mut_ptr().add(SLOTS_AT).cast() },
            mask: self.capacity - 1,
            own,
            peer,
            lead,
            position,
            limit: position,
            corrupt: false,
            looks: if lab::sample::allowed_cpus().len() > 1 { LOOKS_BEFORE_SLEEP } else { 0 },
            calls: 0,
        })
    }
}

impl<T> AsFd for Ring<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// One end of the ring. Both ends work alike: a producer may go `capacity` slots beyond the
/// consumer's position, a consumer up to the producer's.
struct End<'ring, T> {
    slots: *mut T,
    mask: u64,
    own: &'ring Side,
    peer: &'ring Side,
    /// How far this end may be beyond the other's position.
    lead: u64,
    /// The next slot; grows for ever, so that a full and an empty ring differ.
    position: u64,
    /// The position up to which this end may go without looking.
    limit: u64,
    corrupt: bool,
    looks: u32,
    calls: u64,
}

impl<T: Pod> End<'_, T> {
    /// The next slot, if there is one.
    // ANCHOR: fast-path
    #[inline]
    fn next(&mut self) -> Option<*mut T> {
        let position = self.position;
        if position == self.limit && !self.look() {
            return None;
        }
        // SAFETY: a masked position is below the capacity, for which the mapping has room.
        Some(unsafe { self.slots.add((position & self.mask) as usize) })
    }

    /// Gives the slots before `position` to the other end.
    #[inline]
    fn show(&mut self, position: u64) {
        self.own.position.0.store(position, Release);
        // The compiler must not swap the store and the load. That the CPU does not is what the
        // other end's membarrier(2) sees to, before it sleeps.
        compiler_fence(SeqCst);
        if self.peer.status.0.sleeps.load(Relaxed) != 0 {
            self.wake();
        }
    }

    /// Looks at the other end's position: whether there is more to do.
    #[inline]
    fn look(&mut self) -> bool {
        let limit = self.peer.position.0.load(Acquire).wrapping_add(self.lead);
        self.corrupt = limit.wrapping_sub(self.position) > self.mask + 1;
        if !self.corrupt {
            self.limit = limit;
        }
        self.limit != self.position
    }
    // ANCHOR_END: fast-path

    /// Returns when there is something to do, or nobody left to do it with.
    #[cold]
    fn wait(&mut self) -> Result<(), Gone> {
        for _ in 0..self.looks {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if self.look() {
                return Ok(());
            }
        }
        let status = &self.own.status.0;
        loop {
            status.sleeps.store(1, Relaxed);
            self.calls += 1;
            let ordered = membarrier(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED)
                && self.peer.status.0.in_reach.load(Relaxed) != 0;
            // Who is gone is asked first, so that what it sent before is not overlooked.
            let gone = self.gone();
            if self.look() {
                status.sleeps.store(0, Relaxed);
                return Ok(());
            }
            if let Some(gone) = gone {
                return Err(gone);
            }
            self.calls += 1;
            let at_most = if ordered { LOOK_FOR_LIFE } else { WITHOUT_BARRIER };
            futex::wait(&status.sleeps, 1, futex::Scope::Shared, Some(at_most));
        }
    }

    #[cold]
    fn wake(&mut self) {
        if self.peer.status.0.sleeps.swap(0, Relaxed) != 0 {
            self.calls += 1;
            futex::wake(&self.peer.status.0.sleeps, 1, futex::Scope::Shared);
        }
    }

    fn gone(&mut self) -> Option<Gone> {
        if self.corrupt {
            return Some(Gone::Corrupt);
        }
        let status = &self.peer.status.0;
        match status.presence.load(Acquire) {
            presence if presence == Presence::Left as u32 => Some(Gone::Left),
            presence if presence == Presence::Died as u32 => Some(Gone::Died),
            presence if presence == Presence::Here as u32 => match status.life.try_lock() {
                Err(Errno::EOWNERDEAD) => {
                    status.presence.store(Presence::Died as u32, Release);
                    let _ = status.life.make_consistent();
                    status.life.unlock();
                    Some(Gone::Died)
                }
                Ok(()) => {
                    // It is leaving or coming at this moment.
                    status.life.unlock();
                    None
                }
                Err(_) => None,
            },
            _ => None,
        }
    }

    /// The slots that can be used in one piece.
    fn slice(&mut self) -> (*mut T, usize) {
        let Some(first) = self.next() else { return (self.slots, 0) };
        let to_the_end = self.mask + 1 - (self.position & self.mask);
        (first, (self.limit - self.position).min(to_the_end) as usize)
    }
}

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.own.position.0.store(self.position, Release);
        let status = &self.own.status.0;
        status.presence.store(Presence::Left as u32, Release);
        status.life.unlock();
        self.peer.status.0.sleeps.store(0, Relaxed);
        futex::wake(&self.peer.status.0.sleeps, 1, futex::Scope::Shared);
    }
}

/// The end that sends. It belongs to the thread that joined, whose death is its death.
pub struct Producer<'ring, T: Pod>(End<'ring, T>);

impl<T: Pod> Producer<'_, T> {
    /// Sends a message, if there is room; says whether there was.
    #[inline]
    pub fn try_push(&mut self, message: &T) -> bool {
        let Some(slot) = self.0.next() else { return false };
        let position = self.0.position + 1;
        // SAFETY: the slot is inside the mapping, and the consumer is done with it.
        unsafe { copy(message, slot) };
        self.0.position = position;
        self.0.show(position);
        true
    }

    /// Sends a message; waits for room.
    #[inline]
    pub fn push(&mut self, message: &T) -> Result<(), Gone> {
        while !self.try_push(message) {
            self.0.wait()?;
        }
        Ok(())
    }

    /// Free slots in one piece, to be filled in place; empty if the ring is full.
    pub fn room(&mut self) -> &mut [T] {
        let (first, count) = self.0.slice();
        // SAFETY: the slots are inside the mapping, hold any bytes, which is enough for a `Pod`,
        // and are this end's alone until they are published.
        unsafe { std::slice::from_raw_parts_mut(first, count) }
    }

    /// Sends the first `count` messages of [`Producer::room`].
    ///
    /// # Panics
    ///
    /// If there was no room for so many.
    #[inline]
    pub fn publish(&mut self, count: usize) {
        assert!(count as u64 <= self.0.limit - self.0.position, "more published than there was");
        self.0.position += count as u64;
        self.0.show(self.0.position);
    }

    /// Waits until there is room.
    pub fn wait(&mut self) -> Result<(), Gone> {
        self.0.wait()
    }

    /// Sets how often this end looks before it sleeps. At first that is about the time that it
    /// takes to be woken, or never where this thread may run on one CPU only.
    pub fn looks_before_sleep(&mut self, looks: u32) {
        self.0.looks = looks;
    }

    /// How many system calls this end has made so far.
    pub fn system_calls(&self) -> u64 {
        self.0.calls
    }
}

/// The end that receives. It belongs to the thread that joined, whose death is its death.
pub struct Consumer<'ring, T: Pod> {
    end: End<'ring, T>,
    /// Small slots are given back an eighth of the ring at a time: a producer that waits for room
    /// then finds enough of it for a while.
    stride: u64,
    /// The position that the producer can see.
    shown: u64,
}

impl<T: Pod> Consumer<'_, T> {
    /// Receives the next message, if there is one.
    #[inline]
    pub fn try_pop(&mut self) -> Option<T> {
        let Some(slot) = self.end.next() else {
            self.give_back();
            return None;
        };
        // SAFETY: the slot is inside the mapping, and the producer has published it.
        let message = unsafe { slot.read() };
        self.advance(1);
        Some(message)
    }

    /// Receives the next message; waits for one. What a producer sent before it left or died is
    /// received before that is said.
    #[inline]
    pub fn pop(&mut self) -> Result<T, Gone> {
        loop {
            if let Some(message) = self.try_pop() {
                return Ok(message);
            }
            self.wait()?;
        }
    }

    /// Receives the next message into a place of the caller's; waits for one. The bytes are copied
    /// once, which for large messages makes it the way to receive.
    #[inline]
    pub fn pop_into(&mut self, place: &mut T) -> Result<(), Gone> {
        loop {
            if let Some(slot) = self.end.next() {
                // SAFETY: the slot is inside the mapping, and the producer has published it.
                unsafe { copy(slot, place) };
                self.advance(1);
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// The messages that can be read in place, in one piece; empty if there are none. A producer
    /// that breaks the protocol can change them while they are read.
    pub fn ready(&mut self) -> &[T] {
        let (first, count) = self.end.slice();
        if count == 0 {
            self.give_back();
        }
        // SAFETY: the slots are inside the mapping, published, and not written until released.
        unsafe { std::slice::from_raw_parts(first, count) }
    }

    /// How many messages there are at this moment.
    pub fn pending(&mut self) -> usize {
        self.end.look();
        (self.end.limit - self.end.position) as usize
    }

    /// Gives back the first `count` messages of [`Consumer::ready`].
    ///
    /// # Panics
    ///
    /// If there were not so many.
    #[inline]
    pub fn release(&mut self, count: usize) {
        assert!(count as u64 <= self.end.limit - self.end.position, "more released than there was");
        self.advance(count as u64);
    }

    /// Waits until there is a message.
    pub fn wait(&mut self) -> Result<(), Gone> {
        self.give_back();
        self.end.wait()
    }

    /// Sets how often this end looks before it sleeps. At first that is about the time that it
    /// takes to be woken, or never where this thread may run on one CPU only.
    pub fn looks_before_sleep(&mut self, looks: u32) {
        self.end.looks = looks;
    }

    /// How many system calls this end has made so far.
    pub fn system_calls(&self) -> u64 {
        self.end.calls
    }

    #[inline]
    fn advance(&mut self, count: u64) {
        self.end.position += count;
        if self.end.position - self.shown >= self.stride {
            self.give_back();
        }
    }

    /// Shows the producer how far this end has come.
    fn give_back(&mut self) {
        if self.shown != self.end.position {
            self.shown = self.end.position;
            self.end.show(self.shown);
        }
    }
}

/// Why there is nobody at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It left in an orderly way.
    Left,
    /// Its thread or process ended without leaving.
    Died,
    /// It wrote something that cannot be.
    Corrupt,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gone::Left => "the other end left",
            Gone::Died => "the other end died",
            Gone::Corrupt => "the other end broke the protocol",
        })
    }
}

impl std::error::Error for Gone {}

/// What [`Status::presence`] says; 0 before anyone came.
enum Presence {
    Here = 1,
    Left = 2,
    Died = 3,
}

/// membarrier(2), which has no wrapper in libc; says whether the kernel has it.
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the call takes three integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends and receives `count` numbers by two threads that sleep whenever they can.
    fn through(ring: &Ring<u64>, count: u64) {
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let mut producer = ring.producer().unwrap();
                producer.looks_before_sleep(0);
                for number in 0..count {
                    producer.push(&number).unwrap();
                }
            });
            let mut consumer = ring.consumer().unwrap();
            consumer.looks_before_sleep(0);
            for number in 0..count {
                assert_eq!(consumer.pop(), Ok(number));
            }
            assert_eq!(consumer.pop(), Err(Gone::Left));
        });
    }

    #[test]
    fn small_rings_sleep_often_and_lose_nothing() {
        for capacity in [1, 2, 16] {
            through(&Ring::create(capacity).unwrap(), 20_000);
        }
    }

    #[test]
    fn large_messages_arrive_whole_through_two_slots() {
        const MANY: u64 = 2000;
        let ring = Ring::<[u64; 1024]>::create(2).unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let mut producer = ring.producer().unwrap();
                for number in 0..MANY {
                    producer.push(&[number; 1024]).unwrap();
                }
            });
            let mut consumer = ring.consumer().unwrap();
            let mut message = [0; 1024];
            for number in 0..MANY {
                consumer.pop_into(&mut message).unwrap();
                assert!(message.iter().all(|word| *word == number));
            }
            assert_eq!(consumer.pop_into(&mut message), Err(Gone::Left));
        });
    }

    #[test]
    fn a_ring_can_be_used_again() {
        let ring = Ring::create(8).unwrap();
        through(&ring, 100);
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        assert!(producer.try_push(&7));
        assert_eq!(consumer.try_pop(), Some(7));
    }

    #[test]
    fn a_full_ring_takes_no_more_and_an_empty_one_gives_none() {
        let ring = Ring::create(4).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        assert_eq!(consumer.try_pop(), None);
        assert!((0..4u64).all(|number| producer.try_push(&number)));
        assert!(!producer.try_push(&4));
        assert_eq!(consumer.pending(), 4);
        assert_eq!(std::iter::from_fn(|| consumer.try_pop()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(producer.try_push(&4));
    }

    #[test]
    fn batches_end_where_the_ring_ends() {
        let ring = Ring::create(8).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        producer.room()[..6].copy_from_slice(&[0u64, 1, 2, 3, 4, 5]);
        producer.publish(6);
        assert_eq!(consumer.ready(), [0, 1, 2, 3, 4, 5]);
        consumer.release(6);
        assert_eq!(producer.room().len(), 2);
        producer.publish(2);
        assert!(producer.room().len() >= 5);
    }

    #[test]
    #[should_panic(expected = "more published")]
    fn no_more_can_be_published_than_there_is_room_for() {
        let ring = Ring::<u64>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let room = producer.room().len();
        producer.publish(room + 1);
    }

    #[test]
    fn an_end_is_taken_by_one() {
        let ring = Ring::<u64>::create(4).unwrap();
        let first = ring.producer().unwrap();
        assert!(ring.producer().is_err());
        drop(first);
        assert!(ring.producer().is_ok());
    }

    #[test]
    fn a_death_is_noticed_and_the_dead_replaced() {
        let ring = Ring::create(4).unwrap();
        std::thread::scope(|threads| {
            // A thread that ends without leaving the ring is as dead as a killed process.
            threads.spawn(|| {
                let mut producer = ring.producer().unwrap();
                producer.push(&1u64).unwrap();
                std::mem::forget(producer);
            });
        });
        let mut consumer = ring.consumer().unwrap();
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Err(Gone::Died));
        let mut heir = ring.producer().unwrap();
        heir.push(&2).unwrap();
        assert_eq!(consumer.pop(), Ok(2));
    }

    #[test]
    fn a_position_that_cannot_be_is_noticed() {
        let ring = Ring::<u64>::create(4).unwrap();
        let (_producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        for nonsense in [5, u64::MAX, 1 << 40] {
            ring.header().producer.position.0.store(nonsense, Relaxed);
            assert_eq!(consumer.try_pop(), None);
            assert!(consumer.ready().is_empty());
            assert_eq!(consumer.pop(), Err(Gone::Corrupt));
        }
    }

    #[test]
    fn only_a_sealed_ring_of_the_same_messages_is_opened() {
        let ring = Ring::<u64>::create(4).unwrap();
        let again = || ring.as_fd().try_clone_to_owned().unwrap();
        assert!(Ring::<u64>::open(again()).is_ok());
        assert!(Ring::<[u64; 2]>::open(again()).is_err());
        let unsealed = memfd_create(c"other", MFdFlags::MFD_ALLOW_SEALING).unwrap();
        nix::unistd::ftruncate(&unsealed, 8192).unwrap();
        assert!(Ring::<u64>::open(unsealed.try_clone().unwrap()).is_err());
        fcntl(&unsealed, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).unwrap();
        assert!(Ring::<u64>::open(unsealed).is_err());
    }

    #[test]
    fn the_header_fits_before_the_slots() {
        assert!(size_of::<Header>() <= SLOTS_AT);
    }
}
