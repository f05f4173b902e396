//! `std::sync` under a scheduler that tries interleavings.
//!
//! What is not here is not offered to exercises that are explored. Atomics behave as if every
//! ordering were `SeqCst`; exercises about orderings are modelled instead (`weak`).

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::Duration;

pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak};

use shuttle::sync as shuttled;

use super::chance;
use super::world::{self, At, Tag};
use crate::report::Obstacle;

/// Whether a thread has panicked while it held a lock. The explorer's locks poison themselves also
/// when another thread unwinds meanwhile, so what they say about it is passed over.
struct Poison(Cell<bool>);

impl Poison {
    const fn new() -> Poison {
        Poison(Cell::new(false))
    }

    /// A thread that was not unwinding when it took the lock gives it back.
    fn given_back(&self) {
        if world::unwinding() {
            self.0.set(true);
        }
    }

    fn result<T>(&self, value: T) -> LockResult<T> {
        if self.0.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

fn either<T>(locked: LockResult<T>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

/// As [`std::sync::Mutex`].
pub struct Mutex<T: ?Sized> {
    tag: Tag,
    poison: Poison,
    inner: shuttled::Mutex<T>,
}

/// As [`std::sync::MutexGuard`].
pub struct MutexGuard<'a, T: ?Sized> {
    inner: Option<shuttled::MutexGuard<'a, T>>,
    unwinding: bool,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// As [`std::sync::Mutex::new`].
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        let (tag, poison) = (Tag::new("mutex"), Poison::new());
        Mutex { tag, poison, inner: shuttled::Mutex::new(value) }
    }

    /// As [`std::sync::Mutex::into_inner`].
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.result(either(self.inner.into_inner()))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// As [`std::sync::Mutex::lock`]. A thread that locks again what it holds blocks for ever.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let (number, at) = (self.tag.number(), Location::caller());
        if world::holds(number) {
            world::act(Some(number), at, || "locks {} again and blocks for ever".to_owned());
            world::wants("locking", Obstacle::Resource(number), at);
            super::block_for_ever();
        }
        world::wants("locking", Obstacle::Resource(number), at);
        let locked = self.inner.lock();
        world::acquired(number, at);
        world::act(Some(number), at, || "locks {}".to_owned());
        self.guard(locked)
    }

    /// As [`std::sync::Mutex::try_lock`].
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let (number, at) = (self.tag.number(), Location::caller());
        let tried = self.inner.try_lock();
        if matches!(tried, Err(TryLockError::WouldBlock)) {
            world::act(Some(number), at, || "finds {} locked".to_owned());
            return Err(TryLockError::WouldBlock);
        }
        world::acquired(number, at);
        world::act(Some(number), at, || "locks {}".to_owned());
        let locked = match tried {
            Ok(inner) => Ok(inner),
            Err(TryLockError::Poisoned(poisoned)) => Err(poisoned),
            Err(TryLockError::WouldBlock) => return Err(TryLockError::WouldBlock),
        };
        self.guard(locked).map_err(TryLockError::Poisoned)
    }

    /// As [`std::sync::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(either(self.inner.get_mut()))
    }

    /// As [`std::sync::Mutex::is_poisoned`].
    pub fn is_poisoned(&self) -> bool {
        self.poison.0.get()
    }

    /// As [`std::sync::Mutex::clear_poison`].
    pub fn clear_poison(&self) {
        self.poison.0.set(false);
    }

    fn guard<'a>(
        &'a self,
        locked: LockResult<shuttled::MutexGuard<'a, T>>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let (inner, unwinding) = (Some(either(locked)), world::unwinding());
        self.poison.result(MutexGuard { inner, unwinding, mutex: self })
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

// SAFETY: as for the mutex inside; the tag is only touched by the thread of the operating system
// that runs all explored threads.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> std::panic::UnwindSafe for Mutex<T> {}
impl<T: ?Sized> std::panic::RefUnwindSafe for Mutex<T> {}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        let number = self.mutex.tag.number();
        if !self.unwinding {
            self.mutex.poison.given_back();
        }
        drop(inner);
        world::released(number);
        world::unlocks(number);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("a guard that was not dropped")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("a guard that was not dropped")
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// As [`std::sync::Condvar`]. Waits end for no reason now and then, as the standard allows.
pub struct Condvar {
    tag: Tag,
    inner: shuttled::Condvar,
}

