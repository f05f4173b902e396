//! A broker that keeps the right, and a plug-in that gets what it needs: an open descriptor.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use anyhow::{Result, bail, ensure};
use lab::child::{Child, LIMIT, explain, explain_io, in_words, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::WaitStatus;

use crate::attack::PUBLIC_FILE;
use crate::layer::filter_calls;

pub const EXPERIMENT: Experiment = Experiment {
    name: "descriptor-broker",
    question: "How does a part without rights get the one file it needs?",
    claims: &[],
    run,
};

/// What the plug-in asks for; whoever opens it gets the environment of the process that opens.
const ENVIRONMENT: &str = "/proc/self/environ";

fn run(_: &Lab) -> Result<Evidence> {
    let (broker, plugin) = UnixStream::pair().map_err(explain_io("socketpair"))?;
    for end in [&broker, &plugin] {
        end.set_read_timeout(Some(LIMIT)).map_err(explain_io("setsockopt"))?;
    }
    let (mut answers, mut tell) = std::io::pipe().map_err(explain_io("pipe"))?;
    let keeps = broker.as_raw_fd();
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            // Its copy of the other end: then the end of one process is the end of the stream.
            libc::close(keeps);
            let done = use_broker(&plugin).and_then(|found| {
                tell.write_all(found.join("\n").as_bytes()).map_err(explain_io("write"))
            });
            status(done)
        })
    }?;
    drop((plugin, tell));
    let mut filtered = false;
    let served = serve(broker, || {
        filtered = lab::proc::status(child.pid(), "Seccomp").as_deref() == Some("2");
    });
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the plug-in {}", in_words(status));
    served?;
    let mut found = String::new();
    answers.read_to_string(&mut found).map_err(explain_io("read"))?;
    let found: Vec<&str> = found.lines().collect();
    let [opened, asked, read, written, asked_for_more] = found[..] else {
        bail!("the plug-in told {} things", found.len());
    };
    let has = if filtered { "has" } else { "has no" };
    say!("plug-in", "{has} seccomp around it; opens {PUBLIC_FILE} itself: {opened}");
    say!("plug-in", "asks the broker for it: {asked}");
    say!("plug-in", "reads there: {read}; writes there: {written}");
    say!("plug-in", "asks for {ENVIRONMENT}: {asked_for_more}");
    Ok(Evidence::new()
        .fact("broker: the plug-in has a filter", filtered)
        .fact("broker: the plug-in opens it itself", opened)
        .fact("broker: asked for the file", asked)
        .fact("broker: reads from the descriptor", read)
        .fact("broker: writes to the descriptor", written)
        .fact("broker: asked for the broker's environment", asked_for_more))
}

// ANCHOR: serve
/// The broker: opens what the policy names, read-only, and sends the descriptor.
fn serve(mut stream: UnixStream, mut is_asked: impl FnMut()) -> Result<()> {
    let mut length = [0];
    while !is_at_end(stream.read_exact(&mut length))? {
        is_asked();
        let mut name = vec![0; usize::from(length[0])];
        stream.read_exact(&mut name).map_err(explain_io("read"))?;
        let name = String::from_utf8_lossy(&name).into_owned();
        let allowed = name == PUBLIC_FILE;
        if !allowed {
            stream.write_all(b"n").map_err(explain_io("write"))?;
            continue;
        }
        let file = File::open(&name).map_err(explain_io("open"))?;
        let passed = [file.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&passed)];
        let bytes = [IoSlice::new(b"y")];
        sendmsg::<()>(stream.as_raw_fd(), &bytes, &rights, MsgFlags::empty(), None)
            .map_err(explain("sendmsg"))?;
    }
    Ok(())
}
// ANCHOR_END: serve

/// Whether a read of one byte has met the end of the stream.
fn is_at_end(read: std::io::Result<()>) -> Result<bool> {
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(true),
        read => read.map(|()| false).map_err(explain_io("read")),
    }
}

// ANCHOR: plugin
/// The plug-in: gives up its calls, and asks.
fn use_broker(stream: &UnixStream) -> Result<Vec<String>> {
    filter_calls()?;
    let opened = words(File::open(PUBLIC_FILE).map(|_| "opened"))?;
    let mut found = vec![opened];
    match ask(stream, PUBLIC_FILE)? {
        Some(descriptor) => {
            let mut file = File::from(descriptor);
            let read =
                file.read(&mut [0; 16]).map(|read| if read > 0 { "bytes" } else { "the end" });
            let written = file.write(b"x").map(|_| "written");
            found.extend(["a descriptor".to_owned(), words(read)?, words(written)?]);
        }
        None => found.extend(["refused", "-", "-"].map(str::to_owned)),
    }
    found.push(match ask(stream, ENVIRONMENT)? {
        Some(_) => "a descriptor".to_owned(),
        None => "refused".to_owned(),
    });
    Ok(found)
}
// ANCHOR_END: plugin

/// What came of a call; an errno that is not about rights means that it went wrong.
fn words(done: std::io::Result<&str>) -> Result<String> {
    match done {
        Ok(word) => Ok(word.to_owned()),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(errno @ (Errno::EPERM | Errno::EACCES | Errno::EBADF)) => Ok(format!("{errno:?}")),
            _ => Err(explain_io("open, read or write")(error)),
        },
    }
}

/// Asks for a file by its name. What comes with the answer is the open file, not the right.
fn ask(mut stream: &UnixStream, name: &str) -> Result<Option<OwnedFd>> {
    let request = [&[name.len() as u8], name.as_bytes()].concat();
    stream.write_all(&request).map_err(explain_io("write"))?;
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let socket = stream.as_raw_fd();
    let message = loop {
        // A socket with a limit returns EINTR when its process was stopped and goes on, signal(7).
        match recvmsg::<()>(socket, &mut bytes, Some(&mut space), flags) {
            Err(Errno::EINTR) => {}
            message => break message.map_err(explain("recvmsg"))?,
        }
    };
    ensure!(message.bytes == 1, "the broker has ended");
    for control in message.cmsgs().map_err(explain("recvmsg"))? {
        if let ControlMessageOwned::ScmRights(descriptors) = control
            && let [descriptor] = descriptors[..]
        {
            // SAFETY: the kernel has just opened this descriptor for us, nobody else owns it.
            return Ok(Some(unsafe { OwnedFd::from_raw_fd(descriptor) }));
        }
    }
    Ok(None)
}
