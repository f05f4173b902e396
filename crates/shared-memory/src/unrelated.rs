//! Memory that two programs share which have nothing from a common parent: one passes the other a
//! descriptor over a socket, or both know a name.

use std::io::{IoSlice, IoSliceMut};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, explain, explain_io, in_words};
use lab::{AtDeath, Evidence, Experiment, Lab, Role, say};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap, shm_open, shm_unlink};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::stat::Mode;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, ftruncate};

pub const EXPERIMENT: Experiment = Experiment {
    name: "unrelated",
    question: "How do two programs that were started apart share memory?",
    claims: &["ipc-by-shared-memory"],
    run,
};

/// The other program. It inherits no memory and no descriptor, only its standard input.
pub const ROLE: Role = Role { name: "other", run: other };

const BYTES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

fn run(_: &Lab) -> Result<Evidence> {
    let passed = by_descriptor()?;
    by_name(Evidence::new().fact("descriptor: the answer to 42", passed))
}

/// Makes memory without a name, and passes its descriptor on.
fn by_descriptor() -> Result<u64> {
    // ANCHOR: make
    // A file in memory, without a name. It is empty at first, and grows by zeros.
    let file = memfd_create(c"shared", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    ftruncate(&file, BYTES.get() as i64).map_err(explain("ftruncate"))?;
    let memory = Mapping::of(&file)?;
    memory.write(42);
    // ANCHOR_END: make
    let (ours, theirs) = UnixStream::pair().map_err(explain_io("socketpair"))?;
    let other = start(&["descriptor"], OwnedFd::from(theirs).into())?;
    // ANCHOR: pass
    let descriptors = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(ours.as_raw_fd(), &[IoSlice::new(b"!")], &rights, MsgFlags::empty(), None)
        .map_err(explain("sendmsg"))?;
    // ANCHOR_END: pass
    say!("owner", "writes 42 to a memfd and passes its descriptor over a socket");
    ended(other)?;
    let answer = memory.read();
    say!(
        "owner",
        "finds {answer} there: {}",
        if answer == 43 { "the answer" } else { "no answer" }
    );
    Ok(answer)
}

/// Makes memory with a name, which others open by it, and sees how long the name lives.
fn by_name(evidence: Evidence) -> Result<Evidence> {
    let facts = ["name: the answer to 42", "name: there without a user", "name: after shm_unlink"];
    let name = format!("/shared-memory-{}", std::process::id());
    let open = |flags| shm_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let promise = unsafe {
        AtDeath::promise(|| {
            let _ = shm_unlink(name.as_str());
        })
    }?;
    let file = match open(OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR) {
        Err(errno @ (Errno::ENOENT | Errno::EACCES | Errno::EROFS | Errno::ENOSYS)) => {
            let why = format!("shm_open: {errno:?}: there is no /dev/shm that may be written");
            say!("owner", "memory with a name is not to be had here: {errno:?}");
            return Ok(facts.into_iter().fold(evidence, |all, fact| all.missing(fact, &*why)));
        }
        opened => opened.map_err(explain("shm_open"))?,
    };
    ftruncate(&file, BYTES.get() as i64).map_err(explain("ftruncate"))?;
    let memory = Mapping::of(&file)?;
    memory.write(42);
    say!("owner", "writes 42 to memory that has a name in /dev/shm");
    ended(start(&["name", &name], Stdio::null())?)?;
    let answer = memory.read();
    drop((memory, file));
    let stays = match open(OFlag::O_RDWR) {
        Err(Errno::ENOENT) => false,
        opened => opened.map(|_| true).map_err(explain("shm_open"))?,
    };
    let kind = if stays { "is still there" } else { "is gone" };
    say!("owner", "finds {answer}; when nobody uses it the name {kind}");
    drop(promise); // It unlinks.
    let after = match open(OFlag::O_RDWR) {
        Ok(_) => "opened".to_owned(),
        Err(errno) => format!("{errno:?}"),
    };
    say!("owner", "calls shm_unlink; to open the name again gives {after}");
    Ok(evidence.fact(facts[0], answer).fact(facts[1], stays).fact(facts[2], after))
}

/// Starts this program again, to play the other one.
fn start(arguments: &[&str], input: Stdio) -> Result<Child> {
    let mut command = lab::role("shared-memory", ROLE.name);
    let started =
        command.args(arguments).stdin(input).spawn().map_err(explain_io("posix_spawn"))?;
    Ok(Child::adopt(Pid::from_raw(started.id() as i32)))
}

fn ended(other: Child) -> Result<()> {
    match other.wait()? {
        WaitStatus::Exited(_, 0) => Ok(()),
        status => bail!("the other program {}", in_words(status)),
    }
}

/// Maps the memory that it is told of, and answers the number there by the next one.
fn other(arguments: &[&str]) -> Result<()> {
    let (file, how) = match arguments {
        ["name", name] => {
            let file =
                shm_open(*name, OFlag::O_RDWR, Mode::empty()).map_err(explain("shm_open"))?;
            (file, "opens the name")
        }
        _ => (receive()?, "gets a descriptor"),
    };
    let memory = Mapping::of(&file)?;
    let found = memory.read();
    say!("other", "{how}, maps the memory, finds {found} and writes {}", found + 1);
    memory.write(found + 1);
    Ok(())
}

/// Receives a descriptor from standard input, unix(7) `SCM_RIGHTS`.
fn receive() -> Result<OwnedFd> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let input = std::io::stdin();
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(input.as_fd().as_raw_fd(), &mut bytes, Some(&mut space), flags)
        .map_err(explain("recvmsg"))?;
    for part in message.cmsgs().context("recvmsg")? {
        if let ControlMessageOwned::ScmRights(descriptors) = part {
            ensure!(descriptors.len() == 1, "{} descriptors came", descriptors.len());
            // SAFETY: the kernel has just opened this descriptor for us, nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(descriptors[0]) });
        }
    }
    bail!("no descriptor came")
}

/// A number at the beginning of a mapping.
struct Mapping(*mut u64);

impl Mapping {
    // ANCHOR: map
    fn of(file: &OwnedFd) -> Result<Mapping> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
        let memory = unsafe { mmap(None, BYTES, access, MapFlags::MAP_SHARED, file, 0) };
        Ok(Mapping(memory.map_err(explain("mmap"))?.cast().as_ptr()))
    }
    // ANCHOR_END: map

    fn read(&self) -> u64 {
        // SAFETY: the mapping lives as long as `self`; the two programs use it in turn.
        unsafe { self.0.read_volatile() }
    }

    fn write(&self, value: u64) {
        // SAFETY: as above.
        unsafe { self.0.write_volatile(value) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(place) = std::ptr::NonNull::new(self.0.cast()) {
            // SAFETY: nothing refers to the mapping any more.
            let unmapped = unsafe { munmap(place, BYTES.get()) };
            debug_assert_eq!(unmapped, Ok(()));
        }
    }
}
