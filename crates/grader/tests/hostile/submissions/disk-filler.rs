//! Writes files until there is no room.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [disk]

fn attack() {
    let bytes = vec![1_u8; 1 << 20];
    for number in 0.. {
        let path = std::env::temp_dir().join(format!("hostile-{number}"));
        if std::fs::write(path, &bytes).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
