//! What of the system every program needs: directories with programs and libraries, a few files
//! with settings, a few devices.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Programs and libraries. Where a distribution keeps them in a store, that is among them.
const DIRECTORIES: &[&str] = &[
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/libexec",
    "/usr/local/bin",
    "/usr/local/lib",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/bin",
    "/sbin",
    "/nix/store",
    "/gnu/store",
];

/// Files that programs look at when they start.
const SETTINGS: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
];

/// Devices that programs may read and write.
pub(crate) const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"];

/// Everything that is there of it, with the directories of the loader and of the libraries that
/// this program itself runs with: what it starts was linked by the same linker.
pub(crate) fn paths() -> Vec<PathBuf> {
    let there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let mut paths: Vec<PathBuf> =
        DIRECTORIES.iter().chain(SETTINGS).map(PathBuf::from).filter(there).collect();
    for directory in libraries() {
        if !paths.iter().any(|path| directory.starts_with(path)) {
            paths.push(directory);
        }
    }
    paths
}

/// The directories of the shared libraries of this process, proc_pid_maps(5).
fn libraries() -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let files = maps.lines().filter_map(|line| line.split_once(" /").map(|(_, path)| path));
    let files = files.map(|path| PathBuf::from(format!("/{path}")));
    let shared = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains(".so") && !name.ends_with("(deleted)")
    });
    shared.filter_map(|path| Some(path.parent()?.to_owned())).collect()
}
