//! Messages over a stream of bytes.

use std::io::{self, Read, Write};

/// The longest message, in bytes.
pub const LONGEST: usize = 1 << 20;

/// A stream, for instance a Unix socket, over which messages are sent and received.
///
/// On the stream, a message is its length in four bytes, the highest first, and then its bytes.
#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
}

impl<S: Read + Write> Framed<S> {
    /// Sends and receives messages over `stream`.
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream }
    }

    /// Sends a message, all of it. One that is longer than [`LONGEST`] is an error of the kind
    /// `InvalidInput`, and nothing is sent then. Errors of the stream are passed on as they are, except
    /// that an interrupted call is repeated, as often as it takes. A stream that takes nothing more,
    /// whose `write` returns 0, is an error of the kind `WriteZero`.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = message.len() as u32; // TODO: what if it is too long?
        self.stream.write(&length.to_be_bytes())?; // TODO: what if it takes only a part?
        self.stream.write(message)?;
        Ok(())
    }

    /// Receives a message, all of it and nothing else. If it reads on, that is there for the next
    /// call. `None` if the stream ends instead of a message.
    ///
    /// An end within a message is an error of the kind `UnexpectedEof`. A length beyond [`LONGEST`]
    /// is one of the kind `InvalidData`, and no memory is taken for it. Errors of the stream are
    /// passed on as they are, except that an interrupted call is repeated.
    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        self.stream.read(&mut header)?; // TODO: what if it gives only a part, or nothing?
        let mut message = vec![0; u32::from_be_bytes(header) as usize];
        self.stream.read(&mut message)?;
        Ok(Some(message))
    }
}
