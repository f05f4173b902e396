//! Calls `pipeline` with the programs that the driver names.

use std::io;

use driver::shim::answer;
use driver::{Failure, Wire};
use pipeline::{Outcome, pipeline};

/// The types that a submission must have.
const _: fn(&[&[&str]]) -> io::Result<Outcome> = pipeline;
const _: fn(Outcome) -> (Vec<u8>, Vec<i32>) = |outcome| (outcome.output, outcome.codes);

fn main() {
    answer(|_, arguments| {
        let words: Vec<Vec<String>> = arguments.take();
        let words: Vec<Vec<&str>> =
            words.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
        let programs: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
        let outcome = pipeline(&programs).map(|outcome| (outcome.output, outcome.codes));
        outcome.map_err(Failure::from).to_bytes()
    })
}
