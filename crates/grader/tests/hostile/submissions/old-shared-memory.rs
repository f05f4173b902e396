//! Asks for shared memory, semaphores and queues of the old kind, which stay for ever.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! shows: not allowed

fn attack() {
    unsafe {
        let memory = libc::shmget(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600);
        let semaphore = libc::semget(libc::IPC_PRIVATE, 1, libc::IPC_CREAT | 0o600);
        let queue = libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600);
        assert!(memory >= 0 || semaphore >= 0 || queue >= 0, "not allowed");
    }
}
