//! Reads on, and forgets that when a message is sent.

use std::io::{self, ErrorKind, Read, Write};

/// The longest message, in bytes.
pub const LONGEST: usize = 1 << 20;

/// Reads on into a buffer of its own, and finishes an unfinished message before the next.
#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
    come: Vec<u8>,
    rest: Vec<u8>,
    gone: usize,
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream, come: Vec::new(), rest: Vec::new(), gone: 0 }
    }

    fn push(&mut self) -> io::Result<()> {
        while self.gone < self.rest.len() {
            match self.stream.write(&self.rest[self.gone..]) {
                Ok(0) => return Err(io::Error::new(ErrorKind::WriteZero, "takes nothing")),
                Ok(n) => self.gone += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
        }
        self.rest.clear();
        self.gone = 0;
        loop {
            match self.stream.flush() {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                other => return other,
            }
        }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(io::Error::new(ErrorKind::InvalidInput, "too long"));
        }
        if !self.rest.is_empty() {
            self.push()?;
        }
        self.come.clear();
        self.rest.extend_from_slice(&(message.len() as u32).to_be_bytes());
        self.rest.extend_from_slice(message);
        self.push()
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            if let Some(head) = self.come.first_chunk::<4>() {
                let length = u32::from_be_bytes(*head) as usize;
                if length > LONGEST {
                    self.come.drain(..4);
                    return Err(io::Error::new(ErrorKind::InvalidData, "promises too much"));
                }
                if self.come.len() >= 4 + length {
                    let mut message: Vec<u8> = self.come.drain(..4 + length).collect();
                    message.drain(..4);
                    return Ok(Some(message));
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) if self.come.is_empty() => return Ok(None),
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "cut off")),
                Ok(n) => self.come.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}
