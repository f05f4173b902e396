//! What messages over a stream must come to.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use harness::{Check, serve};
use framed_socket::{Framed, LONGEST};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(UnixStream) -> Framed<UnixStream> = Framed::new;
const _: fn(&mut Framed<UnixStream>, &[u8]) -> io::Result<()> = Framed::send;
const _: fn(&mut Framed<UnixStream>) -> io::Result<Option<Vec<u8>>> = Framed::receive;
const _: () = assert!(LONGEST == 1_usize << 20, "LONGEST is 1 << 20");

fn main() {
    serve(&[
        Check::plain("format", format),
        Check::plain("round-trip", round_trip),
        Check::plain("partial", partial),
        Check::plain("interrupted", interrupted),
        Check::plain("boundaries", boundaries),
        Check::plain("ends-between", ends_between),
        Check::plain("dies-within", dies_within),
        Check::plain("promises-too-much", promises_too_much),
        Check::plain("too-long", too_long),
        Check::plain("peer-gone", peer_gone),
    ]);
}

/// A stream that gives what is put into `input`, and keeps what is written to it.
#[derive(Default)]
struct Script {
    input: VecDeque<u8>,
    written: Vec<u8>,
    /// How many bytes a call moves at most.
    at_most: usize,
    /// Whether every other call is interrupted.
    interrupts: bool,
    calls: usize,
}

impl Script {
    fn giving(bytes: &[u8], at_most: usize) -> Script {
        Script { input: bytes.iter().copied().collect(), at_most, ..Script::default() }
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.interrupts && self.calls % 2 == 1 {
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl Read for &mut Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let length = buffer.len().min(self.at_most).min(self.input.len());
        for (place, byte) in buffer.iter_mut().zip(self.input.drain(..length)) {
            *place = byte;
        }
        Ok(length)
    }
}

impl Write for &mut Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call()?;
        let length = bytes.len().min(self.at_most);
        self.written.extend(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `body` with one end of a socket in a child, which is killed or exits when `body` returns.
fn peer(body: impl FnOnce(UnixStream) -> Option<Signal>) -> (UnixStream, Pid) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // SAFETY: this process has one thread, so the child may do what it likes.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => (ours, child),
        ForkResult::Child => {
            drop(ours);
            if let Some(signal) = body(theirs) {
                let _ = nix::sys::signal::raise(signal);
            }
            // SAFETY: _exit(2) is always safe to call.
            unsafe { libc::_exit(0) }
        }
    }
}

/// A message that is different in every place.
fn message(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 256) as u8).collect()
}

fn format() {
    let mut script = Script { at_most: usize::MAX, ..Script::default() };
    Framed::new(&mut script).send(b"hi").unwrap();
    assert_eq!(script.written, [0, 0, 0, 2, b'h', b'i'], "what is written for the message hi");
    let mut script = Script { at_most: usize::MAX, ..Script::default() };
    Framed::new(&mut script).send(&message(0x1_02_03)).unwrap();
    assert_eq!(script.written[..4], [0, 1, 2, 3], "the length of a message of 0x010203 bytes");
    let mut script = Script::giving(&[0, 0, 0, 3, 7, 8, 9], usize::MAX);
    let received = Framed::new(&mut script).receive().unwrap();
    assert_eq!(received, Some(vec![7, 8, 9]), "what is read from 0 0 0 3 7 8 9");
}

