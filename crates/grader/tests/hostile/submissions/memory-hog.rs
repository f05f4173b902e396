//! Takes all the memory that it can get.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [memory]

fn attack() {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(vec![1; 16 << 20]);
    }
}