/// As [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// As [`std::sync::WaitTimeoutResult::timed_out`].
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// As [`std::sync::Condvar::new`].
    #[track_caller]
    pub const fn new() -> Condvar {
        Condvar { tag: Tag::new("condition variable"), inner: shuttled::Condvar::new() }
    }

    /// As [`std::sync::Condvar::wait`].
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_at(guard, Location::caller())
    }

    fn wait_at<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        at: At,
    ) -> LockResult<MutexGuard<'a, T>> {
        let number = self.tag.number();
        let mutex = guard.mutex;
        let lock = mutex.tag.number();
        let inner = guard.inner.take().expect("a guard that was not dropped");
        drop(guard);
        // Unlocking is a scheduling point, and only after it the thread waits.
        world::about_to(number, at, "waits on {}");
        world::released(lock);
        let for_no_reason = super::waits_may_end() && chance(32);
        let locked = if for_no_reason {
            drop(inner);
            world::wants("locking", Obstacle::Resource(lock), at);
            mutex.inner.lock()
        } else {
            world::wants("waiting on", Obstacle::Resource(number), at);
            self.inner.wait(inner)
        };
        world::acquired(lock, at);
        let why = if for_no_reason { " (nobody woke it)" } else { "" };
        world::act(Some(number), at, || format!("wakes up on {{}}{why}"));
        mutex.guard(locked)
    }

    /// As [`std::sync::Condvar::wait_while`].
    #[track_caller]
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        let at = Location::caller();
        while condition(&mut *guard) {
            guard = self.wait_at(guard, at)?;
        }
        Ok(guard)
    }

    /// As [`std::sync::Condvar::wait_timeout`]; time is not modelled, the wait ends at any moment.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let at = Location::caller();
        let mutex = guard.mutex;
        world::act(Some(self.tag.number()), at, || "waits on {} for a time".to_owned());
        drop(guard);
        super::thread::yield_now();
        let over = WaitTimeoutResult(chance(128));
        match mutex.lock() {
            Ok(guard) => Ok((guard, over)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), over))),
        }
    }

    /// As [`std::sync::Condvar::wait_timeout_while`].
    #[track_caller]
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let (again, over) = self.wait_timeout(guard, limit)?;
            guard = again;
            if over.timed_out() {
                let still = condition(&mut *guard);
                return Ok((guard, WaitTimeoutResult(still)));
            }
        }
    }

    /// As [`std::sync::Condvar::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) {
        let number = self.tag.number();
        self.inner.notify_one();
        world::act(Some(number), Location::caller(), || "wakes one on {}".to_owned());
    }

    /// As [`std::sync::Condvar::notify_all`].
    #[track_caller]
    pub fn notify_all(&self) {
        let number = self.tag.number();
        self.inner.notify_all();
        world::act(Some(number), Location::caller(), || "wakes all on {}".to_owned());
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

// SAFETY: as for the condition variable inside; see Mutex for the tag.
unsafe impl Send for Condvar {}
// SAFETY: as above.
unsafe impl Sync for Condvar {}

/// As [`std::sync::RwLock`].
pub struct RwLock<T: ?Sized> {
    tag: Tag,
    poison: Poison,
    inner: shuttled::RwLock<T>,
}

impl<T> RwLock<T> {
    /// As [`std::sync::RwLock::new`].
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        let (tag, poison) = (Tag::new("reader-writer lock"), Poison::new());
        RwLock { tag, poison, inner: shuttled::RwLock::new(value) }
    }

    /// As [`std::sync::RwLock::into_inner`].
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.result(either(self.inner.into_inner()))
    }
}

