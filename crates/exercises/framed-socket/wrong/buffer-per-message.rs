//! Reads each message through a buffer.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

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
        let mut reader = BufReader::new(&mut self.stream);
        let ended = loop {
            match reader.fill_buf() {
                Ok(buffer) => break buffer.is_empty(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if ended {
            return Ok(None);
        }
        let mut header = [0; 4];
        reader.read_exact(&mut header)?;
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        reader.read_exact(&mut message)?;
        Ok(Some(message))
    }
}
