//! A Unix socket: a stream without messages, which says who is at the other end, and carries files.

use std::cell::Cell;
use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, LIMIT, explain, explain_io, in_words};
use lab::narrate::{receives, sends};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg, sendmsg,
    sockopt::PeerCredentials,
};
use nix::sys::wait::WaitStatus;
use nix::unistd::getuid;

use crate::address::Address;
use crate::child;
use crate::framing::{receive, send};

pub const EXPERIMENT: Experiment = Experiment {
    name: "unix",
    question: "What comes through a socket between two processes of one system?",
    claims: &["ipc-by-sockets"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let mut found = bytes_alone()?;
    found.merge(messages(lab.by_effort(1_000, 5_000, 100_000))?);
    found.merge(who_is_there()?);
    found.merge(a_file()?);
    Ok(found)
}

/// Waits for a child, which must have done what it was to do.
fn ends_well(child: Child) -> Result<()> {
    let ended = child.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "a child {}", in_words(ended));
    Ok(())
}

/// A pair of connected sockets, socketpair(2); reads wait for at most [`LIMIT`].
fn pair() -> Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair().map_err(explain_io("socketpair"))?;
    ours.set_read_timeout(Some(LIMIT)).context("setsockopt")?;
    Ok((ours, theirs))
}

/// Makes one read that returns something: after a stop, a read with a limit returns EINTR when the
/// process goes on, signal(7).
fn read_once(mut stream: impl Read, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.context("read"),
        }
    }
}

/// What a child writes one after the other.
const WORDS: [&str; 3] = ["one ", "two ", "three"];
/// So many bytes a child sends before the rest.
const FIRST: usize = 100;

/// What reads return is not what writes wrote.
fn bytes_alone() -> Result<Evidence> {
    // ANCHOR: bytes
    let (ours, mut theirs) = pair()?;
    let writer = child(|| {
        for word in WORDS {
            theirs.write_all(word.as_bytes()).context("write")?;
            sends("words");
        }
        Ok(())
    })?;
    ends_well(writer)?;
    let mut buffer = [0; 100];
    let read = read_once(&ours, &mut buffer)?;
    receives("words");
    // ANCHOR_END: bytes
    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
    say!("parent", "a child wrote {} words; one read returns {text:?}", WORDS.len());

    // The child sends the first part, and the rest when it is told that the part was read.
    let (mut ours, mut theirs) = pair()?;
    let writer = child(|| {
        theirs.write_all(&[b'x'; FIRST]).context("write")?;
        theirs.read_exact(&mut [0]).context("read")?;
        theirs.write_all(&[b'x'; 200]).context("write")
    })?;
    let mut buffer = [0; 300];
    let short = read_once(&ours, &mut buffer)?;
    ours.write_all(b"!").context("write")?;
    ends_well(writer)?;
    let asked = buffer.len();
    say!("parent", "asks for {asked} bytes before all have come: read returns {short}");
    Ok(Evidence::new()
        .fact("unix: three writes, one read", text)
        .fact("unix: a read of 300 bytes returns", short))
}

/// The length of a message that comes in two pieces.
const LONG: usize = 300;

/// With their lengths in front, messages arrive as they were sent.
fn messages(number: u32) -> Result<Evidence> {
    let (ours, mut theirs) = pair()?;
    let sender = child(|| {
        let mut bytes = Vec::new();
        send(&mut bytes, &[b'x'; LONG]).context("write")?;
        theirs.write_all(&bytes[..100]).context("write")?;
        // Two reads have been made, of the length and of what has come of the message.
        theirs.read_exact(&mut [0; 2]).context("read")?;
        theirs.write_all(&bytes[100..]).context("write")
    })?;
    let short_reads = Cell::new(0);
    let message = receive(Acknowledging(&ours, &short_reads)).context("read")?;
    ends_well(sender)?;
    let whole = message == [b'x'; LONG];
    let words = if whole { "whole" } else { "not whole" };
    // A read that brought less than was asked for ended where a piece ended.
    let came = if short_reads.get() > 0 { "two pieces" } else { "one piece" };
    say!("parent", "a framed message of {LONG} bytes in {came} arrives {words}");

    // ANCHOR: echo
    let (mut ours, mut theirs) = pair()?;
    let _echo = child(|| {
        while let Ok(message) = receive(&mut theirs) {
            send(&mut theirs, &message).context("write")?;
        }
        Ok(())
    })?;
    let mut intact = 0;
    for index in 0..number {
        let message = vec![index as u8; 1 + (index % 1000) as usize];
        send(&mut ours, &message).context("write")?;
        intact += u32::from(receive(&mut ours).context("read")? == message);
    }
    // ANCHOR_END: echo
    say!("parent", "sends {number} messages to a child: {intact} come back as they were");
    Ok(Evidence::new()
        .fact("unix: a message in two pieces arrives whole", whole)
        .fact("unix: it came in more than one piece", short_reads.get() > 0)
        .fact("unix: messages sent", number)
        .fact("unix: messages that came back intact", intact))
}

