//! The terminal: its keys, its size, its other screen; as it was when this program leaves it. Who
//! plays and who watches have it in the same way.

pub mod keys;

use std::io::Write;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::show;

/// How much a terminal has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

impl Size {
    /// That of standard output now. Where nobody has said it, variables may.
    pub fn of_terminal() -> Size {
        let window = show::window();
        let of = |size: Option<u16>, variable: &str, usual: usize| {
            let said = || std::env::var(variable).ok()?.parse().ok();
            size.filter(|it| *it > 0).map(usize::from).or_else(said).unwrap_or(usual)
        };
        Size {
            columns: of(window.map(|it| it.ws_col), "COLUMNS", 80).max(1),
            rows: of(window.map(|it| it.ws_row), "LINES", 24).max(1),
        }
    }
}

/// Signals that would end or stop this program and leave the terminal as it is now, and that of its
/// size: from here on they are read, with `others`.
pub fn signals(others: &[Signal]) -> Result<SignalFd> {
    let signals = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGTSTP,
        Signal::SIGWINCH,
    ];
    let signals: SigSet = signals.iter().chain(others).copied().collect();
    signals.thread_block()?;
    Ok(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

/// The terminal, which hands out keys at once and does not show them; as it was when dropped.
pub struct Terminal {
    before: Termios,
    /// Whether the other screen is used, which leaves no trace on the usual one.
    other_screen: bool,
    /// Whether it is not as it was.
    taken: bool,
    /// The rows that are there now.
    drawn: Vec<String>,
}

const OTHER_SCREEN: &str = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J";
/// Where there is no other screen, what follows stands in the last row.
const USUAL_SCREEN: &str = "\x1b[999;1H\x1b[2K\x1b[?25h\x1b[?1049l";

impl Terminal {
    /// The terminal of standard input.
    pub fn enter() -> Result<Terminal> {
        Terminal::begin(false)
    }

    /// The same with the other screen.
    pub fn with_screen() -> Result<Terminal> {
        Terminal::begin(true)
    }

    fn begin(other_screen: bool) -> Result<Terminal> {
        let before = tcgetattr(std::io::stdin()).context("tcgetattr")?;
        let mut terminal = Terminal { before, other_screen, taken: false, drawn: Vec::new() };
        terminal.again()?;
        Ok(terminal)
    }

    /// Hands out keys, from now on or again.
    pub fn again(&mut self) -> Result<()> {
        let mut keys = self.before.clone();
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &keys).context("tcsetattr")?;
        self.taken = true;
        if self.other_screen {
            print!("{OTHER_SCREEN}");
            crate::output::flush();
        }
        self.drawn.clear();
        Ok(())
    }

    /// As it was.
    pub fn leave(&mut self) {
        if !std::mem::take(&mut self.taken) {
            return;
        }
        if self.other_screen {
            // Whoever has closed it sees nothing of this either.
            let mut terminal = std::io::stdout();
            let _ = terminal.write_all(USUAL_SCREEN.as_bytes()).and_then(|()| terminal.flush());
        }
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }

    /// For a program that draws on this screen as well, once it has been made ready.
    pub fn lend(&mut self, meanwhile: &str) {
        let begin = if self.other_screen { "\x1b[H\x1b[2J\x1b[?25h" } else { "" };
        println!("{begin}{meanwhile}");
        crate::output::flush();
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }

    /// What is there now is not what was drawn.
    pub fn forget(&mut self) {
        self.drawn.clear();
    }

    /// Draws rows that fit, of which those are written that are not there yet.
    pub fn draw(&mut self, rows: Vec<String>) {
        let anew = self.drawn.len() != rows.len();
        let mut text = String::from(if anew { "\x1b[H\x1b[2J" } else { "" });
        for (number, row) in rows.iter().enumerate() {
            if anew || self.drawn[number] != *row {
                // Erased first: at the end of a full row, it would take the last letter.
                text.push_str(&format!("\x1b[{};1H\x1b[2K{row}", number + 1));
            }
        }
        print!("{text}");
        crate::output::flush();
        self.drawn = rows;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Clears the screen, and leaves what was there in the history.
pub fn clear() {
    if !messages::is_dumb() {
        print!("\x1b[H\x1b[2J");
    }
}
