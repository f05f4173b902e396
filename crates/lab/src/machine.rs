//! The machine that a verdict speaks of.

use std::fs;

use serde_json::{Value, json};

pub use crate::bounds::Cgroup;
pub use crate::busy::{Busy, Load};

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The word in brackets, as in `always [madvise] never`.
fn chosen(text: String) -> String {
    text.split(['[', ']']).nth(1).map_or(text.clone(), str::to_owned)
}

fn cpuinfo(key: &str) -> Option<String> {
    let text = read("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Kernel, CPUs, and the settings on which verdicts turn. What cannot be read is `null`.
pub fn describe() -> Value {
    let flags = cpuinfo("flags").unwrap_or_default();
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "cpus_allowed": crate::sample::allowed_cpus(),
        "model": cpuinfo("model name"),
        "smt": read("/sys/devices/system/cpu/smt/active").map(|active| active == "1"),
        "huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled").map(chosen),
        "autogroup": read("/proc/sys/kernel/sched_autogroup_enabled").map(|on| on == "1"),
        "ptrace_scope": read("/proc/sys/kernel/yama/ptrace_scope").and_then(|n| n.parse::<u32>().ok()),
        "uid": nix::unistd::getuid().as_raw(),
        "virtual": flags.split(' ').any(|flag| flag == "hypervisor"),
        "libc": libc_version(),
        "profile": if cfg!(debug_assertions) { "with debug assertions" } else { "optimised" },
        "page_size": nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten(),
    })
}

#[cfg(target_env = "gnu")]
fn libc_version() -> String {
    // SAFETY: the function returns a static string that ends in NUL.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}

#[cfg(not(target_env = "gnu"))]
fn libc_version() -> String {
    "not glibc".to_owned()
}

/// The same in one line, for people.
pub fn one_line() -> String {
    let machine = describe();
    let cpus = machine["cpus_allowed"].as_array().map_or(0, Vec::len);
    format!(
        "Linux {}, {} CPU{} allowed, {}{}",
        machine["kernel"].as_str().unwrap_or("?"),
        cpus,
        if cpus == 1 { "" } else { "s" },
        machine["model"].as_str().unwrap_or("unknown model"),
        if machine["virtual"] == true { ", virtual" } else { "" },
    )
}
