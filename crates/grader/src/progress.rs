//! Each check as it finishes, for whoever waits for a verdict: what does not end takes a while to be
//! judged. The verdict then says the same in order, and more.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::judge::Judged;
use crate::show::Style;

/// Where it is told.
#[derive(Clone, Debug, Default)]
pub enum Progress {
    /// Nowhere.
    #[default]
    Nowhere,
    /// On a terminal, from which it goes away at the end.
    Drawn {
        /// What stands there for now.
        bar: ProgressBar,
        /// The checks that have finished.
        finished: Arc<Mutex<Vec<String>>>,
        /// How they are shown.
        style: Style,
    },
    /// On a terminal that can only print.
    Printed,
    /// On standard error, for who watches.
    Watched,
}

/// Said of a check that has passed.
const PASS: &str = "pass  ";

/// Said of one that has not.
const FAIL: &str = "FAIL  ";

/// Whether this was said here.
pub fn is_of_progress(line: &str) -> bool {
    line.starts_with(PASS) || line.starts_with(FAIL)
}

impl Progress {
    /// On standard output, if that is a terminal. Says which file is judged.
    pub fn of_terminal(file: &str, style: Style) -> Progress {
        if !io::stdout().is_terminal() {
            return Progress::Nowhere;
        }
        println!("Judging {file} ...\n");
        crate::output::flush();
        if messages::is_dumb() {
            return Progress::Printed;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout_with_hz(100));
        let lines = ProgressStyle::with_template("{msg}");
        let bar = bar.with_style(lines.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress::Drawn { bar, finished: Arc::default(), style }
    }

    /// For whoever watches, if that wants to know.
    pub fn of_watched() -> Progress {
        match std::env::var_os(crate::watch::PROGRESS) {
            Some(_) => Progress::Watched,
            None => Progress::Nowhere,
        }
    }

    /// Tells of a check that has finished, of so many.
    pub fn judged(&self, judged: &Judged, of: usize) {
        let why = judged.findings.first().map(|it| format!(" [{}]", it.word)).unwrap_or_default();
        let mark = if judged.passed { PASS } else { FAIL };
        let line = format!("{mark}{}{why}", judged.check);
        match self {
            Progress::Nowhere => {}
            Progress::Drawn { bar, finished, style } => {
                let Ok(mut finished) = finished.lock() else { return };
                let paint = if judged.passed { Style::good } else { Style::bad };
                finished.push(line.replacen(mark, &paint(*style, mark), 1));
                let (said, number) = (finished.join("\n"), finished.len());
                bar.set_message(format!("{said}\n({number} of {of} checks)"));
            }
            // A terminal that is gone is noticed by the verdict.
            Progress::Printed => drop(writeln!(io::stdout(), "{line}")),
            Progress::Watched => eprintln!("{line}"),
        }
    }

    /// Makes room for the verdict.
    pub fn is_over(&self) {
        match self {
            Progress::Nowhere | Progress::Watched => {}
            Progress::Drawn { bar, .. } => bar.finish_and_clear(),
            Progress::Printed => println!(),
        }
    }
}
