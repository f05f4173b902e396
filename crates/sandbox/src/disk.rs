//! What a run writes: how much it is, and how it is removed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a file costs at least, in bytes, even if it is empty.
const FILE: u64 = 4096;

/// Bytes in use of what is mounted at `place`.
pub(crate) fn used_of_mount(place: &Path) -> u64 {
    let Ok(state) = nix::sys::statvfs::statvfs(place) else { return 0 };
    let blocks = state.blocks() - state.blocks_free();
    blocks * state.fragment_size() + (state.files() - state.files_free()) * FILE
}

/// Bytes in use below `place`, as far as it can be read, and no further than to `enough`: a link may
/// take the place of a directory at any moment.
pub(crate) fn used_below(place: &Path, enough: u64, unseen: &mut BTreeSet<String>) -> u64 {
    let mut used = 0;
    let mut directories = vec![place.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() == std::io::ErrorKind::PermissionDenied {
                    unseen.insert(directory.display().to_string());
                }
                continue;
            }
        };
        for entry in entries.flatten() {
            if used > enough {
                return used;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            used += FILE + metadata.blocks() * 512;
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    used
}

/// Removes a directory with everything in it, also where permissions are missing and where it is
/// too deep for a path: what is inside a directory is moved up before that is removed.
pub(crate) fn remove(root: &Path) {
    let mut number = 0_u64;
    let mut directories: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let _ = fs::set_permissions(&directory, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_directory {
                let _ = fs::remove_file(entry.path());
                continue;
            }
            // To move a directory, one must be allowed to write to it.
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
            let moved = root.join(format!("removed-{number}"));
            number += 1;
            if directory == root {
                directories.push(entry.path());
            } else if fs::rename(entry.path(), &moved).is_ok() {
                directories.push(moved);
            }
        }
        if directory != root {
            let _ = fs::remove_dir(&directory);
        }
    }
    let _ = fs::remove_dir(root);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_enter_is_removed() {
        let root = tempfile::tempdir().unwrap().keep();
        let mut inside = root.clone();
        for _ in 0..40 {
            inside.push("a".repeat(50));
            fs::create_dir(&inside).unwrap();
            fs::write(inside.join("file"), "here").unwrap();
        }
        assert!(used_below(&root, u64::MAX, &mut BTreeSet::new()) >= 80 * FILE);
        for path in inside.ancestors().take_while(|path| *path != root) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
        }
        remove(&root);
        assert!(!root.exists());
    }
}
