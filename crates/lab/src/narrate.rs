//! Narration: one sentence, one `write(2)`, and one event in the trace.
//!
//! Everything here works in a forked child of a process with threads: no lock is taken and
//! nothing is allocated.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering::Relaxed};

use nix::errno::Errno;

use crate::events;
use crate::text::between_words;

static QUIET: AtomicBool = AtomicBool::new(false);
static TERMINAL: AtomicBool = AtomicBool::new(false);
static HUES: AtomicPtr<Hues> = AtomicPtr::new(std::ptr::null_mut());
static HUES_FD: AtomicI32 = AtomicI32::new(-1);

/// Width of a line in columns, of which its head may take as many as a role of 8 letters and a tid
/// of seven digits need.
const COLUMNS: usize = 80;
/// Longest line in bytes; the rest of a longer sentence is cut.
const LINE: usize = 1024;
/// Room for the colours and line breaks that a terminal gets.
const ON_TERMINAL: usize = 2 * LINE;

/// A buffer on the stack that cuts what does not fit.
pub(crate) struct Line<const SIZE: usize = LINE> {
    bytes: [u8; SIZE],
    used: usize,
}

impl<const SIZE: usize> Line<SIZE> {
    pub(crate) fn new() -> Line<SIZE> {
        Line { bytes: [0; SIZE], used: 0 }
    }

    /// Hands the line to the kernel in one piece; `false` if it was not taken whole.
    pub(crate) fn write_to(&self, fd: RawFd) -> bool {
        write_all(fd, &self.bytes[..self.used]).is_ok()
    }

    pub(crate) fn end(&mut self) {
        self.bytes[self.used] = b'\n';
        self.used += 1;
    }

    /// Whether there is no room for more than the end of an event.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.used > SIZE - 16
    }

    pub(crate) fn text(&self) -> &str {
        // Only whole characters are ever put in.
        std::str::from_utf8(&self.bytes[..self.used]).unwrap_or("")
    }
}

impl<const SIZE: usize> Write for Line<SIZE> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is kept for the newline.
        let room = SIZE - 1 - self.used;
        let mut take = text.len().min(room);
        while !text.is_char_boundary(take) {
            take -= 1;
        }
        self.bytes[self.used..self.used + take].copy_from_slice(&text.as_bytes()[..take]);
        self.used += take;
        Ok(())
    }
}

