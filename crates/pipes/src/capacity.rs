//! A pipe holds so much. Then the writer waits, and writes that are small enough stay whole.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, explain, in_words};
use lab::proc::comes_to_block_in;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "capacity",
    question: "How much fits into a pipe, and what if it is full, or nobody reads?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let (mut reader, writer) = std::io::pipe().context("pipe")?;
    let says = fcntl(&writer, FcntlArg::F_GETPIPE_SZ).map_err(explain("fcntl"))?;
    let fits = fill(writer.as_fd())?;
    say!("writer", "the kernel says the pipe holds {says} bytes; {fits} went in");

    // ANCHOR: full
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _ = fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty()));
            i32::from((&writer).write_all(b"one more").is_err())
        })
    }?;
    let blocks = comes_to_block_in(child.pid(), libc::SYS_write, LIMIT)?;
    reader.read_exact(&mut vec![0; fits]).context("read")?;
    let ended = child.wait()?;
    // ANCHOR_END: full
    let slept = if blocks { "sleeps in write" } else { "does not sleep" };
    say!("writer", "who writes to the full pipe {slept}");
    say!("reader", "reads everything; then the writer {}", in_words(ended));

    let whole = interleaved(libc::PIPE_BUF)?;
    let large = interleaved(LARGE)?;
    say!("reader", "two write records of {whole}");
    say!("reader", "two write records of {large}");

    let (reader, writer) = std::io::pipe().context("pipe")?;
    drop(reader);
    // SAFETY: as above; the child sets the default disposition, which has no handler.
    let child = unsafe {
        Child::fork(|| {
            let _ = signal(Signal::SIGPIPE, SigHandler::SigDfl);
            i32::from((&writer).write_all(b"x").is_err())
        })
    }?;
    let ended = in_words(child.wait()?);
    let nobody = if nobody_reads(&writer)? { "nobody reads" } else { "somebody could read" };
    say!("writer", "who writes to a pipe that {nobody} {ended}");
    // SAFETY: as above.
    let child = unsafe {
        Child::fork(|| {
            let _ = signal(Signal::SIGPIPE, SigHandler::SigIgn);
            (&writer).write(b"x").err().and_then(|error| error.raw_os_error()).unwrap_or(0)
        })
    }?;
    let answer = match child.wait()? {
        WaitStatus::Exited(_, 0) => "it is taken".to_owned(),
        WaitStatus::Exited(_, errno) => format!("{:?}", Errno::from_raw(errno)),
        other => format!("nothing, it {}", in_words(other)),
    };
    say!("writer", "with SIGPIPE ignored, as in Rust programs, write says {answer}");
    Ok(Evidence::new()
        .measured("pipe: capacity", says, "B")
        .measured("pipe: bytes that fit", fits, "B")
        .fact("pipe: a writer to a full pipe sleeps", blocks)
        .fact("pipe: torn records of PIPE_BUF bytes", whole.torn)
        .fact("pipe: large records are torn", large.torn > 0)
        .fact("pipe: nobody reads", ended)
        .fact("pipe: nobody reads, SIGPIPE ignored", answer))
}

/// Whether all reading ends of a pipe are closed, which poll(2) tells of the writing end.
fn nobody_reads(writer: &PipeWriter) -> Result<bool> {
    let mut fds = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).map_err(explain("poll"))?;
    Ok(fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)))
}

/// Writes until nothing more fits, and says how much did.
fn fill(writer: std::os::fd::BorrowedFd<'_>) -> Result<usize> {
    fcntl(writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(explain("fcntl"))?;
    let mut fits = 0;
    loop {
        match nix::unistd::write(writer, &[b'x'; 4096]) {
            Ok(written) => fits += written,
            Err(Errno::EAGAIN) => return Ok(fits),
            Err(errno) => return Err(explain("write")(errno)),
        }
    }
}

/// Larger than what is written in one piece, and than the whole pipe.
const LARGE: usize = 100_000;
const RECORDS: usize = 50;

/// What has become of records that two processes wrote.
struct Records {
    bytes: usize,
    torn: usize,
    /// Whether records of both came in turn, and not all of one before all of the other.
    mixed: bool,
}

impl std::fmt::Display for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Records { bytes, torn, mixed } = self;
        match torn {
            0 if !mixed => write!(f, "{bytes} bytes: one wrote before the other"),
            0 => write!(f, "{bytes} bytes: all {} arrive whole", 2 * RECORDS),
            torn => write!(f, "{bytes} bytes: {torn} of {} arrive mixed", 2 * RECORDS),
        }
    }
}

// ANCHOR: interleaved
/// Two processes write records of one letter each into the same pipe; how many arrive torn.
fn interleaved(size: usize) -> Result<Records> {
    let (reader, writer) = std::io::pipe().context("pipe")?;
    let write = |letter: u8| {
        let record = vec![letter; size];
        // SAFETY: this process has one thread, so the children inherit no lock held by another.
        unsafe {
            Child::fork(|| {
                let mut failed = false;
                for _ in 0..RECORDS {
                    failed |= (&writer).write_all(&record).is_err();
                }
                i32::from(failed)
            })
        }
    };
    let writers = [write(b'a')?, write(b'b')?];
    drop(writer);
    // Nothing is read before both wait for room. Still the kernel may serve one to its end first.
    for writer in &writers {
        comes_to_block_in(writer.pid(), libc::SYS_write, LIMIT)?;
    }
    let (torn, mixed) = torn_records(reader, size)?;
    for writer in writers {
        let ended = writer.wait()?;
        ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "a writer {}", in_words(ended));
    }
    Ok(Records { bytes: size, torn, mixed })
}
// ANCHOR_END: interleaved

fn torn_records(mut reader: PipeReader, size: usize) -> Result<(usize, bool)> {
    let (mut record, mut last) = (vec![0; size], None);
    let (mut torn, mut turns) = (0, 0);
    for _ in 0..2 * RECORDS {
        reader.read_exact(&mut record).context("read")?;
        torn += usize::from(record.iter().any(|byte| *byte != record[0]));
        turns += usize::from(last.replace(record[0]) != Some(record[0]));
    }
    Ok((torn, turns > 2))
}
