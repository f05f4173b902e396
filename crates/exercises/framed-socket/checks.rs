//! What messages over a stream must come to. Every call of the stream is answered here: how much it
//! takes or gives, and with which error. Where it is a real socket, the other end is here.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use driver::{Check, Event, Failure, Run, Session, counted, fail, observe, serve};

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
    error: Option<(usize, String)>,
    /// Whether only one call does, and the next ones go on as if nothing had been.
    once: bool,
    moved: usize,
    /// How many calls there were after that error.
    after: usize,
    /// With which error the next flush ends, if there is one at all.
    flush: Option<String>,
}

impl Script {
    fn giving(input: &[u8]) -> Script {
        Script { input: input.to_vec(), ..Script::default() }
    }

    fn taking(at_most: usize) -> Script {
        Script { at_most, ..Script::default() }
    }

    /// The same, until the stream ends with `error` after so many bytes, once or for good.
    fn ending(self, after: usize, error: &str, once: bool) -> Script {
        Script { error: Some((after, error.to_owned())), once, ..self }
    }

    /// Whether a call is interrupted. The shim makes all of its interruptions, so that there may be very many.
    fn interruption(&mut self) -> Result<(), String> {
        self.interrupted = !self.interrupted && self.interruptions > 0;
        if self.interrupted { Err(format!("Interrupted {}", self.interruptions)) } else { Ok(()) }
    }

    /// How many of `wanted` bytes a call moves.
    fn call(&mut self, wanted: usize) -> Result<usize, String> {
        self.interruption()?;
        let mut count = if self.at_most == 0 { wanted } else { wanted.min(self.at_most) };
        if let Some((after, kind)) = &self.error {
            count = count.min(after - self.moved);
            if count == 0 && wanted > 0 {
                self.after += 1;
                if self.after > 100 {
                    fail(
                        "stuck",
                        format!(
                            "a call of the stream that ends with {} is repeated for ever",
                            name(kind)
                        ),
                    );
                }
                let ended = if kind.is_empty() { Ok(0) } else { Err(kind.clone()) };
                if self.once {
                    self.error = None;
                }
                return ended;
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
                    let count = if wanted == 0 && self.error.is_none() {
                        Ok(0)
                    } else {
                        self.call(wanted.max(1))
                    };
                    let count = count.map(|count| count.min(wanted));
                    submission
                        .reply(&count.map(|count| self.input.drain(..count).collect::<Vec<u8>>()));
                }
                "write" => {
                    let bytes: Vec<u8> = arguments.take();
                    let count = self.call(bytes.len());
                    self.written.extend(&bytes[..*count.as_ref().unwrap_or(&0)]);
                    submission.reply(&count.map(|count| count as u64));
                }
                "flush" => {
                    let flushed =
                        self.interruption().and_then(|()| self.flush.take().map_or(Ok(()), Err));
                    submission.reply(&flushed);
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
    let received: Result<Option<Vec<u8>>, Failure> = submission.answer();
    received.map_err(|error| error.kind)
}

/// What `receive` returns from a socket; if it does not, `what` it was to receive is said.
fn received(submission: &Session, what: &str) -> Received {
    let received: Result<Option<Vec<u8>>, Failure> = submission.answer_in(what);
    received.map_err(|error| error.kind)
}

/// A submission with a stream that is played.
fn played(run: &Run) -> Session {
    let submission = run.submission();
    anew(&submission);
    submission
}

/// A submission with a socket, and its other end.
fn connected(run: &Run) -> (Session, UnixStream) {
    let submission = run.submission();
    let peer = connect(&submission);
    (submission, peer)
}

fn connect(submission: &Session) -> UnixStream {
    give(submission, true);
    let peer = submission.peer();
    peer.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
    peer
}

/// Lets the submission's end be dropped, and gives it a stream that is played.
fn anew(submission: &Session) {
    give(submission, false);
}

/// Gives the submission a socket, or a stream that is played. The one that it had may be written to when it
/// is dropped.
fn give(submission: &Session, socket: bool) {
    submission.begin("new", &socket);
    Script::default().serve(submission);
    submission.answer::<()>();
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
        let (came, expected) =
            ((written.len(), start(written)), (expected.len(), start(&expected)));
        format!(
            "{what}: written were {}, {:?} ..., and not {}, {:?} ...",
            counted(came.0, "byte"),
            came.1,
            expected.0,
            expected.1
        )
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
                Err(_) => run.ensure_in_time(&format!(
                    "a message of {} does not come out",
                    counted(length, "byte")
                )),
            }
        }
        let sent: Result<(), Failure> = submission.answer();
        let what = format!("sending {} over a socket", counted(length, "byte"));
        expect_sent(run, &what, &sent.map_err(|error| error.kind), &come, &message);
        submission.begin("receive", &());
        let mut left = &come[..];
        peer.set_write_timeout(Some(Duration::from_millis(50))).expect("a limit");
        while !left.is_empty() && !submission.has_answered() {
            match peer.write(left) {
                Ok(count) => left = &left[count..],
                Err(_) => run.ensure_in_time(&format!(
                    "a message of {} is not taken",
                    counted(length, "byte")
                )),
            }
        }
        let what = format!("receiving {} over a socket", counted(length, "byte"));
        expect_message(run, &what, &received(&submission, &what), &message);
    }
    peer.shutdown(Shutdown::Write).expect("an end");
    submission.begin("receive", &());
    let what = "receiving after the end";
    run.expect(what, &received(&submission, what), &Ok(None));
    anew(&submission);
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
    for (interruptions, length, at_most) in
        [(1, 8, 3), (2, 8, 3), (some, 8, 3), (many, 8, 3), (2, LONGEST, 300_000)]
    {
        let message = run.random().bytes(length);
        let mut script = Script { at_most, interruptions, ..Script::default() };
        let sent = send(&submission, &mut script, &message);
        let what = format!(
            "sending, when each call is interrupted {}",
            counted(interruptions as usize, "time")
        );
        expect_sent(run, &what, &sent, &script.written, &message);
        let mut script = Script { at_most, interruptions, ..Script::giving(&framed(&message)) };
        let what = format!(
            "receiving, when each call is interrupted {}",
            counted(interruptions as usize, "time")
        );
        expect_message(run, &what, &receive(&submission, &mut script), &message);
        let mut script = Script { interruptions, ..Script::default() }.ending(0, "", false);
        let what = "the end of the stream, after an interrupted call";
        run.expect(what, &receive(&submission, &mut script), &Ok(None));
    }
}

