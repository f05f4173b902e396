//! Channels.

use std::time::Duration;

use explorer::explored::sync::Arc;
use explorer::explored::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use explorer::explored::sync::mpsc::{
    RecvTimeoutError, Sender, TryRecvError, TrySendError, channel, sync_channel,
};
use explorer::explored::thread;
use explorer::report::Kind;

use crate::Case;

pub const CASES: &[Case] = &[
    ("messages come in the order of their sending", in_order, None),
    ("a receiver ends when the last sender is gone", ends, None),
    ("messages are dropped with the receiver", dropped_with_the_receiver, None),
    ("who waits for a reply is told that nobody can give it", reply_channels, None),
    ("what was sent before the senders went is received", sent_before, None),
    ("a full channel makes its sender wait", bounded, None),
    ("a sender that waits is told that the receiver is gone", waits_in_vain, None),
    ("a channel without room hands over", rendezvous, None),
    ("a channel without room keeps nothing", rendezvous_try, None),
    ("waiting with a limit ends", timeout, None),
    ("whether a message comes in time is not known", in_time, Some(Kind::Panic)),
    ("iterators", iterators, None),
    ("a sender that is kept keeps the receiver waiting", kept_sender, Some(Kind::Deadlock)),
];

fn in_order() {
    let (to, from) = channel();
    let other = to.clone();
    let threads = [(to, 0), (other, 10)].map(|(to, first)| {
        thread::spawn(move || (first..first + 3).for_each(|n| to.send(n).unwrap()))
    });
    let all: Vec<u32> = from.iter().collect();
    let of = |low: bool| all.iter().filter(|n| (**n < 10) == low).copied().collect::<Vec<_>>();
    assert_eq!((of(true), of(false)), (vec![0, 1, 2], vec![10, 11, 12]));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn ends() {
    let (to, from) = channel::<()>();
    let thread = thread::spawn(move || from.recv().is_err());
    drop(to);
    assert!(thread.join().unwrap());
}

struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn dropped_with_the_receiver() {
    let count = Arc::new(AtomicUsize::new(0));
    let (to, from) = channel();
    to.send(Counts(count.clone())).ok().unwrap();
    to.send(Counts(count.clone())).ok().unwrap();
    drop(from);
    assert_eq!(count.load(SeqCst), 2, "though the sender is still there");
    let back = to.send(Counts(count.clone()));
    assert!(back.is_err());
}

/// Whoever answers stops with questions in its queue.
fn reply_channels() {
    let (questions, asked) = channel::<Sender<u32>>();
    let actor = thread::spawn(move || asked.recv().unwrap().send(1).unwrap());
    let threads = [questions.clone(), questions].map(|questions| {
        thread::spawn(move || {
            let (reply, answer) = channel();
            questions.send(reply).is_ok() && answer.recv().is_ok()
        })
    });
    let answered = threads.into_iter().map(|thread| thread.join().unwrap());
    assert_eq!(answered.filter(|it| *it).count(), 1);
    actor.join().unwrap();
}

fn sent_before() {
    let (to, from) = channel();
    to.send(1).unwrap();
    drop(to);
    assert_eq!((from.recv(), from.try_recv()), (Ok(1), Err(TryRecvError::Disconnected)));
}

fn bounded() {
    let (to, from) = sync_channel(1);
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let thread = thread::spawn(move || {
        for number in 0..3 {
            to.send(number).unwrap();
            count.fetch_add(1, SeqCst);
        }
    });
    for number in 0..3 {
        assert!(sent.load(SeqCst) <= number + 1, "one fits in");
        assert_eq!(from.recv(), Ok(number));
    }
    thread.join().unwrap();
}

fn waits_in_vain() {
    let (to, from) = sync_channel(1);
    to.send(1).unwrap();
    let thread = thread::spawn(move || to.send(2).unwrap_err().0);
    drop(from);
    assert_eq!(thread.join().unwrap(), 2);
}

fn rendezvous() {
    let (to, from) = sync_channel(0);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let thread = thread::spawn(move || {
        to.send(7).unwrap();
        count.load(SeqCst)
    });
    taken.store(1, SeqCst);
    assert_eq!(from.recv(), Ok(7));
    assert_eq!(thread.join().unwrap(), 1, "the sender has waited for the receiver");
    let (to, from) = sync_channel(0);
    let thread = thread::spawn(move || to.send(8).is_err());
    drop(from);
    assert!(thread.join().unwrap());
}

fn rendezvous_try() {
    let (to, from) = sync_channel(0);
    assert_eq!(to.try_send(1), Err(TrySendError::Full(1)));
    drop(from);
    assert_eq!(to.try_send(1), Err(TrySendError::Disconnected(1)));
}

fn timeout() {
    let (to, from) = channel::<()>();
    assert_eq!(from.recv_timeout(Duration::from_secs(9)), Err(RecvTimeoutError::Timeout));
    drop(to);
    assert_eq!(from.recv_timeout(Duration::from_secs(9)), Err(RecvTimeoutError::Disconnected));
}

fn in_time() {
    let (to, from) = channel();
    thread::spawn(move || to.send(1));
    assert_eq!(from.recv_timeout(Duration::from_secs(9)), Ok(1));
}

fn iterators() {
    let (to, from) = channel();
    (0..3).for_each(|number| to.send(number).unwrap());
    assert_eq!(from.try_iter().take(2).collect::<Vec<_>>(), [0, 1]);
    drop(to);
    assert_eq!((&from).into_iter().collect::<Vec<_>>(), [2]);
    assert_eq!(from.into_iter().count(), 0);
}

fn kept_sender() {
    let (to, from) = channel::<u32>();
    let other = to.clone();
    thread::spawn(move || other.send(1));
    assert_eq!(from.iter().count(), 1);
    drop(to);
}
