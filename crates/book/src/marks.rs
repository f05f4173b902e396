//! Which lines of a story differ from the recorded one, where its grade lets them not.

use acceptance::transcript::{Grade, Section, anonymous, shape};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The lines that only one of two stories has, counted from 0.
#[derive(Debug, Default, PartialEq)]
pub struct Marks {
    pub recorded: Vec<usize>,
    pub here: Vec<usize>,
}

/// Compares `here` with what is recorded: ids, addresses and measured figures are free in every
/// grade, the order in `any-order`, all figures in `varies`.
pub fn marks(section: &Section, here: &[String]) -> Marks {
    let shapes = |lines: &[String]| lines.iter().map(|line| shape(line)).collect();
    let (was, is): (Vec<String>, Vec<String>) = match &section.grade {
        Grade::Varies(_) => (shapes(&section.lines), shapes(here)),
        _ => (anonymous(&section.lines), anonymous(here)),
    };
    match &section.grade {
        Grade::Exact => in_order(&was, &is),
        Grade::AnyOrder(_) => Marks { recorded: more_in(&was, &is), here: more_in(&is, &was) },
        Grade::Varies(_) => {
            let new = |lines: &[String], known: &[String]| {
                (0..lines.len()).filter(|at| !known.contains(&lines[*at])).collect()
            };
            Marks { recorded: new(&was, &is), here: new(&is, &was) }
        }
    }
}

fn in_order(was: &[String], is: &[String]) -> Marks {
    let mut marks = Marks::default();
    for op in capture_diff_slices(Algorithm::Patience, was, is) {
        if !matches!(op, DiffOp::Equal { .. }) {
            marks.recorded.extend(op.old_range());
            marks.here.extend(op.new_range());
        }
    }
    marks
}

/// The lines that stand more often in `lines` than in `others`, the last of them.
fn more_in(lines: &[String], others: &[String]) -> Vec<usize> {
    let times = |of: &[String], line: &String| of.iter().filter(|other| *other == line).count();
    (0..lines.len())
        .filter(|at| times(&lines[..=*at], &lines[*at]) > times(others, &lines[*at]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(grade: &str, was: &[&str], is: &[&str]) -> Marks {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let name = "x".to_owned();
        let section = Section { name, grade: Grade::parse(grade).unwrap(), lines: lines(was) };
        let here: Vec<String> = lines(is);
        marks(&section, &here)
    }

    #[test]
    fn ids_and_measured_figures_are_no_difference() {
        let was = ["x: Why?", "[main 101] took 3.0 ms (2.90 to 3.1)", "[main 101] reads 1"];
        for grade in ["exact", "any-order", "varies"] {
            let same = ["x: Why?", "[main 202] took 440 ms (390 to 506)", "[main 202] reads 1"];
            assert_eq!(found(grade, &was, &same), Marks::default(), "{grade}");
        }
    }

    #[test]
    fn each_grade_marks_what_it_demands() {
        let was = ["[a 101] one", "[a 101] two", "[a 101] reads 1"];
        let is = ["[a 101] two", "[a 101] one", "[a 101] reads 2", "[a 101] new"];
        let marks = |recorded: &[usize], here: &[usize]| Marks {
            recorded: recorded.to_vec(),
            here: here.to_vec(),
        };
        let exact = found("exact", &was, &is);
        assert!(exact.here.ends_with(&[2, 3]) && exact.recorded.len() == 2, "{exact:?}");
        assert_eq!(found("any-order", &was, &is), marks(&[2], &[2, 3]));
        assert_eq!(found("varies \"one\"", &was, &is), marks(&[], &[3]));
        assert_eq!(found("any-order", &["a", "a"], &["a"]), marks(&[1], &[]));
    }
}
