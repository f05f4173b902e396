//! Kills its parent, its parent's parent and everybody whose number it can guess.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! verdict: none [crash]
//! needs: process namespace or seccomp

fn attack() {
    unsafe {
        let parent = libc::getppid();
        for signal in [libc::SIGTERM, libc::SIGSTOP, libc::SIGKILL] {
            libc::kill(parent, signal);
            libc::kill(-parent, signal);
            libc::syscall(libc::SYS_tgkill, parent, parent, signal);
            libc::syscall(libc::SYS_tkill, parent, signal);
            let handle = libc::syscall(libc::SYS_pidfd_open, parent, 0);
            libc::syscall(libc::SYS_pidfd_send_signal, handle, signal, 0, 0);
        }
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        for resource in [libc::RLIMIT_CPU, libc::RLIMIT_NOFILE, libc::RLIMIT_AS] {
            libc::prlimit(parent, resource, &none, std::ptr::null_mut());
        }
        libc::_exit(0);
    }
}
