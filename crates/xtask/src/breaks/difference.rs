//! Two stories, line by line: what is the same in both, what only one of them says.

use acceptance::transcript::{anonymous, figures};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// A measured figure that differs by more than this factor makes two lines differ.
const FACTOR: f64 = 2.0;

/// A line of one story or of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// Both say so, up to ids, addresses and what measured figures vary by; before and after.
    Same(&'a str, &'a str),
    /// Only said before.
    Before(&'a str),
    /// Only said after.
    After(&'a str),
}

/// Aligns two stories.
pub fn aligned<'a>(before: &'a [String], after: &'a [String]) -> Vec<Line<'a>> {
    let (was, is) = (anonymous(before), anonymous(after));
    let mut lines = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &was, &is) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => {
                for (was, is) in before[old_index..][..len].iter().zip(&after[new_index..][..len]) {
                    match alike(was, is) {
                        true => lines.push(Line::Same(was, is)),
                        false => lines.extend([Line::Before(was), Line::After(is)]),
                    }
                }
            }
            op => {
                lines.extend(before[op.old_range()].iter().map(|line| Line::Before(line)));
                lines.extend(after[op.new_range()].iter().map(|line| Line::After(line)));
            }
        }
    }
    lines
}

/// Whether the measured figures of two lines are of the same size.
fn alike(a: &str, b: &str) -> bool {
    figures(a).iter().zip(figures(b)).all(|(a, b)| *a <= b * FACTOR && b <= *a * FACTOR)
}

/// The lines of a file that a break edits, before and after, with one line of context, moved to the
/// margin.
pub fn edit(before: &str, after: &str) -> Vec<String> {
    let (was, is): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut lines = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &was, &is) {
        match op {
            DiffOp::Equal { old_index, len, .. } => {
                let end = old_index + len;
                let (first, last) = (old_index == 0, end == was.len());
                // Of an equal stretch the line after the edit before it and the one before the next.
                let mut kept: Vec<usize> = Vec::new();
                kept.extend((!first).then_some(old_index));
                kept.extend((!last && end > 0).then(|| end - 1));
                kept.dedup();
                if kept.len() == 2 && kept[1] > kept[0] + 1 {
                    lines.push(format!(" {}", was[kept[0]]));
                    lines.push(" ...".to_owned());
                    kept.remove(0);
                }
                lines.extend(kept.iter().map(|at| format!(" {}", was[*at])));
            }
            op => {
                lines.extend(was[op.old_range()].iter().map(|line| format!("-{line}")));
                lines.extend(is[op.new_range()].iter().map(|line| format!("+{line}")));
            }
        }
    }
    // The anchors by which the book includes listings would be taken for the page's own.
    lines.retain(|line| !line.contains("ANCHOR") && line != " ");
    let indented = |line: &String| line[1..].len() - line[1..].trim_start_matches(' ').len();
    let written = lines.iter().filter(|line| line.len() > 1 && *line != " ...");
    let indent = written.map(indented).min().unwrap_or_default();
    for line in &mut lines {
        if line.len() > indent && *line != " ..." {
            line.replace_range(1..1 + indent, "");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn ids_and_small_differences_of_figures_are_the_same() {
        let before = lines(&["x: Why?", "[main 101] took 3.0 ms", "[main 101] reads 1"]);
        let after = lines(&["x: Why?", "[main 202] took 4.0 ms", "[main 202] reads 2"]);
        let found = aligned(&before, &after);
        assert!(matches!(found[1], Line::Same(..)), "{found:?}");
        assert_eq!(
            found[2..],
            [Line::Before("[main 101] reads 1"), Line::After("[main 202] reads 2")]
        );
        let slow = lines(&["x: Why?", "[main 202] took 40 ms", "[main 202] reads 1"]);
        assert_eq!(aligned(&before, &slow)[1], Line::Before("[main 101] took 3.0 ms"));
    }

    #[test]
    fn an_edit_has_a_line_of_context() {
        let text = "one\ntwo\nthree\nfour\nfive\n";
        assert_eq!(edit(text, &text.replace("three", "3")), [" two", "-three", "+3", " four"]);
        let inner = "  a\n    b\n  c\n";
        assert_eq!(edit(inner, &inner.replace("b", "d")), [" a", "-  b", "+  d", " c"]);
        let both = text.replace("one", "1").replace("five", "5");
        assert_eq!(edit(text, &both), ["-one", "+1", " two", " ...", " four", "-five", "+5"]);
    }
}
