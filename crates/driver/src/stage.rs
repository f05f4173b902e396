//! Where puppets come to: a Unix socket in the abstract namespace, unix(7), so that it has no file.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, connect as connect_to,
    getsockopt, listen, socket, sockopt,
};

/// The driver's end.
#[derive(Debug)]
pub(crate) struct Stage {
    listener: OwnedFd,
    pub(crate) address: Vec<u8>,
}

fn stream() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
}

impl Stage {
    /// Opens it under a name that nobody else has.
    pub(crate) fn open() -> nix::Result<Stage> {
        let mut number = [0_u8; 16];
        // SAFETY: the buffer is writable and as long as said.
        unsafe { libc::getrandom(number.as_mut_ptr().cast(), number.len(), 0) };
        let address: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
        let listener = stream()?;
        bind(listener.as_raw_fd(), &UnixAddr::new_abstract(address.as_bytes())?)?;
        listen(&listener, Backlog::new(128)?)?;
        nix::fcntl::fcntl(&listener, nix::fcntl::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        Ok(Stage { listener, address: address.into_bytes() })
    }

    /// Who has come, if somebody has: the connection and the process.
    pub(crate) fn enter(&self) -> Option<(OwnedFd, i32)> {
        let accepted = accept4(self.listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC).ok()?;
        // SAFETY: what accept4 returns belongs to nobody else.
        let connection = unsafe { OwnedFd::from_raw_fd(accepted) };
        let peer = getsockopt(&connection, sockopt::PeerCredentials).ok()?;
        Some((connection, peer.pid()))
    }

    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.listener
    }
}

/// Connects to a stage; the process ends if it is not there any more.
pub(crate) fn connect(address: &[u8]) -> i32 {
    let attempt = || -> nix::Result<OwnedFd> {
        let connection = stream()?;
        connect_to(connection.as_raw_fd(), &UnixAddr::new_abstract(address)?)?;
        Ok(connection)
    };
    match attempt() {
        Ok(connection) => std::os::fd::IntoRawFd::into_raw_fd(connection),
        // SAFETY: _exit(2) is always safe to call.
        Err(_) => unsafe { libc::_exit(125) },
    }
}