/// Whoever reads on, how far ever, keeps that for the next call, whatever becomes of what is sent meanwhile.
fn boundaries(run: &Run) {
    let submission = played(run);
    let few = [3, 0, 40, 0];
    for at_most in 0..13 {
        together(run, &submission, &few, at_most, Meanwhile::Nothing);
    }
    let any = |from: u64, to| run.random().within(from..to) as usize;
    let many = [
        3,
        any(300, 900),
        0,
        any(5000, 9000),
        9,
        any(20_000, 40_000),
        0,
        any(140_000, 300_000),
        40,
    ];
    let failing = |error| Meanwhile::Failing(error);
    let sending = ["WouldBlock", "BrokenPipe", ""].map(failing);
    for meanwhile in [Meanwhile::Nothing, Meanwhile::Sent, Meanwhile::Flushing, Meanwhile::TooLong]
        .into_iter()
        .chain(sending)
    {
        together(run, &submission, &few, 0, meanwhile);
        together(run, &submission, &few, any(8, 12), meanwhile);
        together(run, &submission, &many, 0, meanwhile);
    }
    anew(&submission);
}

/// What is sent between two messages that are received.
#[derive(Clone, Copy)]
enum Meanwhile {
    Nothing,
    Sent,
    /// Some write ends with this error; takes nothing if it is empty.
    Failing(&'static str),
    /// A flush fails, if there is one.
    Flushing,
    TooLong,
}

/// Messages of these lengths arrive together, of which a call gives some bytes at most.
fn together(
    run: &Run,
    submission: &Session,
    lengths: &[usize],
    at_most: usize,
    meanwhile: Meanwhile,
) {
    anew(submission);
    let messages: Vec<Vec<u8>> = lengths.iter().map(|length| run.random().bytes(*length)).collect();
    let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    let mut script = Script { at_most, ..Script::giving(&stream) };
    let pieces = if at_most == 0 {
        String::new()
    } else {
        format!(", of which a call gives {at_most} at most")
    };
    let what = format!("messages that arrive together, of {lengths:?} bytes{pieces}");
    for (index, message) in messages.iter().enumerate() {
        let came = receive(submission, &mut script);
        let after = match meanwhile {
            _ if index == 0 => "",
            Meanwhile::Nothing => "",
            Meanwhile::Sent => ", after another was sent",
            Meanwhile::Failing("") => ", after a write took nothing of another",
            Meanwhile::Failing(_) => ", after a write of another failed",
            Meanwhile::Flushing => ", after another was sent, and a flush would fail",
            Meanwhile::TooLong => ", after another was refused",
        };
        expect_message(run, &format!("{what}: the one at {index}{after}"), &came, message);
        let other = run.random().bytes(20);
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Sent => {
                script.written.clear();
                let sent = send(submission, &mut script, &other);
                expect_sent(
                    run,
                    &format!("{what}, when a message is sent meanwhile"),
                    &sent,
                    &script.written,
                    &other,
                );
            }
            Meanwhile::Failing(error) => {
                script = fails(run, script, 24, error);
                let sent = send(submission, &mut script, &other);
                let error = if error.is_empty() { "WriteZero" } else { error };
                run.expect(
                    &format!("{what}, when a write fails meanwhile"),
                    &sent,
                    &Err(error.to_owned()),
                );
            }
            Meanwhile::Flushing => {
                script.flush = Some("WouldBlock".to_owned());
                let sent = send(submission, &mut script, &other);
                let expected = match script.flush.take() {
                    None => Err("WouldBlock".to_owned()),
                    Some(_) => Ok(()),
                };
                run.expect(&format!("{what}, when a flush would fail meanwhile"), &sent, &expected);
            }
            Meanwhile::TooLong => refuses(run, submission, &mut script, &what),
        }
    }
    let after = receive(submission, &mut script);
    run.expect(&format!("after the last of {what}"), &after, &Ok(None));
}

