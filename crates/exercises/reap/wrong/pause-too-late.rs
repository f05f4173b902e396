//! Looks which children have ended, and then sleeps until SIGCHLD comes: one that ends in between is slept through.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::{mem, ptr};

extern "C" fn wake(_: libc::c_int) {}

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    // SAFETY: the handler does nothing, and zeros are an empty mask and no flags.
    let before = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let mut before: libc::sigaction = mem::zeroed();
        action.sa_sigaction = wake as *const () as usize;
        libc::sigaction(libc::SIGCHLD, &action, &mut before);
        before
    };
    let mut children: Vec<Option<Child>> = commands.iter_mut().map(|c| c.spawn().ok()).collect();
    for child in children.iter_mut().flatten() {
        drop(child.stdin.take());
    }
    let mut codes = vec![127; children.len()];
    loop {
        let mut running = false;
        for (slot, code) in children.iter_mut().zip(&mut codes) {
            let Some(child) = slot else { continue };
            match child.try_wait()? {
                None => running = true,
                Some(status) => {
                    *code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
                    *slot = None;
                }
            }
        }
        if !running {
            break;
        }
        // SAFETY: always.
        unsafe { libc::pause() };
    }
    // SAFETY: this is what was there.
    unsafe { libc::sigaction(libc::SIGCHLD, &before, ptr::null_mut()) };
    Ok(codes)
}
