//! The memory-isolation package as a user runs it.

acceptance::tests!("memory-isolation");
