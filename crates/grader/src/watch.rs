//! Judges on every save. One loop waits for everything: the file, the keys, the judgement, signals.
//! A judgement is a process of its own, so a new save can end it at any moment.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use crate::catalogue::{self, Exercise};
use crate::show::Style;
use crate::submission;

/// Judges `first`, or what is next, on every save until the learner quits. What it is ended by, if
/// a signal ended it.
pub fn watch(first: Option<Exercise>, without: &[String]) -> Result<Option<Signal>> {
    ensure!(
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        "--watch needs a terminal; without one, `cargo grade NAME` judges once"
    );
    let exercise = match first {
        Some(exercise) => exercise,
        None => catalogue::load(&submission::next(None)?)?,
    };
    let saves = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let signals = [
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGTSTP,
    ];
    let signals: SigSet = signals.into_iter().collect();
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let terminal = Terminal::enter()?;
    let without = without.to_vec();
    let mut watch = Watch { exercise, without, saves, signals, terminal, judgement: None };
    watch.look()?;
    watch.judge()?;
    watch.wait()
}

struct Watch {
    exercise: Exercise,
    without: Vec<String>,
    saves: Inotify,
    signals: SignalFd,
    terminal: Terminal,
    judgement: Option<Judgement>,
}

/// What the loop does next.
enum Then {
    GoOn,
    Quit(Option<Signal>),
}

impl Watch {
    fn wait(&mut self) -> Result<Option<Signal>> {
        loop {
            let keys = std::io::stdin();
            let mut fds = [
                PollFd::new(self.saves.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(keys.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("poll"),
            }
            let [saved, signalled, pressed] = fds.map(|fd| fd.any().unwrap_or(false));
            if saved && self.saved()? {
                self.judge()?;
            }
            if signalled && let Then::Quit(by) = self.signalled()? {
                return Ok(by);
            }
            if pressed && let Then::Quit(by) = self.pressed()? {
                return Ok(by);
            }
        }
    }

    /// Looks at the directory, since editors put a new file in the place of the old one.
    fn look(&self) -> Result<()> {
        submission::begin(&self.exercise)?;
        let directory = catalogue::submissions();
        let writes = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        self.saves.add_watch(&directory, writes).context("inotify")?;
        Ok(())
    }

    /// Whether the file of this exercise is among those that were saved.
    fn saved(&mut self) -> Result<bool> {
        let file = self.exercise.file_name();
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
            match Signal::try_from(signal.ssi_signo as i32)? {
                Signal::SIGCHLD => self.judged()?,
                Signal::SIGTSTP => {
                    self.terminal.leave();
                    raise(Signal::SIGSTOP)?;
                    self.terminal.hand_out_keys()?;
                    self.keys();
                }
                signal => return Ok(Then::Quit(Some(signal))),
            }
        }
        Ok(Then::GoOn)
    }

    fn pressed(&mut self) -> Result<Then> {
        let mut keys = [0; 64];
        let length = nix::unistd::read(std::io::stdin(), &mut keys).unwrap_or(0);
        if length == 0 {
            return Ok(Then::Quit(None));
        }
        if keys[0] == b'\x1b' {
            // An arrow or a function key, which sends several bytes.
            return Ok(Then::GoOn);
        }
        for key in &keys[..length] {
            match key {
                b'h' => {
                    println!();
                    said(submission::hint(&self.exercise, None, Style::of_terminal()));
                    self.keys();
                }
                b'l' => {
                    println!();
                    said(submission::list(Style::of_terminal()));
                    self.keys();
                }
                b'n' => match self.next() {
                    Some(next) => {
                        self.exercise = next;
                        self.judge()?;
                    }
                    None => self.keys(),
                },
                b'r' | b'\n' => self.judge()?,
                b'q' | 4 => return Ok(Then::Quit(None)),
                _ => {}
            }
        }
        Ok(Then::GoOn)
    }

    /// The next exercise, begun.
    fn next(&self) -> Option<Exercise> {
        let begin = |name: String| -> Result<Exercise> {
            let exercise = catalogue::load(&name)?;
            submission::begin(&exercise)?;
            Ok(exercise)
        };
        said(submission::next(Some(&self.exercise.name)).and_then(begin))
    }

    /// Begins to judge, and ends a judgement that runs.
    fn judge(&mut self) -> Result<()> {
        self.judgement = None;
        clear();
        println!("{}", Style::of_terminal().wrapped(&self.exercise.task));
        println!("Judging {} ...\n", submission::shown(&self.exercise.submission()));
        self.judgement = Some(Judgement::begin(&self.exercise.name, &self.without)?);
        Ok(())
    }

    /// Shows the verdict, if there is one now.
    fn judged(&mut self) -> Result<()> {
        let Some(judgement) = &mut self.judgement else { return Ok(()) };
        let Some(status) = judgement.child.try_wait()? else { return Ok(()) };
        let mut said = String::new();
        judgement.output.rewind()?;
        judgement.output.read_to_string(&mut said)?;
        self.judgement = None;
        print!("{said}");
        if status.success() {
            submission::what_next(&self.exercise, true);
        }
        self.keys();
        Ok(())
    }

    fn keys(&self) {
        let keys = "Save to judge again. Keys: h hint, n next, l list, r run again, q quit";
        println!("\n{}", Style::of_terminal().wrapped(keys));
    }
}

/// What a key asked for. If that fails, it is said, and watching goes on.
fn said<T>(result: Result<T>) -> Option<T> {
    result.map_err(|error| eprintln!("{error:#}.")).ok()
}

/// A judgement that runs. It ends when this is dropped, and everything that it started with it.
struct Judgement {
    child: Child,
    output: File,
}

impl Judgement {
    fn begin(name: &str, without: &[String]) -> Result<Judgement> {
        let style = Style::of_terminal();
        let output = File::from(sandbox::nameless_file()?);
        let mut command = Command::new("/proc/self/exe");
        command.arg(name).args(without.iter().flat_map(|name| ["--without", name]));
        command.env("COLUMNS", style.width.to_string());
        if style.colour {
            command.env("CLICOLOR_FORCE", "1");
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).process_group(0);
        let watch = nix::unistd::getpid();
        // SAFETY: the child makes two system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                if nix::unistd::getppid() == watch { Ok(()) } else { Err(Errno::ESRCH.into()) }
            });
        }
        let child = command.spawn().context("the grader cannot start itself again")?;
        Ok(Judgement { child, output })
    }
}

impl Drop for Judgement {
    fn drop(&mut self) {
        // What runs the submission is killed by the kernel as soon as its parent is gone.
        match killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => {
                let _ = writeln!(std::io::stderr(), "grade: a judgement is not ended: {errno}");
            }
        }
        let _ = self.child.wait();
    }
}

/// The terminal, which hands out keys at once and does not show them; as it was when dropped.
pub struct Terminal {
    before: Termios,
}

impl Terminal {
    /// The terminal of standard input.
    pub fn enter() -> Result<Terminal> {
        let before = tcgetattr(std::io::stdin()).context("tcgetattr")?;
        let terminal = Terminal { before };
        terminal.hand_out_keys()?;
        Ok(terminal)
    }

    /// From now on, or again.
    pub fn hand_out_keys(&self) -> Result<()> {
        let mut keys = self.before.clone();
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &keys).context("tcsetattr")
    }

    /// As it was.
    pub fn leave(&self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Clears the screen, and leaves what was there in the history.
pub fn clear() {
    if std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb") {
        print!("\x1b[H\x1b[2J");
    }
    let _ = std::io::stdout().flush();
}
