//! Flushes, and does not look whether that went well.

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
        self.stream.write_all(&(message.len() as u32).to_be_bytes())?;
        self.stream.write_all(message)?;
        let _ = self.stream.flush();
        Ok(())
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
