//! The machine that a verdict speaks of. What is read is text, and parsed by functions that
//! made-up files test: /proc/cpuinfo differs from one architecture to the next.

use std::sync::OnceLock;

use nix::errno::Errno;
use serde_json::{Value, json};

pub use crate::bounds::Cgroup;
use crate::bounds::{Files, bytes, filtered, here, status_line};
pub use crate::busy::{Busy, Load};

/// Kernel, CPUs, limits, and the settings on which verdicts turn. What cannot be read is `null`.
pub fn describe() -> Value {
    let cgroup = Cgroup::here();
    json!({
        "kernel": word(&here, "/proc/sys/kernel/osrelease"),
        "architecture": std::env::consts::ARCH,
        "cpus_allowed": allowed_cpus(),
        "model": model(&here),
        "smt": word(&here, "/sys/devices/system/cpu/smt/active").map(|active| active == "1"),
        "huge_pages": word(&here, "/sys/kernel/mm/transparent_hugepage/enabled").map(chosen),
        "autogroup": word(&here, "/proc/sys/kernel/sched_autogroup_enabled").map(|on| on == "1"),
        "ptrace_scope": number(&here, "/proc/sys/kernel/yama/ptrace_scope"),
        "uid": nix::unistd::getuid().as_raw(),
        "virtual": is_virtual(&here),
        "mitigations": mitigations(&here),
        "seccomp": if filtered() { "filter" } else { "none" },
        "cgroup": {
            "memory.max": cgroup.memory,
            "cpu.max": cgroup.cpus,
            "pids.max": cgroup.tasks,
        },
        "load": Load::now().map(|load| load.average),
        "libc": libc_version(),
        "profile": if cfg!(debug_assertions) { "with debug assertions" } else { "optimised" },
        "page_size": nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten(),
    })
}

/// The same in one line, for people; limits only where there are any.
pub fn one_line() -> String {
    line(&here, allowed_cpus().len(), &Cgroup::here())
}

fn line(files: Files<'_>, cpus: usize, cgroup: &Cgroup) -> String {
    let mut parts = vec![
        format!("Linux {}", word(files, "/proc/sys/kernel/osrelease").unwrap_or("?".into())),
        format!("{cpus} CPU{} allowed", if cpus == 1 { "" } else { "s" }),
        model(files).unwrap_or("unknown model".into()),
    ];
    if is_virtual(files) {
        parts.push("virtual".into());
    }
    parts.extend(cgroup.memory.map(|max| format!("memory.max {}", bytes(max))));
    parts.extend(cgroup.cpus.map(|cpus| format!("cpu.max {cpus:.2} CPUs")));
    parts.extend(cgroup.tasks.filter(|max| *max < 1000).map(|max| format!("pids.max {max}")));
    parts.join(", ")
}

/// Bytes in a page of this kernel: 4 KiB on x86, on other CPUs also 16 or 64, sysconf(3).
pub fn page_size() -> usize {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.map_or(4096, |bytes| bytes as usize)
}

/// Bytes that this process may still use: what the machine has free, MemAvailable in
/// proc_meminfo(5), and what its cgroup leaves, memory.max in cgroups(7). 0 if nothing says so.
pub fn memory_available() -> u64 {
    available(&here)
}

fn available(files: Files<'_>) -> u64 {
    let free = files("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    let free = free.map_or(0, |kib| kib << 10);
    Cgroup::read(files).memory_left.map_or(free, |left| free.min(left))
}

/// The CPUs this thread may run on: any numbers, with holes and beyond 1,024. Where nothing says
/// which they are, the CPU that the first thread was on which asked; never empty.
pub fn allowed_cpus() -> Vec<usize> {
    // Who pins two threads to one CPU must be told the same one twice.
    static HERE: OnceLock<usize> = OnceLock::new();
    // SAFETY: the call takes nothing.
    let current = || usize::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(0);
    known_cpus().unwrap_or_else(|| vec![*HERE.get_or_init(current)])
}

/// The same by sched_getaffinity(2) or, where that is refused, proc_pid_status(5).
pub(crate) fn known_cpus() -> Option<Vec<usize>> {
    // The call fails with EINVAL if the mask is smaller than the kernel's.
    for words in [16, 64, 512, 4096] {
        let mut mask = vec![0u64; words];
        // SAFETY: the mask is valid for writes of the length that is given.
        let written =
            unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, words * 8, mask.as_mut_ptr()) };
        match Errno::result(written) {
            Ok(_) => return Some(ones(&mask)),
            Err(Errno::EINVAL) => {}
            Err(_) => break,
        }
    }
    listed(&status_line(&here("/proc/thread-self/status")?, "Cpus_allowed_list")?)
}

