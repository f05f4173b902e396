//! `fork` is called once and returns twice: in the parent with the child's pid, in the child
//! with 0.

use anyhow::{Result, bail};
use lab::child::{Child, exit, explain};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, fork, getpid, getppid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "returns-twice",
    question: "Who returns from fork, and with what?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let parent = getpid();
    say!("parent", "calls fork, once");

    // ANCHOR: fork
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    match unsafe { fork() }.map_err(explain("fork"))? {
        ForkResult::Child => {
            lab::child::die_with(parent);
            say!("child", "fork returned 0 to me; my parent is {}", getppid());
            exit(7)
        }
        ForkResult::Parent { child } => {
            let guard = Child::adopt(child);
            let WaitStatus::Exited(reaped, status) = guard.wait()? else {
                bail!("the child did not exit by itself");
            };
            say!("parent", "fork returned {child} to me");
            say!("parent", "child {reaped} exited with {status}");
            Ok(Evidence::new()
                .fact("child's pid differs", child != parent)
                .fact("child's exit status", status))
        }
    } // ANCHOR_END: fork
}
