//! Tries once more when a write has failed, whatever the error was: one that does not come
//! again is lost.

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
            return Err(ErrorKind::InvalidInput.into());
        }
        self.send_all(&(message.len() as u32).to_be_bytes())?;
        self.send_all(message)
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        if !self.read_first(&mut header[..1])? {
            return Ok(None);
        }
        self.stream.read_exact(&mut header[1..])?;
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        self.stream.read_exact(&mut message)?;
        Ok(Some(message))
    }

    fn send_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let mut attempt = self.stream.write(left);
            if attempt.is_err() {
                attempt = self.stream.write(left);
            }
            match attempt {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => left = &left[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads one byte. False at the end of the stream.
    fn read_first(&mut self, byte: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.stream.read(byte) {
                Ok(length) => return Ok(length == 1),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
