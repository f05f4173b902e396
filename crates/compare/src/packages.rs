//! The concepts that the comparison is built from, in the order of the book.

use lab::Package;

/// Every concept crate of the workspace.
pub const PACKAGES: &[&Package] = &[&fork::PACKAGE];
