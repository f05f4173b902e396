//! What is said of figures: their range, and where they were measured.

use super::*;

#[test]
fn no_figure_is_said_of_a_size_beyond_what_was_measured_without_saying_so() {
    let m = Measured::made_up();
    for memory in [1.0, 64.0, 256.0, 300.0, 4096.0] {
        for size in [1.0, 64.0, 1024.0, 1100.0, 65536.0] {
            let mut a = Answers::default_for(4);
            (a.memory, a.size) = (memory * MIB, size * 1024.0);
            let found = recommend(&a, &m);
            for part in [found.sums.join(" "), found.measured.join(" ")] {
                let said = |of: &str| part.contains(&format!("drawn on from {of}"));
                assert_eq!(said("256 MiB"), memory > 256.0, "{part}");
                assert_eq!(said("1 MiB"), size > 1024.0, "{part}");
            }
        }
    }
}

#[test]
fn what_is_sent_to_a_process_and_back_has_a_range_and_the_size_that_was_sent() {
    let m = Measured::made_up();
    let said = |written: f64| {
        let mut a = Answers::default_for(4);
        (a.shared, a.written) = (written, written);
        let because = recommend(&a, &m).because;
        because.into_iter().find(|line| line.contains("and back by pipe")).unwrap()
    };
    let all = said(400.0 * MIB);
    assert!(all.ends_with("it takes 200 ms (180 to 220; at the rate of 16 MiB)"), "{all}");
    let all = said(16.0 * MIB);
    assert!(all.ends_with("it takes 8 ms (7.20 to 8.80)"), "{all}");
}

#[test]
fn every_measured_figure_carries_its_range() {
    let m = Measured::made_up();
    let lines = recommend(&Answers::default_for(4), &m).measured;
    for line in &lines {
        assert!(line.chars().count() <= 76, "{line}");
        // Memory was made up without a range.
        assert_eq!(line.contains(" to "), line.contains(" µs "), "{line}");
    }
    let exact = recommend(&Answers::default_for(4), &Measured::exactly(&m.figures)).measured;
    assert!(lines.len() == exact.len() && lines.len() > 9, "{lines:?}");
}

#[test]
fn a_choice_that_the_range_does_not_bear_is_called_close() {
    let mut m = Measured::made_up();
    let a = Answers { crash_stays: true, at_once: 4.0, starts: 130.0, ..Answers::default_for(4) };
    let close = "it is close: with figures at an end of their range it is a process pool";
    let said = |m: &Measured| recommend(&a, m).against.iter().any(|line| line == close);
    assert!(said(&m));
    m.high = m.figures.clone();
    assert!(!said(&m));
}

#[test]
fn what_all_use_is_spoken_of_whatever_is_recommended() {
    let m = Measured::made_up();
    for kind in 0..128 {
        for (at_once, starts) in [(1.0, 0.0), (8.0, 100.0), (10_000.0, 5000.0)] {
            for (shared, written) in [(3.0, 0.0), (3.0, 1.0), (3.0, 3.0)] {
                let mut a = Answers::default_for(4);
                (a.at_once, a.starts) = (at_once, starts);
                (a.shared, a.written) = (shared * MIB, written * MIB);
                (a.waits, a.crash_stays) = (kind & 1 > 0, kind & 2 > 0);
                (a.trusted, a.input_trusted) = (kind & 4 == 0, kind & 8 == 0);
                (a.programs, a.python) = (kind & 16 > 0, kind & 32 > 0);
                a.machines = if kind & 64 > 0 { 2.0 } else { 1.0 };
                let found = recommend(&a, &m);
                let said = [found.because.clone(), found.against.clone()].concat();
                for size in [shared - written, written].into_iter().filter(|size| *size > 0.0) {
                    let [of, all] = [size, shared].map(|size| bytes(size * MIB));
                    let told = said.iter().any(|line| line.contains(&of) || line.contains(&all));
                    assert!(told, "{of}: {found:#?}");
                }
            }
        }
    }
}

