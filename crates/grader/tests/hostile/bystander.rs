//! Runs one grading in a process of its own, and sees what is left of it.
//!
//! This process is the nearest subreaper, prctl(2), so whatever a grading leaves behind becomes a
//! child of it, however it was forked.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid};
use serde::{Deserialize, Serialize};

use crate::victims;

/// One grading.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grading {
    /// The grader's arguments.
    pub arguments: Vec<String>,
    /// Where it is called.
    pub directory: PathBuf,
    /// Whether to become nobody before.
    pub nobody: bool,
    /// Whether it is killed.
    pub killed: Option<Killed>,
    /// Where other people's files are.
    pub victims: PathBuf,
}

/// How a grading is killed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Killed {
    /// When, after its start.
    pub seconds: f64,
    pub signal: i32,
    /// Whether the whole process group is, as a terminal does it at Ctrl-C.
    pub group: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The exit status; `None` if it was ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub seconds: f64,
    /// Seconds of processor time that everything together had which was waited for.
    pub processor: f64,
    /// The most memory that one process of the grader itself had, in bytes.
    pub memory: u64,
    /// Everything that is there and should not be.
    pub left: Vec<String>,
    /// Why it could not be tried at all.
    pub error: Option<String>,
}

/// The longest that a grading may take before it counts as hanging. Compiling and running are
/// limited to 10 s each, and to four times as much where others have the processors.
const LONGEST: Duration = Duration::from_secs(150);

/// How long the kernel may take to end what a killed grading had started.
const GRACE: Duration = Duration::from_secs(3);

/// Where something could be left. What submissions leave is called `hostile-...`.
const PLACES: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/etc", "/usr"];

const GRADER: &str = env!("CARGO_BIN_EXE_grader");

/// Runs a grading that another process described.
pub fn main(text: &str) {
    let grading: Grading = serde_json::from_str(text).unwrap();
    let outcome = watch(&grading)
        .unwrap_or_else(|error| Outcome { error: Some(error.to_string()), ..Outcome::default() });
    println!("{}", serde_json::to_string(&outcome).unwrap());
}

/// Does it in a process of its own.
pub fn grade(grading: &Grading) -> Outcome {
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new(me);
    command.arg("--grading").arg(serde_json::to_string(grading).unwrap());
    // A group of its own, so that it can be killed as a whole, like by Ctrl-C.
    let output = command.process_group(0).stderr(Stdio::inherit()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| Outcome {
        error: Some(format!("{error}: {}", String::from_utf8_lossy(&output.stdout))),
        ..Outcome::default()
    })
}

fn watch(grading: &Grading) -> anyhow::Result<Outcome> {
    let compiler = if grading.nobody { Some(become_nobody()?) } else { None };
    nix::sys::prctl::set_child_subreaper(true)?;
    let temporary = tempfile::Builder::new().prefix("grading-").tempdir()?;
    // Open to whoever root becomes, as such directories are.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    fs::set_permissions(temporary.path(), open)?;
    let before = (traces(), victims::state(&grading.victims));
    let mut command = Command::new(GRADER);
    command.args(&grading.arguments).current_dir(&grading.directory);
    // Nobody has no home in which rustup could look for the compiler.
    command.envs(compiler.map(|compiler| ("RUSTC", compiler)));
    command.env("TMPDIR", temporary.path()).env("NO_COLOR", "1").env("COLUMNS", "200");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let mut outcome = Outcome::default();
    let end = follow(&mut child, grading, &mut outcome.memory)?;
    outcome.seconds = start.elapsed().as_secs_f64();
    outcome.processor = processor_time();
    outcome.code = end;
    let grace = if grading.killed.is_some() { GRACE } else { Duration::ZERO };
    outcome.left = left(Instant::now() + grace);
    outcome.stdout = stdout.join().unwrap_or_default();
    outcome.stderr = stderr.join().unwrap_or_default();
    outcome.left.extend(names(temporary.path(), "").into_iter().map(|it| format!("file {it}")));
    outcome.left.extend(traces().difference(&before.0).cloned());
    let after = victims::state(&grading.victims);
    outcome.left.extend(after.symmetric_difference(&before.1).map(|it| format!("changed {it}")));
    Ok(outcome)
}

