//! The processes package as a user runs it.

acceptance::tests!("processes");
