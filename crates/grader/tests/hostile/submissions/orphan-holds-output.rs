//! Leaves a grandchild that holds the output open, so that its end never comes.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [running]

fn attack() {
    unsafe {
        let child = libc::fork();
        if child == 0 {
            if libc::fork() == 0 {
                loop {
                    libc::pause();
                }
            }
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}
