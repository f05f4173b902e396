//! Length and message as two slices of one call, `write_vectored`; a helper repeats interrupted calls.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

pub const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
}

enum Filled {
    Whole,
    Partly,
    Nothing,
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(io::Error::from(ErrorKind::InvalidInput));
        }
        let header = (message.len() as u32).to_be_bytes();
        let total = header.len() + message.len();
        let mut sent = 0;
        while sent < total {
            let head = &header[sent.min(4)..];
            let body = &message[sent.saturating_sub(4)..];
            let count = retry(|| self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]))?;
            if count == 0 {
                return Err(io::Error::from(ErrorKind::WriteZero));
            }
            sent += count;
        }
        Ok(())
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> io::Result<Filled> {
        let whole = buffer.len();
        while !buffer.is_empty() {
            let count = retry(|| self.stream.read(buffer))?;
            if count == 0 {
                let nothing = buffer.len() == whole;
                return Ok(if nothing { Filled::Nothing } else { Filled::Partly });
            }
            buffer = &mut buffer[count..];
        }
        Ok(Filled::Whole)
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0_u8; 4];
        match self.fill(&mut header)? {
            Filled::Nothing => return Ok(None),
            Filled::Partly => return Err(io::Error::new(ErrorKind::UnexpectedEof, "within a length")),
            Filled::Whole => {}
        }
        let length = header.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length > LONGEST {
            return Err(io::Error::from(ErrorKind::InvalidData));
        }
        let mut message = vec![0; length];
        match self.fill(&mut message)? {
            Filled::Whole => Ok(Some(message)),
            _ => Err(io::Error::new(ErrorKind::UnexpectedEof, "within a message")),
        }
    }
}