macro_rules! guard {
    ($guard:ident, $lock:ident, $try_lock:ident, $poisons:literal, $verb:literal, $doing:literal) => {
        #[doc = concat!("As [`std::sync::", stringify!($guard), "`].")]
        pub struct $guard<'a, T: ?Sized> {
            inner: Option<shuttled::$guard<'a, T>>,
            unwinding: bool,
            lock: &'a RwLock<T>,
        }

        impl<T: ?Sized> RwLock<T> {
            #[doc = concat!("As [`std::sync::RwLock::", stringify!($lock), "`].")]
            #[track_caller]
            pub fn $lock(&self) -> LockResult<$guard<'_, T>> {
                let (number, at) = (self.tag.number(), Location::caller());
                world::wants($doing, Obstacle::Resource(number), at);
                if world::holds(number) {
                    world::act(Some(number), at, || "locks {} again and blocks for ever".into());
                    super::block_for_ever();
                }
                let locked = self.inner.$lock();
                world::acquired(number, at);
                world::act(Some(number), at, || $verb.to_owned());
                let (inner, unwinding) = (Some(either(locked)), world::unwinding());
                self.poison.result($guard { inner, unwinding, lock: self })
            }

            #[doc = concat!("As [`std::sync::RwLock::", stringify!($try_lock), "`].")]
            #[track_caller]
            pub fn $try_lock(&self) -> TryLockResult<$guard<'_, T>> {
                let (number, at) = (self.tag.number(), Location::caller());
                let tried = self.inner.$try_lock();
                if !matches!(tried, Err(TryLockError::WouldBlock)) {
                    world::acquired(number, at);
                    world::act(Some(number), at, || $verb.to_owned());
                }
                let inner = match tried {
                    Ok(inner) => Some(inner),
                    Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                    Err(TryLockError::WouldBlock) => return Err(TryLockError::WouldBlock),
                };
                let unwinding = world::unwinding();
                let guard = $guard { inner, unwinding, lock: self };
                self.poison.result(guard).map_err(TryLockError::Poisoned)
            }
        }

        impl<T: ?Sized> Drop for $guard<'_, T> {
            fn drop(&mut self) {
                let number = self.lock.tag.number();
                if $poisons && !self.unwinding {
                    self.lock.poison.given_back();
                }
                self.inner = None;
                world::released(number);
            }
        }

        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                self.inner.as_ref().expect("a guard that was not dropped")
            }
        }
    };
}

guard!(RwLockReadGuard, read, try_read, false, "locks {} to read", "locking to read");
guard!(RwLockWriteGuard, write, try_write, true, "locks {} to write", "locking to write");

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("a guard that was not dropped")
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As [`std::sync::RwLock::get_mut`].
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(either(self.inner.get_mut()))
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}

// SAFETY: see Mutex.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: see Mutex.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// As [`std::sync::Barrier`].
pub struct Barrier {
    tag: Tag,
    inner: shuttled::Barrier,
}

pub use shuttled::BarrierWaitResult;

impl Barrier {
    /// As [`std::sync::Barrier::new`].
    #[track_caller]
    pub fn new(count: usize) -> Barrier {
        Barrier { tag: Tag::new("barrier"), inner: shuttled::Barrier::new(count) }
    }

    /// As [`std::sync::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let (number, at) = (self.tag.number(), Location::caller());
        world::act(Some(number), at, || "arrives at {}".to_owned());
        world::wants("waiting at", Obstacle::Resource(number), at);
        let result = self.inner.wait();
        world::goes_on();
        world::act(Some(number), at, || "leaves {}".to_owned());
        result
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

// SAFETY: see Mutex.
unsafe impl Send for Barrier {}
// SAFETY: see Mutex.
unsafe impl Sync for Barrier {}

pub use shuttled::{Once, OnceState};

/// As [`std::sync::mpsc`].
pub mod mpsc {
    use super::{Arc, Duration, Location, Obstacle, Tag, shuttled, world};

    pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

    struct Channel(Tag);

    // SAFETY: see Mutex.
    unsafe impl Send for Channel {}
    // SAFETY: see Mutex.
    unsafe impl Sync for Channel {}

    /// As [`std::sync::mpsc::Sender`].
    pub struct Sender<T> {
        channel: Arc<Channel>,
        inner: shuttled::mpsc::Sender<T>,
    }

    /// As [`std::sync::mpsc::SyncSender`].
    pub struct SyncSender<T> {
        channel: Arc<Channel>,
        inner: shuttled::mpsc::SyncSender<T>,
    }

    /// As [`std::sync::mpsc::Receiver`].
    pub struct Receiver<T> {
        channel: Arc<Channel>,
        inner: shuttled::mpsc::Receiver<T>,
    }

    /// As [`std::sync::mpsc::channel`].
    #[track_caller]
    pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let channel = Arc::new(Channel(Tag::new("channel")));
        let (sender, receiver) = shuttled::mpsc::channel();
        let to = Sender { channel: channel.clone(), inner: sender };
        (to, Receiver { channel, inner: receiver })
    }

