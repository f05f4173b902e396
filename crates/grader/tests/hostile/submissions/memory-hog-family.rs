//! Takes memory with many children, each of which stays below the limit of one.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [memory]

fn attack() {
    for _ in 0..16 {
        if unsafe { libc::fork() } == 0 {
            let mut taken: Vec<Vec<u8>> = Vec::new();
            for _ in 0..16 {
                taken.push(vec![1; 4 << 20]);
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            loop {
                std::thread::park();
            }
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(60));
}
