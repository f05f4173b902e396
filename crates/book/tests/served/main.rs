//! `cargo book` while it serves: who gets pages, and who gets something run.

mod run;
mod serve;
mod server;
