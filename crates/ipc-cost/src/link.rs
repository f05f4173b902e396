//! Ways for one byte from one party to another, which may be a thread or a process.

use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::Shared;
use lab::child::{explain, explain_io};
use nix::errno::Errno;
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::Mode;
use shared_memory::futex::{self, Scope};

/// One direction. Both parties hold the whole of it, and each uses its half.
pub trait Link: Sized + Send + Sync + 'static {
    /// How often a party loses its CPU in a round trip if nobody else uses it: once if it sleeps
    /// until the answer is there.
    const SWITCHES: RangeInclusive<f64> = 0.95..=1.1;
    /// Two links, there and back.
    fn pair() -> Result<[Self; 2]>;
    /// Sends a byte.
    fn send(&self, byte: u8) -> Result<()>;
    /// Waits for a byte.
    fn receive(&self) -> Result<u8>;
}

/// Makes a call again that a signal interrupted, signal(7).
pub fn again<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            outcome => return outcome,
        }
    }
}

/// A stream of bytes through the kernel: a pipe, or one direction of a socket.
pub struct Stream {
    input: OwnedFd,
    output: OwnedFd,
}

impl Stream {
    fn put(&self, byte: u8) -> Result<()> {
        let written =
            again(|| nix::unistd::write(&self.input, &[byte])).map_err(explain("write"))?;
        ensure!(written == 1, "the byte was not taken");
        Ok(())
    }

    fn get(&self) -> Result<u8> {
        let mut byte = [0];
        let read = again(|| nix::unistd::read(&self.output, &mut byte)).map_err(explain("read"))?;
        ensure!(read == 1, "the other party has closed its end");
        Ok(byte[0])
    }

    /// Both directions of a connection between `a` and `b`.
    fn directions(a: OwnedFd, b: OwnedFd) -> Result<[Stream; 2]> {
        let [again_a, again_b] =
            [a.try_clone(), b.try_clone()].map(|fd| fd.map_err(explain_io("dup")));
        Ok([Stream { input: a, output: b }, Stream { input: again_b?, output: again_a? }])
    }
}

/// pipe(2).
pub struct Pipe(Stream);

impl Link for Pipe {
    fn pair() -> Result<[Pipe; 2]> {
        let [there, back] = [nix::unistd::pipe(), nix::unistd::pipe()];
        let pipe = |ends: nix::Result<(OwnedFd, OwnedFd)>| {
            ends.map(|(output, input)| Pipe(Stream { input, output })).map_err(explain("pipe"))
        };
        Ok([pipe(there)?, pipe(back)?])
    }

    fn send(&self, byte: u8) -> Result<()> {
        self.0.put(byte)
    }

    fn receive(&self) -> Result<u8> {
        self.0.get()
    }
}

/// A pair of Unix stream sockets, socketpair(2).
pub struct Unix(Stream);

impl Link for Unix {
    // The other party's read makes room in this one's socket. That too wakes this one, which
    // sleeps on the same queue for an answer, and finds none yet.
    const SWITCHES: RangeInclusive<f64> = 0.95..=2.1;

    fn pair() -> Result<[Unix; 2]> {
        let (a, b) = UnixStream::pair().map_err(explain_io("socketpair"))?;
        Ok(Stream::directions(a.into(), b.into())?.map(Unix))
    }

    fn send(&self, byte: u8) -> Result<()> {
        self.0.put(byte)
    }

    fn receive(&self) -> Result<u8> {
        self.0.get()
    }
}

/// A TCP connection over the loopback interface, without Nagle's delay.
pub struct Tcp(Stream);

impl Link for Tcp {
    fn pair() -> Result<[Tcp; 2]> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(explain_io("bind"))?;
        let address = listener.local_addr().context("getsockname")?;
        let a = TcpStream::connect(address).map_err(explain_io("connect"))?;
        let (b, _) = listener.accept().map_err(explain_io("accept"))?;
        for stream in [&a, &b] {
            stream.set_nodelay(true).context("TCP_NODELAY")?;
        }
        Ok(Stream::directions(a.into(), b.into())?.map(Tcp))
    }

    fn send(&self, byte: u8) -> Result<()> {
        self.0.put(byte)
    }

    fn receive(&self) -> Result<u8> {
        self.0.get()
    }
}

/// A counter that the kernel keeps, eventfd(2). The byte goes as the count.
pub struct Event(EventFd);

