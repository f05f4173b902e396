//! Where in the source an instruction is, as far as the program's own debugging information says.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use addr2line::Context;
use gimli::{Dwarf, EndianSlice, RunTimeEndian, SectionId};
use object::{Object, ObjectSection};

use super::program::program;
use crate::report::Place;

/// What was added to the addresses in the program's file.
fn base() -> usize {
    static BASE: OnceLock<usize> = OnceLock::new();
    *BASE.get_or_init(|| program().base)
}

/// Looks up lines by address in the program's file.
type Lines = Context<EndianSlice<'static, RunTimeEndian>>;

fn lines() -> Option<&'static Lines> {
    thread_local! {
        static LINES: Option<&'static Lines> = load();
    }
    LINES.with(|lines| *lines)
}

/// Loads the debugging information from the file that was executed, whatever is seen of `/proc`.
fn load() -> Option<&'static Lines> {
    // SAFETY: getauxval(3) gives a pointer to the name that execve(2) was given, or null.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    // SAFETY: as above, and the name ends with a zero.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) });
    let executed = name.map(|name| PathBuf::from(OsStr::from_bytes(name.to_bytes())));
    let candidates = [Some(PathBuf::from("/proc/self/exe")), executed];
    let bytes = candidates.into_iter().flatten().find_map(|path| std::fs::read(path).ok())?;
    let file = object::File::parse(&*bytes.leak()).ok()?;
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let section = |id: SectionId| -> Result<_, gimli::Error> {
        let data = file.section_by_name(id.name()).and_then(|section| section.data().ok());
        Ok(EndianSlice::new(data.unwrap_or_default(), endian))
    };
    let lines = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
    Some(Box::leak(Box::new(lines)))
}

/// Where the calls were made that led here, the innermost first.
pub fn stack() -> Vec<usize> {
    unsafe extern "C" {
        fn _Unwind_Backtrace(
            trace: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
            argument: *mut c_void,
        ) -> c_int;
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
    }
    extern "C" fn each(context: *mut c_void, stack: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes what was given to it, and its own context.
        let (stack, address) =
            unsafe { (&mut *stack.cast::<Vec<usize>>(), _Unwind_GetIP(context)) };
        stack.push(address);
        if stack.len() < 64 { 0 } else { 5 }
    }
    let mut stack: Vec<usize> = Vec::new();
    // SAFETY: `each` fits what the unwinder wants, and gets the vector that is passed.
    unsafe { _Unwind_Backtrace(each, (&raw mut stack).cast()) };
    stack
}

/// Where something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The line.
    pub place: Place,
    /// Whether it was done by an `Arc`, to count.
    pub counter: bool,
}

/// The innermost place on a stack that is in the file of the submission, or else in the checks.
pub fn place(stack: &[usize]) -> Option<Seen> {
    let lines = lines()?;
    let mut counter = false;
    let mut in_checks = None;
    for returns_to in stack {
        let probe = returns_to.wrapping_sub(base() + 1) as u64;
        let Ok(mut frames) = lines.find_frames(probe).skip_all_loads() else { continue };
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else { continue };
            let file = location.file.unwrap_or_default();
            counter |= file.ends_with("/alloc/src/sync.rs");
            let Some(place) = known(file, location.line, location.column) else { continue };
            let seen = Seen { counter, place };
            if seen.place.file != crate::CHECKS {
                return Some(seen);
            }
            in_checks.get_or_insert(seen);
        }
    }
    in_checks
}

/// The sources of a submission and its checks have names without a directory; the compiler puts one
/// before them that says nothing.
fn known(file: &str, line: Option<u32>, column: Option<u32>) -> Option<Place> {
    let file = file.trim_start_matches("./").trim_start_matches('/');
    if file.contains('/') || !file.ends_with(".rs") {
        return None;
    }
    Some(Place { file: file.to_owned(), line: line?, column: column.unwrap_or(1) })
}
