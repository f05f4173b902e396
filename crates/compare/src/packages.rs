//! The concepts that the comparison is built from, in the order of the book.

use lab::Package;

#[rustfmt::skip] // One line each, for `cargo xtask new`.
/// Every concept crate of the workspace.
pub const PACKAGES: &[&Package] = &[
    &spawn_join::PACKAGE,
    &fork::PACKAGE,
    &threads::PACKAGE,
    &address_space::PACKAGE,
    &shared_memory::PACKAGE,
    &race_condition::PACKAGE,
    &mutexes::PACKAGE,
    &deadlock::PACKAGE,
    &crash_isolation::PACKAGE,
    &creation_cost::PACKAGE,
    &context_switch::PACKAGE,
    &memory_footprint::PACKAGE,
    &ipc_cost::PACKAGE,
    &processes::PACKAGE,
    &process_lifecycle::PACKAGE,
    &condition_variables::PACKAGE,
    &pipes::PACKAGE,
    &semaphores::PACKAGE,
    &message_queues::PACKAGE,
    &sockets::PACKAGE,
    &channels::PACKAGE,
    &clone_flags::PACKAGE,
    &memory_isolation::PACKAGE,
    &thread_pool::PACKAGE,
    &shared_state::PACKAGE,
    &supervision::PACKAGE,
    &scheduling::PACKAGE,
    &responsiveness::PACKAGE,
    &privilege_separation::PACKAGE,
    &coroutines::PACKAGE,
    &parallelism::PACKAGE,
    &server_models::PACKAGE,
    &choosing::PACKAGE,
];
