//! The first experiment: rename the file and the experiment after what it shows.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "first-look",
    question: "What does this experiment ask?",
    claims: &["no-direct-access"],
    run,
};

// ANCHOR: story
fn run(_: &Lab) -> Result<Evidence> {
    say!("main", "shows what happens");
    Ok(Evidence::new().missing("the statement was tried", "this experiment is not written yet"))
}
// ANCHOR_END: story
