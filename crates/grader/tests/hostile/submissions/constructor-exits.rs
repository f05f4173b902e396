//! Ends itself before `main`.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: the attribute `link_section`

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn exit() {
        std::process::exit(0);
    }
    exit
};

fn attack() {}
