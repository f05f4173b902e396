//! The program itself, as the loader has put it into memory: dl_iterate_phdr(3).

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::slice;

use libc::dl_phdr_info;

/// Where the program is.
#[derive(Debug, Default)]
pub struct Program {
    /// What was added to the addresses in its file.
    pub base: usize,
    /// Its variables that can be written.
    pub variables: Vec<Range<usize>>,
    /// Those that the calling thread of the operating system has for itself.
    pub of_thread: Range<usize>,
}

/// Finds the program.
pub fn program() -> Program {
    let mut found = Program::default();
    // SAFETY: `first` is of the type that dl_iterate_phdr(3) wants, and gets a pointer to what it
    // takes it for.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut found).cast()) };
    found
}

/// The first object that dl_iterate_phdr(3) names is the program itself.
extern "C" fn first(info: *mut dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
    // SAFETY: both pointers are what dl_iterate_phdr(3) and `program` passed.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Program>()) };
    // SAFETY: there are so many headers.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    found.base = info.dlpi_addr as usize;
    let base = found.base;
    let place = |header: &libc::Elf64_Phdr| {
        let start = base + header.p_vaddr as usize;
        start..start + header.p_memsz as usize
    };
    // What the loader has filled in is constant since, and the first that is there.
    let constant = headers.iter().find(|it| it.p_type == libc::PT_GNU_RELRO).map(place);
    for header in headers {
        match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_W != 0 => {
                let mut part = place(header);
                if let Some(constant) = constant.iter().find(|it| it.start == part.start) {
                    part.start = constant.end.min(part.end);
                }
                found.variables.push(part);
            }
            libc::PT_TLS if !info.dlpi_tls_data.is_null() => {
                let start = info.dlpi_tls_data as usize;
                found.of_thread = start..start + header.p_memsz as usize;
            }
            _ => {}
        }
    }
    1
}
