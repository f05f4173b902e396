//! What was asked for cannot be done as it was asked: exit code 2.

use std::fmt;

/// A sentence that says what is wrong with the command line.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The error that [`Usage`] with these words is.
pub fn usage(what: impl Into<String>) -> anyhow::Error {
    Usage(what.into()).into()
}

/// The grader failed at a submission: exit code 3, since 1 says that the submission does not pass.
#[derive(Debug)]
pub struct NotJudged(pub String);

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotJudged {}
