//! Where the output of a program goes.

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// While it lives, standard output and standard error lead nowhere: what ten thousand schedules
/// print helps nobody.
pub(crate) struct Silence {
    saved: [Option<OwnedFd>; 2],
}

impl Silence {
    pub(crate) fn new() -> Silence {
        let mut saved = [None, None];
        let Ok(nowhere) = OpenOptions::new().write(true).open("/dev/null") else {
            return Silence { saved };
        };
        for (slot, fd) in saved.iter_mut().zip([1, 2]) {
            // SAFETY: both calls only take descriptors by number; the new one is owned here.
            unsafe {
                let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 10);
                if copy >= 0 {
                    *slot = Some(OwnedFd::from_raw_fd(copy));
                    libc::dup2(nowhere.as_raw_fd(), fd);
                }
            }
        }
        Silence { saved }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        for (slot, fd) in self.saved.iter().zip([1, 2]) {
            if let Some(saved) = slot {
                // SAFETY: both are descriptors of this process.
                unsafe { libc::dup2(saved.as_raw_fd(), fd) };
            }
        }
    }
}
