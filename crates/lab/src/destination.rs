//! A file that an option names, to be written at the end.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::unavailable::explain_io;

/// So much of a file tells what it is.
const BEGINNING: u64 = 1024;

/// A file that is opened before anything is done and written when all is done. What could not be
/// written whole is emptied, and removed if it was not there before; so is what was opened for nothing.
pub struct Destination<'a> {
    file: File,
    path: &'a Path,
    /// Whether it was not there before.
    is_new: bool,
    whole: bool,
}

impl<'a> Destination<'a> {
    /// Opens the file, so that a place that cannot be written to is said before anything is done. It
    /// may be new, or empty, or no plain file such as a pipe, or `is_one` knows its beginning as that
    /// of what is to be written, `kind` in words.
    ///
    /// # Errors
    ///
    /// If something else is there, which a mistyped name would destroy, or it cannot be opened.
    pub fn open(
        path: &'a Path,
        kind: &str,
        is_one: impl Fn(&str) -> bool,
    ) -> Result<Destination<'a>> {
        may_be_written(path, kind, is_one)?;
        let mut options = File::options();
        let (file, is_new) = match options.write(true).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // A link that leads nowhere is there, too, and what it names is made.
                (options.create_new(false).create(true).truncate(false).open(path), false)
            }
            made => (made, true),
        };
        let file = file.map_err(explain_io("open")).with_context(|| path.display().to_string())?;
        Ok(Destination { file, path, is_new, whole: false })
    }

    /// Writes the whole text.
    ///
    /// # Errors
    ///
    /// If the file does not take it: a full device, or a limit on files.
    pub fn write(mut self, text: &str) -> Result<()> {
        // A device or a pipe has no length and needs none.
        let _ = self.file.set_len(0);
        let _ = self.file.rewind();
        let written = self.file.write_all(text.as_bytes());
        self.whole = written.is_ok();
        if !self.whole {
            let _ = self.file.set_len(0);
        }
        written.map_err(explain_io("write")).with_context(|| self.path.display().to_string())
    }
}

impl Drop for Destination<'_> {
    fn drop(&mut self) {
        let empty = |file: std::fs::Metadata| file.is_file() && file.len() == 0;
        if self.is_new && !self.whole && self.file.metadata().is_ok_and(empty) {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn may_be_written(path: &Path, kind: &str, is_one: impl Fn(&str) -> bool) -> Result<()> {
    if path.is_file() {
        let mut beginning = Vec::new();
        let read = File::open(path).and_then(|it| it.take(BEGINNING).read_to_end(&mut beginning));
        read.map_err(explain_io("read")).with_context(|| path.display().to_string())?;
        let over = beginning.is_empty() || is_one(&String::from_utf8_lossy(&beginning));
        ensure!(over, "{} is there, and is no {kind}: it is left as it is", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, setrlimit};
    use nix::sys::wait::WaitStatus;

    use super::*;
    use crate::child::Child;
    use crate::start;

    #[test]
    fn only_ones_own_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        let open = || Destination::open(&path, "list", |text| text.starts_with('['));
        for (text, over) in [("", true), ("[1, 2]", true), ("my notes", false)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(open().is_ok_and(|it| it.write("[3]").is_ok()), over, "{text:?}");
            let left = if over { "[3]" } else { text };
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
        }
        let said = open().err().unwrap().to_string();
        assert!(said.ends_with("it is there, and is no list: it is left as it is"), "{said}");
        Destination::open(Path::new("/dev/null"), "list", |_| false).unwrap().write("1").unwrap();
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        drop(Destination::open(&path, "list", |_| false).unwrap());
        assert!(!path.exists(), "it was opened for nothing");
        std::fs::write(&path, "").unwrap();
        drop(Destination::open(&path, "list", |_| false).unwrap());
        assert!(path.exists(), "it is somebody else's");
        std::fs::remove_file(&path).unwrap();
        // SAFETY: the child works with files of its own and ends.
        let child = unsafe {
            Child::fork(|| {
                start::too_large_is_an_error();
                setrlimit(Resource::RLIMIT_FSIZE, 2, 2).expect("limits may be lowered");
                let refused = Destination::open(&path, "list", |_| false).unwrap().write("[4]");
                let said = format!("{:#}", refused.unwrap_err());
                i32::from(
                    !said.ends_with("it: write: EFBIG: files may not grow so large (ulimit -f)"),
                )
            })
        }
        .unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), WaitStatus::Exited(pid, 0));
        assert!(!path.exists(), "half of it is left");
    }
}
