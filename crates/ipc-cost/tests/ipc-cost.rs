//! The ipc-cost package as a user runs it.

acceptance::tests!("ipc-cost");
