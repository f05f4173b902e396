//! The responsiveness package as a user runs it.

acceptance::tests!("responsiveness");
