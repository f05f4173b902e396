//! Lends the submission a stream whose every call the driver answers, or a real socket.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use driver::shim::{answer, ask, socket};
use driver::{Failure, Wire};
use framed_socket::{Framed, LONGEST};

/// The types that a submission must have.
const _: fn(UnixStream) -> Framed<UnixStream> = Framed::new;
const _: fn(&mut Framed<UnixStream>, &[u8]) -> io::Result<()> = Framed::send;
const _: fn(&mut Framed<UnixStream>) -> io::Result<Option<Vec<u8>>> = Framed::receive;
const _: () = assert!(LONGEST == 1_usize << 20, "LONGEST is 1 << 20");

/// A stream that the driver plays.
#[derive(Default)]
struct Played {
    /// How many more calls are interrupted before the driver is asked again.
    interruptions: u64,
}

impl Played {
    /// Asks the driver what a call comes to.
    fn ask<T: Wire>(&mut self, name: &str, argument: &impl Wire) -> io::Result<T> {
        if self.interruptions > 0 {
            self.interruptions -= 1;
            return Err(interrupted(self.interruptions));
        }
        let result: Result<T, String> = ask(name, argument);
        result.map_err(|error| {
            if let Some(times) = error.strip_prefix("Interrupted ") {
                self.interruptions = times.parse::<u64>().map_or(0, |times| times - 1);
                return interrupted(self.interruptions);
            }
            if let Some(errno) = error.strip_prefix("errno ") {
                return io::Error::from_raw_os_error(errno.parse().unwrap_or(0));
            }
            let own = error.strip_suffix(')').and_then(|error| error.split_once('('));
            let (kind, own) = own.map_or((&error[..], None), |(kind, own)| (kind, own.parse().ok()));
            let known = [
                ErrorKind::WouldBlock,
                ErrorKind::ConnectionReset,
                ErrorKind::TimedOut,
                ErrorKind::BrokenPipe,
                ErrorKind::ConnectionAborted,
                ErrorKind::ConnectionRefused,
                ErrorKind::NotConnected,
                ErrorKind::PermissionDenied,
                ErrorKind::Unsupported,
                ErrorKind::OutOfMemory,
                ErrorKind::UnexpectedEof,
                ErrorKind::WriteZero,
                ErrorKind::InvalidData,
                ErrorKind::InvalidInput,
            ];
            let kind = known.into_iter().find(|known| format!("{known:?}") == kind);
            let kind = kind.unwrap_or(ErrorKind::Other);
            own.map_or_else(|| kind.into(), |own| io::Error::new(kind, Own(own)))
        })
    }
}

/// What an error holds that is not the system's.
#[derive(Debug)]
struct Own(u64);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the stream says {}", self.0)
    }
}

impl Error for Own {}

/// An interruption that so many others follow: the system's, or another error of that kind.
fn interrupted(follow: u64) -> io::Error {
    match follow {
        1 => io::Error::from_raw_os_error(4),
        2 => io::Error::new(ErrorKind::Interrupted, Own(follow)),
        _ => ErrorKind::Interrupted.into(),
    }
}

/// An error of the played stream as the driver named it, also if it is within another one of its kind;
/// any other by its kind.
fn named(error: &io::Error) -> String {
    let kind = error.kind();
    let mut within: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = within {
        if let Some(own) = inner.downcast_ref::<Own>() {
            return format!("{kind:?}({})", own.0);
        }
        within = match inner.downcast_ref::<io::Error>() {
            Some(inner) if inner.kind() != kind => None,
            Some(inner) => match inner.raw_os_error() {
                Some(errno) => return format!("errno {errno}"),
                None => inner.get_ref().map(|inner| -> &(dyn Error + 'static) { inner }),
            },
            None => inner.source(),
        };
    }
    format!("{kind:?}")
}

fn failure(error: io::Error) -> Failure {
    Failure { kind: named(&error), says: error.to_string() }
}

impl Read for Played {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes: Vec<u8> = self.ask("read", &(buffer.len() as u64))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Played {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken: u64 = self.ask("write", &bytes.to_vec())?;
        Ok(taken as usize)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.ask("flush", &())
    }
}

/// Takes memory from the system, and counts the bytes.
struct Counting;

/// How many bytes have been taken so far.
static TAKEN: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static MEMORY: Counting = Counting;

// SAFETY: everything comes from the system's allocator, as it is asked for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller answers for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller answers for the layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        TAKEN.fetch_add(size.saturating_sub(layout.size()) as u64, Relaxed);
        // SAFETY: the caller answers for all of them.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller answers for both.
        unsafe { System.dealloc(old, layout) }
    }
}

/// A stream that gives what is in `NEXT`, which is four bytes or less, and then comes to its end.
struct Given;

static NEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl Read for Given {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let length = buffer.len().min(next.len());
        buffer[..length].copy_from_slice(&next[..length]);
        next.drain(..length);
        Ok(length)
    }
}

impl Write for Given {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Receives these lengths, with nothing after each, over one stream: how many bytes came or the kind of the
/// error, and how many bytes of memory were taken.
fn receive_lengths(lengths: &[u64]) -> Vec<(Result<Option<u64>, String>, u64)> {
    let mut framed = Framed::new(Given);
    let receive = |length: &u64| {
        *NEXT.lock().unwrap_or_else(PoisonError::into_inner) = (*length as u32).to_be_bytes().to_vec();
        let before = TAKEN.load(Relaxed);
        let received = framed.receive();
        let taken = TAKEN.load(Relaxed) - before;
        let length = received.map(|message| message.map(|message| message.len() as u64));
        (length.map_err(|error| format!("{:?}", error.kind())), taken)
    };
    lengths.iter().map(receive).collect()
}

/// Either of them.
enum Stream {
    Played(Framed<Played>),
    Real(Framed<UnixStream>),
}

fn main() {
    let mut stream = Stream::Played(Framed::new(Played::default()));
    answer(move |name, arguments| match name {
        "new" => {
            stream = match arguments.take() {
                true => Stream::Real(Framed::new(socket().into())),
                false => Stream::Played(Framed::new(Played::default())),
            };
            ().to_bytes()
        }
        "lengths" => receive_lengths(&arguments.take::<Vec<u64>>()).to_bytes(),
        "send" | "send zeros" => {
            let message: Vec<u8> = match name {
                "send" => arguments.take(),
                _ => vec![0; arguments.take::<u64>() as usize],
            };
            let sent = match &mut stream {
                Stream::Played(framed) => framed.send(&message).map_err(failure),
                Stream::Real(framed) => framed.send(&message).map_err(Failure::from),
            };
            sent.to_bytes()
        }
        _ => {
            let received = match &mut stream {
                Stream::Played(framed) => framed.receive().map_err(failure),
                Stream::Real(framed) => framed.receive().map_err(Failure::from),
            };
            received.to_bytes()
        }
    })
}