/// Seconds that this process's children had on processors, as far as they were waited for.
fn processor_time() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN);
    usage.map_or(0.0, |it| (it.user_time() + it.system_time()).num_milliseconds() as f64 / 1000.0)
}

/// Reads to the end, in a thread of its own, and keeps no more than is needed to see what went
/// wrong.
fn collect(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let Some(mut from) = from else { return String::new() };
        let _ = from.by_ref().take(16 << 20).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut from, &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the grader, and looks at its memory; kills it if that is asked, or if it hangs.
fn follow(child: &mut Child, grading: &Grading, memory: &mut u64) -> anyhow::Result<Option<i32>> {
    let start = Instant::now();
    let pid = Pid::from_raw(child.id() as i32);
    let mut killed = grading.killed;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if let Some(Killed { seconds, signal, group }) = killed
            && start.elapsed().as_secs_f64() >= seconds
        {
            let signal = Signal::try_from(signal)?;
            let _ = if group { killpg(pid, signal) } else { kill(pid, signal) };
            killed = None;
        }
        if start.elapsed() > LONGEST {
            let _ = kill(pid, Signal::SIGKILL);
            child.wait()?;
            anyhow::bail!("it hangs");
        }
        for process in descendants(&is_grader) {
            *memory = (*memory).max(peak(process));
        }
        std::thread::sleep(Duration::from_millis(15));
    }
}

/// The most memory that a process has had, proc_pid_status(5).
fn peak(process: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    number.unwrap_or_default() * 1024
}

/// Whether a process runs the grader's program, as the keeper and the supervisor do.
fn is_grader(process: i32) -> bool {
    fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|exe| exe == Path::new(GRADER))
}

/// The processes that come from this one, as far as they and those between are wanted.
fn descendants(wanted: &dyn Fn(i32) -> bool) -> Vec<i32> {
    let mut found = Vec::new();
    let mut ask = vec![std::process::id() as i32];
    while let Some(process) = ask.pop() {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = text.split_whitespace().filter_map(|it| it.parse::<i32>().ok());
            for child in children.filter(|child| wanted(*child)) {
                found.push(child);
                ask.push(child);
            }
        }
    }
    found
}

/// Processes that still run; they are ended here.
fn left(end: Instant) -> Vec<String> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(_) => return Vec::new(),
            Ok(WaitStatus::StillAlive) if Instant::now() >= end => break,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(5)),
            Ok(_) => {}
        }
    }
    let left = descendants(&|_| true);
    let said = left.iter().map(|process| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let stat: String = stat.chars().take(40).collect();
        format!("process {}({stat})", String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let said = said.collect();
    for process in left {
        let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
    }
    said
}

fn names(directory: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path().display().to_string());
    let begins = |path: &String| path.rsplit('/').next().is_some_and(|it| it.starts_with(start));
    names.filter(begins).collect()
}

fn traces() -> BTreeSet<String> {
    let places = PLACES.iter().map(PathBuf::from).chain([crate::case::workspace()]);
    let mut traces: BTreeSet<String> = places.flat_map(|place| names(&place, "hostile-")).collect();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    traces.extend(mounts.lines().map(|mount| format!("mount {mount}")));
    traces
}

/// Becomes nobody, and lets nobody reach the compiler and the grader where only root could. Says
/// where the compiler is.
fn become_nobody() -> anyhow::Result<PathBuf> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?.stdout;
    let sysroot = PathBuf::from(String::from_utf8(sysroot)?.trim());
    let closed = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        let open =
            |path: &&Path| fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 1 == 1);
        let mut above: Vec<_> = path.ancestors().collect();
        above.reverse();
        above.into_iter().find(|path| !open(path)).map(Path::to_owned)
    };
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none: Option<&str> = None;
    use nix::mount::{MsFlags, mount};
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    for needed in [&sysroot, &crate::case::workspace()] {
        while let Some(closed) = closed(needed) {
            let inside = fs::File::open(needed)?;
            mount(Some("tmpfs"), &closed, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
            fs::create_dir_all(needed)?;
            let inside = format!("/proc/self/fd/{}", inside.as_raw_fd());
            mount(Some(&*inside), needed, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
        }
    }
    let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)?;
    nix::sys::prctl::set_dumpable(true)?;
    Ok(sysroot.join("bin/rustc"))
}
