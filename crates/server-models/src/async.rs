//! The event loop again, but written as if it were threads: each client is a task of the runtime
//! tokio, and the compiler makes of each task what the loop must remember.

use std::io;
use std::net::TcpListener;

use anyhow::{Result, bail};
use lab::child::{explain, explain_io};
use lab::{Evidence, Experiment, Lab};
use nix::errno::Errno;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::server::{Model, Stop};
use crate::service::{Inbox, WAIT, answer};
use crate::trial;

pub const EXPERIMENT: Experiment = Experiment {
    name: "async",
    question: "Each client is a task, all tasks share one thread. What is different?",
    claims: &[],
    run,
};

pub const MODEL: Model = Model { name: "async", serve, has_children: false };

// ANCHOR: serve
fn serve(listener: TcpListener, _: Stop) -> Result<()> {
    listener.set_nonblocking(true).map_err(explain_io("ioctl"))?;
    runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener);
        let listener = listener.map_err(explain_io("epoll_ctl"))?;
        loop {
            let (client, _) = listener.accept().await.map_err(explain_io("accept4"))?;
            tokio::spawn(async move { converse(&client).await });
        }
    })
}

/// Serves one client until it leaves. At each `await` the thread goes to another task.
async fn converse(client: &TcpStream) -> io::Result<()> {
    let mut inbox = Inbox::default();
    loop {
        while let Some(request) = inbox.request() {
            tokio::time::sleep(WAIT).await;
            let (answer, is_last) = answer(&request);
            send(client, answer).await?;
            if is_last {
                return Ok(());
            }
        }
        match receive(client, &mut inbox).await? {
            0 => return Ok(()),
            _ => continue,
        }
    }
}
// ANCHOR_END: serve

/// A runtime on this thread. Built beside a program that uses tokio for signals, it makes a pair of
/// sockets for them, and panics where that is refused.
fn runtime() -> Result<Runtime> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let built = std::panic::catch_unwind(|| Builder::new_current_thread().enable_all().build());
    std::panic::set_hook(hook);
    match built {
        Ok(runtime) => runtime.map_err(explain_io("epoll_create1")),
        Err(panic) => {
            let why = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
            match errno_in(why) {
                Some(errno) => Err(explain("socketpair")(errno).context("tokio")),
                None => bail!("tokio's pair of sockets: {why}"),
            }
        }
    }
}

/// The errno that a panic's message gives as std's debug format does: `Os { code: 24, … }`.
fn errno_in(panic: &str) -> Option<Errno> {
    let (_, after) = panic.split_once("Os { code: ")?;
    Some(Errno::from_raw(after.split(',').next()?.parse().ok()?))
}

async fn receive(client: &TcpStream, inbox: &mut Inbox) -> io::Result<usize> {
    loop {
        client.readable().await?;
        // No `await` below, so the bytes are no part of what a task keeps while it waits.
        let mut bytes = [0; 512];
        match client.try_read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            read => return read.and_then(|read| inbox.add(&bytes[..read]).map(|()| read)),
        }
    }
}

async fn send(client: &TcpStream, mut answer: &[u8]) -> io::Result<()> {
    while !answer.is_empty() {
        client.writable().await?;
        match client.try_write(answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => answer = &answer[written?..],
        }
    }
    Ok(())
}

fn run(lab: &Lab) -> Result<Evidence> {
    trial::all(lab, &MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_which_limit_was_reached() {
        let said =
            "failed to create UnixStream: Os { code: 24, kind: Uncategorized, message: \"Too\" }";
        assert_eq!(errno_in(said), Some(Errno::EMFILE));
        assert_eq!(errno_in("it panicked"), None);
    }
}
