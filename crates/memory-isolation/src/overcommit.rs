//! Memory is promised when it is mapped, and given when it is touched. So malloc does not say when
//! it runs out, and whoever touches one page too many may die, or let another die.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;

use anyhow::{Context, Result};
use lab::child::{Child, explain, failed, in_words};
use lab::machine::page_size;
use lab::{AtDeath, Evidence, Experiment, Lab, Unavailable, say};
use nix::errno::Errno;
use nix::sys::mman::MapFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::fault::{Notes, READ_WRITE, map};

pub const EXPERIMENT: Experiment = Experiment {
    name: "overcommit",
    question: "Memory runs out. Who is told, and who dies?",
    claims: &[],
    run,
};

const MIB: usize = 1 << 20;

fn run(_: &Lab) -> Result<Evidence> {
    // There is seen how much is in memory, and what the kernel would kill first.
    lab::proc::must_be_shown()?;
    let notes = Notes::new()?;
    let mut evidence = promised()?;
    evidence.merge(limited(notes)?);
    evidence.merge(scores()?);
    match Cgroup::with_limit(ALLOWED).and_then(|cgroup| killed_in(&cgroup)) {
        Ok(found) => evidence.merge(found),
        Err(error) if error.is::<Unavailable>() => {
            let why = error.to_string();
            say!("parent", "a cgroup with a limit cannot be made here");
            evidence = evidence.missing("cgroup: killed", why);
        }
        Err(error) => return Err(error),
    }
    Ok(evidence)
}

/// Maps more than there is, and touches some of it.
fn promised() -> Result<Evidence> {
    let of_machine = meminfo("MemTotal")? * 1024;
    let each = of_machine / 5 * 4;
    let (touched, before) = (16 * MIB, resident()?);
    // ANCHOR: promise
    let mut memory = Vec::new();
    for _ in 0..2 {
        memory.push(map(each, READ_WRITE, MapFlags::MAP_PRIVATE)?);
    }
    let promised = resident()?;
    touch(memory[0], touched);
    let given = resident()?;
    // ANCHOR_END: promise
    let (more, untouched) = (2 * each > of_machine, promised.saturating_sub(before));
    let has = if more { "more than the machine has" } else { "no more than the machine has" };
    let percent = (200.0 * each as f64 / of_machine as f64).round();
    say!("parent", "maps {percent} % of the machine's memory: {has}");
    say!("parent", "in memory it is {} KiB more", untouched >> 10);
    say!(
        "parent",
        "it is to write to {} MiB: {} KiB more",
        touched / MIB,
        given.saturating_sub(promised) >> 10
    );
    for memory in memory {
        // SAFETY: nobody uses these mappings any more.
        let unmapped = unsafe { libc::munmap(memory.cast(), each) };
        Errno::result(unmapped).map_err(explain("munmap"))?;
    }
    Ok(Evidence::new()
        .fact("promised: more than the machine has", more)
        .fact("promised: untouched is not in memory", untouched < MIB)
        // The kernel counts in batches, so the figure is not exact.
        .fact("given: what was touched is in memory", given >= promised + touched / 2))
}

/// What the limited child asks for.
const ASKED: usize = 512 * MIB;

/// Under a limit on address space the promise itself is refused.
fn limited(notes: &Notes) -> Result<Evidence> {
    let (_, hard) = getrlimit(Resource::RLIMIT_AS).map_err(explain("getrlimit"))?;
    let limit = (256 * MIB as u64).min(hard);
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            if let Err(errno) = setrlimit(Resource::RLIMIT_AS, limit, hard) {
                return failed(&explain("setrlimit")(errno));
            }
            let soft = getrlimit(Resource::RLIMIT_AS).map_or(u64::MAX, |(soft, _)| soft);
            notes.pointer.store(soft as usize, SeqCst);
            let reserved = Vec::<u8>::new().try_reserve_exact(ASKED);
            notes.value.store(i32::from(reserved.is_err()), SeqCst);
            0
        })
    }?;
    let status = child.wait()?;
    anyhow::ensure!(
        matches!(status, WaitStatus::Exited(_, 0)),
        "the limited child {}",
        in_words(status)
    );
    let ended = in_words(status);
    let refused = notes.value.load(SeqCst) == 1;
    let answer = if refused { "an error" } else { "memory" };
    let (soft, asked) = (notes.pointer.load(SeqCst) as u64, ASKED / MIB);
    let limited = match soft == limit {
        true => format!("limited to {} MiB of addresses", soft / MIB as u64),
        false => "that is not limited".to_owned(),
    };
    say!("parent", "a child {limited} asks for {asked} MiB:");
    say!("parent", "it gets {answer}, and {ended}");
    Ok(Evidence::new().fact("limit: malloc says no", refused))
}

/// What a child adds to its oom_score_adj that offers itself.
const OFFERS: i32 = 500;

/// What the kernel would go by if it had to kill a process: proc_pid_oom_score(5).
fn scores() -> Result<Evidence> {
    let size = (meminfo("MemTotal")? * 1024 / 200).min(256 * MIB);
    let [small, large, offers] =
        [(0, 0), (size, 0), (0, OFFERS)].map(|(touched, adjust)| score(touched, adjust));
    let (small, large, offers) = (small?, large?, offers?);
    say!("parent", "scores for the OOM killer, which kills the highest:");
    say!("parent", "  an idle child {small}, one that is to touch {} MiB {large}", size / MIB);
    say!("parent", "  an idle one that is to add {OFFERS} to its oom_score_adj {offers}");
    Ok(Evidence::new()
        .fact("score: more memory, higher score", large > small)
        .fact("score: who offers itself is first", offers > large))
}

