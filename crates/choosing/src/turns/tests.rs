//! The printed thresholds, read back and asked of the function that decides.

use super::*;
use crate::answers::QUESTIONS;
use crate::figures::Line;

/// Machines that differ in what is dear.
fn machines() -> Vec<Figures> {
    let plain = Figures::made_up();
    let dear = Line { each: 90.0, ..plain.fork };
    vec![
        Figures { fork: dear, thread: 60.0, ..plain.clone() },
        Figures { thread_task: 1.3, process_task: 17.7, event: 0.3, ..plain.clone() },
        Figures { thread_kib: 331.7, free_mib: 200.0, ..plain.clone() },
        plain,
    ]
}

/// Answers of many kinds, with numbers on both sides of what matters and some that no scale has.
fn answers() -> Vec<Answers> {
    let mut all = Vec::new();
    for at_once in [1.0, 2.0, 3.0, 7.0, 64.0, 10_000.0] {
        for (starts, messages) in [(0.0, 0.0), (0.333, 1e6), (12.34, 777.5), (5000.0, 1000.0)] {
            for (cores, memory) in [(1.0, 1500.0), (2.0, 64.0 * MIB), (8.0, 5_123_456_789.0)] {
                for kind in 0..16 {
                    let mut a = Answers::default_for(2);
                    (a.at_once, a.starts, a.messages) = (at_once, starts, messages);
                    (a.cores, a.memory) = (cores, memory);
                    (a.waits, a.crash_stays) = (kind & 1 > 0, kind & 2 > 0);
                    (a.trusted, a.python) = (kind & 4 == 0, kind & 8 > 0);
                    a.input_trusted = kind & 16 == 0;
                    all.push(a);
                }
            }
        }
    }
    all
}

/// The answers with a number typed as it was printed, and the number.
fn typed(a: &Answers, field: &Field, printed: &str) -> (Answers, f64) {
    let option = ["starts", "at-once", "messages", "memory"]
        [FIELDS.iter().position(|it| it.name == field.name).unwrap()];
    let question = QUESTIONS.iter().find(|question| question.option == option).unwrap();
    let mut changed = a.clone();
    changed.set(question, printed).unwrap();
    let number = *(field.of)(&mut changed);
    (changed, number)
}

#[test]
fn at_each_printed_threshold_the_choice_turns_and_just_before_it_does_not() {
    let mut seen = [0; 8];
    for f in machines() {
        for a in answers() {
            let choice = decide(&a, &f);
            for line in turns(&choice, &a, &Measured::exactly(&f)) {
                let found = FIELDS.iter().enumerate().find_map(|(index, field)| {
                    let (place, to) = line.split_once(&format!(" {}", field.name))?;
                    let (_, to) = to.split_once(": ")?;
                    let (way, place) = place.split_once(' ')?;
                    Some((index, field, way == "from", place, to))
                });
                let Some((index, field, up, place, to)) = found else { continue };
                let (there, number) = typed(&a, field, place);
                // Its neighbour on the scale, but never beyond what was answered.
                let now = *(field.of)(&mut a.clone());
                let lower = field.scale.at_most(number);
                let lower = match field.scale.value(lower) == number {
                    true => field.scale.value(lower - 1),
                    false => field.scale.value(lower),
                };
                let mut before = a.clone();
                *(field.of)(&mut before) = if up { lower.max(now) } else { lower };
                let [at, before] = [there, before].map(|answers| decide(&answers, &f).short);
                let expected = if up { [to, choice.short] } else { [choice.short, to] };
                assert_eq!([at, before], expected, "{line}: {a:?}");
                assert_ne!(to, choice.short, "{line}");
                seen[2 * index + usize::from(up)] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}

#[test]
fn a_scale_has_what_is_printed() {
    for scale in [Scale::Whole, Scale::Rate, Scale::Bytes] {
        for index in (1..5000).chain([7000, 99_999]) {
            let value = scale.value(index);
            assert!(scale.value(index - 1) < value, "{index}");
            assert_eq!(scale.at_most(value), index);
        }
    }
}

#[test]
fn one_more_than_the_cpus_turns_threads_into_a_pool() {
    for (cores, at_once) in [(2.0, 1.0), (2.0, 2.0), (8.0, 2.0), (8.0, 8.0)] {
        let a = Answers { cores, at_once, ..Answers::default_for(2) };
        let (f, m) = (Figures::made_up(), Measured::made_up());
        let lines = turns(&decide(&a, &f), &a, &m);
        let expected = format!("from {} at once: a thread pool", cores + 1.0);
        assert!(lines.contains(&expected), "{lines:?}");
        let a = Answers { at_once: cores + 1.0, ..a };
        let lines = turns(&decide(&a, &f), &a, &m);
        let expected = format!("below {} at once: a thread for each task", cores + 1.0);
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[test]
fn a_threshold_has_the_range_of_the_figures_and_is_not_drawn_on_in_silence() {
    let m = Measured::made_up();
    let a = Answers { crash_stays: true, at_once: 4.0, starts: 10.0, ..Answers::default_for(4) };
    let lines = turns(&decide(&a, &m.figures), &a, &m);
    // A fifth of a CPU by 1,424 µs, a tenth less and more.
    let expected = "from 141 starts a second (128 to 157): a process pool";
    assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    let memory = lines.iter().find(|line| line.contains("touched by the parent")).unwrap();
    assert!(memory.contains("drawn on from 256 MiB"), "{memory}");
    let near = Answers { starts: 100.0, ..a };
    let lines = turns(&decide(&near, &m.figures), &near, &m);
    let memory = lines.iter().find(|line| line.contains("touched by the parent")).unwrap();
    assert!(memory.contains(" to ") && !memory.contains("drawn on"), "{memory}");
}
