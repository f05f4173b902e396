//! Whose connection it is: another user of this machine can reach a port on the loopback address, and
//! read in a page what stands there for the reader alone.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};

use nix::unistd::geteuid;

/// Whether the other end of a connection to `here` was made by this program's user. Where the kernel
/// does not say so, it was not.
pub fn is_own_user(peer: SocketAddr, here: SocketAddr) -> bool {
    let (SocketAddr::V4(peer), SocketAddr::V4(here)) = (peer, here) else { return false };
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    user(&sockets, peer, here) == Some(geteuid().as_raw())
}

/// The user of the socket that is bound to `local` and connected to `remote`, in the table that
/// proc_pid_net(5) describes: number, local address, remote address, ..., user.
fn user(sockets: &str, local: SocketAddrV4, remote: SocketAddrV4) -> Option<u32> {
    // The address is printed as the number that it is in memory, the port as people write it.
    let hex = |address: SocketAddrV4| {
        let number = u32::from_ne_bytes(address.ip().octets());
        format!("{number:08X}:{:04X}", address.port())
    };
    let (local, remote) = (hex(local), hex(remote));
    sockets.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&&*local) && fields.get(2) == Some(&&*remote);
        is_it.then(|| fields.get(7)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_other_end_of_a_connection_has_a_user() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let stream = TcpStream::connect(here).unwrap();
        let (_accepted, peer) = listener.accept().unwrap();
        assert!(is_own_user(peer, here));
        assert_eq!(peer, stream.local_addr().unwrap());
        let mut other = peer;
        other.set_port(1);
        assert!(!is_own_user(other, here));
    }
}
