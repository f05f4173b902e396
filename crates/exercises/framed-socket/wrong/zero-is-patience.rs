//! Goes on reading until it has what it asked for.

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
        self.stream.write_all(message)
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        let mut filled = self.read(&mut header)?;
        if filled == 0 {
            return Ok(None);
        }
        while filled < header.len() {
            filled += self.read(&mut header[filled..])?;
        }
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        let mut filled = 0;
        while filled < length {
            filled += self.read(&mut message[filled..])?;
        }
        Ok(Some(message))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}
