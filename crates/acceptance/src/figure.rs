//! The figures that `scripts/record` draws from traces: whether a program still tells what they
//! show.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::transcript::shape;

/// A figure of one package, as a line of `scripts/record` names it.
pub struct Figure {
    /// The experiment that is traced; its name is the figure's.
    pub experiment: String,
    /// The roles that are drawn; all but `main` if there are none.
    roles: Vec<String>,
}

/// The figures of this package: lines such as `"deadlock lock-order [ROLE...]"`.
///
/// # Errors
///
/// If the script cannot be read.
pub fn figures(top: &Path, package: &str) -> Result<Vec<Figure>> {
    let path = top.join("scripts/record");
    let script = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let stories = script.split_once("\nstories=(\n").context("scripts/record has no stories")?.1;
    let lines = stories.lines().take_while(|line| *line != ")");
    let of_package = lines.filter_map(|line| {
        let mut words = line.trim().trim_matches('"').split(' ').map(str::to_owned);
        (words.next().as_deref() == Some(package)).then_some(words)
    });
    of_package
        .map(|mut words| {
            let experiment = words.next().context("a story without an experiment")?;
            Ok(Figure { experiment, roles: words.collect() })
        })
        .collect()
}

impl Figure {
    /// Compares the figure with a trace: the same sentences, up to numbers, whatever their order.
    ///
    /// # Errors
    ///
    /// What the figure or the trace has and the other has not.
    pub fn compare(&self, top: &Path, trace: &str) -> Result<()> {
        let told = self.told(trace)?;
        // What needs a permission that is missing is told by `main` alone.
        if told.is_empty() {
            return Ok(());
        }
        // The one for phones shows the same.
        for extension in ["svg", "narrow.svg"] {
            let figures = top.join("book/src/figures");
            shows(&figures.join(&self.experiment).with_extension(extension), &told)?;
        }
        Ok(())
    }

    /// The sentences of a trace that a figure of it shows.
    fn told(&self, trace: &str) -> Result<Vec<String>> {
        let picture = trace::Picture { roles: &self.roles, whole: false, narrow: false };
        let rows = picture.rows(&trace::complete(trace::read(trace)?));
        Ok(rows.into_iter().map(|row| row.text).collect())
    }
}

/// Compares a drawn figure with what is told.
fn shows(path: &Path, told: &[String]) -> Result<()> {
    let svg = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (_, story) = svg.split_once("<desc>").context("the figure tells no story")?;
    let (story, _) = story.split_once("</desc>").context("the story has no end")?;
    let story = story.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    // A sentence's last word is the same without its full stop.
    let story = shape(&format!("{story} ").replace(". ", " . "));
    for sentence in told {
        let words = shape(sentence);
        ensure!(story.contains(&words), "{} does not show: {sentence}", path.display());
    }
    let drawn = svg.matches("text-anchor=\"end\"").count();
    ensure!(drawn == told.len(), "{}: {drawn} rows, {} told", path.display(), told.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"[{"name":"begins","ph":"i","ts":1,"pid":2,"tid":2,"cat":"main"},
        {"name":"waits 3.1 ms","ph":"i","ts":2,"pid":2,"tid":3,"cat":"reader"}]"#;

    fn outcome(wide: &str, narrow: &str) -> Result<()> {
        let top = tempfile::tempdir()?;
        let folder = top.path().join("book/src/figures");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("it.svg"), wide)?;
        std::fs::write(folder.join("it.narrow.svg"), narrow)?;
        let figure = Figure { experiment: "it".into(), roles: Vec::new() };
        figure.compare(top.path(), TRACE)
    }

    #[test]
    fn a_figure_shows_what_is_told_up_to_numbers() {
        let row = "<text text-anchor=\"end\">0 µs</text>";
        let same = format!("<desc>0 µs, reader 7: waits 20.5 ms.</desc>{row}");
        outcome(&same, &same).unwrap();
        let other = same.replace("waits", "sleeps");
        assert!(outcome(&other, &same).is_err());
        assert!(outcome(&same, &other).is_err(), "the one for phones");
        assert!(outcome(&format!("{same}{row}"), &same).is_err(), "one row more");
    }

    #[test]
    fn the_script_names_the_figures() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("scripts")).unwrap();
        let script =
            "#!\nstories=(\n    \"fork lock\"\n    \"pipes full one two\"\n)\n\"fork x\"\n";
        std::fs::write(top.path().join("scripts/record"), script).unwrap();
        let found = |package| figures(top.path(), package).unwrap();
        assert_eq!(found("pipes")[0].roles, ["one", "two"]);
        assert_eq!(found("fork")[0].experiment, "lock");
        assert!(found("threads").is_empty());
    }
}