/// Says after each read that something was read, so that the sender goes on.
struct Acknowledging<'a>(&'a UnixStream, &'a Cell<u32>);

impl Read for Acknowledging<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.set(self.1.get() + u32::from(read < buffer.len()));
        // The sender may have ended: then nobody needs to know.
        let _ = self.0.write(b"!");
        Ok(read)
    }
}

/// The server learns from the kernel who has connected.
fn who_is_there() -> Result<Evidence> {
    // ANCHOR: peer
    let address = Address::Abstract(format!("sockets-unix-{}", std::process::id()));
    let listener = address.listen().map_err(explain_io("bind"))?;
    let stranger = child(|| address.connect().map(drop).map_err(explain_io("connect")))?;
    let stream = listener.accept().map_err(explain_io("accept"))?;
    let peer = getsockopt(&stream, PeerCredentials).map_err(explain("getsockopt"))?;
    // ANCHOR_END: peer
    let pid = stranger.pid();
    ends_well(stranger)?;
    let known = peer.pid() == pid.as_raw() && peer.uid() == getuid().as_raw();
    let words = if known { "which is true" } else { "which is not true" };
    say!("server", "process {pid} connects to a name in the kernel's memory");
    say!("server", "SO_PEERCRED says: {} of user {}, {words}", peer.pid(), peer.uid());
    Ok(Evidence::new().fact("unix: the kernel says who connected", known))
}

/// A descriptor goes through the socket, with the open file behind it.
fn a_file() -> Result<Evidence> {
    let (ours, theirs) = pair()?;
    // ANCHOR: pass
    let sender = child(|| {
        let (reader, mut writer) = std::io::pipe().context("pipe")?;
        writer.write_all(b"from a pipe that the sender made").context("write")?;
        let passed = [reader.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&passed)];
        let bytes = [IoSlice::new(b"!")];
        sendmsg::<()>(theirs.as_raw_fd(), &bytes, &rights, MsgFlags::empty(), None)
            .map_err(explain("sendmsg"))?;
        Ok(())
    })?;
    ends_well(sender)?;
    let mut file = receive_file(&ours)?;
    // ANCHOR_END: pass
    let mut text = String::new();
    let read = file.read_to_string(&mut text).map_err(|error| error.raw_os_error());
    let outcome = match read {
        Ok(_) => text,
        Err(errno) => format!("{:?}", Errno::from_raw(errno.unwrap_or_default())),
    };
    say!("parent", "a child has made a pipe, passed an end of it, and ended");
    say!("parent", "here it reads: {outcome}");
    Ok(Evidence::new().fact("unix: what the passed descriptor reads", outcome))
}

/// Takes a byte and the descriptor that comes with it, unix(7).
fn receive_file(stream: &UnixStream) -> Result<File> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let socket = stream.as_raw_fd();
    let message = loop {
        match recvmsg::<()>(socket, &mut bytes, Some(&mut space), flags) {
            Err(Errno::EINTR) => {}
            message => break message.map_err(explain("recvmsg"))?,
        }
    };
    for control in message.cmsgs().map_err(explain("recvmsg"))? {
        if let ControlMessageOwned::ScmRights(fds) = control
            && let [fd] = fds[..]
        {
            // SAFETY: the kernel has just opened this descriptor for us, nobody else owns it.
            return Ok(unsafe { File::from_raw_fd(fd) });
        }
    }
    bail!("no descriptor came")
}