/// The same, but that some call ends with this error, once, before so many more bytes have been moved.
fn fails(run: &Run, script: Script, within: u64, error: &str) -> Script {
    let after = script.moved + run.random().within(0..within) as usize;
    script.ending(after, error, true)
}

/// A message that is too long is refused before anything has been written, be it of another one.
fn refuses(run: &Run, submission: &Session, script: &mut Script, what: &str) {
    let length = LONGEST as u64 + run.random().within(1..1000);
    let before = script.written.len();
    submission.begin("send zeros", &length);
    script.serve(submission);
    let sent: Result<(), Failure> = submission.answer();
    let sent = sent.map_err(|error| error.kind);
    run.expect(
        &format!("{what}, sending {length} bytes then"),
        &sent,
        &Err("InvalidInput".to_owned()),
    );
    run.ensure(script.written.len() == before, || {
        let written = counted(script.written.len() - before, "byte");
        format!("{what}: {written} written by sending {length} bytes then, which is refused")
    });
}

fn ends_between(run: &Run) {
    let (submission, mut peer) = connected(run);
    let message = run.random().bytes(11);
    peer.write_all(&framed(&message)).expect("a message");
    drop(peer);
    submission.begin("receive", &());
    let what = "receiving the last message";
    expect_message(run, what, &received(&submission, what), &message);
    for _ in 0..2 {
        submission.begin("receive", &());
        let what = "receiving after the last message, at the end";
        run.expect(what, &received(&submission, what), &Ok(None));
    }
    goes_on_receiving(run, &submission, 300, 0, "");
    anew(&submission);
}

