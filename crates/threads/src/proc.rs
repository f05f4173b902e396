//! What /proc says about this process's threads and memory, and how its threads are started.

use std::fs;
use std::ops::Range;
use std::thread::{self, Scope, ScopedJoinHandle};

use anyhow::{Context, Result};
use lab::child::{explain, explain_io};
use nix::errno::Errno;
use nix::unistd::Pid;

/// Starts a named scoped thread, or says why there can be none.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, body)
        .map_err(explain_io("thread"))
}

/// The ids of all threads of this process, /proc/self/task.
pub fn threads_of_this_process() -> Result<Vec<Pid>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir("/proc/self/task").context("/proc/self/task")? {
        let name = entry.context("/proc/self/task")?.file_name();
        ids.extend(name.to_str().and_then(|text| text.parse().ok()).map(Pid::from_raw));
    }
    Ok(ids)
}

/// The text of the file `status` of a process or thread, such as `/proc/self`.
pub fn status(of: &str) -> Result<String> {
    let path = format!("{of}/status");
    fs::read_to_string(&path).context(path)
}

/// The value of a line `Name:  value`.
pub fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// One line of /proc/self/maps: a range of addresses that were mapped together.
#[derive(Debug)]
pub struct Mapping {
    pub addresses: Range<usize>,
    /// Such as `rw-p`.
    pub access: String,
    /// Kilobytes that are in memory, and not just reserved.
    pub resident: u64,
    /// A file, a name like `[stack]`, or nothing.
    pub name: String,
}

/// All mappings of this process, /proc/self/smaps, in the order of their addresses.
pub fn mappings() -> Result<Vec<Mapping>> {
    let text = fs::read_to_string("/proc/self/smaps").context("/proc/self/smaps")?;
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        if let Some(mapping) = mapping(line) {
            mappings.push(mapping);
        } else if let (Some(rest), Some(last)) = (line.strip_prefix("Rss:"), mappings.last_mut()) {
            last.resident = rest.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        }
    }
    Ok(mappings)
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hex = |text| usize::from_str_radix(text, 16).ok();
    Some(Mapping {
        addresses: hex(start)?..hex(end)?,
        access: words.next()?.to_owned(),
        resident: 0,
        name: words.nth(3).unwrap_or("").to_owned(),
    })
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
    fn a_line_of_maps_is_read_whole() {
        let found = mapping("7f00-7fff rw-p 00000000 00:1f 42    /memfd:x").unwrap();
        assert_eq!(found.addresses, 0x7f00..0x7fff);
        assert_eq!((found.access.as_str(), found.name.as_str()), ("rw-p", "/memfd:x"));
        assert!(mapping("Rss:                  12 kB").is_none());
    }

    #[test]
    fn a_local_lies_in_the_own_stack_and_in_a_mapping() {
        let local = 0u8;
        let address = &raw const local as usize;
        assert!(own_stack().unwrap().contains(&address));
        let mappings = mappings().unwrap();
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
