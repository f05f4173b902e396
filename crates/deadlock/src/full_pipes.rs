//! A deadlock without any lock: two processes write to each other, both pipes are full, and
//! nobody reads.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::child::{Child, explain, in_words, status};
use lab::proc::blocked_in;
use lab::{Evidence, Experiment, Lab, say, span};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment =
    Experiment { name: "full-pipes", question: "Does it take a lock?", claims: &[], run };

/// Sends the message, receives one as long.
type Exchange = fn(&'static str, &mut Pipe, &[u8]) -> std::io::Result<()>;

fn run(_: &Lab) -> Result<Evidence> {
    let (frozen, capacity) = both(write_then_read)?;
    tell("written first, read after", frozen);
    let (frozen_with_poll, _) = both(whichever_is_ready)?;
    tell("with poll", frozen_with_poll);
    Ok(Evidence::new()
        .measured("capacity of a pipe", capacity, "B")
        .fact("processes frozen by full pipes", frozen)
        .fact("processes frozen with poll", frozen_with_poll))
}

fn tell(how: &str, frozen: usize) {
    match frozen {
        0 => say!("main", "{how}: both messages arrived"),
        _ => say!("main", "{how}: {frozen} processes froze"),
    }
}

/// One's own end of a pair of pipes.
struct Pipe {
    reader: std::io::PipeReader,
    writer: std::io::PipeWriter,
}

// ANCHOR: exchange
fn write_then_read(me: &'static str, pipe: &mut Pipe, message: &[u8]) -> std::io::Result<()> {
    let writing = span!(me, "writes {} bytes", message.len());
    pipe.writer.write_all(message)?;
    drop(writing);
    let _reading = span!(me, "reads");
    pipe.reader.read_exact(&mut vec![0; message.len()])
}

fn whichever_is_ready(_: &'static str, pipe: &mut Pipe, message: &[u8]) -> std::io::Result<()> {
    fcntl(&pipe.writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let (mut sent, mut received, mut buffer) = (0, 0, [0; 4096]);
    while sent < message.len() || received < message.len() {
        let want = if sent < message.len() { PollFlags::POLLOUT } else { PollFlags::empty() };
        let mut ends = [
            PollFd::new(pipe.reader.as_fd(), PollFlags::POLLIN),
            PollFd::new(pipe.writer.as_fd(), want),
        ];
        poll(&mut ends, PollTimeout::NONE)?;
        let [readable, writable] = ends.map(|end| end.any().unwrap_or(false));
        if readable {
            received += pipe.reader.read(&mut buffer)?;
        }
        if writable && sent < message.len() {
            match pipe.writer.write(&message[sent..]) {
                Err(full) if full.kind() == ErrorKind::WouldBlock => {}
                written => sent += written?,
            }
        }
    }
    Ok(())
}
// ANCHOR_END: exchange

/// Two processes that exchange messages of twice a pipe's capacity; returns how many had to be
/// killed, and the capacity in bytes.
fn both(exchange: Exchange) -> Result<(usize, i32)> {
    let (there_reader, here_writer) = std::io::pipe()?;
    let (here_reader, there_writer) = std::io::pipe()?;
    let capacity =
        fcntl(&here_writer, FcntlArg::F_GETPIPE_SZ).map_err(explain("fcntl(F_GETPIPE_SZ)"))?;
    let message = vec![b'x'; 2 * capacity as usize];
    let mut here = Pipe { reader: here_reader, writer: here_writer };
    let mut there = Pipe { reader: there_reader, writer: there_writer };
    let play = |me, pipe: &mut Pipe| status(exchange(me, pipe, &message));
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let one = unsafe { Child::fork(|| play("peer-1", &mut here)) }?;
    // SAFETY: as above.
    let two = unsafe { Child::fork(|| play("peer-2", &mut there)) }?;

    while !one.ends_within(Duration::from_millis(1))? {
        // Both have filled a pipe once they sleep in write(2), and nobody reads before that ends.
        let writes =
            |peer: &Child| -> Result<bool> { Ok(blocked_in(peer.pid())? == Some(libc::SYS_write)) };
        let both_write = writes(&one)? && writes(&two)?;
        if both_write && full(&here) && full(&there) {
            say!("watchdog", "both pipes hold {capacity} bytes and are full");
            say!("watchdog", "both sleep in write(2), and neither will read; kills both");
            one.kill()?;
            two.kill()?;
            return Ok((2, capacity));
        }
    }
    for child in [one, two] {
        match child.wait()? {
            WaitStatus::Exited(_, 0) => {}
            other => bail!("a process {}", in_words(other)),
        }
    }
    Ok((0, capacity))
}

/// Whether nothing more fits.
fn full(pipe: &Pipe) -> bool {
    let mut end = [PollFd::new(pipe.writer.as_fd(), PollFlags::POLLOUT)];
    poll(&mut end, PollTimeout::ZERO) == Ok(0)
}
