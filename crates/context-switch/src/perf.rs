//! A counter of the kernel's own, perf_event_open(2): context switches of the calling thread.

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;

use anyhow::{Context, Result};
use lab::child::explain;
use nix::errno::Errno;

/// `struct perf_event_attr` as it was in its first version, perf_event_open(2).
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

/// `PERF_TYPE_SOFTWARE`: counted by the kernel, not by the CPU.
const SOFTWARE: u32 = 1;
/// `PERF_COUNT_SW_CONTEXT_SWITCHES`.
const CONTEXT_SWITCHES: u64 = 3;

/// Counts from its making on.
pub struct Counter(File);

impl Counter {
    /// Counts the context switches of this thread, on whatever CPU.
    ///
    /// # Errors
    ///
    /// [`lab::Unavailable`] where `kernel.perf_event_paranoid` is above 1 and CAP_PERFMON is missing, or
    /// where a filter refuses the call.
    pub fn of_switches() -> Result<Counter> {
        let attributes = Attributes {
            kind: SOFTWARE,
            size: size_of::<Attributes>() as u32,
            config: CONTEXT_SWITCHES,
            ..Attributes::default()
        };
        let (this_thread, any_cpu, no_group, no_flags) = (0, -1, -1, 0);
        // SAFETY: the attributes are of the size that they state, and live during the call.
        let fd = unsafe {
            let attributes = std::ptr::from_ref(&attributes);
            let call = libc::SYS_perf_event_open;
            libc::syscall(call, attributes, this_thread, any_cpu, no_group, no_flags)
        };
        let fd = Errno::result(fd).map_err(explain("perf_event_open"))?;
        // SAFETY: the kernel has just opened this descriptor for us, nobody else owns it.
        Ok(Counter(unsafe { File::from_raw_fd(fd as i32) }))
    }

    /// How many there were.
    pub fn read(&self) -> Result<u64> {
        let mut count = [0; 8];
        (&self.0).read_exact(&mut count).context("read")?;
        Ok(u64::from_ne_bytes(count))
    }
}
