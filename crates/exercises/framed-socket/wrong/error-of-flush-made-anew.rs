//! Makes an error of flush anew, and passes on all others as they are.

use std::io::{self, ErrorKind, Read, Write};

/// The longest message, in bytes.
pub const LONGEST: usize = 1 << 20;

/// Keeps what has come of a message, and what is not yet gone of another.
#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl<S: Read + Write> Framed<S> {
    pub fn new(stream: S) -> Framed<S> {
        Framed { stream, head: Vec::new(), body: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.stream.write(&bytes[done..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn get(&mut self, most: usize, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(&mut buffer[..most]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if message.len() > LONGEST {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.put(&(message.len() as u32).to_be_bytes())?;
        self.put(message)?;
        loop {
            match self.stream.flush() {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(e.raw_os_error().map_or(e.kind().into(), io::Error::from_raw_os_error));
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; 8192];
        while self.head.len() < 4 {
            let n = self.get(4 - self.head.len(), &mut buffer)?;
            if n == 0 {
                if self.head.is_empty() {
                    return Ok(None);
                }
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.head.extend_from_slice(&buffer[..n]);
        }
        let length = u32::from_be_bytes([self.head[0], self.head[1], self.head[2], self.head[3]]) as usize;
        if length > LONGEST {
            self.head.clear();
            return Err(ErrorKind::InvalidData.into());
        }
        while self.body.len() < length {
            let n = self.get((length - self.body.len()).min(8192), &mut buffer)?;
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.body.extend_from_slice(&buffer[..n]);
        }
        self.head.clear();
        Ok(Some(std::mem::take(&mut self.body)))
    }
}
