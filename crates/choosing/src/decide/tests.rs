//! Choices on made-up figures: no test of the machine.

use super::*;
use crate::eight::EIGHT;
use crate::figures::Measured;
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
        "a few threads that stay, rings between them",
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
fn input_that_is_not_trusted_is_no_code_that_is_not() {
    let chat = |a: &mut Answers| (a.waits, a.at_once, a.crash_stays) = (true, 10_000.0, true);
    let input = choice(|a| {
        chat(a);
        a.input_trusted = false;
    });
    assert_eq!(input, "a few sandboxed processes with async tasks inside");
    let code = choice(|a| {
        chat(a);
        a.trusted = false;
    });
    assert_eq!(code, "a host of threads, a sandboxed process for each that stays");
    // Of few tasks each has a sandbox of its own, whoever sent what it reads.
    for few in [|a: &mut Answers| a.trusted = false, |a: &mut Answers| a.input_trusted = false] {
        assert_eq!(choice(few), "a sandboxed process for each task");
    }
    // Only where that does not fit is a process used again, and never for code of several owners.
    let dear = |a: &mut Answers| a.starts = 1e5;
    let input = choice(|a| (dear(a), a.input_trusted = false).1);
    assert_eq!(input, "a pool of sandboxed processes");
    let code = choice(|a| (dear(a), a.trusted = false).1);
    assert_eq!(code, "a sandboxed process for each task");
}

#[test]
fn a_trading_feed_gets_threads_that_spin() {
    let feed = |cores| {
        choice(|a| {
            (a.starts, a.at_once, a.messages, a.size) = (1.0, 2.0, 1e6, 64.0);
            (a.cores, a.shared, a.written) = (cores, 1048576.0, 1048576.0);
        })
    };
    // Waking takes 2.5 CPUs, two threads that spin take two.
    assert_eq!(feed(2.0), "a few threads that stay, rings between them");
    assert_eq!(feed(64.0), "a thread for each task");
}

/// The models that keep what is asked for.
fn permitted(a: &Answers) -> Vec<Model> {
    use Model::*;
    let mut all = match () {
        () if a.programs || !a.trusted => vec![Process, ProcessRing],
        () if a.walled() || a.gil_binds() => vec![Process, ProcessPool, ProcessRing],
        () => vec![Thread, Pool, Ring],
    };
    if a.waits && a.trusted && !a.programs {
        all.push(Async);
    }
    all.retain(|model| a.can_spin() || !model.spins());
    all
}

#[test]
fn the_headline_fits_if_anything_fits() {
    let (mut rescued, mut none) = (0, 0);
    let small = Figures { free_mib: 50.0, ..Figures::made_up() };
    for f in [Figures::made_up(), small] {
        for at_once in [1.0, 2.0, 5.0, 100.0, 30_000.0] {
            for (starts, messages) in [(0.0, 1e6), (1.0, 1e6), (5e4, 0.0), (5e6, 3e6), (10.0, 3e5)]
            {
                for cores in [1.0, 2.0, 4.0, 16.0] {
                    for kind in 0..64 {
                        let mut a = Answers { at_once, starts, messages, cores, ..plain_answers() };
                        (a.waits, a.crash_stays) = (kind & 1 > 0, kind & 2 > 0);
                        (a.trusted, a.input_trusted) = (kind & 4 == 0, kind & 8 == 0);
                        (a.programs, a.python) = (kind & 16 > 0, kind & 32 > 0);
                        let found = recommend(&a, &Measured::exactly(&f));
                        let fits = |model: &Model| cost(*model, &a, &f).fits(&a, &f);
                        let any = permitted(&a).iter().any(fits);
                        let here = fits(&found.choice.model);
                        assert!(permitted(&a).contains(&found.choice.model), "{found:?}");
                        assert_eq!(here, any, "{found:?}: {a:?}");
                        let said = |line: &String| line.starts_with("it does not fit");
                        assert_eq!(found.against.iter().any(said), !any, "{found:?}");
                        rescued += usize::from(any && !permitted(&a).iter().all(fits));
                        none += usize::from(!any);
                    }
                }
            }
        }
    }
    assert!(rescued > 100 && none > 100, "{rescued} {none}");
}

