//! Writes its own report to the grader's channel.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [forged]

fn attack() {
    let packet = b"00000000000000000000000000000000\nend\nschedules\t0\tno\n";
    for descriptor in 3..64 {
        unsafe {
            libc::send(descriptor, packet.as_ptr().cast(), packet.len(), libc::MSG_NOSIGNAL);
        }
    }
}