/// The score of a child that has touched so much and adjusted its score.
fn score(touched: usize, adjust: i32) -> Result<i32> {
    let (mut ready, mut tell) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            if adjust != 0 && fs::write("/proc/self/oom_score_adj", adjust.to_string()).is_err() {
                let why = "/proc/self/oom_score_adj cannot be written here";
                return failed(&Unavailable::because(why).into());
            }
            if touched > 0 {
                match map(touched, READ_WRITE, MapFlags::MAP_PRIVATE) {
                    Ok(memory) => touch(memory, touched),
                    Err(error) => return failed(&error),
                }
            }
            let _ = tell.write_all(b"r");
            std::thread::sleep(lab::child::LIMIT);
            0
        })
    }?;
    drop(tell);
    let is_ready = std::io::Read::read(&mut ready, &mut [0]).context("read")? == 1;
    anyhow::ensure!(is_ready, "the child {}", in_words(child.wait()?));
    let score = lab::proc::read(&format!("/proc/{}/oom_score", child.pid()))?;
    child.kill()?;
    score.trim().parse().context("oom_score")
}

fn touch(memory: *mut u8, length: usize) {
    for offset in (0..length).step_by(page_size()) {
        // SAFETY: the mapping is at least as long.
        unsafe { memory.add(offset).write_volatile(1) };
    }
}

/// A value of proc_meminfo(5), in KiB.
fn meminfo(key: &str) -> Result<usize> {
    let text = lab::proc::read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("{key} in /proc/meminfo"))
}

/// How much of this process is in memory, in bytes.
fn resident() -> Result<usize> {
    let text = lab::proc::status(Pid::this(), "VmRSS").context("/proc/self/status")?;
    let kib: usize = text.trim_end_matches(" kB").parse().context("VmRSS")?;
    lab::counted("KiB in memory", kib as u64);
    Ok(kib * 1024)
}

/// A control group below that of this process, removed however this process ends.
struct Cgroup {
    folder: PathBuf,
    _removed: AtDeath,
}

impl Cgroup {
    fn with_limit(bytes: usize) -> Result<Cgroup> {
        let groups = lab::proc::read("/proc/self/cgroup")?;
        let mut candidates = groups.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let first = controllers.split(',').any(|name| name == "memory");
            let root = match (controllers, first) {
                ("", _) => ("/sys/fs/cgroup", "memory.max"),
                (_, true) => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                _ => return None,
            };
            let folder = format!("{}{path}/memory-isolation-{}", root.0, std::process::id());
            Some((PathBuf::from(folder), root.1))
        });
        let refused = || Unavailable::because("cgroup: this user may make none with a limit");
        let (folder, limit) = candidates
            .find(|(folder, limit)| {
                let parent = folder.parent().unwrap_or(Path::new("/"));
                parent.join(limit).exists()
            })
            .ok_or_else(refused)?;
        let path = std::ffi::CString::new(folder.as_os_str().as_encoded_bytes())?;
        // SAFETY: this process has one thread.
        let removed = unsafe {
            AtDeath::promise(move || {
                // Who was in it may need a moment to be gone.
                for _ in 0..1000 {
                    if libc::rmdir(path.as_ptr()) == 0 || *libc::__errno_location() != libc::EBUSY {
                        return;
                    }
                    libc::usleep(1000);
                }
            })
        }?;
        fs::create_dir(&folder).map_err(|_| refused())?;
        let cgroup = Cgroup { folder, _removed: removed };
        fs::write(cgroup.folder.join(limit), bytes.to_string()).map_err(|_| refused())?;
        Ok(cgroup)
    }
}

/// What the processes of the control group may have in memory, and what the child touches there.
const ALLOWED: usize = 16 * MIB;
const TOUCHED: usize = 2 * ALLOWED;

/// A child in the control group touches twice as much as it may.
fn killed_in(cgroup: &Cgroup) -> Result<Evidence> {
    let members = cgroup.folder.join("cgroup.procs");
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            // ANCHOR: cgroup
            if fs::write(&members, std::process::id().to_string()).is_err() {
                return failed(&Unavailable::because("cgroup.procs cannot be written here").into());
            }
            match map(TOUCHED, READ_WRITE, MapFlags::MAP_PRIVATE) {
                Ok(memory) => touch(memory, TOUCHED),
                Err(error) => return failed(&error),
            }
            // ANCHOR_END: cgroup
            0
        })
    }?;
    let status = child.wait()?;
    if matches!(status, WaitStatus::Exited(_, 1)) {
        return Err(Unavailable::because("cgroup: this user may not move a process there").into());
    }
    let killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _));
    let (allowed, touched) = (ALLOWED / MIB, TOUCHED / MIB);
    say!("parent", "a child is to write to {touched} MiB, in a cgroup of {allowed} MiB");
    say!("parent", "it {}", in_words(status));
    Ok(Evidence::new().fact("cgroup: killed", killed))
}