#[test]
fn several_machines_share_the_load() {
    let f = Figures::made_up();
    let alone = Answers { at_once: 60.0, messages: 6e6, ..plain_answers() };
    let shared = Answers { machines: 10.0, ..alone.clone() };
    assert_eq!(shared.on_each().messages, 6e5);
    let m = Measured::exactly(&f);
    let found = recommend(&shared, &m);
    assert_eq!(found.costs, recommend(&shared.on_each(), &m).costs);
    assert_eq!(found.choice.short, "on each machine a process with threads inside");
    assert_eq!(decide(&alone, &f).short, "a pool of threads that spin on rings");
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
    let sums = recommend(&answers, &Measured::made_up()).sums;
    // 10,000 times 150 µs and 20 µs for each of 64 MiB; 25 µs; 5 µs.
    let expected = "10,000 starts a second: fork takes 14.3 CPUs (1,430 µs each beside 64 MiB), \
                    a thread 0.25 (25 µs), a thread pool 0.05 (5)";
    assert!(sums[0].starts_with(expected), "{}", sums[0]);
}

#[test]
fn a_threshold_is_where_the_choice_turns() {
    let answers = Answers { crash_stays: true, at_once: 4.0, ..plain_answers() };
    let answers = Answers { starts: 10.0, ..answers };
    let found = recommend(&answers, &Measured::made_up());
    // A fifth of a CPU, 5 % of four, by 1,430 - 6 µs: 140.4 starts a second.
    let turn = "from 141 starts a second (128 to 157): a process pool";
    assert!(found.turns.iter().any(|line| line == turn), "{:?}", found.turns);
    for starts in [140.0, 141.0] {
        let there = decide(&Answers { starts, ..answers.clone() }, &Figures::made_up());
        assert_eq!(there == found.choice, starts < 141.0);
    }
}

#[test]
fn other_figures_give_another_answer() {
    let answers = Answers { crash_stays: true, at_once: 4.0, starts: 1000.0, ..plain_answers() };
    let dear = Figures::made_up();
    let cheap = Figures {
        fork: crate::figures::Line { fixed: 20.0, each: 0.0, to: 256.0 },
        ..dear.clone()
    };
    assert_eq!(decide(&answers, &dear).short, "a process pool");
    assert_eq!(decide(&answers, &cheap).short, "a process for each task");
}

#[test]
fn what_does_not_fit_is_said() {
    let answers = Answers { trusted: false, starts: 1e5, ..plain_answers() };
    let against = recommend(&answers, &Measured::made_up()).against;
    assert!(against.iter().any(|line| line.starts_with("it does not fit")), "{against:?}");
}

#[test]
fn every_recommendation_has_reasons_sums_objections_and_turns() {
    for case in EIGHT {
        let found = recommend(&case.answers(4).unwrap(), &Measured::made_up());
        for part in [&found.because, &found.sums, &found.against, &found.turns] {
            assert!(!part.is_empty(), "{}: {found:?}", case.name);
        }
    }
}

#[test]
fn few_that_wait_share_no_fate() {
    let chat = |at_once| {
        choice(|a| (a.waits, a.crash_stays, a.starts, a.at_once) = (true, true, 500.0, at_once))
    };
    // A worker takes one at a time, and so many cost nothing that is noticed.
    assert_eq!(chat(8.0), "a process pool");
    assert_eq!(chat(10_000.0), "a few processes with async tasks inside");
}

#[test]
fn nobody_spins_where_there_is_one_cpu() {
    for crash_stays in [false, true] {
        let on =
            |cores| choice(|a| (a.crash_stays, a.cores, a.messages) = (crash_stays, cores, 3e6));
        assert!(on(2.0).contains("rings"), "{}", on(2.0));
        assert!(!on(1.0).contains("rings"), "{}", on(1.0));
    }
}

#[test]
fn where_nothing_fits_it_is_what_lacks_least() {
    let f = Figures::made_up();
    for starts in [0.0, 1.0, 100.0] {
        for (trusted, programs) in [(true, false), (false, false), (true, true)] {
            let mut a = Answers { crash_stays: true, starts, messages: 1e9, ..plain_answers() };
            (a.trusted, a.programs) = (trusted, programs);
            let cpus = |model: &Model| cost(*model, &a, &f).cpus();
            let all = permitted(&a);
            assert!(!all.iter().any(|model| cost(*model, &a, &f).fits(&a, &f)));
            let least = all.iter().map(cpus).fold(f64::INFINITY, f64::min);
            let found = decide(&a, &f);
            assert!(cpus(&found.model) <= least + NOTICED_CPU * a.cores, "{found:?}: {least}");
        }
    }
}
