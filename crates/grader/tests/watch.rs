//! Watching as a learner sees it: a terminal of a session of its own, what is typed, what it shows.

#[path = "../../acceptance/src/watchdog.rs"]
mod watchdog;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::{Pid, setsid};
use proc::has_ended;

use crate::watchdog::wait_until;

fn file_of(exercise: &str, name: &str) -> String {
    let path = format!("{}/../exercises/{exercise}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// A grader that watches, with its terminal. It is killed at the end of a test that has failed.
struct Watching {
    child: Child,
    terminal: OpenptyResult,
    /// How the terminal was before.
    before: Termios,
    keyboard: File,
    more: mpsc::Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was written.
    written: String,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("process {} is not ended: {error}", self.child.id());
        }
    }
}

fn one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Watching {
    fn begin(directory: &Path, exercise: &str, columns: u16, rows: u16) -> Watching {
        Watching::with(directory, exercise, (columns, rows), &[])
    }

    fn with(
        directory: &Path,
        exercise: &str,
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
    ) -> Watching {
        let terminal = openpty(Some(&size(columns, rows)), None).unwrap();
        for end in [&terminal.master, &terminal.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let before = tcgetattr(&terminal.slave).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command.args(["--watch", exercise]).current_dir(directory);
        command.env("GRADE_DIR", directory).env("TERM", "xterm-256color");
        for name in ["CLICOLOR_FORCE", "COLUMNS", "LINES", "VISUAL", "EDITOR", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
        command.stdin(slave()).stdout(slave()).stderr(slave());
        // SAFETY: the child makes three system calls and allocates nothing.
        unsafe {
            command.pre_exec(|| {
                // Where tests run in the background, a shell may have it ignored.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().unwrap();
        let (to, more) = mpsc::channel();
        let mut output = File::from(terminal.master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = output.read(&mut buffer) {
                if length == 0 || to.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keyboard = File::from(terminal.master.try_clone().unwrap());
        let screen = vt100::Parser::new(one(rows), one(columns), 0);
        Watching { child, terminal, before, keyboard, more, screen, written: String::new() }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// The row of this number, from 0.
    fn row(&self, number: usize) -> String {
        self.text().lines().nth(number).unwrap_or_default().to_owned()
    }

    /// Waits until what is shown is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        while !is_so(self.screen.screen()) {
            let left = watchdog::LIMIT.saturating_sub(begun.elapsed());
            match self.more.recv_timeout(left) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.written.push_str(&String::from_utf8_lossy(&bytes));
                }
                Err(error) => panic!("waiting for {what}: {error}; there is:\n{}", self.text()),
            }
        }
    }

    /// Waits until all of these words are seen.
    fn sees(&mut self, words: &[&str]) {
        self.until(&format!("{words:?}"), |screen| {
            let text = screen.contents();
            words.iter().all(|words| text.contains(words))
        });
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.screen_mut().set_size(one(rows), one(columns));
        let size = size(columns, rows);
        let fd = std::os::fd::AsRawFd::as_raw_fd(&self.terminal.master);
        // SAFETY: TIOCSWINSZ reads the structure that it is given.
        assert_eq!(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &size) }, 0);
    }

    /// Waits for its end, after which the terminal is as it was.
    fn ends_with(&mut self, code: i32) {
        let mut status = None;
        wait_until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.and_then(|status| status.code()), Some(code));
        self.until("the usual screen", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
        assert_eq!(
            tcgetattr(&self.terminal.slave).unwrap(),
            self.before,
            "the terminal is as it was"
        );
    }

    fn shows_keys_as_typed(&self) -> bool {
        let flags = tcgetattr(&self.terminal.slave).unwrap().local_flags;
        flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    }
}

/// The processes that this one has started, and those that they have.
fn descendants(of: Pid) -> Vec<i32> {
    proc::descendants(of.as_raw()).into_iter().map(|(pid, _)| pid).collect()
}

fn is_stopped(pid: Pid) -> bool {
    proc::stat(&pid.to_string()).is_some_and(|stat| stat.state == 'T')
}

fn begun(directory: &Path, exercise: &str, source: &str) -> PathBuf {
    fs::create_dir_all(directory.join("exercises")).unwrap();
    let file = directory.join(format!("exercises/{exercise}.rs"));
    fs::write(&file, source).unwrap();
    file
}

/// An editor that is a script.
fn editor(directory: &Path, script: &str) -> String {
    let path = directory.join("editor");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_header_stands_while_the_verdict_scrolls_at_every_size() {
    let directory = tempfile::tempdir().unwrap();
    let mut watching = Watching::begin(directory.path(), "bounded-queue", 80, 24);
    watching.sees(&["exercises/bounded-queue.rs is new, and yours to edit."]);
    watching.sees(&[
        "not yet, 0 of 15 points",
        "0 of 16 passed, 0 of ",
        "1 to ",
        "FAIL  0/1  one-",
    ]);
    assert!(watching.screen.screen().alternate_screen() && watching.screen.screen().hide_cursor());
    let header: Vec<String> = (0..5).map(|number| watching.row(number)).collect();
    assert!(header[0].starts_with("bounded-queue: Make push wait while the queue"), "{header:?}");
    assert!(header[2].starts_with("exercises/bounded-queue.rs  not yet, 0 of 15"), "{header:?}");
    let first = watching.row(5);
    watching.press("\x1b[6~");
    watching.until("a page further", |screen| !screen.contents().contains(&first));
    watching.press("\x1b[F");
    watching.sees(&["lines: arrows, PgUp", "Stuck? h shows a hint. p walks the counter-example"]);
    let last = watching.text();
    watching.press("k");
    watching.sees(&["lines: arrows, PgDn"]);
    watching.press("j");
    watching.until("the end again", |screen| screen.contents() == last);
    assert_eq!((0..5).map(|number| watching.row(number)).collect::<Vec<_>>(), header);
    watching.press("\x1b[H");
    watching.sees(&[&first]);

    // The verdict is laid out anew for each.
    for (columns, rows) in [(40, 10), (120, 40), (60, 20), (20, 5)] {
        watching.resize(columns, rows);
        let title: String = "bounded-queue: Make push wait while".chars().take(19).collect();
        watching.until("the new size", |screen| {
            let text = screen.contents();
            let last = text.lines().next_back().unwrap_or_default();
            text.lines().count() == usize::from(rows)
                && text.starts_with(title.trim_end())
                && (rows < 10 || text.contains(" points"))
                && last.chars().count() <= usize::from(columns)
                && (last.contains("more") || last.contains("quit") || last.contains("h hint"))
        });
    }
    watching.resize(80, 24);
    watching.until("as it was", |screen| screen.contents().starts_with(&header.join("\n")));
    watching.press("q");
    watching.ends_with(0);
    watching.sees(&["0 of 16 exercises are passed. Again: cargo grade --watch bounded-queue"]);
}

/// How many lines a verdict has depends on the schedule that was found.
#[test]
fn the_screen_in_the_book_is_what_is_drawn() {
    let directory = tempfile::tempdir().unwrap();
    begun(directory.path(), "bounded-queue", &file_of("bounded-queue", "starter.rs"));
    let mut watching = Watching::begin(directory.path(), "bounded-queue", 80, 24);
    watching.sees(&["not yet, 0 of 15 points", "FAIL  0/1"]);
    let is_position = |line: &&str| line.starts_with("-- 1 to 16 of ");
    let book = include_str!("screen.txt");
    let (shown, recorded): (Vec<String>, Vec<&str>) =
        (watching.text().lines().map(str::to_owned).collect(), book.lines().collect());
    assert_eq!(shown.len(), recorded.len(), "{}", watching.text());
    for (shown, recorded) in shown.iter().zip(recorded) {
        let same = shown == recorded || is_position(&shown.as_str()) && is_position(&recorded);
        assert!(same, "{recorded:?} in the book is {shown:?}");
    }
    watching.press("q");
    watching.ends_with(0);
}

#[test]
fn every_key_does_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let mine = begun(directory.path(), "bounded-queue", &file_of("bounded-queue", "starter.rs"));
    let size = (100, 24);
    let mut watching =
        Watching::with(directory.path(), "bounded-queue", size, &[("NO_COLOR", "1")]);
    watching.sees(&["not yet, 0 of 15 points", "p walk it"]);
    watching.press("z");
    watching.sees(&["There is no key z here. There are:", "n next · b back"]);
    watching.press("?");
    watching.sees(&["Save the file, and it is judged.", "Esc back to the verdict"]);
    for (key, hint) in [("h", "Hint 1 of 3:"), ("h", "Hint 2 of 3:"), ("h", "Hint 3 of 3:")] {
        watching.press(key);
        watching.sees(&[hint]);
    }
    watching.press("h");
    watching.sees(&["There are no more hints; s shows a solution."]);

    // The solution is handed out as the command does it.
    watching.press("s");
    watching.sees(&["Yours has not passed yet. Show the solution all the same?", "y yes"]);
    watching.press("n");
    watching.until("no", |screen| !screen.contents().contains("all the same?"));
    watching.press("sy");
    watching.sees(&["//! One mutex for the state", "lines: arrows, PgDn"]);
    watching.press("G");
    watching.sees(&["lines: arrows, PgUp", "\n- "]);

    // Back to the beginning: what is there is kept, after a question.
    fs::write(&mine, "// Mine.\n").unwrap();
    watching.sees(&["bounded-queue: not yet (Esc shows the verdict)."]);
    watching.press("x");
    watching.sees(&["Put the beginning of bounded-queue back?"]);
    watching.press(" ");
    watching.sees(&["Your file stays as it is."]);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "// Mine.\n");
    watching.press("xy");
    watching.sees(&["What was there is kept as exercises/bounded-queue.1.rs.", "FAIL  0/1"]);
    assert_eq!(fs::read_to_string(mine.with_extension("1.rs")).unwrap(), "// Mine.\n");
    assert_eq!(fs::read_to_string(&mine).unwrap(), file_of("bounded-queue", "starter.rs"));

    // The counter-example, and back from it.
    watching.press("p");
    watching.sees(&["at the beginning of ", "n next · ", "q quit"]);
    watching.press("n");
    watching.sees(&["after step 1 of "]);
    // What was typed while a step was made is not lost; a key may come in pieces.
    watching.press("n\x1b[C\x1bOB");
    watching.sees(&["after step 4 of "]);
    watching.press("\x1b");
    watching.sees(&["There is no such key; h lists them."]);
    watching.press("\x7f\x1b[D");
    watching.sees(&["after step 2 of "]);
    watching.press("q");
    watching.sees(&["exercises/bounded-queue.rs  not yet, 0 of 15 points", "FAIL  0/1"]);
    watching.until("no cursor", |screen| screen.alternate_screen() && screen.hide_cursor());

    // To the next, back, and to one that is searched for.
    watching.press("n");
    watching.sees(&["barrier: Let threads wait", "exercises/barrier.rs is new"]);
    watching.press("b");
    watching.sees(&["bounded-queue: Make push wait", "FAIL  0/1"]);
    watching.press("l");
    watching.sees(&["> bounded-queue    not yet", "Search: _ (16 of 16)"]);
    watching.press("shared-c");
    watching.sees(&["> shared-counter", "Search: shared-c_ (1 of 16)"]);
    watching.press("\x7f\x7fmem");
    watching.sees(&["Search: sharedmem_ (0 of 16)"]);
    watching.press("\x15sem\n");
    watching.sees(&["semaphore: Build a counting semaphore", "not yet, 1 of 13 points"]);
    watching.press("r");
    watching.sees(&["Judging exercises/semaphore.rs ..."]);
    watching.sees(&["not yet, 1 of 13 points"]);
    watching.press("q");
    watching.ends_with(0);
    let colours = watching.written.split("\x1b[").skip(1).filter(|it| {
        it.find(|letter: char| letter.is_ascii_alphabetic()).map(|at| &it[at..=at]) == Some("m")
    });
    assert_eq!(colours.count(), 0, "NO_COLOR");
}

#[test]
fn a_save_is_judged_whatever_is_shown_and_a_pass_names_the_next_key() {
    let directory = tempfile::tempdir().unwrap();
    let mut watching = Watching::begin(directory.path(), "bounded-queue", 80, 24);
    watching.sees(&["not yet, 0 of 15 points"]);
    watching.press("lqueue");
    watching.sees(&["> bounded-queue    not yet   0/15"]);
    // Some editors write a new file and put it in the place of the old one.
    let mine = directory.path().join("exercises/bounded-queue.rs");
    let new = mine.with_extension("new");
    fs::write(&new, file_of("bounded-queue", "solution.rs")).unwrap();
    fs::rename(&new, &mine).unwrap();
    watching.sees(&["> bounded-queue    passed   15/15", "1 of 16 passed, 15 of "]);
    watching.sees(&["bounded-queue: passed (Esc shows the verdict).", "letters search"]);
    watching.press("\x1b");
    watching.sees(&["exercises/bounded-queue.rs  passed, 15 of 15 points"]);
    watching.press("G");
    watching.sees(&["n goes on to what is next, barrier. s shows why it is right"]);
    assert!(!watching.text().contains("cargo grade"), "{}", watching.text());
    assert!(watching.written.contains("\x1b[32m"), "there are colours");
    watching.press("s");
    watching.sees(&["//! One mutex for the state"]);
    // In place, while something else is shown.
    fs::write(&mine, file_of("bounded-queue", "starter.rs")).unwrap();
    watching.sees(&["bounded-queue: not yet (Esc shows the verdict).", "0 of 16 passed"]);

    // All that was begun: to the end, and stopped.
    begun(directory.path(), "semaphore", &file_of("semaphore", "solution.rs"));
    begun(directory.path(), "parallel-sum", "no Rust");
    watching.press("a");
    watching.sees(&["1 of 3 that you have begun pass.", "1 of 16 passed, 13 of "]);
    watching.sees(&["parallel-sum     not yet   0/11", "semaphore        passed   13/13"]);
    watching.sees(&["shared-counter   no file", "bounded-queue    not yet   0/15"]);
    watching.press("a\x1b");
    watching.sees(&["Stopped: "]);
    wait_until("nothing is judged", || descendants(watching.pid()).is_empty());
    watching.press("a");
    watching.sees(&["judging"]);
    fs::write(&mine, file_of("bounded-queue", "solution.rs")).unwrap();
    watching.sees(&["You saved, so not all are judged any more; a begins that again."]);
    watching.sees(&["exercises/bounded-queue.rs  passed, 15 of 15 points"]);
    watching.press("\x04");
    watching.ends_with(0);
}

#[test]
fn an_editor_has_the_terminal_and_gives_it_back() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let mut watching = Watching::begin(here, "bounded-queue", 80, 24);
    watching.sees(&["not yet, 0 of 15 points"]);
    watching.press("e");
    watching
        .sees(&["Neither VISUAL nor EDITOR names an editor; open exercises/bounded-queue.rs in"]);
    watching.press("q");
    watching.ends_with(0);

    let solution = format!("{}/../exercises/bounded-queue/solution.rs", env!("CARGO_MANIFEST_DIR"));
    // It waits for a line, which it could not read as such if keys came one by one.
    let script = format!("echo editing $1 $2; read line; cp {solution} \"$2\"; echo $line > said");
    let visual = editor(here, &script) + " --option";
    let variables = [("VISUAL", visual.as_str()), ("EDITOR", "false")];
    let mut watching = Watching::with(here, "bounded-queue", (80, 24), &variables);
    watching.sees(&["not yet, 0 of 15 points"]);
    watching.press("e");
    watching.sees(&["editing --option "]);
    watching
        .until("the usual screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    assert!(watching.shows_keys_as_typed());
    watching.press("quit\n");
    watching.sees(&["exercises/bounded-queue.rs  passed, 15 of 15 points"]);
    assert!(watching.screen.screen().alternate_screen() && !watching.shows_keys_as_typed());
    assert_eq!(fs::read_to_string(here.join("said")).unwrap(), "quit\n");

    // Ctrl-C is for the editor. A signal for watching ends both.
    editor(here, "echo editing anew; exec sleep 600");
    watching.press("e");
    watching.sees(&["editing anew"]);
    watching.press("\x03");
    watching.sees(&["exercises/bounded-queue.rs  passed, 15 of 15 points"]);
    assert!(watching.screen.screen().alternate_screen());
    assert!(watching.child.try_wait().unwrap().is_none(), "it watches on");
    // Also an editor that does not listen, behind its shell.
    editor(here, "trap '' HUP TERM; echo editing at last; sleep 600; true");
    watching.press("e");
    watching.sees(&["editing at last"]);
    let editors = descendants(watching.pid());
    assert!(!editors.is_empty());
    kill(watching.pid(), Signal::SIGTERM).unwrap();
    watching.ends_with(128 + libc::SIGTERM);
    wait_until("the editor has ended", || editors.iter().all(|pid| has_ended(*pid)));
}

#[test]
fn signals_leave_nothing_behind_and_suspend_as_usual() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    // It takes as long as a check may take.
    let solution = file_of("reap", "solution.rs");
    let endless = solution.replace("<Vec<i32>> {", "<Vec<i32>> {\n    loop {}");
    assert_ne!(solution, endless);
    for how in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        begun(here, "reap", &endless);
        let mut watching = Watching::begin(here, "reap", 80, 24);
        watching.sees(&["Judging exercises/reap.rs ..."]);
        wait_until("it judges", || descendants(watching.pid()).len() > 1);
        let judging = descendants(watching.pid());
        match how {
            // As the terminal sends it.
            Signal::SIGINT => watching.press("\x03"),
            how => kill(watching.pid(), how).unwrap(),
        }
        if how == Signal::SIGKILL {
            watching.child.wait().unwrap();
        } else {
            watching.ends_with(128 + how as i32);
        }
        wait_until("nothing of it runs", || judging.iter().all(|pid| has_ended(*pid)));
    }

    begun(here, "semaphore", &file_of("semaphore", "solution.rs"));
    let mut watching = Watching::begin(here, "semaphore", 80, 24);
    watching.sees(&["exercises/semaphore.rs  passed, 13 of 13 points"]);
    let pid = watching.pid();
    watching.press("\x1a");
    watching
        .until("the usual screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    wait_until("it is stopped", || is_stopped(pid));
    assert_eq!(tcgetattr(&watching.terminal.slave).unwrap(), watching.before);
    kill(pid, Signal::SIGCONT).unwrap();
    watching.until("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("13 of 13 points")
    });
    assert!(!watching.shows_keys_as_typed());
    // A terminal that goes away takes it along.
    kill(pid, Signal::SIGHUP).unwrap();
    watching.ends_with(128 + libc::SIGHUP);
}
