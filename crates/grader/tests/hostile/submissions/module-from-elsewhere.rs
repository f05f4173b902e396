//! Takes a file of the system in as a module, by way of a macro that makes the attribute.
//!
//! exercise: bounded-queue
//! verdict: refused
//! shows: an attribute that a macro makes

macro_rules! with {
    ($attribute:meta) => {
        #[$attribute]
        mod elsewhere;
    };
}

with!(path = "/etc/passwd");
