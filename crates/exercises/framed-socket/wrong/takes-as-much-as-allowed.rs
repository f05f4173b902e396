//! Takes as much memory as the longest message before it looks whether the length is allowed.

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

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// How many bytes came before the end.
    fn get(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut have = 0;
        while have < bytes.len() {
            match self.stream.read(&mut bytes[have..]) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(have)
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.put(&(message.len() as u32).to_be_bytes())?;
        self.put(message)
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        match self.get(&mut header)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(ErrorKind::UnexpectedEof.into()),
        }
        let length = u32::from_be_bytes(header) as usize;
        let mut message: Vec<u8> = Vec::with_capacity(length.min(LONGEST + 1));
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        message.resize(length, 0);
        if self.get(&mut message)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(message))
    }
}
