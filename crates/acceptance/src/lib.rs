//! What every concept's program must pass: it prints what the book shows, answers wrong arguments
//! and broken outputs in one sentence, runs without privilege, on one CPU and with low limits,
//! and leaves nothing behind, however it ends.
//!
//! A concept crate's `tests/NAME.rs` says `acceptance::tests!("NAME");` and adds tests of its own.

mod figure;
mod guest;
mod inject;
mod program;
mod surroundings;
pub mod terminal;
pub mod transcript;
mod trial;
pub mod watchdog;

pub use program::{Ended, Program};
pub use trial::{Complaint, Counts, Kind, Trials};

/// Makes the tests that every concept's program must pass, and a constant `PROGRAM` for more.
#[macro_export]
macro_rules! tests {
    ($name:literal) => {
        /// The program under test.
        #[allow(dead_code)]
        const PROGRAM: $crate::Program = $crate::Program {
            name: $name,
            path: env!(concat!("CARGO_BIN_EXE_", $name)),
            transcript: concat!(env!("CARGO_MANIFEST_DIR"), "/transcript.txt"),
        };

        #[test]
        fn prints_what_the_book_shows() {
            PROGRAM.prints_what_the_book_shows();
        }

        #[test]
        fn a_trace_keeps_the_rules_and_can_be_drawn() {
            PROGRAM.a_trace_keeps_the_rules_and_can_be_drawn();
        }

        #[test]
        fn tells_what_the_books_figures_show() {
            PROGRAM.tells_what_the_books_figures_show();
        }

        #[test]
        fn verdicts_are_those_that_the_book_expects() {
            PROGRAM.verdicts_are_those_that_the_book_expects();
        }

        #[test]
        fn wrong_arguments_get_one_sentence_and_status_2() {
            PROGRAM.wrong_arguments_get_one_sentence_and_status_2();
        }

        #[test]
        fn a_broken_output_gets_one_sentence_and_status_1() {
            PROGRAM.a_broken_output_gets_one_sentence_and_status_1();
        }

        #[test]
        fn runs_on_one_cpu() {
            PROGRAM.runs_on_one_cpu();
        }

        #[test]
        fn runs_without_root() {
            PROGRAM.runs_without_root();
        }

        #[test]
        fn a_call_that_fails_is_said_and_harms_nothing_else() {
            PROGRAM.a_call_that_fails_is_said_and_harms_nothing_else();
        }

        #[test]
        fn unusual_surroundings_are_set_right_or_named() {
            PROGRAM.unusual_surroundings_are_set_right_or_named();
        }

        #[test]
        fn time_in_which_it_is_stopped_does_not_count() {
            PROGRAM.time_in_which_it_is_stopped_does_not_count();
        }

        #[test]
        fn leaves_nothing_behind_however_it_ends() {
            PROGRAM.leaves_nothing_behind_however_it_ends();
        }
    };
}
