//! Where one reaches a program: a Unix or a TCP address. A connected socket of either is a
//! descriptor that is read and written, and here it is a [`File`].

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;

/// Where a program listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// A name in the kernel's memory, not in the file system: it goes with its socket, unix(7).
    Abstract(String),
    /// An address and a port of a network, tcp(7).
    Tcp(SocketAddr),
}

/// A socket at which others connect.
pub enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

// ANCHOR: address
impl Address {
    /// Listens here; port 0 is any that is free.
    pub fn listen(&self) -> io::Result<Listener> {
        Ok(match self {
            Address::Abstract(name) => {
                let name = UnixAddress::from_abstract_name(name)?;
                Listener::Unix(UnixListener::bind_addr(&name)?)
            }
            Address::Tcp(address) => Listener::Tcp(TcpListener::bind(address)?),
        })
    }

    /// Connects to whoever listens here.
    pub fn connect(&self) -> io::Result<File> {
        Ok(File::from(match self {
            Address::Abstract(name) => {
                let name = UnixAddress::from_abstract_name(name)?;
                OwnedFd::from(UnixStream::connect_addr(&name)?)
            }
            Address::Tcp(address) => without_delay(TcpStream::connect(address)?)?,
        }))
    }
}
// ANCHOR_END: address

impl Listener {
    /// Where others connect: with the port that was free.
    pub fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Listener::Unix(listener) => {
                let name = listener.local_addr()?;
                let name = name.as_abstract_name().unwrap_or_default();
                Address::Abstract(String::from_utf8_lossy(name).into_owned())
            }
            Listener::Tcp(listener) => Address::Tcp(listener.local_addr()?),
        })
    }

    /// Waits for somebody who connects.
    pub fn accept(&self) -> io::Result<File> {
        Ok(File::from(match self {
            Listener::Unix(listener) => OwnedFd::from(listener.accept()?.0),
            Listener::Tcp(listener) => without_delay(listener.accept()?.0)?,
        }))
    }
}

/// Sends small messages at once instead of collecting them (Nagle's algorithm), tcp(7).
fn without_delay(stream: TcpStream) -> io::Result<OwnedFd> {
    stream.set_nodelay(true)?;
    Ok(stream.into())
}

/// From now on a read that waits for longer fails with EAGAIN, socket(7).
pub fn limit(stream: &File, limit: Duration) -> io::Result<()> {
    let limit = TimeVal::new(limit.as_secs() as i64, limit.subsec_micros().into());
    Ok(setsockopt(stream, ReceiveTimeout, &limit)?)
}
