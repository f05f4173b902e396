//! One thread, all clients: it asks the kernel whose bytes have come, and keeps a list of who waits
//! until when.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result};
use lab::child::{explain, explain_io};
use lab::{Evidence, Experiment, Lab};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::server::{Model, Stop};
use crate::service::{Inbox, WAIT, answer};
use crate::trial;

pub const EXPERIMENT: Experiment = Experiment {
    name: "epoll",
    question: "One thread serves all clients at the same time. How?",
    claims: &["threaded-server"],
    run,
};

pub const MODEL: Model = Model { name: "epoll", serve, has_children: false };

/// What is known of a client: there is no stack that would remember it.
struct Client {
    socket: TcpStream,
    inbox: Inbox,
    /// Whether a request of this client is in the list of those that wait.
    waits: bool,
}

/// What epoll calls the listening socket; clients get the numbers after it.
const LISTENER: u64 = 0;

// ANCHOR: serve
fn serve(listener: TcpListener, _: Stop) -> Result<()> {
    listener.set_nonblocking(true).map_err(explain_io("ioctl"))?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(explain("epoll_create1"))?;
    let interest = |number| EpollEvent::new(EpollFlags::EPOLLIN, number);
    epoll.add(&listener, interest(LISTENER)).map_err(explain("epoll_ctl"))?;
    let (mut clients, mut last) = (HashMap::new(), LISTENER);
    let mut waiting: VecDeque<(Instant, u64, Vec<u8>)> = VecDeque::new();
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let first = waiting.front().map(|(due, ..)| *due);
        let ready = match epoll.wait(&mut events, until(first)) {
            Err(Errno::EINTR) => 0,
            ready => ready.map_err(explain("epoll_wait"))?,
        };
        for number in events[..ready].iter().map(EpollEvent::data) {
            if number == LISTENER {
                while let Some(socket) = accept(&listener)? {
                    last += 1;
                    epoll.add(&socket, interest(last)).map_err(explain("epoll_ctl"))?;
                    clients.insert(last, Client { socket, inbox: Inbox::default(), waits: false });
                }
            } else if let Some(client) = clients.get_mut(&number) {
                match client.receive() {
                    Ok(Some(request)) => waiting.push_back((due(), number, request)),
                    Ok(None) => {}
                    Err(_) => drop(clients.remove(&number)),
                }
            }
        }
        // All wait equally long, so the list is in the order of time.
        while waiting.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            let (_, number, request) = waiting.pop_front().context("it was there")?;
            let Some(client) = clients.get_mut(&number) else { continue };
            match client.reply(&request) {
                Ok(None) => {}
                Ok(Some(next)) => waiting.push_back((due(), number, next)),
                Err(_) => drop(clients.remove(&number)),
            }
        }
    }
}
// ANCHOR_END: serve

impl Client {
    /// Reads what has come; returns a request if one is whole and none waits.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = [0; 512];
        match self.socket.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => self.inbox.add(&bytes[..read])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(if self.waits { None } else { self.next() })
    }

    /// Answers; returns the next request if it is there already. A client that does not take its
    /// answers is sent away: its socket is full, and nobody here can wait for it.
    fn reply(&mut self, request: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (answer, is_last) = answer(request);
        self.socket.write_all(answer)?;
        if is_last { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(self.next()) }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let next = self.inbox.request();
        self.waits = next.is_some();
        next
    }
}

/// The next client in the queue of the listening socket.
fn accept(listener: &TcpListener) -> Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((socket, _)) => {
            socket.set_nonblocking(true).map_err(explain_io("ioctl"))?;
            Ok(Some(socket))
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) =>
        {
            Ok(None)
        }
        Err(error) => Err(explain_io("accept4")(error)),
    }
}

/// When the wait of a request that has come now is over.
fn due() -> Instant {
    Instant::now() + WAIT
}

/// How long epoll may sleep: whole milliseconds, rounded up.
fn until(due: Option<Instant>) -> EpollTimeout {
    let Some(due) = due else { return EpollTimeout::NONE };
    let left = due.saturating_duration_since(Instant::now());
    EpollTimeout::from(left.as_micros().div_ceil(1000) as u16)
}

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}
