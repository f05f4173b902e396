//! A POSIX message queue that is removed however its maker ends.

use anyhow::Result;
use lab::AtDeath;
use lab::child::explain;
use nix::errno::Errno;
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::stat::Mode;

/// The longest message that the queues here take, in bytes.
pub const LONGEST: usize = 32;

/// An open queue and its name.
pub struct Queue {
    /// The descriptor.
    pub descriptor: MqdT,
    /// The name that others open it by.
    pub name: String,
    _removed_at_the_end: Option<AtDeath>,
}

impl Queue {
    /// Makes a queue for so many messages, mq_open(3).
    pub fn create(messages: i64) -> Result<Queue> {
        let name = format!("/message-queues-{}", std::process::id());
        // SAFETY: the experiments have one thread when they make a queue, so no lock is held.
        let promise = unsafe {
            AtDeath::promise(|| {
                let _ = mq_unlink(name.as_str());
            })
        }?;
        let descriptor = make(&name, messages).map_err(explain("mq_open"))?;
        Ok(Queue { descriptor, name, _removed_at_the_end: Some(promise) })
    }

    /// Opens a queue that exists.
    pub fn open(name: &str) -> Result<Queue> {
        let flags = MQ_OFlag::O_RDWR | MQ_OFlag::O_CLOEXEC;
        let descriptor = mq_open(name, flags, Mode::empty(), None).map_err(explain("mq_open"))?;
        Ok(Queue { descriptor, name: name.to_owned(), _removed_at_the_end: None })
    }

    /// Sends one message, mq_send(3).
    pub fn send(&self, message: &str, priority: u32) -> Result<(), Errno> {
        mq_send(&self.descriptor, message.as_bytes(), priority)
    }

    /// Takes the oldest message of the highest priority, mq_receive(3).
    pub fn receive(&self) -> Result<(String, u32), Errno> {
        let (mut message, mut priority) = ([0; LONGEST], 0);
        let length = mq_receive(&self.descriptor, &mut message, &mut priority)?;
        Ok((String::from_utf8_lossy(&message[..length]).into_owned(), priority))
    }

    /// The same from a queue that does not block; `None` if it is empty.
    pub fn next(&self) -> Result<Option<(String, u32)>, Errno> {
        match self.receive() {
            Err(Errno::EAGAIN) => Ok(None),
            taken => taken.map(Some),
        }
    }
}

/// Makes a queue of this name for so many messages.
pub fn make(name: &str, messages: i64) -> Result<MqdT, Errno> {
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR | MQ_OFlag::O_CLOEXEC;
    let shape = MqAttr::new(0, messages, LONGEST as i64, 0);
    mq_open(name, flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&shape))
}
