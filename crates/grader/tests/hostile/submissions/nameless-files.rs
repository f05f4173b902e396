//! Fills files that have no name any more.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [disk]

use std::io::Write;

fn attack() {
    let block = vec![1_u8; 1 << 20];
    let mut files = Vec::new();
    for number in 0..12 {
        let path = std::env::temp_dir().join(format!("hostile-{number}"));
        let mut file = std::fs::File::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for _ in 0..10 {
            let _ = file.write_all(&block);
        }
        files.push(file);
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
}
