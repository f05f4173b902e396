//! What messages over a stream must come to. Every call of the stream is answered here: how much it
//! takes or gives, and with which error. Where it is a real socket, the other end is here.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use driver::{Check, Event, Failure, Run, Session, fail, observe, serve};

fn main() {
    serve(&[
        Check::new("format", format),
        Check::new("round-trip", round_trip),
        Check::new("partial", partial),
        Check::new("interrupted", interrupted),
        Check::new("boundaries", boundaries),
        Check::new("ends-between", ends_between),
        Check::new("dies-within", dies_within),
        Check::new("errors", errors),
        Check::new("promises-too-much", promises_too_much),
        Check::new("too-long", too_long),
        Check::new("peer-gone", peer_gone),
    ]);
}

/// The longest message, as the page says.
const LONGEST: usize = 1 << 20;

/// A stream that gives what is in `input`, and keeps what is written to it.
#[derive(Default)]
struct Script {
    input: Vec<u8>,
    written: Vec<u8>,
    /// How many bytes a call moves at most; as many as it likes if 0.
    at_most: usize,
    /// How often each call is interrupted before it does anything.
    interruptions: u64,
    interrupted: bool,
    /// After so many bytes, calls end with this error; `Ok` with nothing if it is empty.
    error: Option<(usize, &'static str)>,
    /// Whether only one call does, and the next ones go on as if nothing had been.
    once: bool,
    moved: usize,
    /// How many calls there were after that error.
    after: usize,
}

impl Script {
    fn giving(input: &[u8]) -> Script {
        Script { input: input.to_vec(), ..Script::default() }
    }

    fn taking(at_most: usize) -> Script {
        Script { at_most, ..Script::default() }
    }

    /// How many of `wanted` bytes a call moves.
    fn call(&mut self, wanted: usize) -> Result<usize, String> {
        // The shim makes all of the interruptions of a call, so that there may be very many.
        self.interrupted = !self.interrupted && self.interruptions > 0;
        if self.interrupted {
            return Err(format!("Interrupted {}", self.interruptions));
        }
        let mut count = if self.at_most == 0 { wanted } else { wanted.min(self.at_most) };
        if let Some((after, kind)) = self.error {
            count = count.min(after - self.moved);
            if count == 0 && wanted > 0 {
                if self.once {
                    self.error = None;
                }
                self.after += 1;
                if self.after > 100 {
                    fail("stuck", format!("a call of the stream that ends with {} is repeated for ever", name(kind)));
                }
                return if kind.is_empty() { Ok(0) } else { Err(kind.to_owned()) };
            }
        }
        self.moved += count;
        Ok(count)
    }

