//! A buffered writer, which keeps what the stream has not taken, and is flushed.

use std::io::{self, BufWriter, ErrorKind, Read, Write};

pub const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Framed<S: Write> {
    stream: BufWriter<S>,
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream: BufWriter::new(stream) }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(ErrorKind::InvalidInput.into());
        }
        let length = (message.len() as u32).to_be_bytes();
        self.stream.write_all(&[&length, message].concat())?;
        loop {
            match self.stream.flush() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                flushed => return flushed,
            }
        }
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        if !self.read_first(&mut header[..1])? {
            return Ok(None);
        }
        self.stream.get_mut().read_exact(&mut header[1..])?;
        let length = u32::from_be_bytes(header) as usize;
        if length > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        self.stream.get_mut().read_exact(&mut message)?;
        Ok(Some(message))
    }

    fn read_first(&mut self, byte: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.stream.get_mut().read(byte) {
                Ok(length) => return Ok(length == 1),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