/// After `begun` bytes of a message the stream ends, or a call fails, and then it goes on, as a terminal does,
/// or a file to which somebody writes.
fn goes_on_receiving(run: &Run, submission: &Session, length: usize, begun: usize, error: &str) {
    anew(submission);
    let [message, next, rest] =
        [length, 20, length + 4 - begun].map(|length| run.random().bytes(length));
    let begins = framed(&message)[..begun].to_vec();
    let then = [framed(&next), rest].concat();
    let mut script = Script::giving(&[&begins[..], &then].concat()).ending(begun, error, true);
    let ends =
        if error.is_empty() { "returned 0".to_owned() } else { format!("ended with {error}") };
    let what = format!(
        "read {ends} after {} of a message of 4 + {length}, and would go on",
        counted(begun, "byte")
    );
    let expected = match (error, begun) {
        ("", 0) => Ok(None),
        ("", _) => Err("UnexpectedEof".to_owned()),
        _ => Err(error.to_owned()),
    };
    let came = receive(submission, &mut script);
    run.ensure(came == expected, || {
        format!("{what}:\n  expected {expected:?}\n  came     {}", short(&came))
    });
    if run.random().within(0..2) == 0 {
        let sent = send(submission, &mut script, &next);
        expect_sent(run, &format!("{what}, when a message is sent"), &sent, &script.written, &next);
    }
    let rest = first_of(&[begins, then].concat());
    // Whoever has found an end where a message would begin waits for no rest.
    let mut new = false;
    for _ in 0..run.random().within(0..4) {
        new = ends_again(run, submission, &mut script, &what, new);
    }
    let came = receive(submission, &mut script);
    run.ensure(came == Ok(Some(next.clone())) || !new && came == Ok(Some(rest.clone())), || {
        let [next, rest] = [next, rest].map(|message| short(&Ok(Some(message))));
        let or = if new { String::new() } else { format!("\n  or       {rest}") };
        let none = if new { ", after None at a second end there" } else { "" };
        format!("{what}, received again{none}:\n  expected {next}{or}\n  came     {}", short(&came))
    });
}

/// The stream ends once more at the same place: true if that is an end where a message would begin, as it is if
/// the last one was.
fn ends_again(run: &Run, submission: &Session, script: &mut Script, what: &str, new: bool) -> bool {
    let begun = script.moved;
    script.error = Some((begun, String::new()));
    let came = receive(submission, script);
    let within = begun > 0 && !new && came == Err("UnexpectedEof".to_owned());
    run.ensure(within || came == Ok(None), || {
        format!("{what}, and returns 0 then:\n  came     {}", short(&came))
    });
    !within
}

/// The first message of a stream.
fn first_of(bytes: &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_first_chunk().expect("a length");
    rest[..u32::from_be_bytes(*length) as usize].to_vec()
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
        let what = format!(
            "the peer was killed, with {} sent of a message of 4 + 7",
            counted(begun, "byte")
        );
        run.expect(&what, &received(&submission, &what), &Err("UnexpectedEof".to_owned()));
    }
    for (length, begun) in [places(run, any_length(run)), places(run, LONGEST)].concat() {
        goes_on_receiving(run, &submission, length, begun, "");
    }
    anew(&submission);
}

/// How many bytes come of a message of a length, the four of its length among them.
fn places(run: &Run, length: usize) -> Vec<(usize, usize)> {
    let any = run.random().within(length as u64 / 16..length as u64) as usize;
    let first = if length < LONGEST { 0..9 } else { 0..0 };
    first.chain([any, length + 3]).map(|begun| (length, begun)).collect()
}