    /// As [`std::sync::mpsc::sync_channel`].
    #[track_caller]
    pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
        let channel = Arc::new(Channel(Tag::new("channel")));
        let (sender, receiver) = shuttled::mpsc::sync_channel(bound);
        let to = SyncSender { channel: channel.clone(), inner: sender };
        (to, Receiver { channel, inner: receiver })
    }

    impl<T> Sender<T> {
        /// As [`std::sync::mpsc::Sender::send`].
        #[track_caller]
        pub fn send(&self, value: T) -> Result<(), SendError<T>> {
            let (number, at) = (self.channel.0.number(), Location::caller());
            let sent = self.inner.send(value);
            world::act(Some(number), at, || "sends to {}".to_owned());
            sent
        }
    }

    impl<T> SyncSender<T> {
        /// As [`std::sync::mpsc::SyncSender::send`].
        #[track_caller]
        pub fn send(&self, value: T) -> Result<(), SendError<T>> {
            let (number, at) = (self.channel.0.number(), Location::caller());
            world::wants("sending to", Obstacle::Resource(number), at);
            let sent = self.inner.send(value);
            world::goes_on();
            world::act(Some(number), at, || "sends to {}".to_owned());
            sent
        }

        /// As [`std::sync::mpsc::SyncSender::try_send`].
        pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
            self.inner.try_send(value)
        }
    }

    impl<T> Receiver<T> {
        /// As [`std::sync::mpsc::Receiver::recv`].
        #[track_caller]
        pub fn recv(&self) -> Result<T, RecvError> {
            let (number, at) = (self.channel.0.number(), Location::caller());
            world::wants("receiving from", Obstacle::Resource(number), at);
            let received = self.inner.recv();
            world::goes_on();
            world::act(Some(number), at, || "receives from {}".to_owned());
            received
        }

        /// As [`std::sync::mpsc::Receiver::try_recv`].
        pub fn try_recv(&self) -> Result<T, TryRecvError> {
            self.inner.try_recv()
        }

        /// As [`std::sync::mpsc::Receiver::recv_timeout`]; time is not modelled.
        pub fn recv_timeout(&self, _limit: Duration) -> Result<T, RecvTimeoutError> {
            crate::explored::thread::yield_now();
            match self.inner.try_recv() {
                Ok(value) => Ok(value),
                Err(TryRecvError::Empty) => Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            }
        }

        /// As [`std::sync::mpsc::Receiver::iter`].
        #[track_caller]
        pub fn iter(&self) -> Iter<'_, T> {
            Iter(self)
        }

        /// As [`std::sync::mpsc::Receiver::try_iter`].
        pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
            std::iter::from_fn(|| self.try_recv().ok())
        }
    }

    /// As [`std::sync::mpsc::Iter`].
    pub struct Iter<'a, T>(&'a Receiver<T>);

    /// As [`std::sync::mpsc::IntoIter`].
    pub struct IntoIter<T>(Receiver<T>);

    impl<T> Iterator for Iter<'_, T> {
        type Item = T;

        fn next(&mut self) -> Option<T> {
            self.0.recv().ok()
        }
    }

    impl<T> Iterator for IntoIter<T> {
        type Item = T;

        fn next(&mut self) -> Option<T> {
            self.0.recv().ok()
        }
    }

    impl<'a, T> IntoIterator for &'a Receiver<T> {
        type Item = T;
        type IntoIter = Iter<'a, T>;

        fn into_iter(self) -> Iter<'a, T> {
            Iter(self)
        }
    }

    impl<T> IntoIterator for Receiver<T> {
        type Item = T;
        type IntoIter = IntoIter<T>;

        fn into_iter(self) -> IntoIter<T> {
            IntoIter(self)
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Sender<T> {
            Sender { channel: self.channel.clone(), inner: self.inner.clone() }
        }
    }

    impl<T> Clone for SyncSender<T> {
        fn clone(&self) -> SyncSender<T> {
            SyncSender { channel: self.channel.clone(), inner: self.inner.clone() }
        }
    }
}

/// As [`std::sync::atomic`], every ordering as strong as `SeqCst`.
pub mod atomic {
    use std::fmt;
    use std::panic::Location;

    pub use std::sync::atomic::{Ordering, compiler_fence};

    use super::{Tag, chance, shuttled, world};

    /// As [`std::sync::atomic::fence`].
    #[track_caller]
    pub fn fence(order: Ordering) {
        shuttled::atomic::fence(order);
    }