fn round_trip() {
    // The peer knows nothing of messages: it sends every byte back.
    let (stream, child) = peer(|mut theirs| {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = theirs.read(&mut buffer) {
            if theirs.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        None
    });
    let closes = stream.try_clone().unwrap();
    let mut framed = Framed::new(stream);
    for length in [1, 0, 300, 4096, 65_535, 65_536, 70_000, 0, 5] {
        let sent = message(length);
        framed.send(&sent).unwrap();
        let received = framed.receive().unwrap();
        let same = received.as_ref() == Some(&sent);
        let came = received.map(|received| received.len());
        assert!(same, "sent {length} bytes to be sent back, and came: {came:?} bytes");
    }
    closes.shutdown(Shutdown::Write).unwrap();
    assert_eq!(framed.receive().unwrap(), None, "after the end");
    waitpid(child, None).unwrap();
}

fn partial() {
    let mut script = Script { at_most: 1, ..Script::default() };
    Framed::new(&mut script).send(b"in small pieces").unwrap();
    let expected = [&[0, 0, 0, 15], &b"in small pieces"[..]].concat();
    assert_eq!(script.written, expected, "what is written by calls of one byte each");
    let mut script = Script::giving(&expected, 1);
    let received = Framed::new(&mut script).receive().unwrap();
    assert_eq!(received, Some(b"in small pieces".to_vec()), "what is read by calls of one byte");
}

fn interrupted() {
    let mut script = Script { at_most: 2, interrupts: true, ..Script::default() };
    let sent = Framed::new(&mut script).send(b"signals");
    sent.expect("interrupted calls are not errors");
    assert_eq!(script.written, b"\0\0\0\x07signals", "what is written by interrupted calls");
    let mut script = Script::giving(b"\0\0\0\x07signals", 2);
    script.interrupts = true;
    let received = Framed::new(&mut script).receive();
    let received = received.expect("interrupted calls are not errors");
    assert_eq!(received, Some(b"signals".to_vec()), "what is read by interrupted calls");
}

fn boundaries() {
    let mut script = Script::giving(b"\0\0\0\x03one\0\0\0\0\0\0\0\x03two", usize::MAX);
    let mut framed = Framed::new(&mut script);
    for expected in [&b"one"[..], b"", b"two"] {
        let received = framed.receive().unwrap();
        let what = "the messages one, an empty one and two, which arrive together";
        assert_eq!(received.as_deref(), Some(expected), "{what}");
    }
    assert_eq!(framed.receive().unwrap(), None, "after the last of three messages");
}

fn ends_between() {
    let (stream, child) = peer(|mut theirs| {
        let _ = theirs.write_all(b"\0\0\0\x07goodbye");
        None
    });
    let mut framed = Framed::new(stream);
    assert_eq!(framed.receive().unwrap(), Some(b"goodbye".to_vec()), "the last message");
    let end = framed.receive().expect("an end between two messages is no error");
    assert_eq!(end, None, "after the last message");
    waitpid(child, None).unwrap();
}

fn dies_within() {
    for begun in [&b"\0\0"[..], b"\0\0\0\x07", b"\0\0\0\x07good"] {
        let (stream, child) = peer(|mut theirs| {
            let _ = theirs.write_all(begun);
            Some(Signal::SIGKILL)
        });
        let received = Framed::new(stream).receive();
        let status = waitpid(child, None).unwrap();
        assert_eq!(status, WaitStatus::Signaled(child, Signal::SIGKILL, false), "the peer");
        let kind = received.map_err(|error| error.kind());
        let sent = begun.len();
        let what = format!("the peer was killed when {sent} bytes of a message of 4 + 7 were sent");
        assert_eq!(kind, Err(ErrorKind::UnexpectedEof), "{what}");
    }
}

fn promises_too_much() {
    for length in [u32::MAX, LONGEST as u32 + 1] {
        let mut script = Script::giving(&length.to_be_bytes(), usize::MAX);
        let kind = Framed::new(&mut script).receive().map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::InvalidData), "a length of {length}");
    }
    let longest = message(LONGEST);
    let bytes = [&(LONGEST as u32).to_be_bytes(), &longest[..]].concat();
    let mut script = Script::giving(&bytes, usize::MAX);
    let received = Framed::new(&mut script).receive().unwrap();
    assert!(received == Some(longest), "a message as long as allowed is not received");
}

fn too_long() {
    let mut script = Script { at_most: usize::MAX, ..Script::default() };
    let sent = Framed::new(&mut script).send(&message(LONGEST + 1));
    let kind = sent.map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::InvalidInput), "a message of {} bytes", LONGEST + 1);
    assert_eq!(script.written, [], "what is written of a message that is too long");
    let mut script = Script { at_most: usize::MAX, ..Script::default() };
    let sent = Framed::new(&mut script).send(&message(LONGEST));
    sent.expect("a message as long as allowed");
}

fn peer_gone() {
    let (stream, child) = peer(|_| Some(Signal::SIGKILL));
    waitpid(child, None).unwrap();
    let kind = Framed::new(stream).send(b"anybody?").map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::BrokenPipe), "a message to a process that was killed");
}
