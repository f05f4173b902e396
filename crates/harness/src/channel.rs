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

/// The kind of the packet with which a thread answers: its number, and a backtrace.
pub const ANSWER: &str = "stuck";

/// The longest packet, in bytes.
pub const LONGEST: usize = explorer::report::LONGEST;

/// What comes with the order. The secret is kept as two halves of which neither says anything, and
/// whatever had it whole is overwritten, so that it is not lying about in memory for whoever looks
/// for something that looks like one. Who knows where the halves are, can still have it.
struct End {
    half: Vec<u8>,
    other_half: Vec<u8>,
    process: u32,
}

static END: OnceLock<End> = OnceLock::new();

/// Takes the order from the grader; `None` if this process was not started by one.
pub(crate) fn receive() -> Option<Order> {
    // SAFETY: takes a descriptor by number and an integer; it fails if the descriptor is not open.
    unsafe { libc::fcntl(DESCRIPTOR, libc::F_SETFD, libc::FD_CLOEXEC) };
    let mut packet = read()?;
    let length = packet.iter().position(|byte| *byte == b'\n')?;
    let order = Order::from_text(std::str::from_utf8(&packet[length + 1..]).ok()?)?;
    let mut half = vec![0; length];
    // SAFETY: the buffer is writable and as long as said.
    unsafe { libc::getrandom(half.as_mut_ptr().cast(), length, 0) };
    let other_half = packet.iter().zip(&half).map(|(byte, half)| byte ^ half).collect();
    forget(&mut packet);
    END.set(End { half, other_half, process: std::process::id() }).ok()?;
    Some(order)
}

/// Whether this is the process that took the order, and not a copy that it forked.
pub(crate) fn is_original() -> bool {
    END.get().is_some_and(|end| end.process == std::process::id())
}

/// Sends a packet.
pub(crate) fn send(what: &str, body: &str) {
    let Some(end) = END.get() else { return };
    let mut packet = Vec::with_capacity(end.half.len() + what.len() + body.len() + 2);
    packet.extend(end.half.iter().zip(&end.other_half).map(|(half, other)| half ^ other));
    packet.extend(["\n", what, "\n", body].map(str::as_bytes).concat());
    packet.truncate(LONGEST);
    // SAFETY: the buffer lives during the call.
    unsafe {
        let bytes = packet.as_ptr().cast();
        libc::send(DESCRIPTOR, bytes, packet.len(), libc::MSG_NOSIGNAL);
    }
    forget(&mut packet);
}

/// Overwrites bytes that are not needed any more.
fn forget(bytes: &mut [u8]) {
    for byte in bytes {
        // SAFETY: a mutable reference may be written through. As a volatile write it is not left
        // out, though nobody reads what is written.
        unsafe { std::ptr::write_volatile(byte, 0) };
    }
}

/// Waits until the grader says that it has seen enough.
pub(crate) fn wait_for_grader() {
    let _ = read();
}

fn read() -> Option<Vec<u8>> {
    let mut packet = vec![0_u8; 64 * 1024];
    loop {
        // SAFETY: the buffer is writable and as long as said.
        let length = unsafe { libc::recv(DESCRIPTOR, packet.as_mut_ptr().cast(), packet.len(), 0) };
        if length >= 0 {
            packet.truncate(length as usize);
            return Some(packet);
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
}
