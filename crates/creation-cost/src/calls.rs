//! The names of the system calls that making a thread takes.

macro_rules! names {
    ($($call:ident $name:literal)*) => {
        /// The name of the system call of this number, where it is one that making threads takes.
        pub fn name(number: u64) -> &'static str {
            $(if number == libc::$call as u64 { return $name; })*
            "another"
        }
    };
}

names! {
    SYS_clone "clone"
    SYS_clone3 "clone3"
    SYS_exit "exit"
    SYS_exit_group "exit_group"
    SYS_futex "futex"
    SYS_getrandom "getrandom"
    SYS_gettid "gettid"
    SYS_madvise "madvise"
    SYS_mmap "mmap"
    SYS_mprotect "mprotect"
    SYS_munmap "munmap"
    SYS_prctl "prctl"
    SYS_prlimit64 "prlimit64"
    SYS_rseq "rseq"
    SYS_rt_sigaction "rt_sigaction"
    SYS_rt_sigprocmask "rt_sigprocmask"
    SYS_sched_getaffinity "sched_getaffinity"
    SYS_set_robust_list "set_robust_list"
    SYS_sigaltstack "sigaltstack"
}
