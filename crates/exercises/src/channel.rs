//! The checks' end of the channel to the grader.
//!
//! The grader sends one [`Order`] with a secret that is new for every run; only packets that begin
//! with the secret count. The last packet says that the check ran to its end, and the process then
//! waits until the grader has looked at what was left behind.

use std::sync::OnceLock;

use crate::Order;

/// The descriptor of the channel, a socket that keeps packets apart.
pub const DESCRIPTOR: i32 = 3;

/// The signal that asks every thread where it is.
pub const WHERE_ARE_YOU: i32 = 62;

/// The longest packet, in bytes.
pub const LONGEST: usize = 128 * 1024;

struct End {
    secret: String,
    process: u32,
}

static END: OnceLock<End> = OnceLock::new();

/// Takes the order from the grader; `None` if this process was not started by one.
pub(crate) fn receive() -> Option<Order> {
    // SAFETY: takes a descriptor by number and an integer; it fails if the descriptor is not open.
    unsafe { libc::fcntl(DESCRIPTOR, libc::F_SETFD, libc::FD_CLOEXEC) };
    let packet = read()?;
    let (secret, order) = packet.split_once('\n')?;
    let order = Order::from_text(order)?;
    END.set(End { secret: secret.to_owned(), process: std::process::id() }).ok()?;
    Some(order)
}

/// Whether this is the process that took the order, and not a copy that it forked.
pub(crate) fn is_original() -> bool {
    END.get().is_some_and(|end| end.process == std::process::id())
}

/// Sends a packet.
pub(crate) fn send(what: &str, body: &str) {
    let Some(end) = END.get() else { return };
    let mut packet = format!("{}\n{what}\n{body}", end.secret).into_bytes();
    packet.truncate(LONGEST);
    // SAFETY: the buffer lives during the call.
    unsafe {
        let bytes = packet.as_ptr().cast();
        libc::send(DESCRIPTOR, bytes, packet.len(), libc::MSG_NOSIGNAL);
    }
}

/// Waits until the grader says that it has seen enough.
pub(crate) fn wait_for_grader() {
    let _ = read();
}

fn read() -> Option<String> {
    let mut packet = vec![0_u8; 64 * 1024];
    loop {
        // SAFETY: the buffer is writable and as long as said.
        let length = unsafe { libc::recv(DESCRIPTOR, packet.as_mut_ptr().cast(), packet.len(), 0) };
        if length >= 0 {
            packet.truncate(length as usize);
            return String::from_utf8(packet).ok();
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
}
