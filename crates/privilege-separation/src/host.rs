//! A host with a secret, and a plug-in in a process of its own. Both belong to one user, who is not
//! root. The secret comes into being when both are there, for a fork would copy it.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

use anyhow::{Result, ensure};
use lab::child::{Child, explain, explain_io, failed, in_words, status};
use lab::{Shared, Unavailable};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::{get_dumpable, set_dumpable};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Uid, chown, geteuid, getpid};

use crate::attack::{Attack, Loot, Target, socket_name};
use crate::layer::{self, Layer};

/// The secret, in the host's memory. Before the host makes one it is 0.
static SECRET: AtomicU64 = AtomicU64::new(0);

/// What is tried.
pub struct Trial<'a> {
    /// Whether the host lets itself be looked at.
    pub dumpable: bool,
    /// Around the plug-in, in this order.
    pub layers: &'a [Layer],
    pub attacks: &'a [Attack],
}

/// What came of one trial: for each attack `yes`, or the errno that says no.
pub struct Outcome {
    pub answers: Vec<String>,
    /// What the kernel says about the host.
    pub dumpable: bool,
}

/// What both processes write for the experiment.
#[derive(Default)]
struct Report {
    /// One of the three below, or an errno negated.
    answers: [AtomicI32; Attack::NUMBER],
    loot: [AtomicU64; Attack::NUMBER],
    secret: AtomicU64,
    dumpable: AtomicI32,
}

const NOT_TRIED: i32 = 0;
const DONE: i32 = 1;
const HAS_LOOT: i32 = 2;

/// Lets the plug-in try. The inner error is the reason why this machine does not allow a layer.
pub fn outcome(trial: &Trial) -> Result<Result<Outcome, String>> {
    let report = &*Shared::new(Report::default())?;
    let (mut reason, mut tell) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let host = unsafe { Child::fork(|| status(host(trial, report, &mut tell))) }?;
    drop(tell);
    let status = host.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the host {}", in_words(status));
    let mut why = String::new();
    reason.read_to_string(&mut why).map_err(explain_io("read"))?;
    if !why.is_empty() {
        return Ok(Err(why));
    }
    let secret = report.secret.load(SeqCst);
    let answers = trial.attacks.iter().map(|attack| {
        let index = *attack as usize;
        match report.answers[index].load(SeqCst) {
            NOT_TRIED => "-".to_owned(),
            DONE => "yes".to_owned(),
            HAS_LOOT if report.loot[index].load(SeqCst) == secret => "yes".to_owned(),
            HAS_LOOT => "else".to_owned(),
            errno => format!("{:?}", nix::errno::Errno::from_raw(-errno)),
        }
    });
    Ok(Ok(Outcome { answers: answers.collect(), dumpable: report.dumpable.load(SeqCst) == 1 }))
}