    /// Answers the calls of the stream until the submission's function has returned.
    fn serve(&mut self, submission: &Session) {
        while let Event::Question(name, mut arguments) = submission.next() {
            match name.as_str() {
                "read" => {
                    let wanted = (arguments.take::<u64>() as usize).min(self.input.len());
                    // The end of the input is no error, unless one is to come there.
                    let count = if wanted == 0 && self.error.is_none() { Ok(0) } else { self.call(wanted.max(1)) };
                    let count = count.map(|count| count.min(wanted));
                    submission.reply(&count.map(|count| self.input.drain(..count).collect::<Vec<u8>>()));
                }
                "write" => {
                    let bytes: Vec<u8> = arguments.take();
                    let count = self.call(bytes.len());
                    self.written.extend(&bytes[..*count.as_ref().unwrap_or(&0)]);
                    submission.reply(&count.map(|count| count as u64));
                }
                other => fail("forged", format!("a question {other:?}")),
            }
        }
    }
}

fn name(kind: &str) -> String {
    if kind.is_empty() { "0 bytes taken".to_owned() } else { kind.to_owned() }
}

type Sent = Result<(), String>;
type Received = Result<Option<Vec<u8>>, String>;

fn send(submission: &Session, script: &mut Script, message: &[u8]) -> Sent {
    submission.begin("send", &message.to_vec());
    script.serve(submission);
    let sent: Result<(), Failure> = submission.answer();
    sent.map_err(|error| error.kind)
}

fn receive(submission: &Session, script: &mut Script) -> Received {
    submission.begin("receive", &());
    script.serve(submission);
    received(submission)
}

fn received(submission: &Session) -> Received {
    let received: Result<Option<Vec<u8>>, Failure> = submission.answer();
    received.map_err(|error| error.kind)
}

/// A submission with a stream that is played.
fn played(run: &Run) -> Session {
    let submission = run.submission();
    submission.call::<()>("new", &false);
    submission
}

/// A submission with a socket, and its other end.
fn connected(run: &Run) -> (Session, UnixStream) {
    let submission = run.submission();
    let peer = connect(&submission);
    (submission, peer)
}

fn connect(submission: &Session) -> UnixStream {
    submission.call::<()>("new", &true);
    let peer = submission.peer();
    peer.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
    peer
}

/// Lets the submission's end be dropped.
fn hang_up(submission: &Session) {
    submission.call::<()>("new", &false);
}

/// What a message is on the stream.
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

/// Says a message in few words.
fn short(received: &Received) -> String {
    match received {
        Ok(Some(bytes)) if bytes.len() > 24 => format!("a message of {} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

fn expect_message(run: &Run, what: &str, came: &Received, expected: &[u8]) {
    run.ensure(came == &Ok(Some(expected.to_vec())), || {
        let expected = short(&Ok(Some(expected.to_vec())));
        format!("{what}:\n  expected {expected}\n  came     {}", short(came))
    });
}

fn expect_sent(run: &Run, what: &str, sent: &Sent, written: &[u8], message: &[u8]) {
    run.expect(what, sent, &Ok(()));
    let expected = framed(message);
    run.ensure(written == expected, || {
        let start = |bytes: &[u8]| bytes[..bytes.len().min(12)].to_vec();
        let (came, expected) = ((written.len(), start(written)), (expected.len(), start(&expected)));
        format!("{what}: written were {} bytes, {:?} ..., and not {}, {:?} ...", came.0, came.1, expected.0, expected.1)
    });
}

fn format(run: &Run) {
    let submission = played(run);
    let lengths = [2, 0x1_02_03, 0x80, 0xff, 0x1_00, run.random().within(1..4000) as usize];
    for length in lengths {
        let message = run.random().bytes(length);
        let mut script = Script::default();
        let sent = send(&submission, &mut script, &message);
        expect_sent(run, &format!("sending {length} bytes"), &sent, &script.written, &message);
        let came = receive(&submission, &mut Script::giving(&framed(&message)));
        expect_message(run, &format!("receiving {length} bytes"), &came, &message);
    }
}

/// Over a real socket, whose buffers are smaller than the longest message.
fn round_trip(run: &Run) {
    let (submission, mut peer) = connected(run);
    for length in [1, 0, 300, 4096, 65_535, 65_536, 70_000, 0, 5, LONGEST] {
        let message = run.random().bytes(length);
        submission.begin("send", &message);
        let mut come = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        while come.len() < length + 4 {
            match peer.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => come.extend(&buffer[..count]),
                Err(_) if submission.has_answered() => break,
                Err(_) => run.ensure_in_time(&format!("a message of {length} bytes does not come out")),
            }
        }
        let sent: Result<(), Failure> = submission.answer();
        let what = format!("sending {length} bytes over a socket");
        expect_sent(run, &what, &sent.map_err(|error| error.kind), &come, &message);
        submission.begin("receive", &());
        let mut left = &come[..];
        peer.set_write_timeout(Some(Duration::from_millis(50))).expect("a limit");
        while !left.is_empty() && !submission.has_answered() {
            match peer.write(left) {
                Ok(count) => left = &left[count..],
                Err(_) => run.ensure_in_time(&format!("a message of {length} bytes is not taken")),
            }
        }
        expect_message(run, &format!("receiving {length} bytes over a socket"), &received(&submission), &message);
    }
    peer.shutdown(Shutdown::Write).expect("an end");
    submission.begin("receive", &());
    run.expect("receiving after the end", &received(&submission), &Ok(None));
    hang_up(&submission);
}

fn partial(run: &Run) {
    let submission = played(run);
    for at_most in [1, 2, 3, 5, 7] {
        let message = run.random().bytes(23);
        let mut script = Script::taking(at_most);
        let sent = send(&submission, &mut script, &message);
        let what = format!("sending 23 bytes, of which a call takes {at_most} at most");
        expect_sent(run, &what, &sent, &script.written, &message);
        let mut script = Script { at_most, ..Script::giving(&framed(&message)) };
        let what = format!("receiving 23 bytes, of which a call gives {at_most} at most");
        expect_message(run, &what, &receive(&submission, &mut script), &message);
    }
}

fn interrupted(run: &Run) {
    let submission = played(run);
    let some = run.random().within(10..1000);
    // More than anybody counts to who wants to be done with it.
    let many = run.random().within((1 << 16) + 1..1 << 17);
    for interruptions in [1, 2, some, many] {
        let message = run.random().bytes(8);
        let mut script = Script { at_most: 3, interruptions, ..Script::default() };
        let sent = send(&submission, &mut script, &message);
        let what = format!("sending, when each call is interrupted {interruptions} times");
        expect_sent(run, &what, &sent, &script.written, &message);
        let mut script = Script { at_most: 3, interruptions, ..Script::giving(&framed(&message)) };
        let what = format!("receiving, when each call is interrupted {interruptions} times");
        expect_message(run, &what, &receive(&submission, &mut script), &message);
        let mut script = Script { interruptions, error: Some((0, "")), ..Script::default() };
        let what = "the end of the stream, after an interrupted call";
        run.expect(what, &receive(&submission, &mut script), &Ok(None));
    }
}

fn boundaries(run: &Run) {
    let submission = played(run);
    let [one, two] = [3, 40].map(|length| run.random().bytes(length));
    for at_most in [0, 6] {
        let mut script = Script {
            at_most,
            ..Script::giving(&[framed(&one), framed(b""), framed(&two), framed(b"")].concat())
        };
        submission.call::<()>("new", &false);
        for expected in [&one[..], b"", &two, b""] {
            let what = "four messages that arrive together, of 3, 0, 40 and 0 bytes";
            expect_message(run, what, &receive(&submission, &mut script), expected);
        }
        let after = receive(&submission, &mut script);
        run.expect("after the last of four messages", &after, &Ok(None));
    }
}

fn ends_between(run: &Run) {
    let (submission, mut peer) = connected(run);
    let message = run.random().bytes(11);
    peer.write_all(&framed(&message)).expect("a message");
    drop(peer);
    submission.begin("receive", &());
    expect_message(run, "the last message", &received(&submission), &message);
    for _ in 0..2 {
        submission.begin("receive", &());
        run.expect("after the last message, at the end", &received(&submission), &Ok(None));
    }
    ends_once(run, &submission, 0, &Ok(None));
    hang_up(&submission);
}

/// After `begun` bytes of a message the stream ends, and gives the rest if it is asked again, as a
/// terminal does, or a file to which somebody writes.
fn ends_once(run: &Run, submission: &Session, begun: usize, expected: &Received) {
    submission.call::<()>("new", &false);
    let message = run.random().bytes(7);
    let error = Some((begun, ""));
    let mut script = Script { error, once: true, ..Script::giving(&framed(&message)) };
    let what = format!("read returned 0 after {begun} bytes of a message of 4 + 7, and would go on");
    run.expect(&what, &receive(submission, &mut script), expected);
}

fn dies_within(run: &Run) {
    let submission = run.submission();
    let message = run.random().bytes(7);
    let bytes = framed(&message);
    for begun in 1..bytes.len() {
        let mut peer = connect(&submission);
        peer.write_all(&bytes[..begun]).expect("a part of a message");
        drop(peer);
        submission.begin("receive", &());
        let what = format!("the peer was killed when {begun} bytes of a message of 4 + 7 were sent");
        run.expect(&what, &received(&submission), &Err("UnexpectedEof".to_owned()));
    }
    for begun in 1..bytes.len() {
        ends_once(run, &submission, begun, &Err("UnexpectedEof".to_owned()));
    }
    hang_up(&submission);
}

/// Errors that a stream may have, beside interruptions. The first four of them are usual, and the next
/// four are of kinds that a submission returns for its own reasons, too.
const KINDS: [&str; 15] = [
    "WouldBlock",
    "ConnectionReset",
    "TimedOut",
    "BrokenPipe",
    "UnexpectedEof",
    "WriteZero",
    "InvalidData",
    "InvalidInput",
    "ConnectionAborted",
    "ConnectionRefused",
    "NotConnected",
    "PermissionDenied",
    "Unsupported",
    "OutOfMemory",
    "Other",
];

/// Errors of the stream, after any number of bytes, of an empty message too. Some streams go on after
/// one; it is an error all the same.
fn errors(run: &Run) {
    let submission = played(run);
    let length = run.random().within(2..14) as usize;
    let message = run.random().bytes(length);
    for (message, after) in [(&message[..], length + 4), (&[], 4)]
        .into_iter()
        .flat_map(|(message, end)| (0..end).map(move |after| (message, after)))
    {
        let any = run.random().within(0..KINDS.len() as u64) as usize;
        let usual = KINDS[..8].iter().map(|kind| (*kind, false));
        for (kind, once) in usual.chain([(KINDS[any], true), (KINDS[any], false)]) {
            submission.call::<()>("new", &false);
            let error = Some((after, kind));
            let once_only = if once { ", once," } else { "" };
            let what = format!(
                "receiving {} bytes, when reading ends{once_only} with {kind} after {after} bytes",
                message.len()
            );
            let mut script = Script { error, once, ..Script::giving(&framed(message)) };
            run.expect(&what, &receive(&submission, &mut script), &Err(kind.to_owned()));
            let what = format!(
                "sending {} bytes, when writing ends{once_only} with {kind} after {after} bytes",
                message.len()
            );
            let mut script = Script { error, once, ..Script::default() };
            run.expect(&what, &send(&submission, &mut script, message), &Err(kind.to_owned()));
        }
        for once in [false, true] {
            let mut script = Script { error: Some((after, "")), once, ..Script::default() };
            let what = format!(
                "sending {} bytes, when a write takes nothing after {after} bytes",
                message.len()
            );
            let sent = send(&submission, &mut script, message);
            run.expect(&what, &sent, &Err("WriteZero".to_owned()));
        }
    }
}

fn promises_too_much(run: &Run) {
    let submission = played(run);
    let memory = || observe::status_number(submission.pid(), "VmPeak", 10).unwrap_or(0);
    let before = memory();
    let any = run.random().within(LONGEST as u64 + 2..1 << 32) as u32;
    for length in [LONGEST as u32 + 1, any, 1 << 24, 600 << 20, 1 << 31, u32::MAX] {
        let came = receive(&submission, &mut Script::giving(&length.to_be_bytes()));
        run.expect(&format!("a length of {length}"), &came, &Err("InvalidData".to_owned()));
    }
    let taken = memory().saturating_sub(before);
    run.ensure(taken < 14 << 10, || {
        format!("{taken} KiB of memory were taken for lengths beyond LONGEST")
    });
    let longest = run.random().bytes(LONGEST);
    let came = receive(&submission, &mut Script::giving(&framed(&longest)));
    expect_message(run, "a message as long as allowed", &came, &longest);
}

fn too_long(run: &Run) {
    let submission = played(run);
    let any = run.random().within(LONGEST as u64 + 2..3 * LONGEST as u64) as usize;
    // The last of them is a short one if it is cut down to three bytes.
    let cut = (1 << 24) + run.random().within(1..100) as usize;
    for length in [LONGEST + 1, any, 3 * LONGEST, cut] {
        let message = run.random().bytes(length);
        let mut script = Script::default();
        let sent = send(&submission, &mut script, &message);
        run.expect(&format!("sending {length} bytes"), &sent, &Err("InvalidInput".to_owned()));
        run.expect("what is written of a message that is too long", &script.written, &Vec::<u8>::new());
    }
    // A short one, for who cuts the length down to three bytes.
    let length = (1 << 24) + run.random().within(1..100);
    submission.begin("send zeros", &length);
    run.ensure(matches!(submission.next(), Event::Answered), || {
        format!("something is written of a message of {length} bytes")
    });
    let sent: Result<(), Failure> = submission.answer();
    let kind = sent.map_err(|error| error.kind);
    run.expect(&format!("sending {length} bytes"), &kind, &Err("InvalidInput".to_owned()));
    let longest = run.random().bytes(LONGEST);
    let mut script = Script::default();
    let sent = send(&submission, &mut script, &longest);
    expect_sent(run, "a message as long as allowed", &sent, &script.written, &longest);
}

fn peer_gone(run: &Run) {
    let (submission, peer) = connected(run);
    let message = run.random().bytes(9);
    submission.begin("send", &message);
    let sent: Result<(), Failure> = submission.answer();
    run.expect("a message to a peer that is there", &sent.map_err(|error| error.kind), &Ok(()));
    drop(peer);
    submission.begin("send", &message);
    let sent: Result<(), Failure> = submission.answer();
    let broken = Err("BrokenPipe".to_owned());
    run.expect("a message to a peer that is gone", &sent.map_err(|error| error.kind), &broken);
    hang_up(&submission);
}
