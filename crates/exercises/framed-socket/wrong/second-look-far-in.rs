//! Reads once more at an end that comes after more than 64 KiB of a message.

use std::io::{self, ErrorKind, Read, Write};

pub const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the message is too long"));
        }
        let mut frame = Vec::with_capacity(4 + message.len());
        frame.extend((message.len() as u32).to_be_bytes());
        frame.extend(message);
        let mut left = &frame[..];
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => left = &left[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        match self.fill(&mut header)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(ErrorKind::UnexpectedEof.into()),
        }
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(io::Error::new(ErrorKind::InvalidData, "the message is too long"));
        }
        let mut message = vec![0; length];
        if self.fill(&mut message)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(message))
    }

    /// Reads until the buffer is full or the stream ends. Returns how much was read.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let mut again = false;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) if filled > 1 << 16 && !again => again = true,
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
