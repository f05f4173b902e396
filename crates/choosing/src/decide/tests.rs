//! Choices on made-up figures: no test of the machine.

use super::*;
use crate::eight::EIGHT;
use crate::reasons::recommend;

fn plain_answers() -> Answers {
    Answers::default_for(4)
}

fn choice(change: impl Fn(&mut Answers)) -> &'static str {
    let mut answers = plain_answers();
    change(&mut answers);
    decide(&answers, &Figures::made_up()).short
}

#[test]
fn eight_programs_get_eight_answers() {
    let expected = [
        "a sandboxed process for each task",
        "async tasks",
        "a thread pool",
        "a process for each task, run as a program",
        "a few threads that stay",
        "a host of threads, a sandboxed process for each that stays",
        "a process pool",
        "on each machine a supervisor and sandboxed processes",
    ];
    for (case, expected) in EIGHT.iter().zip(expected) {
        let found = decide(&case.answers(4).unwrap(), &Figures::made_up());
        assert_eq!(found.short, expected, "{}", case.name);
    }
}

#[test]
fn without_any_answer_there_is_a_sensible_one() {
    assert_eq!(choice(|_| ()), "a thread pool");
}

#[test]
fn a_wall_outweighs_any_price() {
    for starts in [0.0, 1.0, 1e3, 1e6] {
        let walled = choice(|a| (a.trusted, a.starts) = (false, starts));
        assert!(walled.contains("sandboxed process"), "{walled}");
        let crash = choice(|a| (a.crash_stays, a.starts) = (true, starts));
        assert!(crash.contains("process"), "{crash}");
    }
}

#[test]
fn dear_starts_turn_a_process_each_into_a_pool() {
    let at = |starts| choice(|a| (a.crash_stays, a.at_once, a.starts) = (true, 4.0, starts));
    assert_eq!(at(10.0), "a process for each task");
    assert_eq!(at(10_000.0), "a process pool");
}

#[test]
fn few_that_wait_are_threads_and_many_are_async() {
    let at = |many| choice(|a| (a.waits, a.at_once) = (true, many));
    assert_eq!(at(100.0), "a thread for each task");
    assert_eq!(at(100_000.0), "async tasks");
    let apart = choice(|a| (a.waits, a.at_once, a.crash_stays) = (true, 10_000.0, true));
    assert_eq!(apart, "a few processes with async tasks inside");
}

#[test]
fn the_gil_binds_only_what_computes_on_several_cpus() {
    assert_eq!(choice(|a| a.python = true), "a process pool");
    assert_eq!(choice(|a| (a.python, a.waits) = (true, true)), "a thread for each task");
    assert_eq!(choice(|a| (a.python, a.cores) = (true, 1.0)), "a thread pool");
}

#[test]
fn the_sums_are_made_of_the_figures() {
    let answers = Answers { starts: 10_000.0, ..plain_answers() };
    let sums = recommend(&answers, &Figures::made_up()).sums;
    // 10,000 times 150 µs and 20 µs for each of 64 MiB; 25 µs; 5 µs.
    let expected = "10,000 starts a second: fork takes 14.3 CPUs (1,430 µs each beside 64 MiB), \
                    a thread 0.25 (25 µs), a thread pool 0.05 (5)";
    assert!(sums[0].starts_with(expected), "{}", sums[0]);
}

#[test]
fn a_threshold_is_where_the_choice_turns() {
    let answers = Answers { crash_stays: true, at_once: 4.0, ..plain_answers() };
    let answers = Answers { starts: 10.0, ..answers };
    let found = recommend(&answers, &Figures::made_up());
    // A fifth of a CPU, 5 % of four, by 1,430 - 6 µs: 140 starts a second.
    let turn = "from 140 starts a second: a process pool";
    assert!(found.turns.iter().any(|line| line == turn), "{:?}", found.turns);
    for starts in [139.0, 142.0] {
        let there = decide(&Answers { starts, ..answers.clone() }, &Figures::made_up());
        assert_eq!(there == found.choice, starts < 140.0);
    }
}

#[test]
fn other_figures_give_another_answer() {
    let answers = Answers { crash_stays: true, at_once: 4.0, starts: 1000.0, ..plain_answers() };
    let dear = Figures::made_up();
    let cheap = Figures { fork: crate::figures::Line { fixed: 20.0, each: 0.0 }, ..dear.clone() };
    assert_eq!(decide(&answers, &dear).short, "a process pool");
    assert_eq!(decide(&answers, &cheap).short, "a process for each task");
}

#[test]
fn what_does_not_fit_is_said() {
    let answers = Answers { trusted: false, starts: 1e5, ..plain_answers() };
    let against = recommend(&answers, &Figures::made_up()).against;
    assert!(against.iter().any(|line| line.starts_with("it does not fit")), "{against:?}");
}

#[test]
fn every_recommendation_has_reasons_sums_objections_and_turns() {
    for case in EIGHT {
        let found = recommend(&case.answers(4).unwrap(), &Figures::made_up());
        for part in [&found.because, &found.sums, &found.against, &found.turns] {
            assert!(!part.is_empty(), "{}: {found:?}", case.name);
        }
    }
}
