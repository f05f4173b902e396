//! Leaves a grandchild that has closed everything.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [running]

fn attack() {
    unsafe {
        let child = libc::fork();
        if child == 0 {
            if libc::fork() == 0 {
                libc::close_range(0, u32::MAX, 0);
                loop {
                    libc::pause();
                }
            }
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}
