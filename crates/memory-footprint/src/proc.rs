//! What proc(5) says about memory, all in KiB.

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// User memory of a process.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Resident set size: all pages that are in memory and mapped.
    pub rss: f64,
    /// Proportional set size: each page divided by the number of processes that map it.
    pub pss: f64,
}

/// User memory of `pid`, from smaps_rollup, which walks the page tables and so is exact.
pub fn user(pid: Pid) -> Result<User> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    Ok(User { rss: kib(&text, "Rss")?, pss: kib(&text, "Pss")? })
}

/// The page tables of `pid`, exactly, but for their topmost page.
pub fn page_tables(pid: Pid) -> Result<f64> {
    kib(&read(&format!("/proc/{pid}/status"))?, "VmPTE")
}

/// The address space of `pid`, in use or not.
pub fn address_space(pid: Pid) -> Result<f64> {
    kib(&read(&format!("/proc/{pid}/status"))?, "VmSize")
}

/// Counters of the whole system.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// The stacks of all tasks in the kernel.
    pub kernel_stacks: f64,
    /// Kernel objects that can't be reclaimed, such as task structures.
    pub slab: f64,
}

/// What the whole system's kernel holds now, from meminfo.
pub fn system() -> Result<System> {
    let text = read("/proc/meminfo")?;
    Ok(System { kernel_stacks: kib(&text, "KernelStack")?, slab: kib(&text, "SUnreclaim")? })
}

pub use lab::proc::read;

/// The number in the line `key:   number kB`.
fn kib(text: &str, key: &str) -> Result<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("there is no {key} in what the kernel reports"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word() {
        let text = "VmPTEs:\t 9 kB\nVmPTE:\t      44 kB\n";
        assert_eq!(kib(text, "VmPTE").unwrap(), 44.0);
        assert!(kib(text, "VmSize").is_err());
    }

    #[test]
    fn this_process_is_resident() {
        let own = user(Pid::this()).unwrap();
        assert!(own.rss >= own.pss && own.pss > 0.0, "{own:?}");
        assert!(page_tables(Pid::this()).unwrap() > 0.0);
    }
}