// ANCHOR: host
fn host(trial: &Trial, report: &Report, tell: &mut PipeWriter) -> Result<()> {
    let (wait, mut go) = std::io::pipe().map_err(explain_io("pipe"))?;
    let set_uid = match trial.attacks.contains(&Attack::SetUid) {
        true => set_uid_program().ok(),
        false => None,
    };
    // A plug-in that shall become somebody else must be made by one who may do that.
    let changes_user = trial.layers.contains(&Layer::OtherUser);
    if geteuid().is_root() && !changes_user {
        layer::become_user(layer::HOST)?;
    }
    let me = getpid();
    let address = SECRET.as_ptr() as usize;
    let target = Target { host: me, address, descriptor: 0, set_uid };
    // SAFETY: this process has one thread.
    let plugin = unsafe {
        Child::fork(|| {
            // Its copy of the writing end, so that the host's is the only one.
            libc::close(go.as_raw_fd());
            plugin(trial, report, target, wait, tell)
        })
    }?;
    if geteuid().is_root() {
        layer::become_user(layer::HOST)?;
    }
    let secret = random()?;
    SECRET.store(secret, SeqCst);
    let memory = memfd_create(c"secret", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let mut file = File::from(memory);
    file.write_all(&secret.to_ne_bytes()).map_err(explain_io("write"))?;
    let name = socket_name(me).map_err(explain_io("bind"))?;
    let _listener = UnixListener::bind_addr(&name).map_err(explain_io("bind"))?;
    set_dumpable(trial.dumpable).map_err(explain("prctl"))?;
    report.dumpable.store(get_dumpable().map_err(explain("prctl"))?.into(), SeqCst);
    report.secret.store(secret, SeqCst);

    // If the plug-in has ended, its status says why.
    let _ = go.write_all(&file.as_raw_fd().to_ne_bytes());
    drop(go);
    let status = plugin.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the plug-in {}", in_words(status));
    Ok(())
}
// ANCHOR_END: host

/// The plug-in: puts its layers around itself, and attacks.
fn plugin(
    trial: &Trial,
    report: &Report,
    mut target: Target,
    mut wait: PipeReader,
    tell: &mut PipeWriter,
) -> i32 {
    let mut number = [0; 4];
    let confined = trial.layers.iter().try_for_each(|layer| layer.apply());
    match wait.read_exact(&mut number) {
        Ok(()) => target.descriptor = i32::from_ne_bytes(number),
        // The host has ended, and says why.
        Err(_) => return 0,
    }
    if let Err(error) = confined {
        let unavailable = match lab::NoEvidence::of(&error) {
            lab::NoEvidence::Unavailable(why) => tell.write_all(why.as_bytes()).is_ok(),
            lab::NoEvidence::Failed(_) => false,
        };
        return if unavailable { 0 } else { failed(&error) };
    }
    let attacks = || status(attack(trial, report, &target));
    if !trial.layers.contains(&Layer::Pid) {
        return attacks();
    }
    // Its first child is process 1 of the new namespace, where nothing has a parent's number to
    // compare with. It waits for nothing, so it ends by itself.
    // SAFETY: this process has one thread.
    match unsafe { nix::unistd::fork() } {
        Ok(nix::unistd::ForkResult::Child) => lab::child::exit(attacks()),
        Ok(nix::unistd::ForkResult::Parent { child }) => match Child::adopt(child).wait() {
            Ok(WaitStatus::Exited(_, status)) => status,
            Ok(status) => failed(&anyhow::anyhow!("the plug-in {}", in_words(status))),
            Err(error) => failed(&error),
        },
        Err(errno) => failed(&explain("fork")(errno)),
    }
}

fn attack(trial: &Trial, report: &Report, target: &Target) -> Result<()> {
    for attack in trial.attacks {
        if *attack == Attack::SetUid && target.set_uid.is_none() {
            continue;
        }
        let index = *attack as usize;
        let answer = match attack.attempt(target)? {
            Ok(Loot::Done) => DONE,
            Ok(Loot::Bytes(bytes)) => {
                report.loot[index].store(u64::from_ne_bytes(bytes), SeqCst);
                HAS_LOOT
            }
            Err(errno) => -(errno as i32),
        };
        report.answers[index].store(answer, SeqCst);
    }
    Ok(())
}

/// A number that nobody can guess, and not 0.
pub fn random() -> Result<u64> {
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is valid for its length.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    nix::errno::Errno::result(got).map_err(explain("getrandom"))?;
    Ok(u64::from_ne_bytes(bytes) | 1)
}

/// A copy of this program that runs as another user, in a file system that only this process and
/// its children see, and that ends with them. Only root can make one.
fn set_uid_program() -> Result<PathBuf> {
    ensure!(geteuid().is_root(), Unavailable::because("chown: this needs CAP_CHOWN"));
    layer::new_mounts()?;
    let place = layer::mount_point()?;
    layer::mount_memory(place)?;
    let path = place.join("who-am-i");
    let mut program = File::open(Path::new("/proc/self/exe")).map_err(explain_io("open"))?;
    let mut copy = File::create(&path).map_err(explain_io("open"))?;
    std::io::copy(&mut program, &mut copy).map_err(explain_io("write"))?;
    drop(copy);
    chown(&path, Some(Uid::from_raw(layer::OWNER)), None).map_err(explain("chown"))?;
    let mode = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(&path, mode).map_err(explain_io("chmod"))?;
    Ok(path)
}