/// A message of no particular length.
fn any_length(run: &Run) -> usize {
    run.random().within(256..1000) as usize
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
        let own = format!("{}({})", KINDS[any], run.random().number());
        let kinds = KINDS[..8].iter().chain([&KINDS[any]]).copied().chain([&own[..]]);
        for (kind, once) in kinds.flat_map(|kind| [(kind, false), (kind, true)]) {
            anew(&submission);
            let once_only = if once { ", once," } else { "" };
            let what = format!(
                "receiving {}, when reading ends{once_only} with {kind} after {}",
                counted(message.len(), "byte"),
                counted(after, "byte")
            );
            let mut script = Script::giving(&framed(message)).ending(after, kind, once);
            for what in
                [what.clone(), format!("{what}, and again")].iter().take(2 - usize::from(once))
            {
                run.expect(what, &receive(&submission, &mut script), &Err(kind.to_owned()));
            }
            let what = format!(
                "sending {}, when writing ends{once_only} with {kind} after {}",
                counted(message.len(), "byte"),
                counted(after, "byte")
            );
            let mut script = Script::default().ending(after, kind, once);
            for what in
                [what.clone(), format!("{what}, and again")].iter().take(2 - usize::from(once))
            {
                run.expect(what, &send(&submission, &mut script, message), &Err(kind.to_owned()));
            }
        }
        for once in [false, true] {
            anew(&submission);
            let mut script = Script::default().ending(after, "", once);
            let what = format!(
                "sending {}, when a write takes nothing after {}",
                counted(message.len(), "byte"),
                counted(after, "byte")
            );
            let sent = send(&submission, &mut script, message);
            run.expect(&what, &sent, &Err("WriteZero".to_owned()));
        }
    }
    errors_by_number(run, &submission);
    let any = run.random().within(2..KINDS.len() as u64) as usize;
    for error in [KINDS[0], KINDS[1], KINDS[any]] {
        for (length, begun) in places(run, any_length(run)) {
            goes_on_receiving(run, &submission, length, begun, error);
            goes_on_sending(run, &submission, length, begun, error);
        }
    }
    for (length, begun) in places(run, any_length(run)) {
        goes_on_sending(run, &submission, length, begun, "");
        for error in [KINDS[0], KINDS[any], ""] {
            fails_twice(run, &submission, length, begun, error);
        }
    }
    for kind in KINDS {
        errors_of_flush(run, &submission, kind);
        errors_of_flush(run, &submission, &format!("{kind}({})", run.random().number()));
    }
    for (length, begun) in places(run, LONGEST) {
        goes_on_receiving(run, &submission, length, begun, KINDS[any]);
        goes_on_sending(run, &submission, length, begun, KINDS[any]);
        goes_on_sending(run, &submission, length, begun, "");
    }
}

/// Every error that the system has but an interruption, and one of a later system. None of them comes a
/// second time.
fn errors_by_number(run: &Run, submission: &Session) {
    const EINTR: i32 = 4;
    let message = run.random().bytes(9);
    for errno in (1..=133).chain([531]).filter(|errno| *errno != EINTR) {
        let (error, says) = (format!("errno {errno}"), std::io::Error::from_raw_os_error(errno));
        let anywhere = run.random().within(1..13) as usize;
        let what =
            |after| format!("when a call ends, once, after {} with {says}", counted(after, "byte"));
        anew(submission);
        for after in [0, anywhere] {
            let mut script = Script::giving(&framed(&message)).ending(after, &error, true);
            let came = receive(submission, &mut script);
            run.expect(&format!("receiving 9 bytes, {}", what(after)), &came, &Err(error.clone()));
        }
        let mut script = Script::default().ending(anywhere, &error, true);
        let sent = send(submission, &mut script, &message);
        run.expect(&format!("sending 9 bytes, {}", what(anywhere)), &sent, &Err(error.clone()));
        errors_of_flush(run, submission, &error);
    }
}

/// After `begun` bytes of a message a write fails, or takes nothing, once. What is sent next is sent.
fn goes_on_sending(run: &Run, submission: &Session, length: usize, begun: usize, error: &str) {
    anew(submission);
    let [message, next] = [length, 20].map(|length| run.random().bytes(length));
    let mut script = Script::giving(&framed(&next)).ending(begun, error, true);
    let (ends, expected) = match error {
        "" => ("returned 0".to_owned(), "WriteZero"),
        _ => (format!("ended with {error}"), error),
    };
    let what = format!(
        "write {ends} after {} of a message of 4 + {length}, and would go on",
        counted(begun, "byte")
    );
    run.expect(&what, &send(submission, &mut script, &message), &Err(expected.to_owned()));
    if run.random().within(0..2) == 0 {
        let came = receive(submission, &mut script);
        expect_message(run, &format!("{what}, when a message is received"), &came, &next);
    }
    let sent = send(submission, &mut script, &next);
    expect_sent_then(
        run,
        &format!("{what}, when another one is sent"),
        &sent,
        &script.written[begun..],
        &framed(&message)[begun..],
        &next,
    );
}

