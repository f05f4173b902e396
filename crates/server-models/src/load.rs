//! The load: many clients, played by one process with one epoll loop, so that what is measured is
//! the server and not them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lab::TimeLimit;
use lab::child::{Child, LIMIT, explain, explain_io, failed, late};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use nix::unistd::pause;

use crate::server::{Server, raise_limit_on_files};

/// So many clients are on their way at the same time; more wait until others are answered.
const AT_ONCE: usize = 1000;
/// How long the clients wait for something to happen, in ms: longer than a request waits.
const LOOK: u8 = 10;
/// After so many looks at which nothing happened and the server rested, nothing will.
const IDLE_LOOKS: u32 = 5;

/// What a client does when it was answered.
#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    Leaves,
    Stays,
}

/// What came of the clients.
pub struct Load {
    /// How many got the right answer.
    pub answered: usize,
    /// From the first connection to the last answer, in ms.
    pub total: f64,
    /// The 99th percentile of the times from a client's connection to its answer, in ms.
    pub p99: f64,
    /// Who plays the clients. They leave when this is dropped.
    _process: Child,
}

/// Sends so many clients to the server, all at once. Clients that stay may find out that the server
/// has no one for them: when it rests and answers nobody, they are counted as not answered.
pub fn put(server: &Server, clients: usize, then: Then) -> Result<Load> {
    let (mut told, tell) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let process = unsafe {
        Child::fork(|| match play(server, clients, then) {
            Err(error) => failed(&error),
            Ok((answered, total, p99, _connections)) => {
                let text = format!("{answered} {total} {p99}");
                let _ = (&tell).write_all(text.as_bytes());
                let _ = nix::unistd::close(tell.as_raw_fd());
                if then == Then::Stays {
                    // Killed, when they are to leave.
                    loop {
                        pause();
                    }
                }
                0
            }
        })
    }?;
    drop(tell);
    let mut text = String::new();
    told.read_to_string(&mut text).map_err(explain_io("read"))?;
    let numbers: Vec<f64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [answered, total, p99] = numbers[..] else { bail!("the clients gave up") };
    Ok(Load { answered: answered as usize, total, p99, _process: process })
}

/// A client: it was sent on its way then, and waits for its line.
struct Client {
    socket: TcpStream,
    began: Instant,
    line: String,
    sent: bool,
}

type Played = (usize, f64, f64, Vec<Option<Client>>);

fn play(server: &Server, number: usize, then: Then) -> Result<Played> {
    raise_limit_on_files();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(explain("epoll_create1"))?;
    let mut clients: Vec<Option<Client>> = Vec::with_capacity(number);
    let mut took = Vec::with_capacity(number);
    let mut events = [EpollEvent::empty(); 256];
    let (mut limit, mut idle_looks) = (TimeLimit::new(LIMIT), 0);
    let begin = Instant::now();
    while took.len() < number {
        while clients.len() < number && clients.len() - took.len() < AT_ONCE {
            let socket = begin_to_connect(server.address)?;
            let out = EpollEvent::new(EpollFlags::EPOLLOUT, clients.len() as u64);
            epoll.add(&socket, out).map_err(explain("epoll_ctl"))?;
            let line = format!("client {}\n", clients.len());
            clients.push(Some(Client { socket, began: Instant::now(), line, sent: false }));
        }
        let ready = match epoll.wait(&mut events, EpollTimeout::from(LOOK)) {
            Err(Errno::EINTR) => 0,
            ready => ready.map_err(explain("epoll_wait"))?,
        };
        for event in &events[..ready] {
            let at = event.data() as usize;
            let Some(client) = &mut clients[at] else { continue };
            if !client.sent {
                client.send()?;
                let mut input = EpollEvent::new(EpollFlags::EPOLLIN, event.data());
                epoll.modify(&client.socket, &mut input).map_err(explain("epoll_ctl"))?;
            } else if client.is_answered()? {
                took.push(client.began.elapsed().as_secs_f64() * 1e3);
                if then == Then::Leaves {
                    client.leave()?;
                    clients[at] = None;
                }
            }
        }
        // What a server at rest has to say has been said, and is seen at the next look.
        let idle = then == Then::Stays && ready == 0 && !server.is_at_work()?;
        idle_looks = if idle { idle_looks + 1 } else { 0 };
        if idle_looks == IDLE_LOOKS {
            break;
        }
        if ready > 0 {
            limit = TimeLimit::new(LIMIT);
        } else if limit.is_over() {
            return Err(late(&format!("{} of {number} clients were answered", took.len())));
        }
    }
    let total = begin.elapsed().as_secs_f64() * 1e3;
    took.sort_by(f64::total_cmp);
    let rank = (took.len() * 99).div_ceil(100).saturating_sub(1);
    let p99 = *took.get(rank).context("no client was answered")?;
    Ok((took.len(), total, p99, clients))
}

impl Client {
    fn send(&mut self) -> Result<()> {
        if let Some(error) = self.socket.take_error().map_err(explain_io("getsockopt"))? {
            return Err(explain_io("connect")(error));
        }
        self.socket.write_all(self.line.as_bytes()).map_err(explain_io("write"))?;
        self.sent = true;
        Ok(())
    }

    /// Whether the whole line has come back; it is so short that it comes in one piece.
    fn is_answered(&mut self) -> Result<bool> {
        let mut bytes = [0; 64];
        match self.socket.read(&mut bytes) {
            Ok(read) if bytes[..read] == *self.line.as_bytes() => Ok(true),
            Ok(0) => bail!("the server sent a client away"),
            Ok(read) => bail!("a wrong answer: {:?}", String::from_utf8_lossy(&bytes[..read])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(explain_io("read")(error)),
        }
    }

    /// Ends the connection by a reset, so that no port is kept for a while (TIME_WAIT, tcp(7)).
    fn leave(&self) -> Result<()> {
        let now = libc::linger { l_onoff: 1, l_linger: 0 };
        nix::sys::socket::setsockopt(&self.socket, nix::sys::socket::sockopt::Linger, &now)
            .map_err(explain("setsockopt"))
    }
}

fn begin_to_connect(address: SocketAddr) -> Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd: OwnedFd =
        socket(AddressFamily::Inet, SockType::Stream, flags, None).map_err(explain("socket"))?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(fd)),
        Err(errno) => Err(explain("connect")(errno)),
    }
}
