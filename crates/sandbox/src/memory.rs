//! How much memory a run holds, counted by what exists and not by what is mapped: pages of a process
//! alone once for each process, shared memory once for each inode, whether it is mapped, or open, or
//! has lost its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::SysconfVar;
use proc::has_ended;

use crate::processes;

/// A process that takes longer may be waited for in the kernel.
const SLOW: Duration = Duration::from_millis(5);

/// A file by its device and inode.
type Inode = (u64, u64);

/// What a run holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Bytes of files that have lost their name and are still open.
    pub(crate) nameless: u64,
    /// Processes whose descriptors cannot be looked at.
    pub(crate) unseen: BTreeSet<String>,
}

/// Counts a run's memory, again and again.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// The most that has been seen of each inode of shared memory that is still there: what has been
    /// unmapped in part is still held.
    shared: BTreeMap<Inode, u64>,
    /// Devices whose use is counted as a whole.
    counted: BTreeSet<u64>,
    /// The device of the directory for temporary files, where that is on a disk.
    disk: Option<u64>,
    /// Whose System V memory counts.
    owner: Owner,
}

/// Whose System V shared memory is the run's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Owner {
    /// Nobody's: it may not be used.
    #[default]
    Nobody,
    /// That of a user who is nobody else.
    User(u32),
    /// All in this IPC namespace.
    Namespace,
}

impl Owner {
    /// The fields of each segment of these, proc_sysvipc_shm(5).
    fn segments(self) -> Vec<Vec<i64>> {
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let number = |field: &str| field.parse().unwrap_or(-1);
        let fields = |line: &str| line.split_whitespace().map(number).collect::<Vec<i64>>();
        let mut segments: Vec<Vec<i64>> = table.lines().skip(1).map(fields).collect();
        segments.retain(|fields| fields.len() > RESIDENT);
        match self {
            Owner::Nobody => Vec::new(),
            Owner::User(user) => {
                segments.retain(|fields| fields[CREATOR] == i64::from(user));
                segments
            }
            Owner::Namespace => segments,
        }
    }

    /// What identifies each segment that is there.
    pub(crate) fn names(self) -> Vec<String> {
        self.segments().iter().map(|it| format!("System V segment {}", it[NUMBER])).collect()
    }

    /// Removes what is not removed with a namespace.
    pub(crate) fn remove(self) {
        if let Owner::User(_) = self {
            for segment in self.segments() {
                // SAFETY: IPC_RMID takes no pointer.
                unsafe {
                    libc::shmctl(segment[NUMBER] as i32, libc::IPC_RMID, std::ptr::null_mut())
                };
            }
        }
    }
}

/// Fields of proc_sysvipc_shm(5).
const NUMBER: usize = 1;
const CREATOR: usize = 9;
const RESIDENT: usize = 14;

impl Counter {
    pub(crate) fn new(counted: &[&str], disk: Option<&std::path::Path>, owner: Owner) -> Counter {
        let device = |path: &std::path::Path| fs::metadata(path).ok().map(|it| it.dev());
        let counted = counted.iter().filter_map(|path| device(path.as_ref())).collect();
        Counter { shared: BTreeMap::new(), counted, disk: disk.and_then(device), owner }
    }

    /// What these processes hold. If that is more than `limit`, pages that a fork has left in common
    /// are counted once, which takes longer.
    ///
    /// Nothing if `stop` says so, which is asked after a process that took its time: what is mapped can
    /// be read only while nobody forks there, and among thousands that fork this never comes to an end.
    pub(crate) fn held(
        &mut self,
        pids: &[i32],
        limit: u64,
        stop: impl Fn() -> bool,
    ) -> Option<Held> {
        let mut held = Held::default();
        let mut shared = BTreeMap::new();
        let mut nameless = BTreeMap::new();
        for &pid in pids {
            let begun = Instant::now();
            if self.open(pid, &mut shared, &mut nameless).is_none() && !has_ended(pid) {
                held.unseen.insert(format!("{pid} ({})", processes::title(pid)));
            }
            self.mapped(pid, &mut shared);
            if begun.elapsed() > SLOW && stop() {
                return None;
            }
        }
        for (inode, bytes) in &mut shared {
            *bytes = (*bytes).max(self.shared.get(inode).copied().unwrap_or(0));
        }
        self.shared = shared;
        // System V's shared memory is there without any process.
        let segments = self.owner.segments();
        let system_v: u64 = segments.iter().map(|it| it[RESIDENT].max(0).cast_unsigned()).sum();
        let common = self.shared.values().sum::<u64>() + system_v;
        held.memory = common + pids.iter().map(|pid| private(*pid)).sum::<u64>();
        if held.memory > limit {
            held.memory = common + pids.iter().map(|pid| proportional(*pid)).sum::<u64>();
        }
        held.nameless = nameless.values().sum();
        Some(held)
    }

