//! A destructor panics while a panic unwinds the stack, and the process aborts.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [crash]
//! shows: A destructor panicked while another panic was unwinding the stack, so the process aborts.
//! shows: First: the first at reap.rs:19 Then, in the destructor: the second at reap.rs:13

struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        panic!("the second");
    }
}

fn attack() {
    let _bad = Bad;
    panic!("the first");
}
