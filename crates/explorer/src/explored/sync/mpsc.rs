//! `std::sync::mpsc`. What is in a channel is dropped with its receiver.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use super::super::execution::{self, Part};
use super::super::trace::{self, At, Tag};
use crate::report::Obstacle;

/// A channel: what both ends share.
struct Channel<T> {
    ends: Ends,
    /// Each message with the number of its sending.
    messages: RefCell<VecDeque<(u64, T)>>,
}

/// What is known of a channel without its messages: compiled once, and not with every program for
/// every type.
struct Ends {
    tag: Tag,
    /// How many messages have room; without a limit, any number.
    bound: Option<usize>,
    senders: Cell<usize>,
    receiver: Cell<bool>,
    /// Whether the receiver waits.
    waits: Cell<bool>,
    sent: Cell<u64>,
}

// SAFETY: all explored threads are run by one thread of the operating system.
unsafe impl<T: Send> Send for Channel<T> {}
// SAFETY: as above; messages are handed over as a whole.
unsafe impl<T: Send> Sync for Channel<T> {}

/// As [`std::sync::mpsc::Sender`].
pub struct Sender<T>(Arc<Channel<T>>);

/// As [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T>(Arc<Channel<T>>);

/// As [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// A receiver is used by one thread at a time.
    alone: std::marker::PhantomData<Cell<()>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> UnwindSafe for SyncSender<T> {}
impl<T> RefUnwindSafe for SyncSender<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

/// As [`std::sync::mpsc::channel`].
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (channel, receiver) = make(None, Location::caller());
    (Sender(channel), receiver)
}

/// As [`std::sync::mpsc::sync_channel`].
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (channel, receiver) = make(Some(bound), Location::caller());
    (SyncSender(channel), receiver)
}

fn make<T>(bound: Option<usize>, at: At) -> (Arc<Channel<T>>, Receiver<T>) {
    let ends = Ends {
        tag: Tag::at("channel", at),
        bound,
        senders: Cell::new(1),
        receiver: Cell::new(true),
        waits: Cell::new(false),
        sent: Cell::new(0),
    };
    let channel = Arc::new(Channel { ends, messages: RefCell::new(VecDeque::new()) });
    let receiver = Receiver { channel: channel.clone(), alone: std::marker::PhantomData };
    (channel, receiver)
}

impl Ends {
    fn number(&self, at: At) -> usize {
        self.tag.number(at).0
    }

    fn sender_is_gone(&self) {
        self.senders.set(self.senders.get() - 1);
        if self.senders.get() == 0 && trace::is_running() {
            execution::unblock_all((self.number(Location::caller()), Part::Taking));
        }
    }

    /// Waits for room, or for one's message to be taken.
    fn wait_to_send(&self, number: usize, at: At) {
        let (key, of) = ((number, Part::Giving), Obstacle::Resource(number));
        execution::block(key, "sending to", of, at);
    }
}

impl<T> Channel<T> {
    /// Puts a message into the channel; its number.
    fn put(&self, number: usize, value: T, at: At) -> u64 {
        let ticket = self.ends.sent.get();
        self.ends.sent.set(ticket + 1);
        self.messages.borrow_mut().push_back((ticket, value));
        execution::unblock_all((number, Part::Taking));
        trace::act(Some(number), at, || "sends to {}".to_owned());
        ticket
    }

    fn length(&self) -> usize {
        self.messages.borrow().len()
    }

    fn send(&self, value: T, at: At) -> Result<(), SendError<T>> {
        let number = self.ends.number(at);
        execution::point(at);
        // Without any room a message is handed over: there may be as many as there are senders.
        let room = self.ends.bound.map_or(usize::MAX, |bound| bound.max(1));
        while self.ends.receiver.get() && self.length() >= room {
            self.ends.wait_to_send(number, at);
        }
        if !self.ends.receiver.get() {
            trace::act(Some(number), at, || "finds no receiver at {}".to_owned());
            return Err(SendError(value));
        }
        let ticket = self.put(number, value, at);
        if self.ends.bound == Some(0) {
            let place = || self.messages.borrow().iter().position(|(other, _)| *other == ticket);
            while self.ends.receiver.get() && place().is_some() {
                self.ends.wait_to_send(number, at);
            }
            if let Some(place) = place() {
                let back = self.messages.borrow_mut().remove(place);
                return back.map_or(Ok(()), |(_, value)| Err(SendError(value)));
            }
        }
        Ok(())
    }

    fn try_send(&self, value: T, at: At) -> Result<(), TrySendError<T>> {
        let number = self.ends.number(at);
        execution::point(at);
        if !self.ends.receiver.get() {
            return Err(TrySendError::Disconnected(value));
        }
        let room = match self.ends.bound {
            None => true,
            Some(0) => self.ends.waits.get() && self.length() == 0,
            Some(bound) => self.length() < bound,
        };
        if !room {
            trace::act(Some(number), at, || "finds {} full".to_owned());
            return Err(TrySendError::Full(value));
        }
        self.put(number, value, at);
        Ok(())
    }

