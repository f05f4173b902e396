//! Tries something in a child that may end by a fault, and tells what the kernel said about it.

use std::num::NonZeroUsize;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use anyhow::Result;
use lab::Shared;
use lab::child::{Child, explain, in_words, no_core_dump};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::wait::WaitStatus;

/// A length that is a whole number of pages on every machine, in bytes.
pub const UNIT: usize = 64 << 10;

/// What a handler notes where the parent can read it.
#[derive(Default)]
pub struct Notes {
    signal: AtomicI32,
    code: AtomicI32,
    address: AtomicUsize,
    /// For the child's own use.
    pub value: AtomicI32,
    /// For the child's own use.
    pub pointer: AtomicUsize,
}

static NOTES: AtomicPtr<Notes> = AtomicPtr::new(null_mut());

/// Maps `length` bytes of new memory; it stays as long as the process.
pub fn map(length: usize, access: ProtFlags, flags: MapFlags) -> Result<*mut u8> {
    let length = NonZeroUsize::new(length).expect("a length");
    // SAFETY: a new mapping changes no other memory.
    let memory = unsafe { mmap_anonymous(None, length, access, flags) };
    Ok(memory.map_err(explain("mmap"))?.as_ptr().cast())
}

pub const READ_WRITE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

impl Notes {
    /// New notes, which children share.
    pub fn new() -> Result<&'static Notes> {
        let notes = Shared::new(Notes::default())?.leak();
        NOTES.store(std::ptr::from_ref(notes).cast_mut(), SeqCst);
        Ok(notes)
    }
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The signal and its code, such as `SEGV_MAPERR`; `no fault` if there was none.
    pub code: &'static str,
    /// The address that the kernel named.
    pub address: usize,
    /// How the child ended, in words.
    pub ended: String,
}

// ANCHOR: handler
/// Notes what the kernel says about a fault.
extern "C" fn note(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo, and the notes were mapped before.
    let (notes, info) = unsafe { (&*NOTES.load(SeqCst), &*info) };
    notes.signal.store(signal, SeqCst);
    notes.code.store(info.si_code, SeqCst);
    // SAFETY: the signals for which this is a handler come with an address.
    notes.address.store(unsafe { info.si_addr() } as usize, SeqCst);
}

/// Makes `note` the handler of both signals, for one time, on a stack of its own: the usual one may
/// be what is broken.
fn handle_faults() {
    let stack = libc::stack_t { ss_sp: ALTERNATE.get(), ss_flags: 0, ss_size: UNIT };
    // SAFETY: the stack is static and used for this alone, and the handler has the right type.
    unsafe {
        libc::sigaltstack(&stack, null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
        libc::sigaction(libc::SIGSEGV, &action, null_mut());
        libc::sigaction(libc::SIGBUS, &action, null_mut());
    }
}
// ANCHOR_END: handler

/// Memory for the handler's stack.
struct Stack(std::cell::UnsafeCell<[u8; UNIT]>);

// SAFETY: only the kernel and the handler use it.
unsafe impl Sync for Stack {}

impl Stack {
    fn get(&self) -> *mut libc::c_void {
        self.0.get().cast()
    }
}

static ALTERNATE: Stack = Stack(std::cell::UnsafeCell::new([0; UNIT]));

/// Starts a child that tries something; [`outcome`] tells how it ended.
pub fn start(notes: &Notes, attempt: impl FnOnce()) -> Result<Child> {
    for note in [&notes.signal, &notes.code, &notes.value] {
        note.store(0, SeqCst);
    }
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    unsafe {
        Child::fork(|| {
            no_core_dump();
            handle_faults();
            attempt();
            0
        })
    }
}

/// Waits for the child, and tells what the kernel told its handler.
pub fn outcome(notes: &Notes, child: Child) -> Result<Outcome> {
    let status = child.wait()?;
    let code = match (notes.signal.load(SeqCst), notes.code.load(SeqCst)) {
        (0, _) if status == WaitStatus::Exited(status.pid().expect("a child"), 0) => "no fault",
        (libc::SIGSEGV, 1) => "SEGV_MAPERR",
        (libc::SIGSEGV, 2) => "SEGV_ACCERR",
        (libc::SIGSEGV, 4) => "SEGV_PKUERR",
        (libc::SIGBUS, 2) => "BUS_ADRERR",
        (0, _) => anyhow::bail!("the child {}", in_words(status)),
        _ => "another",
    };
    Ok(Outcome { code, address: notes.address.load(SeqCst), ended: in_words(status) })
}
