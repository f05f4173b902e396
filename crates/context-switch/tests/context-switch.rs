//! The context-switch package as a user runs it.

acceptance::tests!("context-switch");
