//! The names of the system calls that making a thread takes.

use std::borrow::Cow;

macro_rules! names {
    ($($call:ident $name:literal)*) => {
        /// The name of the system call of this number, where it is one that making threads takes;
        /// of another one the number.
        pub fn name(number: u64) -> Cow<'static, str> {
            $(if number == libc::$call as u64 { return $name.into(); })*
            format!("number {number}").into()
        }
    };
}

names! {
    SYS_clone "clone"
    SYS_clone3 "clone3"
    SYS_exit "exit"
    SYS_exit_group "exit_group"
    SYS_futex "futex"
    SYS_getpid "getpid"
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

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_call_without_a_name_has_a_number() {
        assert_eq!(name(libc::SYS_futex as u64), "futex");
        assert_eq!(name(99_999), "number 99999");
    }
}
