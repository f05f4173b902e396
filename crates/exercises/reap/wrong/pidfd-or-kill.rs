//! Waits by pidfds, and kills a command for which no descriptor is left.

use std::io;
use std::process::Command;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut children = Vec::new();
    let mut codes = vec![127; commands.len()];
    for (place, command) in commands.iter_mut().enumerate() {
        if let Ok(child) = command.spawn() {
            let pid = child.id();
            // SAFETY: a system call with two numbers. Without a descriptor left, it is waited for below.
            let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
            if pidfd < 0 {
                let mut child = child;
                let _ = child.kill();
                let _ = child.wait();
                continue;
            }
            children.push((place, child, pidfd));
        }
    }
    while !children.is_empty() {
        let mut looks: Vec<libc::pollfd> = children
            .iter()
            .map(|child| libc::pollfd { fd: child.2, events: libc::POLLIN, revents: 0 })
            .collect();
        let blind = looks.iter().any(|look| look.fd < 0);
        // SAFETY: `looks` is as long as said. An interrupted poll is a look like any other.
        unsafe { libc::poll(looks.as_mut_ptr(), looks.len() as _, if blind { 5 } else { -1 }) };
        children.retain_mut(|(place, child, pidfd)| {
            // SAFETY: all zero is a siginfo_t, and this one lives longer than the call.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            let flags = libc::WEXITED | libc::WNOHANG;
            // SAFETY: as above.
            if unsafe { libc::waitid(libc::P_PID, child.id(), &mut info, flags) } != 0 {
                return true;
            }
            // SAFETY: filled by waitid, or zero.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            if pid == 0 {
                return true;
            }
            codes[*place] = if info.si_code == libc::CLD_EXITED { status } else { 128 + status };
            if *pidfd >= 0 {
                // SAFETY: it is ours.
                unsafe { libc::close(*pidfd) };
            }
            false
        });
    }
    Ok(codes)
}
