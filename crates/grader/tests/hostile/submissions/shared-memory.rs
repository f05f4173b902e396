//! Leaves shared memory with a name.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [shared-memory]
//! without namespaces: none [panic]

fn attack() {
    let name = c"/hostile-shared-memory";
    let fd = unsafe { libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600) };
    assert!(fd >= 0, "not allowed");
    unsafe { libc::close(fd) };
}
