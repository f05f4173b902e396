//! The question of the title, answered for what nobody has said, and for eight programs.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow};
use lab::sample::allowed_cpus;
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::answers::Answers;
use crate::decide::decide;
use crate::eight::EIGHT;
use crate::measure::{Sizes, measure, sampling};

pub const EXPERIMENT: Experiment =
    Experiment { name: "advise", question: "Process or thread?", claims: &["choice-depends"], run };

fn run(lab: &Lab) -> Result<Evidence> {
    let (rounds, batch) = lab.by_effort((5, 300), (7, 1000), (25, 4000));
    let cpus = allowed_cpus().len();
    // ANCHOR: advise
    let plain = Answers::default_for(cpus);
    let sampling = sampling(rounds, Duration::from_micros(batch));
    let sizes = Sizes { memory: plain.memory, message: plain.size, shared: 0.0, python: false };
    let measured = measure(sampling, sizes)?;
    let figures = &measured.figures;
    let usual = decide(&plain, figures);
    let walled = decide(&Answers { trusted: false, ..plain.clone() }, figures);
    // ANCHOR_END: advise
    if let Some(why) = &measured.doubt {
        say_why!("parent", "the figures are not to be trusted much: {why}");
    }
    say!("parent", "without an answer: {}", usual.short);
    say!("parent", "if the code is not trusted: {}", walled.short);
    let mut all = BTreeSet::new();
    for case in EIGHT {
        let answers = case.answers(cpus).map_err(|wrong| anyhow!("{}: {wrong}", case.name))?;
        let choice = decide(&answers, figures);
        say!("parent", "{}:", case.name);
        say!("parent", "  {}", choice.short);
        all.insert(choice.short);
    }
    say!("parent", "{} programs, {} different answers", EIGHT.len(), all.len());
    Ok(Evidence::new()
        .fact("advise: without an answer", usual.short)
        .fact("advise: trust alone turns it", usual != walled)
        .fact("advise: programs", EIGHT.len())
        .measured("advise: different answers", all.len(), "answers"))
}