/// A list such as `0-2,5`.
fn listed(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cpus)
}

fn ones(mask: &[u64]) -> Vec<usize> {
    (0..mask.len() * 64).filter(|cpu| mask[cpu / 64] >> (cpu % 64) & 1 == 1).collect()
}

fn word(files: Files<'_>, path: &str) -> Option<String> {
    files(path).map(|text| text.trim().to_owned())
}

fn number(files: Files<'_>, path: &str) -> Option<u32> {
    word(files, path)?.parse().ok()
}

/// The word in brackets, as in `always [madvise] never`.
fn chosen(text: String) -> String {
    text.split(['[', ']']).nth(1).map_or(text.clone(), str::to_owned)
}

/// The first value of a key in /proc/cpuinfo.
fn cpuinfo(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What the CPU is called: x86 has a name; ARM gives numbers of maker and part, and the board's name
/// in the device tree; RISC-V its instruction set and its core.
fn model(files: Files<'_>) -> Option<String> {
    let text = files("/proc/cpuinfo")?;
    let value = |key: &str| cpuinfo(&text, key);
    if let Some(name) = value("model name").or_else(|| value("cpu model")) {
        return Some(name);
    }
    let board = files("/sys/firmware/devicetree/base/model")
        .map(|name| name.trim_end_matches('\0').trim().to_owned());
    if let (Some(maker), Some(part)) = (value("CPU implementer"), value("CPU part")) {
        let name = match (maker.as_str(), part.as_str()) {
            ("0x41", "0xd03") => "ARM Cortex-A53".to_owned(),
            ("0x41", "0xd08") => "ARM Cortex-A72".to_owned(),
            ("0x41", "0xd0b") => "ARM Cortex-A76".to_owned(),
            ("0x41", "0xd0c") => "ARM Neoverse N1".to_owned(),
            ("0x41", "0xd40") => "ARM Neoverse V1".to_owned(),
            ("0x41", "0xd49") => "ARM Neoverse N2".to_owned(),
            ("0x41", "0xd4f") => "ARM Neoverse V2".to_owned(),
            ("0x41", _) => format!("ARM, part {part}"),
            ("0x61", _) => format!("Apple, part {part}"),
            _ => format!("ARM, maker {maker}, part {part}"),
        };
        return Some(board.map_or(name.clone(), |board| format!("{name} ({board})")));
    }
    let core = value("uarch").into_iter().chain(value("isa"));
    let named = core.reduce(|core, isa| format!("{core} ({isa})"));
    named.or(value("cpu")).or(board)
}

/// Whether a hypervisor is there: x86 says so among the CPU's flags; elsewhere the firmware names
/// the machine, or the kernel has found the hypervisor.
fn is_virtual(files: Files<'_>) -> bool {
    let flags = files("/proc/cpuinfo").and_then(|text| cpuinfo(&text, "flags"));
    if flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")) {
        return true;
    }
    let known = ["kvm", "qemu", "vmware", "virtual", "xen", "firecracker", "amazon ec2", "google"];
    let names = [
        "/sys/class/dmi/id/product_name",
        "/sys/class/dmi/id/sys_vendor",
        "/sys/firmware/devicetree/base/model",
        "/sys/firmware/devicetree/base/hypervisor/compatible",
        "/sys/hypervisor/type",
    ];
    let found = names.iter().filter_map(|path| files(path)).collect::<String>().to_lowercase();
    // Bare-metal instances of the same vendors say so.
    known.iter().any(|word| found.contains(word)) && !found.contains("metal")
}

