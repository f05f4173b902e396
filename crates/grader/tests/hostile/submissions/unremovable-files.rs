//! Leaves directories that nobody may enter, inside each other and a thousand deep.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [file]

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

fn attack() {
    let closed = std::env::temp_dir().join("hostile-closed");
    DirBuilder::new().mode(0o300).create(&closed).unwrap();
    DirBuilder::new().mode(0).create(closed.join("inside")).unwrap();
    let work = std::env::current_dir().unwrap();
    std::env::set_current_dir(std::env::temp_dir()).unwrap();
    for _ in 0..1500 {
        DirBuilder::new().mode(0o700).create("hostile-deep").unwrap();
        std::env::set_current_dir("hostile-deep").unwrap();
    }
    std::env::set_current_dir(work).unwrap();
}
