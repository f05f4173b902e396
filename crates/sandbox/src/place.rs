//! The directories of a run, and the namespaces that they are in.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::statvfs::FsFlags;

use crate::disk;
use crate::identity::{become_user, is_stranger, permits, reachable};
use crate::memory::Owner;
use crate::root::{self, Root};
use crate::spec::{Content, File, Spec};

/// Which namespaces are in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spaces {
    pub(crate) user: bool,
    pub(crate) process: bool,
    pub(crate) mount: bool,
    /// The root directory, where it has been entered already.
    pub(crate) root: Option<Root>,
    /// The user to become, where privileges are still to be given up.
    pub(crate) drop: Option<u32>,
    /// Processes that judge and are visible from inside.
    pub(crate) judges: Vec<i32>,
}

/// The directories of a run.
pub(crate) struct Place {
    pub(crate) work: PathBuf,
    pub(crate) temporary: PathBuf,
    memory: Owner,
    /// To be removed at the end, unless it goes with the namespace.
    remove: Option<PathBuf>,
}

impl Spaces {
    /// Whose System V shared memory is the run's own.
    pub(crate) fn memory(&self) -> Owner {
        match self.drop.filter(|user| is_stranger(*user)) {
            _ if self.mount => Owner::Namespace,
            Some(user) => Owner::User(user),
            None => Owner::Nobody,
        }
    }
}

impl Place {
    pub(crate) fn prepare(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let place = if spaces.mount {
            Place::mounted(spec, spaces)?
        } else {
            Place::on_disk(spec, spaces.drop)?
        };
        let place = Place { memory: spaces.memory(), ..place };
        place.settle(spec, spaces).inspect_err(|_| place.remove())?;
        Ok(place)
    }

    fn settle(&self, spec: &Spec, spaces: &Spaces) -> Result<()> {
        self.put(&spec.files)?;
        if spaces.mount && !spec.jobs.iter().any(|job| job.writes) {
            root::read_only(&self.work, false).context("a read-only working directory")?;
        }
        if let Some(number) = spaces.drop {
            // Where there is no namespace to die with, who tidies up must outlive its parent.
            become_user(number, spaces.process)?;
        }
        // Others of the same user cannot look into this process, nor trace it.
        let _ = nix::sys::prctl::set_dumpable(false);
        Ok(())
    }

    /// Puts files into the working directory.
    pub(crate) fn put(&self, files: &[File]) -> Result<()> {
        for file in files {
            let path = self.work.join(&file.name);
            match &file.content {
                Content::Text(text) => fs::write(&path, text)?,
                Content::Descriptor(fd) => {
                    copy_all(&duplicate(*fd)?, &mut fs::File::create(&path)?)?;
                }
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }

    fn mounted(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let root = match &spaces.root {
            Some(root) => root.clone(),
            None => root::enter(&spec.needed, spaces.drop.is_some())?,
        };
        root::mount_proc()?;
        Ok(Place {
            work: root.work,
            temporary: root.temporary,
            memory: Owner::Nobody,
            remove: None,
        })
    }

    fn on_disk(spec: &Spec, drop: Option<u32>) -> Result<Place> {
        let usual = [std::env::temp_dir()];
        let places = if spec.places.is_empty() { &usual[..] } else { &spec.places };
        let mut why = Vec::new();
        // Where there is room comes first.
        let (roomy, full): (Vec<_>, Vec<_>) = places.iter().partition(|place| has_room(place));
        for place in roomy.into_iter().chain(full) {
            match Place::made_in(place, drop) {
                Ok(place) => return Ok(place),
                Err(error) => why.push(format!("{}: {error:#}", place.display())),
            }
        }
        bail!("no directory to run programs in: {}", why.join("; "))
    }

    fn made_in(place: &Path, drop: Option<u32>) -> Result<Place> {
        let flags = nix::sys::statvfs::statvfs(place)?.flags();
        ensure!(!flags.contains(FsFlags::ST_NOEXEC), "nothing can be executed there (noexec)");
        let place = place.canonicalize()?;
        // Who is to be nobody must get there, and may remove it again.
        let open = drop.is_none() || (reachable(&place) && permits(&place, 0o7));
        ensure!(open, "it is closed to others");
        // Until everything is done, it is removed if anything fails.
        let made = tempfile::Builder::new().prefix("grade-").tempdir_in(place)?;
        let root = made.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let (work, temporary) = (root.join("work"), root.join("tmp"));
        for path in [&work, &temporary] {
            fs::create_dir(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
        }
        if drop.is_some() {
            // It is removed by whom it belongs to.
            std::os::unix::fs::chown(root, drop, drop)?;
        }
        Ok(Place { work, temporary, memory: Owner::Nobody, remove: Some(made.keep()) })
    }

    pub(crate) fn remove(&self) {
        self.memory.remove();
        if let Some(root) = &self.remove {
            disk::remove(root);
        }
    }

    /// Bytes that are in use by shared memory with a name and temporary files. Directories that
    /// cannot be looked into are added to `unseen`.
    pub(crate) fn used(&self, mounted: bool, enough: u64, unseen: &mut BTreeSet<String>) -> u64 {
        if mounted {
            disk::used_of_mount(&self.temporary) + disk::used_of_mount(Path::new("/dev/shm"))
        } else {
            disk::used_below(&self.temporary, enough, unseen)
        }
    }

    /// Names of shared memory and temporary files that are there.
    pub(crate) fn contents(
        &self,
        mounted: bool,
        unseen: &mut BTreeSet<String>,
    ) -> (Vec<String>, Vec<String>) {
        let mut names = |directory: &Path| -> Vec<String> {
            let Ok(entries) = fs::read_dir(directory) else {
                unseen.insert(directory.display().to_string());
                return Vec::new();
            };
            let mut names: Vec<String> = entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let shared = if mounted { names(Path::new("/dev/shm")) } else { Vec::new() };
        (shared, names(&self.temporary))
    }
}

/// Room for a program, and for what comes up while it is made, in bytes.
const ROOM: u64 = 64 << 20;

fn has_room(place: &Path) -> bool {
    let state = nix::sys::statvfs::statvfs(place);
    state.is_ok_and(|it| it.blocks_available() * it.fragment_size() >= ROOM)
}

pub(crate) fn duplicate(fd: i32) -> std::io::Result<fs::File> {
    // SAFETY: the caller keeps this descriptor open for the supervisor.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
    Ok(fs::File::from(fd))
}

/// Copies within the kernel where it can do that, sendfile(2): a program has megabytes. Others that have
/// the descriptor may read from it at the same time, so its own offset does not count.
pub(crate) fn copy_all(from: &fs::File, to: &mut fs::File) -> std::io::Result<()> {
    let mut offset: i64 = 0;
    // SAFETY: both descriptors are open, and the offset lives during the calls.
    while unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), &mut offset, 1 << 24) } > 0 {}
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read_at(&mut buffer, offset as u64)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
        offset += length as i64;
    }
}
