//! A browser: a window that is drawn at a fixed rate, two downloads from a server, and a tab whose
//! page crashes, once as a thread of the browser and once as a process of its own.

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, explain_io, failed, in_words};
use lab::machine::Busy;
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Shared, say};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::clock;

pub const EXPERIMENT: Experiment = Experiment {
    name: "browser",
    question: "What does the window feel of downloads, and of a tab that crashes?",
    claims: &["browser"],
    run,
};

/// The window is drawn this often.
const FRAME: Duration = Duration::from_millis(2);
/// A download is so many pieces, with a pause before each, in which the server waits.
const PIECES: u64 = 15;
const PAUSE: Duration = Duration::from_millis(2);
const PIECE: usize = 4096;
const DOWNLOADS: usize = 2;
/// The tab's page crashes when so many pieces of both downloads have come.
const CRASH_AFTER: u64 = 4;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = allowed_cpus().last().copied().unwrap_or(0);
    let _pin = Pinned::to(cpu)?;
    let (watch, mut pairs) = (Busy::begin(), Vec::new());
    for _ in 0..lab.by_effort(2, 3, 25) {
        pairs.push([window_alone()?, window_beside_threads()?]);
    }
    let names = ["one thread: the latest frame", "threads: the latest frame"];
    let mut late = Comparison::paired(names, "ms", &pairs).context("no frames")?;
    late.place = format!("on CPU {cpu}");
    // Others who want the CPU make frames late in both arms: that hides a difference.
    if late.ratio.median < 3.0 {
        late.doubt = watch.so_far();
    }
    let [(_, one), (_, threads)] = &late.sides;
    let frame = FRAME.as_millis();
    say!("main", "on CPU {cpu}: a frame each {frame} ms, {DOWNLOADS} downloads");
    say!("window", "fetches by itself: of {FRAMES} frames the latest is {:.1} ms late", one.median);
    say!("window", "a thread for each download: {:.1} ms late", threads.median);
    say!("window", "one to the other: {:.1} times ({})", late.ratio.median, late.ratio);
    let mut evidence =
        Evidence::new().compared("browser: latest frame, one thread / threads", &late);
    // ANCHOR: tabs
    for (name, tab) in [("thread", tab_as_thread as Tab), ("process", tab_as_process)] {
        // ANCHOR_END: tabs
        let Seen { ended, crashed, tab, downloads, frames } = browse_and_crash(tab)?;
        let crashes = if crashed { "crashes" } else { "ends by no signal" };
        say!("main", "a page {crashes} in a {name}: the browser {ended},");
        say!("main", "  {downloads} of {DOWNLOADS} downloads are whole,");
        say!("main", "  {tab}");
        evidence = evidence
            .fact(&format!("browser: tab as {name}: the browser"), ended)
            .fact(&format!("browser: tab as {name}: whole downloads"), downloads)
            .fact(&format!("browser: tab as {name}: the window is drawn on"), frames);
    }
    Ok(evidence)
}

/// A server of one's own: a process that sends both downloads, piece by piece.
struct Server {
    downloads: Vec<UnixStream>,
    _process: Child,
}

impl Server {
    fn start() -> Result<Server> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..DOWNLOADS {
            let (near, far) = UnixStream::pair().map_err(explain_io("socketpair"))?;
            ours.push(near);
            theirs.push(far);
        }
        let send = || -> std::io::Result<()> {
            for _ in 0..PIECES {
                std::thread::sleep(PAUSE);
                for mut download in &theirs {
                    download.write_all(&[7; PIECE])?;
                }
            }
            Ok(())
        };
        // SAFETY: this process has one thread; those of an arm before have been joined.
        let process = unsafe {
            Child::fork(|| match send() {
                // The browser has ended before its downloads have.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
                Err(error) => failed(&explain_io("write")(error)),
                Ok(()) => 0,
            })
        }?;
        Ok(Server { downloads: ours, _process: process })
    }
}