/// The last one of a stream is sent. Whoever likes sends the rest of the other one first.
fn expect_sent_then(
    run: &Run,
    what: &str,
    sent: &Sent,
    mut written: &[u8],
    rest: &[u8],
    message: &[u8],
) {
    if written.len() > 4 + message.len() {
        written = written.strip_prefix(rest).unwrap_or(written);
    }
    expect_sent(run, what, sent, written, message);
}

/// After `begun` bytes of a message a write fails; it fails again, or a flush does, when another one is sent.
fn fails_twice(run: &Run, submission: &Session, length: usize, begun: usize, error: &str) {
    let [message, other, next] = [length, 20, 30].map(|length| run.random().bytes(length));
    let what =
        format!("a write failed after {} of a message of 4 + {length}", counted(begun, "byte"));
    let first = || {
        anew(submission);
        let mut script = Script::default().ending(begun, "WouldBlock", true);
        run.expect(&what, &send(submission, &mut script, &message), &Err("WouldBlock".to_owned()));
        script
    };
    let again = format!("{what}, and another one is sent while a call ends with {}", name(error));
    let expected = Err(if error.is_empty() { "WriteZero" } else { error }.to_owned());
    let mut script = fails(run, first(), 24, error);
    run.expect(&again, &send(submission, &mut script, &other), &expected);
    let sent = send(submission, &mut script, &next);
    let last = script.written.len().saturating_sub(4 + next.len());
    expect_sent(
        run,
        &format!("{what}, and so did one of another, when a third one is sent"),
        &sent,
        &script.written[last..],
        &next,
    );
    let mut script =
        Script { flush: Some(error.to_owned()).filter(|error| !error.is_empty()), ..first() };
    let sent = send(submission, &mut script, &other);
    run.expect(
        &again,
        &sent,
        &if script.flush.is_none() && !error.is_empty() { expected } else { Ok(()) },
    );
}

/// Nobody has to flush; who does passes on what comes of it.
fn errors_of_flush(run: &Run, submission: &Session, error: &str) {
    anew(submission);
    let [message, next] = [9, 20].map(|length| run.random().bytes(length));
    let mut script = Script { flush: Some(error.to_owned()), ..Script::default() };
    let sent = send(submission, &mut script, &message);
    let expected = if script.flush.is_none() { Err(error.to_owned()) } else { Ok(()) };
    let what = format!("sending 9 bytes, when flush ends, once, with {error}");
    run.expect(&what, &sent, &expected);
    let mut script = Script::default();
    let sent = send(submission, &mut script, &next);
    expect_sent(run, &format!("{what}, when another one is sent"), &sent, &script.written, &next);
}

fn promises_too_much(run: &Run) {
    let submission = played(run);
    // A thread that is left has a stack and an arena of 64 MiB; that it is left, `tidy` says.
    const OF_A_THREAD: u64 = 80 << 10;
    let status = |field| observe::status_number(submission.pid(), field, 10).unwrap_or(0);
    let memory = || status("VmPeak").saturating_sub(status("Threads") * OF_A_THREAD);
    let refused = |length: u32| {
        let came = receive(&submission, &mut Script::giving(&length.to_be_bytes()));
        run.expect(&format!("a length of {length}"), &came, &Err("InvalidData".to_owned()));
    };
    // What a call takes whatever the length is, as a stack for a thread, is there after the first.
    refused(LONGEST as u32 + 1);
    let before = memory();
    let any = run.random().within(LONGEST as u64 + 2..1 << 32) as u32;
    for length in [any, 1 << 24, 600 << 20, 1 << 31, u32::MAX] {
        refused(length);
    }
    let taken = memory().saturating_sub(before);
    run.ensure(taken < 14 << 10, || {
        format!("{taken} KiB more of address space were taken by receiving lengths beyond LONGEST")
    });
    takes_no_memory(run, &submission);
    // In pieces too, so that there is some of the next message for who reads on, but not all of it.
    for at_most in 0..13 {
        anew(&submission);
        let message = run.random().bytes(7);
        let stream = [&any.to_be_bytes(), &framed(&message)[..]].concat();
        let mut script = Script { at_most, ..Script::giving(&stream) };
        run.expect(
            &format!("a length of {any}"),
            &receive(&submission, &mut script),
            &Err("InvalidData".to_owned()),
        );
        let pieces = if at_most == 0 {
            String::new()
        } else {
            format!(", of which a call gives {at_most} at most")
        };
        let what = format!(
            "receiving again after a length of {any}, when the stream goes on with a message{pieces}"
        );
        expect_message(run, &what, &receive(&submission, &mut script), &message);
    }
    anew(&submission);
    let longest = run.random().bytes(LONGEST);
    let came = receive(&submission, &mut Script::giving(&framed(&longest)));
    expect_message(run, "a message as long as allowed", &came, &longest);
}

