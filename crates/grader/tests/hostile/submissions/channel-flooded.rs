//! Sends the grader more packets than it could keep.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [forged]

fn attack() {
    let packet = vec![b'x'; 60_000];
    let end = std::time::Instant::now() + std::time::Duration::from_millis(700);
    while std::time::Instant::now() < end {
        unsafe { libc::send(3, packet.as_ptr().cast(), packet.len(), libc::MSG_NOSIGNAL) };
    }
}
