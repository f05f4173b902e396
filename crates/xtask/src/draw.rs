//! Draws a trace as a figure of the book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use trace::Picture;

fn name(path: &Path) -> String {
    messages::one_line(&path.display().to_string())
}

/// Draws the trace in `from` as SVG into `to`: these roles, or all but `main`. Beside it, into a file
/// whose name ends in `.narrow.svg`, it draws the same for a phone.
pub fn draw(from: &Path, to: &Path, roles: &[String]) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| name(from))?;
    let events = trace::complete(trace::read(&text).with_context(|| name(from))?);
    for (to, narrow) in [(to.to_owned(), false), (to.with_extension("narrow.svg"), true)] {
        let picture = Picture { roles, whole: false, narrow };
        let svg = picture.svg(&events).with_context(|| name(from))?;
        fs::write(&to, svg).with_context(|| name(&to))?;
    }
    Ok(())
}
