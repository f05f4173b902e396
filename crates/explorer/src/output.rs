//! Where the output of a submission goes, and what of it is the submission's.

#[cfg(any(feature = "explored", feature = "weak"))]
pub(crate) use silence::Silence;

/// How the lines begin that an explorer prints itself, also after what a submission has printed
/// without an end of line.
const OF_EXPLORERS: [&str; 6] = [
    "Test deadlocked, and SHUTTLE_CAPTURE_BACKTRACE is not set.",
    "test panicked in task '",
    "test panicked in a task that was still unwinding the panic when the execution stopped",
    "test panicked while dropping the tasks that were unfinished at the end of the execution",
    " more panics while dropping the tasks that were unfinished at the end of the execution",
    "`ExecutionState::try_with` failed with error:",
];

/// How a backtrace begins that an explorer prints; it ends with a line that is a bracket.
const BACKTRACE: &str = "Backtrace for `with`:";

/// What was printed, without what an explorer says.
pub fn of_submission(printed: &str) -> String {
    let mut kept = String::with_capacity(printed.len());
    let mut lines = printed.lines();
    while let Some(line) = lines.next() {
        let at = OF_EXPLORERS.iter().chain([&BACKTRACE]).filter_map(|words| line.find(words)).min();
        let own = match at {
            None => line,
            // The number of the panics that are more.
            Some(at) => line[..at].trim_end_matches(|c: char| c.is_ascii_digit()),
        };
        if line.contains(BACKTRACE) {
            lines.by_ref().find(|line| *line == "]");
        }
        if at.is_none() || !own.is_empty() {
            kept.push_str(own);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(any(feature = "explored", feature = "weak"))]
mod silence {
    use std::fs::File;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    /// While it lives, standard output and standard error lead nowhere: what ten thousand schedules
    /// print helps nobody.
    pub(crate) struct Silence {
        saved: [Option<OwnedFd>; 2],
    }

    impl Silence {
        pub(crate) fn new() -> Silence {
            let mut saved = [None, None];
            // A program that is only to compute may not open anything for writing. What is written to
            // a descriptor that is open for reading fails, which std takes for written.
            let Ok(nowhere) = File::open("/dev/null") else { return Silence { saved } };
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_explorer_says_is_not_shown() {
        let printed = "mine\nhalfTest deadlocked, and SHUTTLE_CAPTURE_BACKTRACE is not set. If \
                       either\ntest panicked in task 'main'\n12 more panics while dropping the tasks \
                       that were unfinished at the end of the execution were ignored\nBacktrace for \
                       `with`: Backtrace [\n    { fn: \"a\" },\n]\n\nlast";
        assert_eq!(of_submission(printed), "mine\nhalf\n\nlast\n");
    }
}
