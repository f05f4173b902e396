//! Messages over a stream of bytes: the length in four bytes, the highest first, then the message.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// No message is longer, in bytes; whoever announces more is not believed.
pub const LONGEST: usize = 64 << 10;

// ANCHOR: framing
/// Sends one message.
pub fn send(mut stream: impl Write, message: &[u8]) -> Result<()> {
    let length = (message.len() as u32).to_be_bytes();
    stream.write_all(&[&length, message].concat())
}

/// Waits until one whole message has come.
pub fn receive(mut stream: impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(Error::new(ErrorKind::InvalidData, "a message that is too long"));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(message)
}
// ANCHOR_END: framing

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_messages_come_out_as_two() {
        let mut stream = Vec::new();
        send(&mut stream, b"one").unwrap();
        send(&mut stream, b"").unwrap();
        let mut stream = &stream[..];
        assert_eq!(receive(&mut stream).unwrap(), b"one");
        assert_eq!(receive(&mut stream).unwrap(), b"");
        assert_eq!(receive(&mut stream).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_length_beyond_all_bounds_is_not_believed() {
        let stream = [0xff; 8];
        assert_eq!(receive(&stream[..]).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
