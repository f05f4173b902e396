//! The driver's end of the channel to the grader: one order comes, then packets go, each of which
//! begins with the secret that came with the order. The submission has neither the channel nor a way
//! into this process, which nobody but root may look into.

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::socket::{self, MsgFlags};

/// The descriptor of the channel, a socket that keeps packets apart.
pub const DESCRIPTOR: i32 = 3;

/// The longest packet, in bytes.
pub const LONGEST: usize = 128 * 1024;

/// What the grader asks of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The name of the check.
    pub check: String,
    /// Where random inputs begin.
    pub seed: u64,
    /// How long the submission may take for what it is asked, in seconds.
    pub seconds: f64,
    /// The name of the submission's file.
    pub source: String,
    /// Whether this run cannot be passed: see [`decoy`](crate#decoys).
    pub decoy: bool,
    /// After how many seconds without a word from anybody the time is up as well.
    pub silence: Option<f64>,
}

impl Order {
    /// Writes the order as text.
    pub fn to_text(&self) -> String {
        let Order { check, seed, seconds, source, decoy, silence } = self;
        let silence = silence.map_or("-".to_owned(), |seconds| seconds.to_string());
        format!("{check}\n{seed}\n{seconds}\n{source}\n{decoy}\n{silence}\n")
    }

    fn from_text(text: &str) -> Option<Order> {
        let mut lines = text.lines();
        Some(Order {
            check: lines.next()?.to_owned(),
            seed: lines.next()?.parse().ok()?,
            seconds: lines.next()?.parse().ok()?,
            source: lines.next()?.to_owned(),
            decoy: lines.next()?.parse().ok()?,
            silence: match lines.next()? {
                "-" => None,
                seconds => Some(seconds.parse().ok()?),
            },
        })
    }
}

static SECRET: OnceLock<Vec<u8>> = OnceLock::new();

/// Takes the order from the grader; `None` if this process was not started by one.
pub(crate) fn receive() -> Option<Order> {
    // SAFETY: takes a descriptor by number and an integer; it fails if the descriptor is not open.
    unsafe { libc::fcntl(DESCRIPTOR, libc::F_SETFD, libc::FD_CLOEXEC) };
    let packet = read()?;
    let length = packet.iter().position(|byte| *byte == b'\n')?;
    let order = Order::from_text(std::str::from_utf8(&packet[length + 1..]).ok()?)?;
    SECRET.set(packet[..length].to_vec()).ok()?;
    Some(order)
}

/// Sends a packet.
pub(crate) fn send(what: &str, body: &str) {
    let Some(secret) = SECRET.get() else { return };
    let mut packet = [secret, what.as_bytes(), body.as_bytes()].join(&b'\n');
    packet.truncate(LONGEST);
    // Who does not take it has gone, and ends this process too.
    let _ = socket::send(DESCRIPTOR, &packet, MsgFlags::MSG_NOSIGNAL);
}

/// Waits until the grader says that it has seen enough.
pub(crate) fn wait_for_grader() {
    let _ = read();
}

fn read() -> Option<Vec<u8>> {
    let mut packet = vec![0_u8; 64 * 1024];
    loop {
        match socket::recv(DESCRIPTOR, &mut packet, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            length => {
                packet.truncate(length.ok()?);
                return Some(packet);
            }
        }
    }
}
