//! Serves the pages on the loopback address, until Ctrl-C.
//!
//! Nobody who connects can hold the server up. No body is read, a connection carries one request and
//! ends after [`TIME`] whatever its reader does, and there are at most [`CONNECTIONS`] of them. What a
//! page may run, and who may ask, is the affair of [`door`](crate::door).

use std::future::poll_fn;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::door::Door;
use crate::run::Place;
use crate::warn::warn;

/// How long one request with its answer may take.
const TIME: Duration = Duration::from_secs(10);

/// How many connections are served at a time; more of them wait.
const CONNECTIONS: usize = 256;

/// The port that is tried if none is asked for.
const USUAL_PORT: u16 = 3000;

/// Takes the port that is asked for, or the usual one, or, where that is taken, any other.
///
/// # Errors
///
/// If the port that is asked for cannot be had.
pub fn listen(asked: Option<u16>) -> Result<TcpListener> {
    let bind = |port| TcpListener::bind(("127.0.0.1", port));
    let listener = match asked {
        Some(port) => {
            bind(port).with_context(|| format!("listen on port {port}; --port chooses another"))?
        }
        None => bind(USUAL_PORT).or_else(|_| bind(0)).context("listen on the loopback address")?,
    };
    listener.set_nonblocking(true).context("listen without blocking")?;
    Ok(listener)
}

/// Answers requests for the files below `pages` until Ctrl-C or SIGTERM, and shows them in a
/// browser if `open` says so and there is one.
///
/// # Errors
///
/// If the machine has no thread or descriptor left at the start. Later it waits until it has.
pub fn serve(pages: &Path, place: Place, listener: TcpListener, open: bool) -> Result<()> {
    // Files are read by threads of the runtime. It panics where it gets none, so this asks first; the
    // one that it gets then is kept.
    std::thread::Builder::new()
        .spawn(|| ())
        .context("start a thread; the limit on processes may be reached (ulimit -u)")?
        .join()
        .expect("it does nothing");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(Duration::MAX)
        .build()
        .context("start the server")?;
    runtime.block_on(async {
        tokio::task::spawn_blocking(|| ()).await.context("start the server")?;
        let mut interrupted = signal(SignalKind::interrupt()).context("wait for Ctrl-C")?;
        let mut terminated = signal(SignalKind::terminate()).context("wait for SIGTERM")?;
        let address = listener.local_addr().context("find the port")?;
        let url = format!("http://{address}/");
        let door = Arc::new(Door::new(pages, place.clone(), address)?);
        let listener = tokio::net::TcpListener::from_std(listener).context("start the server")?;
        announce(&format!("The book is at {url} until Ctrl-C."));
        if open {
            show(&url);
        }
        tokio::spawn(accept(door, listener));
        let ended = poll_fn(|context| {
            let ended = [&mut interrupted, &mut terminated];
            let ended = ended.map(|signal| signal.poll_recv(context).is_ready());
            if ended.contains(&true) { Poll::Ready(()) } else { Poll::Pending }
        });
        ended.await;
        place.close().await;
        Ok(())
    })
}

/// Accepts connections for ever. Where descriptors are short it waits for some to be closed.
async fn accept(door: Arc<Door>, listener: tokio::net::TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut silent = false;
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("nobody closes it");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut silent, true) {
                    warn(&format!("accept: {error}; the server goes on when that has passed"));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            let runs = Arc::new(AtomicBool::new(false));
            let answer = http1::Builder::new().keep_alive(false).serve_connection(
                TokioIo::new(stream),
                service_fn(|request| {
                    let (door, runs) = (Arc::clone(&door), Arc::clone(&runs));
                    async move { door.answer(request, peer, &runs).await }
                }),
            );
            tokio::pin!(answer);
            // A reader that goes away, sends nonsense or dawdles costs this answer alone. Who runs
            // something has as long as that may take.
            let ended = tokio::time::timeout(TIME, &mut answer).await;
            if ended.is_err() && runs.load(Ordering::Relaxed) {
                let _ = tokio::time::timeout(door.longest(), answer).await;
            }
            drop(slot);
        });
    }
}

/// Says where the book is, on stderr if stdout is gone: a server is of use without either.
fn announce(line: &str) {
    let mut stdout = io::stdout();
    if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        warn(&format!("standard output: {error}. {line}"));
    }
}

/// Opens the address in a browser, if there is a place to show it. Whatever goes wrong there, the
/// address has been printed.
fn show(url: &str) {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let browser = set("BROWSER").or_else(|| {
        (set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some()).then(|| "xdg-open".into())
    });
    if let Some(browser) = browser {
        let mut command = Command::new(browser);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // The runtime reaps it.
        drop(command.spawn());
    }
}
