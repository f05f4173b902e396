//! Text as HTML that is XML as well, so that any parser reads it.

/// With the four characters that mean something written out.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The same, and what stands between backticks as code.
pub fn prose(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return escaped(text);
    }
    let piece = |(index, piece): (usize, &&str)| match index % 2 == 1 {
        true => format!("<code>{}</code>", escaped(piece)),
        false => escaped(piece),
    };
    pieces.iter().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_where_they_close() {
        assert_eq!(prose("`a < b` & c"), "<code>a &lt; b</code> &amp; c");
        assert_eq!(prose("a ` alone"), "a ` alone");
    }
}