/// Writes everything, in one write(2) where the kernel takes it so. A descriptor that someone has
/// set to O_NONBLOCK is waited for.
fn write_all(fd: RawFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the slice is valid for its length for the duration of the call.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match Errno::result(written) {
            Ok(written) => bytes = &bytes[written as usize..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let mut ready = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
                // SAFETY: the pointer is to one pollfd.
                unsafe { libc::poll(&mut ready, 1, -1) };
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Writes text to standard output, all of it.
///
/// # Errors
///
/// A sentence that names standard output, the call and the cause.
pub fn print(text: &str) -> anyhow::Result<()> {
    write_all(libc::STDOUT_FILENO, text.as_bytes()).map_err(|errno| match errno {
        Errno::EPIPE => anyhow::anyhow!("nobody reads the output any more (write: EPIPE)"),
        errno => crate::child::explain("write")(errno).context("standard output"),
    })
}

/// Sets up this process's narration; called once before any experiment runs.
pub(crate) fn set_up(quiet: bool, hues: Option<RawFd>, trace: Option<RawFd>) {
    QUIET.store(quiet, Relaxed);
    // SAFETY: the call takes an integer.
    TERMINAL.store(unsafe { libc::isatty(libc::STDOUT_FILENO) } == 1, Relaxed);
    if let Some(fd) = hues {
        HUES.store(Hues::map(fd), Relaxed);
        HUES_FD.store(fd, Relaxed);
    }
    events::set_up(trace);
}

/// The descriptor of the shared table of hues, if roles are coloured here.
pub(crate) fn hues() -> Option<RawFd> {
    Some(HUES_FD.load(Relaxed)).filter(|fd| *fd >= 0)
}

/// Which role has which colour: hues are handed out in the order in which roles appear, and all
/// processes of an experiment share the table. A slot holds the hash of a role's name.
pub(crate) struct Hues([AtomicU32; 16]);

/// Six colours, then their bright kinds; SGR codes of ECMA-48.
const CODES: [u8; 12] = [36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91];

impl Hues {
    /// A new table in memory that processes share by its descriptor.
    pub(crate) fn create() -> nix::Result<std::os::fd::OwnedFd> {
        use nix::sys::memfd::{MFdFlags, memfd_create};
        let fd = memfd_create(c"hues", MFdFlags::empty())?;
        nix::unistd::ftruncate(&fd, size_of::<Hues>() as i64)?;
        Ok(fd)
    }

    fn map(fd: RawFd) -> *mut Hues {
        let (access, length) = (libc::PROT_READ | libc::PROT_WRITE, size_of::<Hues>());
        // SAFETY: a new mapping at an address that the kernel chooses; it lives as long as this process.
        let page =
            unsafe { libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, fd, 0) };
        if page == libc::MAP_FAILED { std::ptr::null_mut() } else { page.cast() }
    }

    fn code(&self, role: &str) -> u8 {
        // FNV-1a; zero marks a free slot.
        let hash = role
            .bytes()
            .fold(2166136261u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16777619));
        let hash = hash.max(1);
        for (index, slot) in self.0.iter().enumerate() {
            match slot.compare_exchange(0, hash, Relaxed, Relaxed) {
                Err(other) if other != hash => {}
                _ => return CODES[index % CODES.len()],
            }
        }
        0
    }
}

/// Prints `[role tid] sentence` and records it in the trace. Use [`say!`](crate::say).
pub fn say(role: &'static str, sentence: fmt::Arguments<'_>) {
    events::told(role, "i", sentence);
    show(role, sentence);
}

fn show(role: &'static str, sentence: fmt::Arguments<'_>) {
    if QUIET.load(Relaxed) {
        return;
    }
    let mut line: Line = Line::new();
    let _ = write!(line, "[{role:<8} {}] ", nix::unistd::gettid());
    let head = line.used;
    let _ = write!(line, "{sentence}");
    if !TERMINAL.load(Relaxed) {
        line.end();
        line.write_to(libc::STDOUT_FILENO);
        return;
    }
    let mut shown = Line::<ON_TERMINAL>::new();
    // SAFETY: the pointer is null or to the mapping made by `Hues::map`, which is never removed.
    let code = unsafe { HUES.load(Relaxed).as_ref() }.map(|hues| hues.code(role));
    let _ = fit(&mut shown, line.text(), head, columns(), code);
    shown.end();
    shown.write_to(libc::STDOUT_FILENO);
}

/// Says a sentence that ends in a reason from elsewhere, which may be of any length, in as many lines
/// of 80 columns as it takes; it allocates. Use [`say_why!`](crate::say_why).
pub fn say_why(role: &'static str, sentence: fmt::Arguments<'_>) {
    let head = format!("[{role:<8} 1234567] ").len();
    for line in lines(&sentence.to_string(), COLUMNS - head) {
        say(role, format_args!("{line}"));
    }
}

/// Text in lines of at most `width` columns, broken between words; the further ones are indented.
fn lines(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    textwrap::wrap(text, between_words(width).subsequent_indent("  "))
}

/// Records a sentence in the trace alone. Use [`mark!`](crate::mark).
pub fn mark(role: &'static str, sentence: fmt::Arguments<'_>) {
    events::told(role, "i", sentence);
}

/// Notes in the trace that this thread sends a message; an arrow leads to who [receives] it. Both know
/// it by the key.
pub fn sends(key: impl fmt::Display) {
    events::arrow("message", "s", format_args!("{key}"));
}

/// Notes in the trace that this thread has received the last message of this key.
pub fn receives(key: impl fmt::Display) {
    events::arrow("message", "f", format_args!("{key}"));
}

/// Notes in the trace that this thread is about to wake whoever waits for what the key names: by an
/// unlock, a notification, a permit; an arrow leads to each who is [woken].
pub fn wakes(key: impl fmt::Display) {
    events::arrow("wake", "s", format_args!("{key}"));
}

/// Notes in the trace that this thread was woken by who [wakes] with this key.
pub fn woken(key: impl fmt::Display) {
    events::arrow("wake", "f", format_args!("{key}"));
}

/// Width of the terminal in columns, ioctl_tty(2); 80 where it does not say.
pub(crate) fn columns() -> usize {
    // SAFETY: all zeros are a valid winsize, and the call writes to nothing else.
    let width = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size);
        size.ws_col
    };
    if width == 0 { COLUMNS } else { usize::from(width) }
}

/// Writes a line with its first `head` bytes in a colour, broken between words into lines of at most
/// `width` columns, the further ones indented as far as the head reaches.
fn fit(
    to: &mut impl Write,
    line: &str,
    head: usize,
    width: usize,
    code: Option<u8>,
) -> fmt::Result {
    let (head, sentence) = line.split_at(head);
    match code {
        Some(code) => write!(to, "\x1b[{code}m{}\x1b[0m ", head.trim_end())?,
        None => to.write_str(head)?,
    }
    // On a very narrow terminal the text matters more than its indentation.
    let margin = head.chars().count();
    let indent = if width > margin + 20 { margin } else { 2 };
    let mut column = margin;
    for piece in sentence.split_inclusive(' ') {
        let letters = piece.trim_end_matches(' ').chars().count();
        if column + letters > width && column > indent {
            write!(to, "\n{:indent$}", "")?;
            column = indent;
        }
        to.write_str(piece)?;
        column += piece.chars().count();
    }
    Ok(())
}

