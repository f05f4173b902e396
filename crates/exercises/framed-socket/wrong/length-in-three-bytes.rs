//! Checks the length after it has been cut down to three bytes: 16 MiB and a little more count as a little.

use std::io::{self, ErrorKind, Read, Write};

/// The longest message, in bytes.
pub const LONGEST: usize = 1 << 20;

/// A stream over which messages are sent and received.
#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
}

impl<S: Read + Write> Framed<S> {
    /// Sends and receives messages over `stream`.
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.stream.write(&bytes[done..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills the buffer, or says how much there was until the end.
    fn get(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.stream.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = (message.len() & 0xff_ffff) as u32;
        if length > LONGEST as u32 {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.put(&length.to_be_bytes())?;
        self.put(&message[..length as usize])
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        match self.get(&mut header)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(ErrorKind::UnexpectedEof.into()),
        }
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        if self.get(&mut message)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(message))
    }
}