    macro_rules! atomic {
        ($name:ident, $value:ty) => {
            #[doc = concat!("As [`std::sync::atomic::", stringify!($name), "`].")]
            pub struct $name {
                tag: Tag,
                inner: shuttled::atomic::$name,
            }

            // SAFETY: see Mutex.
            unsafe impl Send for $name {}
            // SAFETY: see Mutex.
            unsafe impl Sync for $name {}

            impl $name {
                /// As in std.
                #[track_caller]
                pub const fn new(value: $value) -> $name {
                    $name { tag: Tag::new("atomic"), inner: shuttled::atomic::$name::new(value) }
                }

                /// As in std.
                #[track_caller]
                pub fn load(&self, order: Ordering) -> $value {
                    let value = self.inner.load(order);
                    self.note(Location::caller(), || format!("reads {value:?} from {{}}"));
                    value
                }

                /// As in std.
                #[track_caller]
                pub fn store(&self, value: $value, order: Ordering) {
                    self.inner.store(value, order);
                    self.note(Location::caller(), || format!("writes {value:?} to {{}}"));
                }

                atomic!(@change swap, $value);

                /// As in std.
                #[track_caller]
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    let result = self.inner.compare_exchange(current, new, success, failure);
                    self.note(Location::caller(), || match result {
                        Ok(old) => format!("swaps {{}} from {old:?} to {new:?}"),
                        Err(is) => format!("finds {is:?} in {{}}, not {current:?}"),
                    });
                    result
                }

                /// As in std. Fails for no reason now and then, as the standard allows.
                #[track_caller]
                pub fn compare_exchange_weak(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    if crate::explored::waits_may_end() && chance(32) {
                        let value = self.inner.load(failure);
                        self.note(Location::caller(), || "fails to swap {}".to_owned());
                        return Err(value);
                    }
                    self.compare_exchange(current, new, success, failure)
                }

                /// As in std.
                #[track_caller]
                pub fn fetch_update(
                    &self,
                    set: Ordering,
                    fetch: Ordering,
                    mut f: impl FnMut($value) -> Option<$value>,
                ) -> Result<$value, $value> {
                    let mut old = self.load(fetch);
                    while let Some(new) = f(old) {
                        match self.compare_exchange(old, new, set, fetch) {
                            Ok(old) => return Ok(old),
                            Err(is) => old = is,
                        }
                    }
                    Err(old)
                }

                /// As in std.
                pub fn get_mut(&mut self) -> &mut $value {
                    self.inner.get_mut()
                }

                /// As in std.
                pub fn into_inner(self) -> $value {
                    self.inner.into_inner()
                }

                fn note(&self, at: world::At, what: impl FnOnce() -> String) {
                    let number = self.tag.number();
                    world::act(Some(number), at, what);
                }
            }

            impl Default for $name {
                #[track_caller]
                fn default() -> $name {
                    $name::new(<$value>::default())
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(stringify!($name))
                }
            }
        };
        (@change $method:ident, $value:ty) => {
            /// As in std.
            #[track_caller]
            pub fn $method(&self, value: $value, order: Ordering) -> $value {
                let old = self.inner.$method(value, order);
                self.note(Location::caller(), || {
                    format!(concat!(stringify!($method), "({:?}) on {{}}, which was {:?}"), value, old)
                });
                old
            }
        };
    }

    macro_rules! integers {
        ($($name:ident $value:ty),*) => {$(
            atomic!($name, $value);

            impl $name {
                atomic!(@change fetch_add, $value);
                atomic!(@change fetch_sub, $value);
                atomic!(@change fetch_and, $value);
                atomic!(@change fetch_or, $value);
                atomic!(@change fetch_xor, $value);
                atomic!(@change fetch_max, $value);
                atomic!(@change fetch_min, $value);
            }
        )*};
    }

    integers!(AtomicI8 i8, AtomicU8 u8, AtomicI16 i16, AtomicU16 u16, AtomicI32 i32, AtomicU32 u32,
        AtomicI64 i64, AtomicU64 u64, AtomicIsize isize, AtomicUsize usize);

    atomic!(AtomicBool, bool);

    impl AtomicBool {
        atomic!(@change fetch_and, bool);
        atomic!(@change fetch_or, bool);
        atomic!(@change fetch_xor, bool);
    }

    pub use shuttled::atomic::AtomicPtr;
}
