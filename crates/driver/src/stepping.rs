//! Stops between any two instructions, by the trap flag of the processor, after each of whose
//! instructions it raises SIGTRAP (Intel 64 and IA-32 Architectures Software Developer's Manual,
//! volume 3, "Single-Step Exception Condition"). What others do just there is not left to luck.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many more stops there are.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// What is called at each stop.
static AT_EACH: OnceLock<fn() -> bool> = OnceLock::new();

/// Calls `body`, and `at_each` between any two of its instructions, until it returns false, and so many
/// times at most: after that `body` goes on by itself. What is called runs in a signal handler, so it
/// may do only what signal-safety(7) allows, and it is the same in all calls. On a processor for which
/// this is not written, `body` is just called.
pub fn step_through<T>(most: u64, at_each: fn() -> bool, body: impl FnOnce() -> T) -> T {
    LEFT.store(most, SeqCst);
    let _ = AT_EACH.set(at_each);
    flag::begin();
    let result = body();
    flag::end();
    result
}

#[cfg(target_arch = "x86_64")]
mod flag {
    use super::{AT_EACH, LEFT, SeqCst};

    /// The trap flag among the flags of the processor.
    const TRAP: i64 = 0x100;

    pub(super) fn begin() {
        // SAFETY: the handler has the signature that SA_SIGINFO asks for; the flag changes nothing but
        // that the handler is called.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            action.sa_sigaction = stopped as *const () as usize;
            libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut());
            std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
        }
    }

    pub(super) fn end() {
        // SAFETY: the flag alone is changed, and then nobody raises the signal any more.
        unsafe {
            std::arch::asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq");
            libc::signal(libc::SIGTRAP, libc::SIG_DFL);
        }
    }

    extern "C" fn stopped(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let left = LEFT.load(SeqCst);
        LEFT.store(left.saturating_sub(1), SeqCst);
        if left == 0 || !AT_EACH.get().is_some_and(|at_each| at_each()) {
            // SAFETY: the kernel passes what it restores the registers from when this returns.
            unsafe {
                let context = &mut *context.cast::<libc::ucontext_t>();
                context.uc_mcontext.gregs[libc::REG_EFL as usize] &= !TRAP;
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod flag {
    pub(super) fn begin() {}
    pub(super) fn end() {}
}