/// What the kernel does against speculation where it makes switches and system calls dearer: the
/// files of /sys/devices/system/cpu/vulnerabilities that say `Mitigation`, and whether address
/// spaces have tags of their own (PCID on x86), without which page-table isolation flushes the TLB.
fn mitigations(files: Files<'_>) -> Value {
    let of = |name: &str| -> Option<String> {
        let text = word(files, &format!("/sys/devices/system/cpu/vulnerabilities/{name}"))?;
        Some(text.strip_prefix("Mitigation: ").unwrap_or(&text).to_owned())
    };
    let spectre = of("spectre_v2");
    // The file lists what is in force, such as `IBPB: conditional`, or `IBPB: disabled`.
    let ibpb = spectre.as_deref().and_then(|text| {
        let rest = text.split("IBPB: ").nth(1)?;
        Some(rest.split([';', ',']).next().unwrap_or(rest).trim().to_owned())
    });
    let flags = files("/proc/cpuinfo").and_then(|text| cpuinfo(&text, "flags"));
    json!({
        "meltdown": of("meltdown"),
        "spectre_v2": spectre,
        "ibpb": ibpb,
        "pcid": flags.map(|flags| flags.split(' ').any(|flag| flag == "pcid")),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(files: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    #[test]
    fn an_x86_machine_is_described() {
        let files = made_up(&[
            ("/proc/sys/kernel/osrelease", "6.1.0-9\n"),
            (
                "/proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Made-up CPU @ 2 GHz\nflags\t\t: fpu pcid hypervisor\n",
            ),
            ("/sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n"),
            (
                "/sys/devices/system/cpu/vulnerabilities/spectre_v2",
                "Mitigation: Retpolines; IBPB: conditional; IBRS_FW; STIBP: disabled\n",
            ),
        ]);
        let cgroup = Cgroup { memory: Some(64 << 20), cpus: Some(0.5), ..Cgroup::default() };
        assert_eq!(
            line(&files, 2, &cgroup),
            "Linux 6.1.0-9, 2 CPUs allowed, Made-up CPU @ 2 GHz, virtual, memory.max 64 MiB, \
             cpu.max 0.50 CPUs"
        );
        let found = mitigations(&files);
        assert_eq!((&found["meltdown"], &found["ibpb"]), (&json!("PTI"), &json!("conditional")));
        assert_eq!(found["pcid"], true);
    }

    #[test]
    fn an_arm_machine_is_described() {
        let pi = made_up(&[
            (
                "/proc/cpuinfo",
                "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n",
            ),
            ("/sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ]);
        assert_eq!(model(&pi).unwrap(), "ARM Cortex-A72 (Raspberry Pi 4 Model B Rev 1.4)");
        assert!(!is_virtual(&pi));
        assert_eq!(mitigations(&pi)["pcid"], Value::Null);
        let guest = made_up(&[("/sys/class/dmi/id/product_name", "KVM Virtual Machine\n")]);
        assert!(is_virtual(&guest));
        let metal = made_up(&[
            ("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
            ("/sys/class/dmi/id/product_name", "a1.metal\n"),
        ]);
        assert!(!is_virtual(&metal));
    }

    #[test]
    fn a_risc_v_machine_is_described() {
        let files = made_up(&[(
            "/proc/cpuinfo",
            "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n",
        )]);
        assert_eq!(model(&files).unwrap(), "sifive,u74-mc (rv64imafdc)");
        assert!(line(&|_| None, 1, &Cgroup::default()).contains("unknown model"));
    }

    #[test]
    fn a_container_has_what_its_limit_leaves() {
        let files = made_up(&[
            ("/proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable:    2097152 kB\n"),
            ("/proc/self/cgroup", "0::/box\n"),
            ("/sys/fs/cgroup/box/memory.max", "134217728\n"),
            ("/sys/fs/cgroup/box/memory.current", "67108864\n"),
        ]);
        assert_eq!(available(&files), 64 << 20);
        let free = made_up(&[("/proc/meminfo", "MemAvailable:    2097152 kB\n")]);
        assert_eq!(available(&free), 2 << 30);
        assert_eq!(available(&|_| None), 0);
    }

    #[test]
    fn cpus_may_have_holes_and_large_numbers() {
        let mut mask = vec![0u64; 32];
        (mask[0], mask[20]) = (0b1001, 1 << 5);
        assert_eq!(ones(&mask), [0, 3, 20 * 64 + 5]);
        assert!(!allowed_cpus().is_empty());
        assert_eq!(listed("0-2,5,1300"), Some(vec![0, 1, 2, 5, 1300]));
        assert_eq!(listed("0"), Some(vec![0]));
        assert_eq!((listed(""), listed("0-x")), (None, None));
        let status =
            here("/proc/thread-self/status").and_then(|s| status_line(&s, "Cpus_allowed_list"));
        if let Some(list) = status {
            assert_eq!(listed(&list), Some(allowed_cpus()), "both say the same");
        }
    }
}
