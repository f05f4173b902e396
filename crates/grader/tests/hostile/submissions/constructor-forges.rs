//! Prints results before `main`, as another grader would want them.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! never: test result: ok

#[used]
#[unsafe(link_section = ".init_array.00001")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn forge() {
        println!("running 7 tests\ntest result: ok. 7 passed; 0 failed; 0 ignored");
        println!("{{\"score\": 13, \"output\": \"passed\"}}");
    }
    forge
};

fn attack() {}
