//! What the player does, one thing at a time.

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::signalfd::SignalFd;

use crate::terminal::keys::{Key, REST_OF_A_KEY, Unread};
use crate::terminal::{self, Terminal};

/// What the player does.
pub enum Input {
    Pressed(Key),
    /// The terminal has another size, or is in front again.
    Resized,
    /// The player has gone, perhaps by a signal.
    Left(Option<Signal>),
}

/// The keys, and the signals that would end this program and leave the terminal as it is now.
pub struct Keys {
    terminal: Terminal,
    signals: SignalFd,
    unread: Unread,
}

impl Keys {
    pub fn enter() -> Result<Keys> {
        let signals = terminal::signals(&[])?;
        Ok(Keys { terminal: Terminal::enter()?, signals, unread: Unread::default() })
    }

    /// Waits for the next one.
    pub fn next(&mut self) -> Result<Input> {
        crate::output::flush();
        let mut coming = true;
        loop {
            // A signal comes before keys that wait for their turn.
            if let Some(signal) = self.signals.read_signal()? {
                return self.signalled(Signal::try_from(signal.ssi_signo as i32)?);
            }
            if let Some(key) = self.unread.key(coming) {
                return Ok(Input::Pressed(key));
            }
            let keys = std::io::stdin();
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(keys.as_fd(), PollFlags::POLLIN),
            ];
            let patience = match self.unread.is_begun() {
                true => PollTimeout::try_from(REST_OF_A_KEY)?,
                false => PollTimeout::NONE,
            };
            coming = match poll(&mut fds, patience) {
                Ok(ready) => ready > 0,
                Err(Errno::EINTR) => true,
                Err(errno) => return Err(errno).context("poll"),
            };
            if fds[1].any().unwrap_or(false) && !self.unread.read() {
                return Ok(Input::Left(None));
            }
        }
    }

    fn signalled(&mut self, signal: Signal) -> Result<Input> {
        match signal {
            Signal::SIGWINCH => Ok(Input::Resized),
            Signal::SIGTSTP => {
                self.terminal.leave();
                raise(Signal::SIGSTOP)?;
                self.terminal.again()?;
                Ok(Input::Resized)
            }
            signal => Ok(Input::Left(Some(signal))),
        }
    }
}