/// Reads a download to its end, and notes each piece on the board.
fn fetch(mut from: &UnixStream, pieces: &AtomicU64) -> Result<()> {
    for _ in 0..PIECES {
        from.read_exact(&mut [0; PIECE]).map_err(explain_io("read"))?;
        pieces.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// A window that has been drawn at `due` times; how late each frame was.
struct Window {
    due: Duration,
    late: Vec<Duration>,
}

impl Window {
    fn open() -> Result<Window> {
        Ok(Window { due: clock::now()?, late: Vec::new() })
    }

    fn draw(&mut self) -> Result<()> {
        self.due += FRAME;
        clock::sleep_until(self.due)?;
        self.late.push(clock::now()?.saturating_sub(self.due));
        Ok(())
    }

    /// How late the latest frame was, in milliseconds.
    fn latest(&self) -> f64 {
        self.late.iter().max().map_or(0.0, |late| late.as_secs_f64() * 1e3)
    }
}

/// So many frames are drawn: enough to see the downloads through.
const FRAMES: u64 = 25;

// ANCHOR: window
/// The window fetches by itself what it shows, and then draws.
fn window_alone() -> Result<f64> {
    let (server, pieces, mut window) = (Server::start()?, AtomicU64::new(0), Window::open()?);
    for download in &server.downloads {
        fetch(download, &pieces)?;
    }
    (0..FRAMES).try_for_each(|_| window.draw())?;
    whole(&pieces)?;
    Ok(window.latest())
}

/// A thread for each download; the window only draws.
fn window_beside_threads() -> Result<f64> {
    let (server, pieces, mut window) = (Server::start()?, AtomicU64::new(0), Window::open()?);
    std::thread::scope(|scope| {
        let mut fetchers = Vec::new();
        for download in &server.downloads {
            fetchers.push(spawn(scope, "download", || fetch(download, &pieces))?);
        }
        (0..FRAMES).try_for_each(|_| window.draw())?;
        for fetcher in fetchers {
            fetcher.join().ok().context("a download has panicked")??;
        }
        anyhow::Ok(())
    })?;
    whole(&pieces)?;
    Ok(window.latest())
}
// ANCHOR_END: window

fn whole(pieces: &AtomicU64) -> Result<()> {
    let (came, all) = (pieces.load(Relaxed), PIECES * DOWNLOADS as u64);
    ensure!(came == all, "{came} of {all} pieces came");
    Ok(())
}

/// What the browser leaves on a board that others can read when it is gone.
#[derive(Default)]
struct Left {
    pieces: [AtomicU64; DOWNLOADS],
    frames: AtomicU64,
    frames_at_crash: AtomicU64,
    /// The signal that has ended the tab, if the browser is there to see it.
    tab: AtomicU64,
}

/// What became of the browser.
struct Seen {
    ended: String,
    /// Whether a signal has ended the tab or the browser.
    crashed: bool,
    tab: String,
    downloads: usize,
    frames: bool,
}

/// Shows a page that crashes; returns the signal that has ended it, if the caller lives to see it.
type Tab = fn() -> Result<Option<Signal>>;

/// Runs a browser as a process of its own, and looks at what is left of it.
fn browse_and_crash(tab: Tab) -> Result<Seen> {
    let board = Shared::new(Left::default())?;
    let server = Server::start()?;
    // SAFETY: this process has one thread; those of an arm before have been joined.
    let browser = unsafe {
        Child::fork(|| match browse(tab, &server, &board) {
            Ok(()) => 0,
            Err(error) => failed(&error),
        })
    }?;
    let status = browser.wait()?;
    let downloads = board.pieces.iter().filter(|it| it.load(Relaxed) == PIECES).count();
    let last = board.tab.load(Relaxed) as i32;
    let crashed = matches!(status, WaitStatus::Signaled(..)) || ![0, NO_SIGNAL].contains(&last);
    let tab = match last {
        0 => "and nobody is left to tell what the tab died of".to_owned(),
        NO_SIGNAL => "and no signal has ended the tab".to_owned(),
        signal => format!("and the tab was ended by {}", Signal::try_from(signal)?),
    };
    let ended = match status {
        WaitStatus::Exited(_, 0) => "goes on".to_owned(),
        WaitStatus::Signaled(..) => in_words(status),
        // It has not crashed but failed, and says why.
        other => bail!("the browser {}", in_words(other)),
    };
    let frames = board.frames.load(Relaxed) > board.frames_at_crash.load(Relaxed) + 5;
    Ok(Seen { ended, crashed, tab, downloads, frames })
}

/// Stands on the board for a tab that no signal has ended.
const NO_SIGNAL: i32 = 1000;

// ANCHOR: browse
fn browse(tab: Tab, server: &Server, board: &Left) -> Result<()> {
    lab::child::no_core_dump();
    std::thread::scope(|scope| {
        let mut window = Window::open()?;
        for (download, pieces) in server.downloads.iter().zip(&board.pieces) {
            spawn(scope, "download", move || fetch(download, pieces))?;
        }
        while board.pieces.iter().map(|it| it.load(Relaxed)).sum::<u64>() < CRASH_AFTER {
            window.draw()?;
        }
        board.frames_at_crash.store(window.late.len() as u64, Relaxed);
        let ended = tab()?;
        board.tab.store(ended.map_or(NO_SIGNAL, |signal| signal as i32) as u64, Relaxed);
        for _ in 0..FRAMES {
            window.draw()?;
            board.frames.store(window.late.len() as u64, Relaxed);
        }
        Ok(())
    })
}
// ANCHOR_END: browse

// ANCHOR: tab
fn tab_as_thread() -> Result<Option<Signal>> {
    std::thread::scope(|scope| {
        let tab = spawn(scope, "tab", show_page)?;
        let _ = tab.join();
        Ok(None)
    })
}

fn tab_as_process() -> Result<Option<Signal>> {
    // SAFETY: the child writes to one address and allocates nothing; no lock is needed for that.
    let tab = unsafe {
        Child::fork(|| {
            show_page();
            0
        })
    }?;
    match tab.wait()? {
        WaitStatus::Signaled(_, signal, _) => Ok(Some(signal)),
        _ => Ok(None),
    }
}

/// The page makes the browser write to address 0.
fn show_page() {
    let nowhere: *mut u8 = black_box(std::ptr::null_mut());
    // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
    unsafe { nowhere.write_volatile(1) }
}
// ANCHOR_END: tab
