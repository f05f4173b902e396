//! What a plug-in tries against its host: one function for each way.

use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;
use lab::child::explain;
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, geteuid};

/// What the plug-in knows about its host. None of it is the secret.
pub struct Target {
    pub host: Pid,
    /// Where in the host's memory the secret is.
    pub address: usize,
    /// The host's number for the file in memory that holds it.
    pub descriptor: i32,
    /// A program that runs as its owner, if one could be made.
    pub set_uid: Option<PathBuf>,
}

/// A way to get at something that is not the plug-in's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attack {
    VmRead,
    ProcMem,
    /// One of the two above.
    Memory,
    Trace,
    Descriptor,
    File,
    Signal,
    Socket,
    SetUid,
}

/// What the plug-in got: eight bytes that may be the secret, or what it wanted to do was done.
pub enum Loot {
    Bytes([u8; 8]),
    Done,
}

/// A file that every user of every system may read.
pub const PUBLIC_FILE: &str = "/etc/passwd";

impl Attack {
    /// How many there are.
    pub const NUMBER: usize = Attack::SetUid as usize + 1;

    pub const fn name(self) -> &'static str {
        match self {
            Attack::VmRead => "process_vm_readv",
            Attack::ProcMem => "/proc/PID/mem",
            Attack::Memory => "memory",
            Attack::Trace => "ptrace",
            Attack::Descriptor => "descriptor",
            Attack::File => "file",
            Attack::Signal => "signal",
            Attack::Socket => "socket",
            Attack::SetUid => "set-uid",
        }
    }

    /// Tries it. An errno that says no is the outer result's; anything else went wrong.
    pub fn attempt(self, target: &Target) -> Result<Result<Loot, Errno>> {
        let (call, tried) = match self {
            Attack::VmRead => ("process_vm_readv", vm_read(target)),
            Attack::ProcMem => ("open", proc_mem(target)),
            Attack::Memory => {
                let called = vm_read(target);
                ("process_vm_readv", called.or_else(|errno| proc_mem(target).map_err(|_| errno)))
            }
            Attack::Trace => ("ptrace", trace(target)),
            Attack::Descriptor => ("open", descriptor(target)),
            Attack::File => ("open", File::open(PUBLIC_FILE).map(|_| Loot::Done).map_err(errno_of)),
            Attack::Signal => {
                ("kill", nix::sys::signal::kill(target.host, None).map(|()| Loot::Done))
            }
            Attack::Socket => ("connect", connect(target)),
            Attack::SetUid => ("execve", set_uid(target)),
        };
        match tried {
            Err(errno) if !says_no(errno) => Err(explain(call)(errno)),
            answer => Ok(answer),
        }
    }
}

/// Whether the kernel denies the right, or denies that there is such a thing.
fn says_no(errno: Errno) -> bool {
    use Errno::{EACCES, ECONNREFUSED, ENOENT, EPERM, ESRCH};
    [EACCES, ECONNREFUSED, ENOENT, EPERM, ESRCH].contains(&errno)
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

// ANCHOR: memory
fn vm_read(target: &Target) -> nix::Result<Loot> {
    let mut bytes = [0; 8];
    let remote = RemoteIoVec { base: target.address, len: bytes.len() };
    process_vm_readv(target.host, &mut [IoSliceMut::new(&mut bytes)], &[remote])?;
    Ok(Loot::Bytes(bytes))
}

fn proc_mem(target: &Target) -> nix::Result<Loot> {
    read_at(&format!("/proc/{}/mem", target.host), target.address as u64)
}

fn descriptor(target: &Target) -> nix::Result<Loot> {
    read_at(&format!("/proc/{}/fd/{}", target.host, target.descriptor), 0)
}
// ANCHOR_END: memory

fn read_at(path: &str, offset: u64) -> nix::Result<Loot> {
    let mut bytes = [0; 8];
    let file = File::open(path).map_err(errno_of)?;
    file.read_exact_at(&mut bytes, offset).map_err(errno_of)?;
    Ok(Loot::Bytes(bytes))
}

/// Begins to trace the host. The kernel lets go of it when the plug-in ends.
fn trace(target: &Target) -> nix::Result<Loot> {
    nix::sys::ptrace::seize(target.host, nix::sys::ptrace::Options::empty())?;
    Ok(Loot::Done)
}

/// The host's socket has a name in the kernel's memory, which shows no owner and no mode.
pub fn socket_name(host: Pid) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("privilege-separation-{host}"))
}

fn connect(target: &Target) -> nix::Result<Loot> {
    let stream = socket_name(target.host).and_then(|name| UnixStream::connect_addr(&name));
    stream.map(|_| Loot::Done).map_err(errno_of)
}

/// Prints the user as whom this program runs.
pub const WHO_AM_I: lab::Role = lab::Role {
    name: "who-am-i",
    run: |_| {
        println!("{}", geteuid());
        Ok(())
    },
};

/// Executes a program that belongs to another user and has the set-user-ID bit.
fn set_uid(target: &Target) -> nix::Result<Loot> {
    let program = target.set_uid.as_ref().ok_or(Errno::ENOENT)?;
    let role = lab::role("privilege-separation", WHO_AM_I.name);
    let mut command = Command::new(program);
    command.args(role.get_args()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().map_err(errno_of)?;
    let mut said = String::new();
    let read = child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut said));
    child.wait().map_err(errno_of)?;
    read.transpose().map_err(errno_of)?;
    let runs_as: u32 = said.trim().parse().map_err(|_| Errno::EIO)?;
    if runs_as == geteuid().as_raw() { Err(Errno::EPERM) } else { Ok(Loot::Done) }
}
