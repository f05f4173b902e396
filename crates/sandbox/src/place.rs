//! The directories of a run, and the namespaces that they are in.

use std::fs;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

use crate::disk;
use crate::identity::become_user;
use crate::spec::{Content, File, Spec};

/// Which namespaces are in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spaces {
    pub(crate) user: bool,
    pub(crate) process: bool,
    pub(crate) mount: bool,
    /// The user to become, where privileges are still to be given up.
    pub(crate) drop: Option<u32>,
    /// Processes that judge and are visible from inside.
    pub(crate) judges: Vec<i32>,
}

/// The directories of a run.
pub(crate) struct Place {
    pub(crate) work: PathBuf,
    pub(crate) temporary: PathBuf,
    /// To be removed at the end, unless it goes with the namespace.
    remove: Option<PathBuf>,
}

impl Place {
    pub(crate) fn prepare(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let place =
            if spaces.mount { Place::mounted(spec, spaces)? } else { Place::on_disk(spaces.drop)? };
        if let Some(number) = spaces.drop {
            become_user(number).inspect_err(|_| place.remove())?;
        }
        // Others of the same user cannot look into this process, nor trace it.
        let _ = nix::sys::prctl::set_dumpable(false);
        place.put(&spec.files).inspect_err(|_| place.remove())?;
        Ok(place)
    }

    /// Puts files into the working directory.
    pub(crate) fn put(&self, files: &[File]) -> Result<()> {
        for file in files {
            let path = self.work.join(&file.name);
            match &file.content {
                Content::Text(text) => fs::write(&path, text)?,
                Content::Descriptor(fd) => {
                    copy_all(&mut duplicate(*fd)?, &mut fs::File::create(&path)?)?;
                }
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }

    fn mounted(spec: &Spec, spaces: &Spaces) -> Result<Place> {
        let nothing: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(nothing, "/", nothing, private, nothing).context("mount --make-rprivate /")?;
        if spaces.process {
            mount_proc()?;
        }
        let needed = |place: &Path| spec.needed.iter().any(|needed| needed.starts_with(place));
        let places = ["/mnt", "/media", "/srv", "/opt", "/home", "/tmp"];
        let places = places.iter().map(Path::new).filter(|place| place.is_dir());
        let work = places
            .filter(|place| !needed(place))
            .find(|place| memory_disk(place, "size=256m,mode=0755").is_ok());
        let work = work.context("no directory to mount a working directory on")?.to_owned();
        let shared = Path::new("/dev/shm");
        if shared.is_dir() {
            memory_disk(shared, "size=64m,mode=1777").context("mount /dev/shm")?;
        }
        let temporary = Path::new("/tmp");
        let temporary = if needed(temporary) || work == temporary {
            let inside = work.join("temporary");
            fs::create_dir(&inside)?;
            inside
        } else {
            memory_disk(temporary, "size=64m,mode=1777").context("mount /tmp")?;
            temporary.to_owned()
        };
        if spaces.drop.is_some() {
            for path in [&work, &temporary] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
            }
        }
        Ok(Place { work, temporary, remove: None })
    }

    fn on_disk(drop: Option<u32>) -> Result<Place> {
        // Until everything is done, it is removed if anything fails.
        let made = tempfile::Builder::new().prefix("grade-").tempdir()?;
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
        Ok(Place { work, temporary, remove: Some(made.keep()) })
    }

    pub(crate) fn remove(&self) {
        if let Some(root) = &self.remove {
            disk::remove(root);
        }
    }

    /// Bytes that are in use by shared memory with a name and temporary files.
    pub(crate) fn used(&self, mounted: bool, enough: u64) -> u64 {
        if mounted {
            disk::used_of_mount(&self.temporary) + disk::used_of_mount(Path::new("/dev/shm"))
        } else {
            disk::used_below(&self.temporary, enough)
        }
    }

    /// Names of shared memory and temporary files that are there.
    pub(crate) fn contents(&self, mounted: bool) -> (Vec<String>, Vec<String>) {
        let names = |directory: &Path| -> Vec<String> {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let mut names: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let shared = if mounted { names(Path::new("/dev/shm")) } else { Vec::new() };
        (shared, names(&self.temporary))
    }
}

fn memory_disk(place: &Path, options: &str) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options))
}

/// Shows the processes of this namespace in `/proc`.
fn mount_proc() -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    mount(Some("proc"), "/proc", Some("proc"), flags, nothing).context("mount /proc")
}

pub(crate) fn duplicate(fd: i32) -> std::io::Result<fs::File> {
    // SAFETY: the caller keeps this descriptor open for the supervisor.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
    Ok(fs::File::from(fd))
}

pub(crate) fn copy_all(from: &mut fs::File, to: &mut fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let length = from.read_at(&mut buffer, offset)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
        offset += length as u64;
    }
}