/// A stretch of time in the trace; it ends when the value is dropped.
#[must_use = "the stretch ends when this value is dropped"]
pub struct Span {
    role: &'static str,
}

impl Span {
    /// Says the sentence and begins the stretch. Use [`span!`](crate::span).
    pub fn begin(role: &'static str, sentence: fmt::Arguments<'_>) -> Span {
        events::told(role, "B", sentence);
        show(role, sentence);
        Span { role }
    }

    /// Begins a stretch that only the trace tells of. Use [`stretch!`](crate::stretch).
    pub fn begin_untold(role: &'static str, sentence: fmt::Arguments<'_>) -> Span {
        events::told(role, "B", sentence);
        Span { role }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        events::told(self.role, "E", format_args!(""));
    }
}

/// Says one sentence: `say!("parent", "child {pid} exited with {status}")`.
#[macro_export]
macro_rules! say {
    ($role:expr, $($sentence:tt)+) => { $crate::narrate::say($role, format_args!($($sentence)+)) };
}

/// Says a sentence that ends in a reason of any length, in as many lines as it takes.
#[macro_export]
macro_rules! say_why {
    ($role:expr, $($sentence:tt)+) => {
        $crate::narrate::say_why($role, format_args!($($sentence)+))
    };
}

/// Says one sentence and returns the [`Span`] that it begins.
#[macro_export]
macro_rules! span {
    ($role:expr, $($sentence:tt)+) => {
        $crate::narrate::Span::begin($role, format_args!($($sentence)+))
    };
}

/// Records a sentence in the trace and not in the story: for a step that a timeline needs and a
/// reader of the lines does not.
#[macro_export]
macro_rules! mark {
    ($role:expr, $($sentence:tt)+) => { $crate::narrate::mark($role, format_args!($($sentence)+)) };
}

/// Records a sentence in the trace alone, and returns the [`Span`] that it begins.
#[macro_export]
macro_rules! stretch {
    ($role:expr, $($sentence:tt)+) => {
        $crate::narrate::Span::begin_untold($role, format_args!($($sentence)+))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(line: &str, width: usize) -> String {
        let mut text = String::new();
        fit(&mut text, line, 9, width, None).unwrap();
        text
    }

    #[test]
    fn a_line_is_broken_between_words_below_its_text() {
        let line = "[a 1234] one two three four five six seven";
        assert_eq!(fitted(line, 80), line);
        let narrow = fitted(line, 31);
        assert_eq!(narrow, "[a 1234] one two three four \n         five six seven");
        assert!(fitted(line, 12).lines().skip(1).all(|line| line.starts_with("  ")));
    }

    #[test]
    fn a_reason_takes_as_many_lines_as_it_needs() {
        let told = lines("not to be trusted: too noisy: a took 3.00 times itself", 30);
        assert_eq!(told, ["not to be trusted: too noisy:", "  a took 3.00 times itself"]);
        assert_eq!(lines("  64  short", 30), ["  64  short"]);
        assert!(lines(&"word ".repeat(40), 61).iter().all(|line| line.len() <= 61));
    }

    #[test]
    fn hues_are_handed_out_in_the_order_of_appearance() {
        let fd = Hues::create().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&fd);
        // SAFETY: the mapping is never removed; a second one shows the same memory.
        let (one, other) = unsafe { (&*Hues::map(fd), &*Hues::map(fd)) };
        let codes = ["first", "second", "writer", "reader"].map(|role| one.code(role));
        assert_eq!(codes, CODES[..4]);
        assert_eq!(other.code("second"), codes[1], "another process agrees");
        assert_eq!(other.code("third"), CODES[4]);
    }

    #[test]
    fn a_descriptor_that_does_not_block_is_waited_for() {
        use std::io::Read;
        let (mut reader, writer) = std::io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&writer);
        // SAFETY: the descriptor is open, and the call takes integers.
        unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) };
        let bytes = vec![b'x'; 1 << 20];
        let taken = std::thread::scope(|threads| {
            let taken = threads.spawn(|| {
                let mut taken = vec![0; 1 << 20];
                reader.read_exact(&mut taken).map(|()| taken)
            });
            write_all(fd, &bytes).unwrap();
            // Who waits for what was lost is told that there is no more.
            drop(writer);
            taken.join().unwrap().unwrap()
        });
        assert_eq!(taken, bytes);
    }
}
