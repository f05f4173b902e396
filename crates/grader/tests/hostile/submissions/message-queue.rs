//! Leaves a message queue with a name.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! shows: not allowed

fn attack() {
    let name = c"/hostile-queue";
    let queue = unsafe {
        let nothing = std::ptr::null_mut::<libc::mq_attr>();
        libc::mq_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600, nothing)
    };
    assert!(queue >= 0, "not allowed");
}
