//! One client at a time, by plain calls: for the trials in which each answer is looked at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::Result;
use lab::child::{LIMIT, explain_io, late};

/// A connection and whether it still stands.
pub struct Client(TcpStream);

impl Client {
    /// Connects, if anybody listens.
    pub fn connect(address: SocketAddr) -> Result<Option<Client>> {
        match TcpStream::connect(address) {
            Ok(socket) => {
                socket.set_read_timeout(Some(LIMIT)).map_err(explain_io("setsockopt"))?;
                Ok(Some(Client(socket)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(None),
            Err(error) => Err(explain_io("connect")(error)),
        }
    }

    /// Sends a line. Where the server is gone, that shows when the answer is waited for.
    pub fn send(&mut self, line: &str) {
        let _ = self.0.write_all(line.as_bytes());
    }

    /// Whether that line comes back; it does not if the connection has ended.
    pub fn receives(&mut self, line: &str) -> Result<bool> {
        let mut answer = vec![0; line.len()];
        match self.0.read_exact(&mut answer) {
            Ok(()) => Ok(answer == line.as_bytes()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                Err(late("the server neither answers nor ends the connection"))
            }
            Err(_) => Ok(false),
        }
    }

    /// Both.
    pub fn is_answered(&mut self, line: &str) -> Result<bool> {
        self.send(line);
        self.receives(line)
    }
}

/// Whether somebody who comes now is served.
pub fn newcomer_is_answered(address: SocketAddr) -> Result<bool> {
    match Client::connect(address)? {
        Some(mut client) => client.is_answered("newcomer\n"),
        None => Ok(false),
    }
}
