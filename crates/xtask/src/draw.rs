//! Draws a trace as a figure of the book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use trace::Picture;

/// Draws the trace in `from` as SVG into `to`: these roles, or all but `main`.
pub fn draw(from: &Path, to: &Path, roles: &[String]) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
    let picture = Picture { roles, whole: false };
    let svg = trace::read(&text).and_then(|events| picture.svg(&trace::complete(events)));
    fs::write(to, svg.with_context(|| from.display().to_string())?)
        .with_context(|| to.display().to_string())
}
