//! `cargo grade --watch`: judges on every save, and has a key for everything else. One loop waits for
//! the file, the keys, the judgement, the editor and signals, and nothing else does.
//!
//! What is known is in [`state`], what is drawn of it in [`screen`], and what is done in [`acts`].

mod acts;
mod hand_over;
mod judgement;
mod list;
mod printed;
mod screen;
mod state;

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, raise};
use nix::sys::signalfd::SignalFd;

use crate::catalogue::{self, Exercise};
use crate::show::Style;
use crate::submission::{self, shown};
use crate::terminal::keys::{REST_OF_A_KEY, Unread};
use crate::terminal::{self, Size, Terminal};

use hand_over::Guest;
use judgement::Judgement;
use printed::Printed;
use state::{Said, State};

pub use judgement::{PROGRESS, Told};

/// Judges `first`, or what is next, on every save until the learner quits. What it is ended by, if
/// a signal ended it.
pub fn watch(first: Option<Exercise>, without: &[String]) -> Result<Option<Signal>> {
    ensure!(
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        "--watch needs a terminal; without one, `cargo grade NAME` judges once"
    );
    let first = first.map_or_else(|| submission::next(None), |exercise| Ok(exercise.name))?;
    let exercises = catalogue::all()?;
    let at = exercises.iter().position(|it| it.name == first).context("an exercise")?;
    let saves = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let signals = terminal::signals(&[Signal::SIGCHLD, Signal::SIGCONT])?;
    let state = State::new(exercises, at);
    let (terminal, printed) = match messages::is_dumb() {
        true => (Terminal::enter()?, Some(Printed::default())),
        false => (Terminal::with_screen()?, None),
    };
    let (without, unread) = (without.to_vec(), Unread::default());
    let (judgement, guest) = (None, None);
    let mut watch =
        Watch { judgement, guest, terminal, printed, state, without, saves, signals, unread };
    watch.go_to(at)?;
    let by = watch.wait()?;
    let last = watch.last_words();
    drop(watch);
    if by.is_none() {
        println!("{last}");
    }
    Ok(by)
}

/// Dropped in this order: nothing runs any more when the terminal is as it was.
struct Watch {
    judgement: Option<Judgement>,
    /// What has the terminal at the moment.
    guest: Option<Guest>,
    terminal: Terminal,
    /// Where there is no screen to draw on.
    printed: Option<Printed>,
    state: State,
    without: Vec<String>,
    saves: Inotify,
    signals: SignalFd,
    unread: Unread,
}

/// What the loop does next.
enum Then {
    GoOn,
    Quit(Option<Signal>),
}

impl Watch {
    fn wait(&mut self) -> Result<Option<Signal>> {
        loop {
            self.show();
            let keys = std::io::stdin();
            let mut fds = vec![
                PollFd::new(self.saves.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            if let Some(judgement) = self.judgement.as_ref().filter(|it| it.speaks) {
                fds.push(PollFd::new(judgement.voice(), PollFlags::POLLIN));
            }
            // Who has the terminal gets the keys.
            if self.guest.is_none() {
                fds.push(PollFd::new(keys.as_fd(), PollFlags::POLLIN));
            }
            match poll(&mut fds, self.patience()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("poll"),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            let pressed = self.guest.is_none() && ready[ready.len() - 1];
            if let Some(judgement) = &mut self.judgement {
                judgement.speaks = judgement.listen();
            }
            if ready[0] && self.saved()? {
                self.judge_what_was_saved()?;
            }
            if ready[1]
                && let Then::Quit(by) = self.signalled()?
            {
                return Ok(by);
            }
            if let Then::Quit(by) = self.pressed(pressed)? {
                return Ok(by);
            }
        }
    }

    /// How long nothing may happen: until a key is complete, or the seconds of a judgement go on.
    fn patience(&self) -> PollTimeout {
        let wait = match &self.judgement {
            _ if self.unread.is_begun() => REST_OF_A_KEY,
            Some(it) if self.printed.is_none() && self.guest.is_none() => {
                Duration::from_millis(1000 - u64::from(it.began.elapsed().subsec_millis()))
            }
            _ => return PollTimeout::NONE,
        };
        PollTimeout::try_from(wait).unwrap_or(PollTimeout::NONE)
    }

    fn show(&mut self) {
        if self.guest.is_some() {
            return;
        }
        if let Some(judgement) = &self.judgement
            && let Said::Judging(seconds, said) = &mut self.state.said
        {
            said.clone_from(&judgement.said);
            *seconds = match self.printed {
                None => judgement.began.elapsed().as_secs(),
                Some(_) => 0,
            };
        }
        match &mut self.printed {
            Some(printed) => printed.show(&self.state),
            None => {
                let colour = Style::of_terminal().colour;
                let frame = screen::frame(&self.state, Size::of_terminal(), colour);
                (self.state.top, self.state.page) = (frame.top, frame.page);
                self.terminal.draw(frame.rows);
            }
        }
    }

    /// What stays on the terminal afterwards.
    fn last_words(&self) -> String {
        let (name, passed) = (&self.state.exercise().name, self.state.passed());
        let all = self.state.exercises.len();
        format!("{passed} of {all} exercises are passed. Again: cargo grade --watch {name}")
    }

    /// Looks at the directory, since editors put a new file in the place of the old one.
    fn look(&mut self) -> Result<()> {
        if submission::begun(self.state.exercise())? {
            let file = shown(&self.state.exercise().submission());
            self.state.note = format!("{file} is new, and yours to edit.");
        }
        let directory = catalogue::submissions();
        let writes = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        self.saves.add_watch(&directory, writes).context("inotify")?;
        Ok(())
    }

    /// Whether the file of this exercise is among those that were saved.
    fn saved(&mut self) -> Result<bool> {
        let file = self.state.exercise().file_name();
        let mut saved = false;
        loop {
            let events = match self.saves.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(saved),
                Err(errno) => return Err(errno).context("inotify"),
            };
            for event in events {
                saved |= event.name.is_some_and(|name| name == *file);
                if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                    // The directory was removed, and is made anew with the starter in it.
                    self.look()?;
                    saved = true;
                }
            }
        }
    }

    fn signalled(&mut self) -> Result<Then> {
        while let Some(signal) = self.signals.read_signal()? {
            let has_guest = self.guest.is_some();
            match Signal::try_from(signal.ssi_signo as i32)? {
                Signal::SIGCHLD => {
                    self.judged()?;
                    self.guest_left()?;
                }
                // The keys for these are meant for who has the terminal: see system(3).
                Signal::SIGINT | Signal::SIGQUIT if has_guest => {}
                Signal::SIGTSTP => {
                    if !has_guest {
                        self.terminal.leave();
                    }
                    raise(Signal::SIGSTOP)?;
                }
                Signal::SIGCONT if !has_guest => self.terminal.again()?,
                // Everything is drawn anew, at the size that it has now.
                Signal::SIGCONT | Signal::SIGWINCH => self.terminal.forget(),
                signal => return Ok(Then::Quit(Some(signal))),
            }
        }
        Ok(Then::GoOn)
    }

    /// Does what keys ask for; of `more` of them, if there is any.
    fn pressed(&mut self, more: bool) -> Result<Then> {
        if more && !self.unread.read() {
            return Ok(Then::Quit(None));
        }
        while self.guest.is_none()
            && let Some(key) = self.unread.key(more)
        {
            let act = self.state.press(key);
            if let Some(act) = act
                && let Then::Quit(by) = self.does(act)?
            {
                return Ok(Then::Quit(by));
            }
        }
        Ok(Then::GoOn)
    }
}
