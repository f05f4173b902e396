//! Says where the program was when it crashed, or when the grader asks because it hangs.

use std::backtrace::Backtrace;
use std::ptr;

use crate::channel;
use explorer::report::Panicked;

const CRASHES: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// Bytes of the stack on which the handlers run: reading debug information takes some.
const STACK: usize = 512 * 1024;

/// Installs the handlers.
pub(crate) fn install() {
    let stack = Box::leak(vec![0_u8; STACK].into_boxed_slice());
    // SAFETY: the stack is never freed; the handlers have the signature that SA_SIGINFO asks for.
    unsafe {
        let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK };
        libc::sigaltstack(&stack, ptr::null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
        action.sa_sigaction = crashed as *const () as usize;
        for signal in CRASHES {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        action.sa_sigaction = asked as *const () as usize;
        libc::sigaction(channel::WHERE_ARE_YOU, &action, ptr::null_mut());
    }
}

// A backtrace is not on the list of what a signal handler may do (signal-safety(7)). The program
// is lost at this point, and the grader does not wait for an answer for long.

/// The stack at the instruction that was interrupted, twice. `std` takes each address on a stack for one
/// to which a call returns, and looks up the instruction before it. So the first time the address lies
/// one byte behind; with that, what follows may be lost if the instruction is that short.
fn trace(context: *mut libc::c_void) -> String {
    #[cfg(feature = "weak")]
    explorer::weak::set_aside(true);
    let mut trace = behind(context.cast(), 1);
    trace.push_str(&behind(context.cast(), 0));
    #[cfg(feature = "weak")]
    explorer::weak::set_aside(false);
    trace
}

fn behind(context: *mut libc::ucontext_t, bytes: u8) -> String {
    // SAFETY: the kernel passes a handler with SA_SIGINFO the context of what it has interrupted, which
    // the unwinder reads and which is as it was when the handler returns.
    unsafe {
        let at = interrupted(context);
        let before = at.read_volatile();
        at.write_volatile(before.wrapping_add(bytes.into()));
        let trace = Backtrace::force_capture().to_string();
        at.write_volatile(before);
        trace
    }
}

/// Where a context has the address of the instruction at which it goes on.
///
/// # Safety
/// It is one that the kernel has passed to a handler.
#[cfg(target_arch = "x86_64")]
unsafe fn interrupted(context: *mut libc::ucontext_t) -> *mut libc::greg_t {
    // SAFETY: the caller promises it.
    unsafe { &raw mut (*context).uc_mcontext.gregs[libc::REG_RIP as usize] }
}

/// Where a context has the address of the instruction at which it goes on.
///
/// # Safety
/// It is one that the kernel has passed to a handler.
#[cfg(target_arch = "aarch64")]
unsafe fn interrupted(context: *mut libc::ucontext_t) -> *mut libc::c_ulonglong {
    // SAFETY: the caller promises it.
    unsafe { &raw mut (*context).uc_mcontext.pc }
}

extern "C" fn crashed(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if channel::is_original() {
        // SAFETY: the kernel passes a valid pointer to a handler with SA_SIGINFO.
        let address = unsafe { (*info).si_addr() }.addr();
        channel::send("panics", &Panicked::to_text(&explorer::panics::so_far()));
        let trace = trace(context);
        channel::send("crash", &format!("{signal}\n{address:#x}\n{trace}"));
    }
    // SAFETY: the handler was reset when it was called, so this ends the process as it would have
    // ended without a handler.
    unsafe { libc::raise(signal) };
}

extern "C" fn asked(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if channel::is_original() {
        // SAFETY: gettid(2) is always safe to call.
        let thread = unsafe { libc::gettid() };
        if thread.unsigned_abs() == std::process::id() {
            channel::send("panics", &Panicked::to_text(&explorer::panics::so_far()));
        }
        let trace = trace(context);
        channel::send(channel::ANSWER, &format!("{thread}\n{trace}"));
    }
}
