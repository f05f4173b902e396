//! A child goes on sending to the grader when the program itself has ended.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [forged]
//! verdict: none [ended-early]

fn attack() {
    if unsafe { libc::fork() } == 0 {
        unsafe { libc::setsid() };
        loop {
            unsafe { libc::send(3, [b'x'; 9].as_ptr().cast(), 9, libc::MSG_NOSIGNAL) };
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    std::process::exit(0);
}
