//! A process need not wait for messages: it can be told of the first one that comes.

use std::os::fd::{AsFd, AsRawFd};

use anyhow::Result;
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use crate::queue::Queue;

pub const EXPERIMENT: Experiment = Experiment {
    name: "notify",
    question: "How does a process learn of a message while it does something else?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let queue = Queue::create(4)?;
    let mut signals = SigSet::empty();
    signals.add(TELLS);
    signals.thread_block().map_err(explain("pthread_sigmask"))?;
    register(&queue).map_err(explain("mq_notify"))?;
    let again = register(&queue).err();
    let answer = again.map_or("it is given".to_owned(), |errno| format!("{errno:?}"));
    say!("receiver", "asks for {TELLS} at the next message; once more: {answer}");

    // ANCHOR: told
    queue.send("first", 0).map_err(explain("mq_send"))?;
    let first = pending()?;
    queue.receive().map_err(explain("mq_receive"))?;
    queue.send("second", 0).map_err(explain("mq_send"))?;
    let second = pending()?;
    queue.receive().map_err(explain("mq_receive"))?;
    // ANCHOR_END: told
    say!("receiver", "the first message came: {}", told(first));
    say!("receiver", "the second one: {}", told(second));

    register(&queue).map_err(explain("mq_notify"))?;
    queue.send("third", 0).map_err(explain("mq_send"))?;
    let third = pending()?;
    say!("receiver", "another request is to tell of the third: {}", told(third));
    // SAFETY: the number is that of an open descriptor, which `queue` keeps open.
    let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(queue.descriptor.as_raw_fd()) };
    let mut fds = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
    let readable = poll(&mut fds, PollTimeout::ZERO).map_err(explain("poll"))? == 1;
    let word = if readable { "readable" } else { "not readable" };
    say!("receiver", "on Linux a queue is a descriptor too: poll says {word}");
    Ok(Evidence::new()
        .fact("notify: told of the first", first)
        .fact("notify: told of the second", second)
        .fact("notify: told after asking again", third)
        .fact("notify: asked twice", answer)
        .fact("notify: poll sees the message", readable))
}

/// Asks for a signal at the next message that comes into the empty queue, mq_notify(3).
fn register(queue: &Queue) -> Result<(), Errno> {
    // SAFETY: all zeros is a valid sigevent.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = TELLS as i32;
    // SAFETY: the descriptor is open and the event lives during the call.
    let asked = unsafe { libc::mq_notify(queue.descriptor.as_raw_fd(), &event) };
    Errno::result(asked).map(drop)
}

/// The signal that tells of a message.
const TELLS: Signal = Signal::SIGUSR1;

/// Whether the signal has come, which is blocked and so waits to be taken.
fn pending() -> Result<bool> {
    let mut signals = SigSet::empty();
    signals.add(TELLS);
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: set and time live during the call, and nothing is written.
    let taken = unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), &now) };
    match Errno::result(taken) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN) => Ok(false),
        Err(errno) => Err(explain("sigtimedwait")(errno)),
    }
}

fn told(yes: bool) -> &'static str {
    if yes { "told" } else { "not told" }
}
