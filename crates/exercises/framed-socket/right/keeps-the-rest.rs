//! Keeps what has come of a message and what has not gone yet, for the next call.

use std::io::{self, ErrorKind, Read, Write};

pub const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
    come: Vec<u8>,
    left: Vec<u8>,
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream, come: Vec::new(), left: Vec::new() }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.left.extend((message.len() as u32).to_be_bytes());
        self.left.extend(message);
        while !self.left.is_empty() {
            match self.stream.write(&self.left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => drop(self.left.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let wanted = match self.come.split_first_chunk() {
                None => 4,
                Some((length, _)) => 4 + u32::from_be_bytes(*length) as usize,
            };
            if wanted > 4 + LONGEST {
                self.come.clear();
                return Err(ErrorKind::InvalidData.into());
            }
            if self.come.len() == wanted {
                let message = self.come.split_off(4);
                self.come.clear();
                return Ok(Some(message));
            }
            let missing = wanted - self.come.len();
            let read = (&mut self.stream).take(missing as u64).read_to_end(&mut self.come)?;
            if self.come.is_empty() {
                return Ok(None);
            }
            if read < missing {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