#[test]
fn forked_workers_of_python_may_copy_what_they_read() {
    let mut m = Measured::made_up();
    let mut a = Answers { python: true, cores: 2.0, ..Answers::default_for(2) };
    (a.shared, a.memory) = (1024.0 * MIB, 1024.0 * MIB);
    let found = recommend(&a, &m);
    assert_eq!(found.choice.short, "a process pool");
    let said = found.against.join("\n");
    for words in ["counts references", "the 1 GiB that all use", "2 GiB together", "no python3"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // By pipe and back at 8 ms for 16 MiB, 64 times.
    assert!(said.contains("takes 512 ms (461 to 563; at the rate of 16 MiB)"), "{said}");
    // With a worker that was looked at, that is what one costs.
    let plain = found.costs;
    m.figures.python_kib = Some(m.figures.process_kib.fixed + 1024.0);
    let found = recommend(&a, &m);
    let more: Vec<f64> = found.costs.iter().zip(&plain).map(|(a, b)| a.mib - b.mib).collect();
    assert_eq!(more, [0.0, 0.0, 8.0, 2.0, 0.0, 0.0, 2.0]);
    assert!(!found.against.join(" ").contains("no python3"));
    m.figures.free_mib = 1500.0;
    assert!(
        recommend(&a, &m).against.join(" ").contains("do not fit: 2 GiB, and 1.46 GiB are free")
    );
}

fn all_said(a: &Answers, m: &Measured) -> String {
    let found = recommend(a, m);
    [found.because, found.sums, found.against, found.turns].concat().join("\n")
}

#[test]
fn one_has_no_plural() {
    let m = Measured::made_up();
    for kind in 0..32 {
        let mut a = Answers { cores: 1.0, starts: 1.0, messages: 1.0, ..Answers::default_for(1) };
        (a.waits, a.crash_stays) = (kind & 1 > 0, kind & 2 > 0);
        a.input_trusted = kind & 4 == 0;
        a.at_once = if kind & 8 > 0 { 1.0 } else { 8.0 };
        a.machines = if kind & 16 > 0 { 8.0 } else { 1.0 };
        (a.starts, a.messages) = (a.machines, a.machines);
        // More than one CPU can do is no one of anything.
        if kind & 3 == 0 {
            a.messages *= 1e7;
        }
        let said = all_said(&a, &m);
        for line in said.lines() {
            for many in
                ["starts", "messages", "threads", "workers", "processes", "CPUs than", "are there"]
            {
                let found = format!(" {line}").contains(&format!(" 1 {many}"));
                assert!(!found, "{many}: {line}");
            }
        }
    }
}

#[test]
fn no_ring_is_advised_that_takes_more_than_it_saves() {
    let m = Measured::made_up();
    let said = |size: f64, cores: f64| {
        let a = Answers { messages: 1e5, size, cores, ..Answers::default_for(8) };
        all_said(&a, &m).contains("let the reader spin on a ring in memory instead")
    };
    // By 1e5 messages a second of 1 MiB, the copies alone take more than to wake somebody.
    let f = &m.figures;
    assert!(f.shared.at(1024.0) > f.thread_task / 2.0 && f.shared.at(1.0) < f.thread_task / 2.0);
    assert!(said(1024.0, 2.0) && !said(MIB, 2.0));
    // Who spins on the one CPU keeps it from whom it waits for.
    assert!(!said(1024.0, 1.0));
}

#[test]
fn memory_that_was_touched_counts_among_what_must_fit() {
    let m = Measured::made_up();
    let free = m.figures.free_mib * MIB;
    let said = |share: f64| {
        let a = Answers { shared: share * free, memory: share * free, ..Answers::default_for(4) };
        all_said(&a, &m).contains("that the parent has touched more memory is wanted than")
    };
    assert!(!said(0.5) && said(1.0) && said(3.0));
}
