//! Breaks: small edits of experiments, with what must change because of them.
//!
//! A package's `breaks.toml` is a list of [`Break`]s. Each names one text that occurs once in one
//! file, what replaces it, and the facts, verdicts and lines that come out otherwise with it: so
//! an experiment shows that it notices, and a claim that it can turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lab::{Claim, Package, Verdict};
use serde::Deserialize;

mod expected;

pub use expected::Expected;

/// One edit of one file, and what must change because of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Break {
    /// Unique within its package: lower-case letters, digits and hyphens.
    pub name: String,
    /// The edited file, from the package's folder: `src/...`.
    pub file: String,
    /// The experiment that is run before and after.
    pub experiment: String,
    /// Occurs exactly once in the file; may span lines.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// What the reader predicts before seeing the outcome.
    pub asks: String,
    /// What explains the outcome.
    pub because: String,
    /// What must be so with the break and is not so without it.
    pub expect: Expect,
}

/// What must be so with a break and is not so without it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expect {
    /// Facts of the experiment, by name.
    pub facts: BTreeMap<String, Expected>,
    /// Verdicts in words, by the claim's id.
    pub verdicts: BTreeMap<String, String>,
    /// Phrases that a line of the story contains.
    pub lines: Vec<String>,
    /// The code of the compiler's error, where not compiling is the lesson; then nothing else.
    pub compile_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, rename = "break")]
    breaks: Vec<Break>,
}

/// Reads the text of a `breaks.toml`.
///
/// # Errors
///
/// If it is not TOML, has a field that there is not, or contradicts itself.
pub fn parse(text: &str) -> Result<Vec<Break>> {
    let breaks = toml::from_str::<Document>(text).map_err(|error| {
        let place = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        anyhow::anyhow!("line {place}: {}", error.message())
    })?;
    let breaks = breaks.breaks;
    for (index, one) in breaks.iter().enumerate() {
        one.agrees_with_itself().with_context(|| format!("break '{}'", one.name))?;
        let twice = breaks[..index].iter().any(|other| other.name == one.name);
        ensure!(!twice, "there are two breaks '{}'", one.name);
    }
    Ok(breaks)
}

/// Reads the breaks of a package.
///
/// # Errors
///
/// As [`parse`].
pub fn of(package: &Package) -> Result<Vec<Break>> {
    parse(package.breaks).with_context(|| format!("crates/{}/breaks.toml", package.name))
}

impl Break {
    fn agrees_with_itself(&self) -> Result<()> {
        let of_a_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ensure!(
            !self.name.is_empty() && self.name.bytes().all(of_a_name),
            "its name is not made of lower-case letters, digits and hyphens"
        );
        ensure!(
            self.file.starts_with("src/") && !self.file.split('/').any(|part| part == ".."),
            "'{}' is not a file of the package's src",
            self.file
        );
        ensure!(!self.find.is_empty() && self.find != self.replace, "it edits nothing");
        for (what, text) in [("asks", &self.asks), ("because", &self.because)] {
            ensure!(!text.trim().is_empty(), "'{what}' is empty");
        }
        let Expect { facts, verdicts, lines, compile_error } = &self.expect;
        let outcome = !facts.is_empty() || !verdicts.is_empty() || !lines.is_empty();
        match compile_error {
            Some(_) => ensure!(!outcome, "what does not compile has no other outcome"),
            None => ensure!(outcome, "it expects nothing"),
        }
        for words in verdicts.values() {
            verdict(words)?;
        }
        Ok(())
    }

    /// Checks that the break fits a package in `folder` with these experiments and claims.
    ///
    /// # Errors
    ///
    /// If there is no such experiment, claim or file, or the text does not occur exactly once.
    pub fn fits(&self, folder: &Path, experiments: &[&str], claims: &[&str]) -> Result<()> {
        if !experiments.contains(&self.experiment.as_str()) {
            bail!("there is no experiment '{}'", self.experiment);
        }
        if let Some(id) = self.expect.verdicts.keys().find(|id| !claims.contains(&id.as_str())) {
            bail!("the package has no claim '{id}'");
        }
        let path = folder.join(&self.file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        self.applied_to(&text).map(drop)
    }

    /// The text of the file with the break.
    ///
    /// # Errors
    ///
    /// If what is to be replaced does not occur exactly once.
    pub fn applied_to(&self, text: &str) -> Result<String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            times => bail!("`{}` occurs {times} times in {}, not once", self.find, self.file),
        }
    }

    /// Whether the claim's verdict becomes another than the book expects.
    pub fn turns(&self, claim: &Claim) -> bool {
        self.expect.verdicts.get(claim.id).is_some_and(|words| words != claim.expected.words())
    }
}

/// The verdict of these words.
fn verdict(words: &str) -> Result<Verdict> {
    let found = Verdict::ALL.into_iter().find(|verdict| verdict.words() == words);
    found.with_context(|| {
        let all: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.words()).collect();
        format!("there is no verdict '{words}', but: {}", all.join(" · "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"
[[break]]
name = "map-shared"
file = "src/copy_on_write.rs"
experiment = "copy-on-write"
find = "PRIVATE"
replace = "SHARED"
asks = "What does the parent read?"
because = "Both map the same frames."
[break.expect]
facts = { "parent keeps its value" = false, "faults" = "< 0.9", "pages" = 3, "word" = "x" }
verdicts = { "duplicates" = "does not hold" }
"#;

    #[test]
    fn a_break_is_read_and_applied() {
        let breaks = parse(ONE).unwrap();
        assert_eq!(breaks[0].applied_to("MAP_PRIVATE;").unwrap(), "MAP_SHARED;");
        assert!(breaks[0].applied_to("PRIVATE PRIVATE").is_err());
        assert!(breaks[0].applied_to("").is_err());
        assert!(parse("# none yet\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, said) in [
            ("asks", "ask", "unknown field `ask`"),
            ("name = \"map-shared\"", "name = \"Map\"", "lower-case"),
            ("\"src/", "\"../src/", "not a file of the package"),
            ("\"SHARED\"", "\"PRIVATE\"", "edits nothing"),
            ("does not hold", "is wrong", "no verdict 'is wrong'"),
            ("verdicts = {", "compile-error = \"E0373\"\nverdicts = {", "no other outcome"),
        ] {
            let error = format!("{:#}", parse(&ONE.replacen(from, to, 1)).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
        let twice = format!("{ONE}{ONE}");
        assert!(format!("{:#}", parse(&twice).unwrap_err()).contains("two breaks"));
        let nothing = ONE.split("facts").next().unwrap();
        assert!(format!("{:#}", parse(nothing).unwrap_err()).contains("expects nothing"));
    }
}