impl Link for Event {
    fn pair() -> Result<[Event; 2]> {
        let event = || EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC);
        Ok([
            Event(event().map_err(explain("eventfd"))?),
            Event(event().map_err(explain("eventfd"))?),
        ])
    }

    fn send(&self, byte: u8) -> Result<()> {
        again(|| self.0.write(u64::from(byte) + 1)).map_err(explain("write"))?;
        Ok(())
    }

    fn receive(&self) -> Result<u8> {
        Ok((again(|| self.0.read()).map_err(explain("read"))? - 1) as u8)
    }
}

/// A POSIX message queue, whose name is removed as soon as it is open.
pub struct Queue(MqdT);

impl Link for Queue {
    fn pair() -> Result<[Queue; 2]> {
        Ok([Queue::open("there")?, Queue::open("back")?])
    }

    fn send(&self, byte: u8) -> Result<()> {
        again(|| mq_send(&self.0, &[byte], 0)).map_err(explain("mq_send"))
    }

    fn receive(&self) -> Result<u8> {
        let mut byte = [0];
        again(|| mq_receive(&self.0, &mut byte, &mut 0)).map_err(explain("mq_receive"))?;
        Ok(byte[0])
    }
}

impl Queue {
    fn open(direction: &str) -> Result<Queue> {
        let name = format!("/ipc-cost-{direction}-{}", std::process::id());
        let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR | MQ_OFlag::O_CLOEXEC;
        let shape = MqAttr::new(0, 4, 1, 0);
        let queue = mq_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&shape));
        // Some kernels' security modules refuse a queue that has been made already.
        let unlinked = match queue {
            Err(Errno::EEXIST) => Ok(()),
            _ => mq_unlink(name.as_str()),
        };
        let queue = queue.map_err(explain("mq_open"))?;
        unlinked
            .map_err(explain("mq_unlink"))
            .with_context(|| format!("the queue {name} stays"))?;
        Ok(Queue(queue))
    }
}

/// A word of shared memory: 0 while it is empty, else the byte and one.
struct Mailbox {
    word: Shared<AtomicU32>,
}

impl Mailbox {
    fn new() -> Result<Mailbox> {
        Ok(Mailbox { word: Shared::new(AtomicU32::new(0))? })
    }

    fn take(&self) -> Option<u8> {
        let full = self.word.load(Acquire).checked_sub(1)?;
        self.word.store(0, Relaxed);
        Some(full as u8)
    }
}

/// A word of shared memory, and futex(2) to wait for it.
pub struct Futex(Mailbox);

impl Link for Futex {
    fn pair() -> Result<[Futex; 2]> {
        Ok([Futex(Mailbox::new()?), Futex(Mailbox::new()?)])
    }

    fn send(&self, byte: u8) -> Result<()> {
        self.0.word.store(u32::from(byte) + 1, Release);
        futex::wake(&self.0.word, 1, Scope::Shared);
        Ok(())
    }

    fn receive(&self) -> Result<u8> {
        loop {
            if let Some(byte) = self.0.take() {
                return Ok(byte);
            }
            futex::wait(&self.0.word, 0, Scope::Shared, None);
        }
    }
}

/// A word of shared memory, looked at until it changes. A receiver that looked in vain for long
/// sleeps, so that it leaves its CPU to the others while it is not being measured.
pub struct Spin {
    mailbox: Mailbox,
    asleep: Shared<AtomicU32>,
}

/// About a tenth of a millisecond.
const LOOKS: u32 = 5_000;

impl Link for Spin {
    const SWITCHES: RangeInclusive<f64> = 0.0..=0.001;

    fn pair() -> Result<[Spin; 2]> {
        let spin = || {
            anyhow::Ok(Spin { mailbox: Mailbox::new()?, asleep: Shared::new(AtomicU32::new(0))? })
        };
        Ok([spin()?, spin()?])
    }

    fn send(&self, byte: u8) -> Result<()> {
        self.mailbox.word.store(u32::from(byte) + 1, Release);
        if self.asleep.load(Relaxed) != 0 {
            futex::wake(&self.asleep, 1, Scope::Shared);
        }
        Ok(())
    }

    fn receive(&self) -> Result<u8> {
        loop {
            for _ in 0..LOOKS {
                if let Some(byte) = self.mailbox.take() {
                    return Ok(byte);
                }
                std::hint::spin_loop();
            }
            self.asleep.store(1, Relaxed);
            // A wake-up can be missed here; then the time-out ends the sleep.
            if self.mailbox.word.load(Acquire) == 0 {
                futex::wait(&self.asleep, 1, Scope::Shared, Some(Duration::from_millis(1)));
            }
            self.asleep.store(0, Relaxed);
        }
    }
}
