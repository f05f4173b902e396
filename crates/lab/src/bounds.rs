//! What bounds this process: limits of its cgroup, of its user and of the kernel, its filter and
//! its capabilities. Everything is parsed from text, so that made-up files test it.

use std::fs;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Gives the text of a file, or `None` if it cannot be read.
pub(crate) type Files<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The files of this machine.
pub(crate) fn here(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The tightest limits of this process's cgroup and of those above it, cgroups(7).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cgroup {
    /// Bytes of memory: `memory.max`, or `memory.limit_in_bytes` in version 1.
    pub memory: Option<u64>,
    /// Bytes that are left of it; page cache that can be dropped counts as free.
    pub memory_left: Option<u64>,
    /// CPUs' worth of time: `cpu.max`, or `cpu.cfs_quota_us` in version 1.
    pub cpus: Option<f64>,
    /// Tasks: `pids.max`.
    pub tasks: Option<u64>,
    /// Whether as many tasks as allowed are there.
    pub tasks_reached: bool,
}

impl Cgroup {
    /// Those of this process.
    pub fn here() -> Cgroup {
        Cgroup::read(&here)
    }

    pub(crate) fn read(files: Files<'_>) -> Cgroup {
        let mut found = Cgroup::default();
        for line in files("/proc/self/cgroup").unwrap_or_default().lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if controllers.is_empty() {
                for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
                    found.take(files, mount, path);
                }
            }
            // A controller is mounted by its own name, and often by that of its group as well.
            for controller in controllers.split(',').filter(|name| !name.is_empty()) {
                found.take(files, &format!("/sys/fs/cgroup/{controller}"), path);
            }
        }
        found
    }

    /// Takes what is tighter in the cgroup `path` below `mount`, or in one of those above it. In a
    /// container the mount itself may be the container's cgroup, whatever `path` says.
    fn take(&mut self, files: Files<'_>, mount: &str, path: &str) {
        let mut path = path.trim_end_matches('/');
        loop {
            let number = |name: &str| -> Option<u64> {
                files(&format!("{mount}{path}/{name}"))?.trim().parse().ok()
            };
            // Version 1 writes "no limit" as the largest number of whole pages.
            let memory = number("memory.max")
                .or_else(|| number("memory.limit_in_bytes").filter(|bytes| *bytes < 1 << 62));
            self.memory = tighter(self.memory, memory);
            let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"));
            if let (Some(max), Some(used)) = (memory, used) {
                let cache = files(&format!("{mount}{path}/memory.stat"))
                    .and_then(|text| inactive_file(&text))
                    .unwrap_or(0);
                let left = max.saturating_sub(used.saturating_sub(cache));
                self.memory_left = tighter(self.memory_left, Some(left));
            }
            let cpus = files(&format!("{mount}{path}/cpu.max"))
                .and_then(|text| quota(&text))
                .or_else(|| {
                    let quota = number("cpu.cfs_quota_us")? as f64;
                    Some(quota / number("cpu.cfs_period_us")? as f64)
                });
            self.cpus = match (self.cpus, cpus) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if let Some(max) = number("pids.max") {
                self.tasks = tighter(self.tasks, Some(max));
                self.tasks_reached |= number("pids.current").is_some_and(|now| now + 1 >= max);
            }
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => return,
            }
        }
    }
}

/// Page cache that the kernel would drop first, from `memory.stat` of either version.
fn inactive_file(stat: &str) -> Option<u64> {
    let keys = ["total_inactive_file ", "inactive_file "];
    keys.iter()
        .find_map(|key| stat.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok())
}

fn tighter(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// `cpu.max`: quota and period in microseconds, `max 100000` where there is none.
fn quota(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    Some(quota / words.next()?.parse::<f64>().ok()?)
}

/// A line `Key:   value` of proc_pid_status(5), without its unit.
pub(crate) fn status_line(status: &str, key: &str) -> Option<String> {
    let line = status.lines().find(|line| line.split(':').next() == Some(key))?;
    Some(line.split_once(':')?.1.trim().trim_end_matches(" kB").to_owned())
}

/// Whether a seccomp filter is in force for this process, seccomp(2): `Seccomp: 2` in its status,
/// or prctl(2)'s word where /proc is closed.
pub fn filtered() -> bool {
    match here("/proc/self/status").and_then(|status| status_line(&status, "Seccomp")) {
        Some(mode) => mode == "2",
        // SAFETY: this request takes no further arguments and changes nothing.
        None => unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) == 2 },
    }
}

/// Whether this process has the capability of that number, capabilities(7).
pub(crate) fn capable(status: &str, number: u32) -> bool {
    status_line(status, "CapEff")
        .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .is_some_and(|mask| mask >> number & 1 == 1)
}

/// The soft limit, where there is one.
pub(crate) fn limit(resource: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(resource).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

/// A number of bytes as people write it.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 30 && b.is_multiple_of(1 << 30) => format!("{} GiB", b >> 30),
        b if b >= 1 << 20 => format!("{} MiB", b >> 20),
        b => format!("{} KiB", b >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(files: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    #[test]
    fn version_2_takes_the_tightest_on_the_way_up() {
        let files = made_up(&[
            ("/proc/self/cgroup", "0::/user.slice/app.scope\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n"),
            ("/sys/fs/cgroup/user.slice/memory.max", "134217728\n"),
            ("/sys/fs/cgroup/user.slice/memory.current", "100000000\n"),
            ("/sys/fs/cgroup/user.slice/memory.stat", "file 7\ninactive_file 50000000\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/cpu.max", "50000 100000\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/pids.max", "30\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/pids.current", "30\n"),
        ]);
        let expected = Cgroup {
            memory: Some(128 << 20),
            memory_left: Some(134217728 - 50000000),
            cpus: Some(0.5),
            tasks: Some(30),
            tasks_reached: true,
        };
        assert_eq!(Cgroup::read(&files), expected);
    }

    #[test]
    fn version_1_in_a_container_is_read_at_the_mount() {
        let files = made_up(&[
            (
                "/proc/self/cgroup",
                "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n3:pids:/docker\n",
            ),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/pids/pids.max", "max\n"),
        ]);
        let found = Cgroup::read(&files);
        assert_eq!((found.memory, found.cpus, found.tasks), (Some(64 << 20), Some(1.5), None));
        let unlimited = made_up(&[
            ("/proc/self/cgroup", "4:memory:/\n3:cpu:/\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(Cgroup::read(&unlimited), Cgroup::default());
        assert_eq!(Cgroup::read(&|_| None), Cgroup::default(), "no /proc");
    }

    #[test]
    fn capabilities_are_bits_of_a_mask() {
        let status = "Name:\tx\nVmSize:\t  4096 kB\nCapEff:\t0000000000800000\nSeccomp:\t2\n";
        assert!(capable(status, 23) && !capable(status, 21));
        assert_eq!(status_line(status, "VmSize").as_deref(), Some("4096"));
    }
}