    /// Files without a name that are open; `None` if that cannot be seen.
    fn open(
        &self,
        pid: i32,
        shared: &mut BTreeMap<Inode, u64>,
        nameless: &mut BTreeMap<Inode, u64>,
    ) -> Option<()> {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
            let Ok(file) = fs::metadata(entry.path()) else { continue };
            if !file.is_file() || file.nlink() > 0 || self.counted.contains(&file.dev()) {
                continue;
            }
            let kind = if self.disk == Some(file.dev()) { &mut *nameless } else { &mut *shared };
            kind.insert((file.dev(), file.ino()), file.blocks() * 512);
        }
        Some(())
    }

    /// Shared memory that is mapped, proc_pid_smaps(5).
    fn mapped(&self, pid: i32, shared: &mut BTreeMap<Inode, u64>) {
        let Ok(mut file) = fs::File::open(format!("/proc/{pid}/maps")) else { return };
        // Most programs share nothing, and to have all that they map written down takes long.
        if maps_shared(&file) == Some(false) {
            return;
        }
        let mut maps = String::new();
        let _ = file.read_to_string(&mut maps);
        if !maps.lines().any(|line| nameless(line).is_some()) {
            return;
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
        let mut here = None;
        let mut resident: BTreeMap<Inode, u64> = BTreeMap::new();
        for line in maps.lines() {
            if let Some(kib) = line.strip_prefix("Rss:") {
                let kib: u64 = kib.trim().trim_end_matches(" kB").parse().unwrap_or(0);
                if let Some(inode) = here {
                    *resident.entry(inode).or_default() += kib * 1024;
                }
            } else if line.split(' ').next().is_some_and(|first| first.contains('-')) {
                here = nameless(line).filter(|(device, _)| !self.counted.contains(device));
            }
        }
        for (inode, bytes) in resident {
            let most = shared.entry(inode).or_default();
            *most = (*most).max(bytes);
        }
    }
}

/// `struct procmap_query` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    flags: u64,
    from: u64,
    /// What the kernel says of the first mapping that it finds: begin, end, flags, size of pages, offset
    /// and inode; then its device, and sizes and places for its name, which nobody asks for.
    found: [u64; 6],
    device: [u32; 2],
    sizes: [u32; 2],
    places: [u64; 2],
}

/// `_IOWR('f', 17, struct procmap_query)`.
const PROCMAP_QUERY: u64 = 0xc068_6611;

const SHARED: u64 = 0x08;
const COVERING_OR_NEXT: u64 = 0x10;
const FILE_BACKED: u64 = 0x20;

/// Whether something is mapped that is shared, given an open /proc/PID/maps; `None` if the kernel does not
/// say, as before Linux 6.11. All shared memory is of a file, be it one that never had a name.
fn maps_shared(maps: &fs::File) -> Option<bool> {
    let mut query = Query {
        size: size_of::<Query>() as u64,
        flags: SHARED | COVERING_OR_NEXT | FILE_BACKED,
        ..Query::default()
    };
    // SAFETY: the descriptor is open, and the structure has the size that it says.
    let done = unsafe { libc::ioctl(maps.as_raw_fd(), PROCMAP_QUERY as _, &raw mut query) };
    match Errno::result(done) {
        Ok(_) => Some(true),
        Err(Errno::ENOENT) => Some(false),
        Err(_) => None,
    }
}

/// The inode of a line of proc_pid_maps(5), if it is shared and has no name any more.
fn nameless(line: &str) -> Option<Inode> {
    let mut fields = line.split_whitespace();
    let (_, permissions, _, device, inode) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let name = fields.next()?;
    if !permissions.ends_with('s') || !line.ends_with("(deleted)") || name.starts_with("/SYSV") {
        return None;
    }
    let (major, minor) = device.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some((libc::makedev(number(major)?, number(minor)?), inode.parse().ok()?))
}

/// Bytes of the pages that a process has and that are not of a file, proc_pid_statm(5).
fn private(pid: i32) -> u64 {
    let pages = || -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut fields = text.split_whitespace().skip(1).map(|field| field.parse::<u64>().ok());
        Some(fields.next()??.saturating_sub(fields.next()??))
    };
    let page = nix::unistd::sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    pages().unwrap_or(0) * page.map_or(4096, i64::cast_unsigned)
}

/// The same, with a page that several have counted for each in part.
fn proportional(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or_else(|| private(pid), |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

    use super::*;

    /// What this process maps that is shared, is said by the kernel as it is written in the text.
    fn said() -> (Option<bool>, bool) {
        let text = fs::read_to_string("/proc/self/maps").unwrap();
        let is_shared = |line: &str| line.split(' ').nth(1).is_some_and(|it| it.ends_with('s'));
        let file = fs::File::open("/proc/self/maps").unwrap();
        (maps_shared(&file), text.lines().any(is_shared))
    }

    #[test]
    fn shared_memory_without_a_name_is_seen_and_counted() {
        let (asked, read) = said();
        assert!(asked.is_none_or(|asked| asked == read), "{asked:?}, and the text says {read}");
        let length = NonZero::new(1 << 20).unwrap();
        let all = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: what is mapped anew is nobody else's.
        let place = unsafe { mmap_anonymous(None, length, all, MapFlags::MAP_SHARED) }.unwrap();
        // SAFETY: so much has been mapped.
        unsafe { place.write_bytes(1, length.get()) };
        let (asked, read) = said();
        assert!(read && asked.is_none_or(|asked| asked), "{asked:?}, and the text says {read}");
        let mut shared = BTreeMap::new();
        Counter::default().mapped(std::process::id() as i32, &mut shared);
        assert!(shared.values().sum::<u64>() >= 1 << 20, "{shared:?}");
        // SAFETY: nobody uses it any more.
        unsafe { munmap(place, length.get()) }.unwrap();
    }
}