/// What an error is made of, and what it says.
const OF_AN_ERROR: u64 = 16 << 10;

/// No length beyond LONGEST takes more memory than an empty message does, whatever the length is and
/// whichever it is of its stream.
fn takes_no_memory(run: &Run, submission: &Session) {
    let first = LONGEST as u64 + 1;
    let powers = (20..32).flat_map(|power| {
        let power = 1_u64 << power;
        [power, power + 1, power + 2, 2 * power - 1]
    });
    let mut lengths: Vec<u64> =
        (first..first + 260).chain(powers.filter(|it| *it >= first)).collect();
    for end in [2 * LONGEST, 4 * LONGEST, 16 * LONGEST, 256 * LONGEST, 1 << 31, 1 << 32] {
        lengths.extend((0..60).map(|_| run.random().within(first..end as u64)));
    }
    run.random().shuffle(&mut lengths);
    // Of an empty message, which is the first of its stream and then the second.
    type Came = Vec<(Result<Option<u64>, String>, u64)>;
    let empty: Came = submission.call("lengths", &vec![0_u64; 2]);
    let of_empty = empty.iter().map(|(_, taken)| *taken).max().unwrap_or(0);
    // All over one stream, and each over one of its own after an empty message or none.
    let alone = lengths.iter().step_by(8).map(|length| vec![*length]);
    let after = lengths.iter().step_by(8).map(|length| vec![0, *length]);
    for lengths in [lengths.clone()].into_iter().chain(alone).chain(after) {
        let came: Came = submission.call("lengths", &lengths);
        for (length, (received, taken)) in lengths.iter().zip(came) {
            if *length == 0 {
                run.expect("an empty message", &received, &Ok(Some(0)));
                continue;
            }
            let what = format!("a length of {length}");
            run.expect(&what, &received, &Err("InvalidData".to_owned()));
            run.ensure(taken <= of_empty + OF_AN_ERROR, || {
                let (taken, of_empty) = (taken >> 10, of_empty >> 10);
                format!("{what}: {taken} KiB of memory were taken for it, for an empty message {of_empty} KiB")
            });
        }
    }
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
        run.expect(
            "what is written of a message that is too long",
            &script.written,
            &Vec::<u8>::new(),
        );
    }
    for (length, begun) in places(run, any_length(run)) {
        anew(&submission);
        let [message, next] = [length, 20].map(|length| run.random().bytes(length));
        let mut script = Script::default().ending(begun, "WouldBlock", true);
        let what =
            format!("a write failed after {} of a message of 4 + {length}", counted(begun, "byte"));
        run.expect(&what, &send(&submission, &mut script, &message), &Err("WouldBlock".to_owned()));
        refuses(run, &submission, &mut script, &what);
        let sent = send(&submission, &mut script, &next);
        let what = format!("{what}, then one was refused, and a third one is sent");
        expect_sent_then(
            run,
            &what,
            &sent,
            &script.written[begun..],
            &framed(&message)[begun..],
            &next,
        );
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
    anew(&submission);
}
