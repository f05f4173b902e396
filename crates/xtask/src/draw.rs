//! Draws a trace as a figure of the book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use trace::Picture;

fn name(path: &Path) -> String {
    messages::one_line(&path.display().to_string())
}

/// Draws the trace in `from` as SVG into `to`: these roles, or all but `main`.
pub fn draw(from: &Path, to: &Path, roles: &[String]) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| name(from))?;
    let picture = Picture { roles, whole: false };
    let svg = trace::read(&text).and_then(|events| picture.svg(&trace::complete(events)));
    fs::write(to, svg.with_context(|| name(from))?).with_context(|| name(to))
}
