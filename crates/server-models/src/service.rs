//! What the servers do for a client, whatever their shape: a request is a line, the answer is the
//! same line. So that tools such as ab(1) can ask too, the head of an HTTP request is one as well.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// How long each request waits, as if for a disk or a database.
pub const WAIT: Duration = Duration::from_millis(2);
/// A client whose request is longer is sent away.
const LONGEST: usize = 4096;

/// What has come from a client and is not answered yet.
#[derive(Default)]
pub struct Inbox(Vec<u8>);

impl Inbox {
    /// Adds what one read has brought.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the first request out, if it is whole.
    pub fn request(&mut self) -> Option<Vec<u8>> {
        let end: &[u8] = if is_http(&self.0) { b"\r\n\r\n" } else { b"\n" };
        let at = self.0.windows(end.len()).position(|bytes| bytes == end)?;
        let rest = self.0.split_off(at + end.len());
        Some(std::mem::replace(&mut self.0, rest))
    }
}

/// The answer, and whether it is the last on this connection. Two requests are bugs.
pub fn answer(request: &[u8]) -> (&[u8], bool) {
    match request {
        b"panic\n" => panic!("a request that was not thought of"),
        b"segfault\n" => {
            let nowhere: *mut u8 = black_box(std::ptr::null_mut());
            // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
            unsafe { nowhere.write_volatile(1) }
            (b"", true)
        }
        request if is_http(request) => {
            (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n", true)
        }
        line => (line, false),
    }
}

fn is_http(request: &[u8]) -> bool {
    request.starts_with(b"GET ")
}

// ANCHOR: converse
/// Serves one client until it leaves. Whoever calls this waits with it.
pub fn converse(mut client: &TcpStream) -> io::Result<()> {
    let (mut inbox, mut bytes) = (Inbox::default(), [0; 512]);
    loop {
        while let Some(request) = inbox.request() {
            thread::sleep(WAIT);
            let (answer, is_last) = answer(&request);
            client.write_all(answer)?;
            if is_last {
                return Ok(());
            }
        }
        match client.read(&mut bytes)? {
            0 => return Ok(()),
            read => inbox.add(&bytes[..read])?,
        }
    }
}
// ANCHOR_END: converse

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_whole_and_in_order() {
        let mut inbox = Inbox::default();
        inbox.add(b"on").unwrap();
        assert_eq!(inbox.request(), None);
        inbox.add(b"e\ntwo\nGET / HTTP/1.0\r\nHost: x\r\n").unwrap();
        assert_eq!(inbox.request().unwrap(), b"one\n");
        assert_eq!(inbox.request().unwrap(), b"two\n");
        assert_eq!(inbox.request(), None);
        inbox.add(b"\r\n").unwrap();
        assert!(answer(&inbox.request().unwrap()).1);
        assert_eq!(answer(b"one\n"), (&b"one\n"[..], false));
        assert!(inbox.add(&[b'x'; LONGEST + 1]).is_err());
    }
}
