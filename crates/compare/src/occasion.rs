//! When, with what and by which command something was measured, so that it can be cited.

use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::{Value as Json, json};

/// What a reader needs to find the same programs again.
pub struct Occasion {
    /// Such as `30 Nov 2026 00:27:57 GMT`.
    pub date: String,
    /// The version of the workspace, and the commit where that is known.
    pub version: String,
    /// As it was typed, without the name of the report's file.
    pub command: String,
}

impl Occasion {
    /// Now, by this command line.
    pub fn now() -> Occasion {
        let date = httpdate::fmt_http_date(SystemTime::now());
        // The day of the week says nothing here.
        let date = date.split_once(", ").map_or(date.clone(), |(_, date)| date.to_owned());
        let version = env!("CARGO_PKG_VERSION");
        let version = match commit() {
            Some(commit) => format!("{version}, commit {commit}"),
            None => version.to_owned(),
        };
        Occasion { date, version, command: command(std::env::args().skip(1)) }
    }

    /// For `--json`.
    pub fn json(&self) -> Json {
        json!({ "date": self.date, "version": self.version, "command": self.command })
    }
}

/// The command as others would type it. Where something was written to says nothing to them, nor
/// does what only the book is made with.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut all = vec!["cargo".to_owned(), "run".to_owned(), "-q".to_owned(), "--".to_owned()];
    let mut folder = false;
    for argument in arguments {
        let file = all.last().is_some_and(|last| last == "--html");
        if std::mem::take(&mut folder) || argument == "--record" {
            folder = argument == "--record";
            continue;
        }
        all.push(match argument.starts_with("--html=") {
            true => "--html=FILE".to_owned(),
            false if file => "FILE".to_owned(),
            false => argument,
        });
    }
    if all.len() == 4 { "cargo run".to_owned() } else { all.join(" ") }
}

/// What git says of the sources that this program was built from, if they are still there.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty=, changed"])
        .args(["--exclude=*", "--abbrev=10"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_no_file_of_this_machine() {
        let typed = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(typed(&[]), "cargo run");
        let both = typed(&["--full", "--html", "/home/me/page.html", "--html=/tmp/x"]);
        assert_eq!(both, "cargo run -q -- --full --html FILE --html=FILE");
        assert_eq!(typed(&["--record", "/home/me", "--full"]), "cargo run -q -- --full");
    }

    #[test]
    fn a_date_is_a_day_and_a_time() {
        let date = Occasion::now().date;
        assert!(date.ends_with(" GMT") && date.split(' ').count() == 5, "{date}");
    }
}
