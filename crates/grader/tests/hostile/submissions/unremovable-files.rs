//! Leaves directories that nobody may enter, inside each other and a thousand deep.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [file]

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

fn attack() {
    let closed = std::env::temp_dir().join("hostile-closed");
    std::fs::create_dir_all(closed.join("inside")).unwrap();
    std::fs::write(closed.join("inside/file"), "here").unwrap();
    for path in [closed.join("inside"), closed] {
        std::fs::set_permissions(path, Permissions::from_mode(0)).unwrap();
    }
    let work = std::env::current_dir().unwrap();
    std::env::set_current_dir(std::env::temp_dir()).unwrap();
    for _ in 0..1500 {
        DirBuilder::new().mode(0o700).create("hostile-deep").unwrap();
        std::env::set_current_dir("hostile-deep").unwrap();
    }
    std::env::set_current_dir(work).unwrap();
}
