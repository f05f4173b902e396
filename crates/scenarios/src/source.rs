//! The functions of a scenario as the page shows them: without the lines that show variables.

/// A function's lines.
pub(crate) struct Listing {
    /// What is shown.
    pub(crate) lines: Vec<String>,
    /// The number of each of these lines in the file, counted from 1.
    numbers: Vec<u32>,
}

impl Listing {
    /// The function of this name, which begins and ends at the left margin; `None` if there is none.
    pub(crate) fn of(source: &str, function: &str) -> Option<Listing> {
        let begin = format!("fn {function}(");
        let mut listing = Listing { lines: Vec::new(), numbers: Vec::new() };
        let from = source.lines().position(|line| line.starts_with(&begin))?;
        for (line, number) in source.lines().zip(1..).skip(from) {
            if !line.trim_start().starts_with("show(") {
                listing.lines.push(line.to_owned());
                listing.numbers.push(number);
            }
            if line == "}" {
                return Some(listing);
            }
        }
        None
    }

    /// Which of the lines is that line of the file.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        self.numbers.iter().position(|it| *it == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_leaves_out_what_shows_variables() {
        let source =
            "fn g() {}\n\nfn f(\n    x: u32,\n) {\n    let y = x;\n    show(\"y\", y);\n    y\n}\n";
        let listing = Listing::of(source, "f").unwrap();
        assert_eq!(listing.lines, ["fn f(", "    x: u32,", ") {", "    let y = x;", "    y", "}"]);
        assert_eq!(listing.position(8), Some(4));
        assert_eq!(listing.position(7), None);
        assert!(Listing::of(source, "h").is_none());
    }
}
