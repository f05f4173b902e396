//! After `fork` one address holds two values: each process has an address space of its own.

use std::io::{Read, Write, pipe};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result};
use lab::child::{Child, status};
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fork",
    question: "Does a write in the child reach the parent?",
    claims: &["own-address-space"],
    run,
};

// ANCHOR: story
static VALUE: AtomicU64 = AtomicU64::new(0);

fn run(_: &Lab) -> Result<Evidence> {
    let (here, before) = (VALUE.as_ptr(), VALUE.load(SeqCst));
    say!("parent", "VALUE is {before} at {here:p}");
    let (mut told, tell) = pipe().context("pipe")?;

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            VALUE.store(42, SeqCst);
            let (place, value) = (VALUE.as_ptr(), VALUE.load(SeqCst));
            say!("child", "after its store VALUE is {value} at {place:p}");
            let report = [place as u64, value].map(u64::to_ne_bytes);
            status((&tell).write_all(report.as_flattened()))
        })
    }?;
    child.wait()?;
    drop(tell);
    let mut report = [[0; 8]; 2];
    told.read_exact(report.as_flattened_mut()).context("read the child's report")?;
    let [childs_address, childs_value] = report.map(u64::from_ne_bytes);
    let value = VALUE.load(SeqCst);
    say!("parent", "the child had {childs_value} there, here VALUE is {value}");
    // ANCHOR_END: story
    Ok(Evidence::new()
        .fact("fork: both use the same address", childs_address == here as u64)
        .fact("fork: value before", before)
        .fact("fork: value in the child", childs_value)
        .fact("fork: value in the parent", value)
        .fact("process: other sees the write", value != before))
}
