//! What /proc says about this process's threads, and where their stacks are.

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};
use lab::child::explain;
use lab::proc::Mapping;
use nix::errno::Errno;
use nix::unistd::Pid;

/// The ids of all threads of this process, /proc/self/task.
pub fn threads_of_this_process() -> Result<Vec<Pid>> {
    threads_of(Pid::this())
}

/// The ids of all threads of a process, /proc/PID/task.
pub fn threads_of(process: Pid) -> Result<Vec<Pid>> {
    let path = format!("/proc/{process}/task");
    let mut ids = Vec::new();
    for entry in fs::read_dir(&path).context(path.clone())? {
        let name = entry.context(path.clone())?.file_name();
        ids.extend(name.to_str().and_then(|text| text.parse().ok()).map(Pid::from_raw));
    }
    Ok(ids)
}

/// The text of the file `status` of a process or thread, such as `/proc/self`.
pub fn status(of: &str) -> Result<String> {
    lab::proc::read(&format!("{of}/status"))
}

/// The value of a line `Name:  value`.
pub fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The mapping that holds `address`.
pub fn at(mappings: &[Mapping], address: usize) -> Option<&Mapping> {
    mappings.iter().find(|mapping| mapping.addresses.contains(&address))
}

/// The calling thread's stack, pthread_getattr_np(3).
pub fn own_stack() -> Result<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the first call fills `attributes`, the second reads it, the third ends its use.
    let error = unsafe {
        let error = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        if error == 0 {
            libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
        error
    };
    Errno::result(if error == 0 { 0 } else { -1 })
        .map_err(|_| explain("pthread_getattr_np")(Errno::from_raw(error)))?;
    Ok(lowest as usize..lowest as usize + size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_lies_in_the_own_stack_and_in_a_mapping() {
        let local = 0u8;
        let address = &raw const local as usize;
        assert!(own_stack().unwrap().contains(&address));
        let mappings = lab::proc::mappings().unwrap();
        let mapping = at(&mappings, address).unwrap();
        assert_eq!(mapping.access, "rw-p");
        assert!(mapping.resident > 0);
    }

    #[test]
    fn a_field_of_status_is_found_by_its_whole_name() {
        assert_eq!(field("PPid:\t7\nPid:\t8\n", "Pid"), Some("8"));
        assert_eq!(field("Pid:\t8\n", "VmSize"), None);
    }
}
