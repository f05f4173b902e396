//! How puppets come on the stage. Their standard error, which they inherit, is a socket whose other end
//! the driver has. A puppet makes a pair of sockets, unix(7), and hands one of them over on it. So there
//! is no name that anybody could connect to, and the kernel says who has made the pair.

use std::io::{IoSlice, IoSliceMut, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, getsockopt,
    recvmsg, sendmsg, socketpair, sockopt,
};

/// Who hands a socket over.
pub(crate) mod who {
    pub(crate) const PUPPET: u8 = b'P';
    pub(crate) const FORK: u8 = b'F';
    pub(crate) const PEER: u8 = b'S';
}

/// The driver's end.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) ours: OwnedFd,
    /// What becomes standard error.
    pub(crate) theirs: OwnedFd,
}

/// A socket that was handed over.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) connection: OwnedFd,
    /// The process that has made it.
    pub(crate) pid: i32,
    /// What it says it is.
    pub(crate) who: u8,
    pub(crate) name: String,
}

impl Stage {
    pub(crate) fn open() -> nix::Result<Stage> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
        Ok(Stage { ours, theirs })
    }

    /// Takes what is there: sockets. Words are for this process's standard error.
    pub(crate) fn enter(&self) -> Vec<Entrance> {
        let mut come = Vec::new();
        for _ in 0..64 {
            let mut buffer = vec![0; 64 * 1024];
            let mut space = nix::cmsg_space!([i32; 4]);
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
            let fd = self.ours.as_raw_fd();
            let Ok(message) = recvmsg::<()>(fd, &mut slices, Some(&mut space), flags) else {
                break;
            };
            let mut sockets = Vec::new();
            for part in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::ScmRights(all) = part {
                    // SAFETY: descriptors that have just come belong to nobody else.
                    sockets.extend(all.iter().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }));
                }
            }
            let length = message.bytes;
            let words = &buffer[..length];
            let Some(connection) = sockets.pop() else {
                let _ = std::io::stderr().write_all(words);
                continue;
            };
            let Ok(peer) = getsockopt(&connection, sockopt::PeerCredentials) else { continue };
            let Some((who, name)) = words.split_first() else { continue };
            let name = String::from_utf8_lossy(name).into_owned();
            come.push(Entrance { connection, pid: peer.pid(), who: *who, name });
        }
        come
    }
}

/// Makes a pair and hands one of it over; the process ends if nobody takes it.
pub(crate) fn hand_over(who: u8, name: &str) -> i32 {
    // SAFETY: _exit(2) is always safe to call.
    try_to_hand_over(who, name).unwrap_or_else(|_| unsafe { libc::_exit(125) })
}

/// The same, unless nobody takes it.
pub(crate) fn try_to_hand_over(who: u8, name: &str) -> nix::Result<i32> {
    let (mine, given) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
    let words = [&[who], name.as_bytes()].concat();
    let rights = [given.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(2, &[IoSlice::new(&words)], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(mine.into_raw_fd())
}
