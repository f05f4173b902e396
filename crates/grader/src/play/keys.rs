//! Keys of the terminal, one at a time.

use std::io::Write;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::watch::Terminal;

pub use crate::watch::clear;

/// What the player does.
pub enum Key {
    Pressed(char),
    /// The terminal has another size, or is in front again.
    Resized,
    /// The player has gone, perhaps by a signal.
    Left(Option<Signal>),
}

/// The keys, and the signals that would end this program and leave the terminal as it is now.
pub struct Keys {
    terminal: Terminal,
    signals: SignalFd,
}

impl Keys {
    pub fn enter() -> Result<Keys> {
        let signals = [
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTERM,
            Signal::SIGTSTP,
            Signal::SIGWINCH,
        ];
        let signals: SigSet = signals.into_iter().collect();
        signals.thread_block()?;
        let signals =
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Keys { terminal: Terminal::enter()?, signals })
    }

    /// Waits for the next one.
    pub fn next(&mut self) -> Result<Key> {
        std::io::stdout().flush()?;
        loop {
            let keys = std::io::stdin();
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(keys.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("poll"),
            }
            let [signalled, pressed] = fds.map(|fd| fd.any().unwrap_or(false));
            if signalled && let Some(signal) = self.signals.read_signal()? {
                match Signal::try_from(signal.ssi_signo as i32)? {
                    Signal::SIGWINCH => return Ok(Key::Resized),
                    Signal::SIGTSTP => {
                        self.terminal.leave();
                        raise(Signal::SIGSTOP)?;
                        self.terminal.hand_out_keys()?;
                        return Ok(Key::Resized);
                    }
                    signal => return Ok(Key::Left(Some(signal))),
                }
            }
            if pressed {
                let mut keys = [0; 64];
                let length = nix::unistd::read(std::io::stdin(), &mut keys).unwrap_or(0);
                match &keys[..length] {
                    [] | [4, ..] => return Ok(Key::Left(None)),
                    // The arrows walk.
                    [0x1b, b'[' | b'O', b'C' | b'B', ..] => return Ok(Key::Pressed('n')),
                    [0x1b, b'[' | b'O', b'D' | b'A', ..] | [0x7f, ..] => {
                        return Ok(Key::Pressed('u'));
                    }
                    [0x1b, ..] => {}
                    [key, ..] => return Ok(Key::Pressed(char::from(*key))),
                }
            }
        }
    }
}