    fn take(&self, number: usize, at: At) -> Option<T> {
        let (_, value) = self.messages.borrow_mut().pop_front()?;
        execution::unblock_all((number, Part::Giving));
        trace::act(Some(number), at, || "receives from {}".to_owned());
        Some(value)
    }

    fn try_recv(&self, at: At) -> Result<T, TryRecvError> {
        let number = self.ends.number(at);
        execution::point(at);
        match self.take(number, at) {
            Some(value) => Ok(value),
            None if self.ends.senders.get() == 0 => Err(TryRecvError::Disconnected),
            None => {
                trace::act(Some(number), at, || "finds {} empty".to_owned());
                Err(TryRecvError::Empty)
            }
        }
    }

    fn recv(&self, limit: Option<Duration>, at: At) -> Result<T, RecvTimeoutError> {
        let number = self.ends.number(at);
        execution::point(at);
        let end = trace::with(|world| world.clock).saturating_add(limit.unwrap_or_default());
        loop {
            if let Some(value) = self.take(number, at) {
                return Ok(value);
            }
            if self.ends.senders.get() == 0 {
                trace::act(Some(number), at, || "finds no sender at {}".to_owned());
                return Err(RecvTimeoutError::Disconnected);
            }
            let (key, of) = ((number, Part::Taking), Obstacle::Resource(number));
            self.ends.waits.set(true);
            let late = match limit {
                None => {
                    execution::block(key, "receiving from", of, at);
                    false
                }
                Some(_) => {
                    let left = end.saturating_sub(trace::with(|world| world.clock));
                    !execution::block_for(left, key, "receiving from", of, at)
                }
            };
            self.ends.waits.set(false);
            if late && self.length() == 0 && self.ends.senders.get() > 0 {
                trace::act(Some(number), at, || "has waited long enough for {}".to_owned());
                return Err(RecvTimeoutError::Timeout);
            }
        }
    }
}

impl<T> Sender<T> {
    /// As [`std::sync::mpsc::Sender::send`].
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.send(t, Location::caller())
    }
}

impl<T> SyncSender<T> {
    /// As [`std::sync::mpsc::SyncSender::send`].
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.send(t, Location::caller())
    }

    /// As [`std::sync::mpsc::SyncSender::try_send`].
    #[track_caller]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(t, Location::caller())
    }
}

macro_rules! sender {
    ($($sender:ident)*) => {$(
        impl<T> Clone for $sender<T> {
            fn clone(&self) -> $sender<T> {
                let senders = &self.0.ends.senders;
                senders.set(senders.get() + 1);
                $sender(self.0.clone())
            }
        }

        impl<T> Drop for $sender<T> {
            fn drop(&mut self) {
                self.0.ends.sender_is_gone();
            }
        }

        impl<T> fmt::Debug for $sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($sender)).finish_non_exhaustive()
            }
        }
    )*};
}

sender!(Sender SyncSender);

impl<T> Receiver<T> {
    /// As [`std::sync::mpsc::Receiver::recv`].
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.channel.recv(None, Location::caller()).map_err(|_| RecvError)
    }

    /// As [`std::sync::mpsc::Receiver::try_recv`].
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.try_recv(Location::caller())
    }

    /// As [`std::sync::mpsc::Receiver::recv_timeout`].
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.channel.recv(Some(timeout), Location::caller())
    }

    /// As [`std::sync::mpsc::Receiver::iter`].
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self, at: Location::caller() }
    }

    /// As [`std::sync::mpsc::Receiver::try_iter`].
    #[track_caller]
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self, at: Location::caller() }
    }
}

impl<T: fmt::Debug + 'static> Receiver<T> {
    /// Tells the channel's number in the last execution, and the messages in it. This holds no end
    /// of it open.
    pub(in super::super) fn look(&self) -> impl Fn() -> (Option<usize>, String) + 'static {
        let channel = Arc::clone(&self.channel);
        move || {
            let messages = channel.messages.borrow();
            let messages: Vec<&T> = messages.iter().map(|(_, message)| message).collect();
            (channel.ends.tag.known(), format!("{messages:?}"))
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Channel { ends, messages } = &*self.channel;
        ends.receiver.set(false);
        if ends.bound != Some(0) {
            let left = std::mem::take(&mut *messages.borrow_mut());
            drop(left);
        }
        if trace::is_running() {
            execution::unblock_all((ends.number(Location::caller()), Part::Giving));
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// As [`std::sync::mpsc::Iter`].
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    rx: &'a Receiver<T>,
    at: At,
}

/// As [`std::sync::mpsc::TryIter`].
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    rx: &'a Receiver<T>,
    at: At,
}

/// As [`std::sync::mpsc::IntoIter`].
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
    at: At,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.channel.recv(None, self.at).ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.channel.try_recv(self.at).ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.channel.recv(None, self.at).ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for TryIter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[track_caller]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self, at: Location::caller() }
    }
}
