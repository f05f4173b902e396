//! Makes system calls that no exercise needs: queues, keys, watches, semaphores, signals by
//! descriptors, being invisible, and numbers of another kind.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! shows: nothing works
//! never: POSSIBLE

fn attack() {
    let queue = c"hostile-queue".as_ptr();
    let nothing = std::ptr::null::<u8>();
    let mut pipe = [0; 2];
    let results = unsafe {
        libc::pipe(pipe.as_mut_ptr());
        [
            ("mq_open", libc::syscall(libc::SYS_mq_open, queue, libc::O_CREAT, 0o600, nothing)),
            ("add_key", libc::syscall(libc::SYS_add_key, c"user".as_ptr(), queue, queue, 4, -4)),
            ("keyctl", libc::syscall(libc::SYS_keyctl, 0, -4, 1)),
            ("inotify_init1", libc::syscall(libc::SYS_inotify_init1, 0)),
            ("fanotify_init", libc::syscall(libc::SYS_fanotify_init, 0, 0)),
            ("semget", libc::syscall(libc::SYS_semget, KEY, 1, 0o1600)),
            ("msgget", libc::syscall(libc::SYS_msgget, KEY, 0o1600)),
            ("shmget", libc::syscall(libc::SYS_shmget, KEY, 4096, 0o1600)),
            ("memfd_create", libc::syscall(libc::SYS_memfd_create, queue, 0)),
            ("F_SETOWN", libc::fcntl(pipe[0], libc::F_SETOWN, libc::getppid()).into()),
            ("F_SETSIG", libc::fcntl(pipe[0], 10, libc::SIGKILL).into()),
            ("dumpable", libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0).into()),
            ("socket", libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).into()),
            ("x32 getpid", libc::syscall(0x4000_0000 + libc::SYS_getpid)),
            ("personality", libc::syscall(libc::SYS_personality, 0)),
            ("io_uring_setup", libc::syscall(libc::SYS_io_uring_setup, 1, nothing)),
        ]
    };
    let possible: Vec<_> = results.iter().filter(|(_, result)| *result >= 0).collect();
    assert!(possible.is_empty(), "POSSIBLE {possible:?}");
    panic!("nothing works");
}

const KEY: i32 = 0x686f_7374;
