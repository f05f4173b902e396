//! The directory for temporary files, environ(7), where something could not be made in it.

use std::io::Error;
use std::path::Path;

use crate::unavailable::{Unavailable, explain_io};

/// Why `call` made nothing in the directory for temporary files, which the error names. That it is not
/// there, or not open to this user, is [`Unavailable`]: who runs this program has chosen it.
pub fn explain_temporary(call: &'static str) -> impl Fn(Error) -> anyhow::Error {
    move |error| {
        explain_in(&std::env::temp_dir(), std::env::var_os("TMPDIR").is_some(), call, error)
    }
}

fn explain_in(directory: &Path, chosen: bool, call: &'static str, error: Error) -> anyhow::Error {
    let place = match chosen {
        true => format!("TMPDIR={}", directory.display()),
        false => format!("{}, where TMPDIR is not set", directory.display()),
    };
    let why = match error.raw_os_error() {
        Some(libc::ENOENT) if directory.is_dir() => "nothing can be made there",
        Some(libc::ENOENT) => "there is no such directory",
        Some(libc::ENOTDIR) => "it is no directory",
        Some(libc::EACCES | libc::EPERM) => "this user may not write there",
        Some(libc::ELOOP | libc::ENAMETOOLONG) => "the name leads to no directory",
        Some(libc::EOPNOTSUPP | libc::EISDIR) => "its file system makes no files without a name",
        _ => return explain_io(call)(error).context(place),
    };
    Unavailable::because(format!("{place}: {call}: {why}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoEvidence;

    #[test]
    fn a_directory_that_is_not_there_or_closed_is_unavailable_and_named() {
        let of = |chosen, errno| {
            let error = Error::from_raw_os_error(errno);
            NoEvidence::of(&explain_in(Path::new("/gone"), chosen, "mkdir", error))
        };
        let gone = of(true, libc::ENOENT);
        let said = "TMPDIR=/gone: mkdir: there is no such directory";
        assert_eq!(gone, NoEvidence::Unavailable(said.to_owned()));
        let unset = of(false, libc::ENOENT);
        assert!(unset.why().starts_with("/gone, where TMPDIR is not set: mkdir: "), "{unset}");
        for errno in [libc::ENOTDIR, libc::EACCES, libc::EROFS, libc::ENOSPC, libc::ELOOP] {
            let found = of(true, errno);
            assert!(matches!(found, NoEvidence::Unavailable(_)), "{found}");
            assert!(found.why().starts_with("TMPDIR=/gone: mkdir: "), "{found}");
        }
        assert!(matches!(of(true, libc::EIO), NoEvidence::Failed(_)));
    }
}
