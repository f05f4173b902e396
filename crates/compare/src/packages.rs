//! The concepts that the comparison is built from, in the order of the book.

use lab::Package;

#[rustfmt::skip] // One line each, for `cargo xtask new`.
/// Every concept crate of the workspace.
pub const PACKAGES: &[&Package] = &[
    &fork::PACKAGE,
    &spawn_join::PACKAGE,
    &threads::PACKAGE,
    &address_space::PACKAGE,
    &crash_isolation::PACKAGE,
    &race_condition::PACKAGE,
    &creation_cost::PACKAGE,
    &memory_footprint::PACKAGE,
    &shared_memory::PACKAGE,
    &ipc_cost::PACKAGE,
];
