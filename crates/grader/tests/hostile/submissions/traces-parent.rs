//! Tries to write into its parent's memory.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! never: TRACED

fn attack() {
    unsafe {
        let parent = libc::getppid();
        for request in [libc::PTRACE_ATTACH, libc::PTRACE_SEIZE] {
            if libc::ptrace(request, parent, 0, 0) == 0 {
                println!("TRACED");
            }
        }
        let mut byte = 0_u8;
        let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let there = libc::iovec { iov_base: 0x40_0000 as *mut libc::c_void, iov_len: 1 };
        if libc::process_vm_readv(parent, &here, 1, &there, 1, 0) >= 0 {
            println!("TRACED");
        }
    }
    let parent = unsafe { libc::getppid() };
    for file in ["mem", "environ", "maps", "fd/0"] {
        if std::fs::OpenOptions::new().write(true).open(format!("/proc/{parent}/{file}")).is_ok() {
            println!("TRACED");
        }
    }
    std::process::exit(0);
}
