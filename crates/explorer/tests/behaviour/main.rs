//! The model behaves as std does: small programs whose outcome under every schedule is known, from
//! what std documents and from what goes wrong in explorers of schedules.
//!
//! The explorer replaces the panic hook and the output of the process, so there is one test.

mod channels;
mod locks;
mod once;
mod threads;
mod time;

use explorer::Search;
use explorer::explored::explore;
use explorer::report::Kind;

/// A program, and what must be found: nothing, or a failure of this kind.
pub type Case = (&'static str, fn(), Option<Kind>);

#[test]
fn programs_come_to_what_they_come_to_with_std() {
    let cases: Vec<Case> =
        [channels::CASES, locks::CASES, once::CASES, threads::CASES, time::CASES].concat();
    let mut wrong = Vec::new();
    let mut schedules = 0;
    for (name, body, expected) in &cases {
        for seed in 0..2 {
            let report = explore(*body, &Search { schedules: 300, seed, ..Search::default() });
            schedules += report.schedules;
            let kind = report.failure.as_ref().map(|failure| failure.kind);
            if kind != *expected {
                wrong
                    .push(format!("{name}: {expected:?} expected, and found {:?}", report.failure));
            }
        }
    }
    let _ = std::panic::take_hook();
    println!("{} programs, {schedules} schedules", cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
