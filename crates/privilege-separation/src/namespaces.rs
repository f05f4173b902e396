//! Namespaces: the plug-in keeps its user and its calls, but what it could name is not there.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab};

use crate::attack::Attack;
use crate::layer::Layer;
use crate::sandbox::tell;

pub const EXPERIMENT: Experiment = Experiment {
    name: "namespaces",
    question: "What can a process do to things that it has no name for?",
    claims: &[],
    run,
};

const ATTACKS: [Attack; 5] =
    [Attack::Memory, Attack::Descriptor, Attack::File, Attack::Signal, Attack::Socket];

// ANCHOR: rows
/// An ordinary user gets the others only inside a user namespace of its own.
const ROWS: [(&str, &[Layer]); 6] = [
    ("nothing", &[]),
    ("user", &[Layer::User]),
    ("user, mount", &[Layer::User, Layer::Mount]),
    ("user, pid", &[Layer::User, Layer::Pid]),
    ("user, net", &[Layer::User, Layer::Net]),
    ("all four", &[Layer::User, Layer::Mount, Layer::Net, Layer::Pid]),
];
// ANCHOR_END: rows

fn run(_: &Lab) -> Result<Evidence> {
    tell("namespaces", &ATTACKS, &ROWS)
}
