//! Lends the submission a stream whose every call the driver answers, or a real socket.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

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
            return Err(ErrorKind::Interrupted.into());
        }
        let result: Result<T, String> = ask(name, argument);
        result.map_err(|kind| {
            if let Some(times) = kind.strip_prefix("Interrupted ") {
                self.interruptions = times.parse::<u64>().map_or(0, |times| times - 1);
                return ErrorKind::Interrupted.into();
            }
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
            io::Error::from(kind.unwrap_or(ErrorKind::Other))
        })
    }
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
        Ok(())
    }
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
        "send" | "send zeros" => {
            let message: Vec<u8> = match name {
                "send" => arguments.take(),
                _ => vec![0; arguments.take::<u64>() as usize],
            };
            let sent = match &mut stream {
                Stream::Played(framed) => framed.send(&message),
                Stream::Real(framed) => framed.send(&message),
            };
            sent.map_err(Failure::from).to_bytes()
        }
        _ => {
            let received = match &mut stream {
                Stream::Played(framed) => framed.receive(),
                Stream::Real(framed) => framed.receive(),
            };
            received.map_err(Failure::from).to_bytes()
        }
    })
}
