//! Sees that a run has ended and how, and collects it at the very end.

use std::collections::VecDeque;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub first: Duration,
    pub longest: Duration,
    pub steady: Duration,
    pub restarts: usize,
    pub window: Duration,
}

pub trait Clock {
    fn now(&self) -> Duration;
    fn sleep(&self, time: Duration);
}

#[derive(Debug)]
pub enum End {
    Done,
    GaveUp(ExitStatus),
}

pub fn supervise(command: &mut Command, policy: &Policy, clock: &dyn Clock) -> io::Result<End> {
    let mut children = Vec::new();
    let end = run(command, policy, clock, &mut children);
    for mut child in children {
        child.wait()?;
    }
    end
}

fn run(
    command: &mut Command,
    policy: &Policy,
    clock: &dyn Clock,
    children: &mut Vec<std::process::Child>,
) -> io::Result<End> {
    let mut pause = policy.first;
    let mut restarts = VecDeque::new();
    loop {
        let start = clock.now();
        let child = command.spawn()?;
        let id = Id::Pid(Pid::from_raw(child.id() as i32));
        children.push(child);
        let status = match waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)? {
            WaitStatus::Exited(_, code) => ExitStatus::from_raw(code << 8),
            WaitStatus::Signaled(_, signal, _) => ExitStatus::from_raw(signal as i32),
            _ => continue,
        };
        let now = clock.now();
        if status.success() {
            return Ok(End::Done);
        }
        while restarts.front().is_some_and(|start| now - *start >= policy.window) {
            restarts.pop_front();
        }
        if restarts.len() >= policy.restarts {
            return Ok(End::GaveUp(status));
        }
        if now - start >= policy.steady {
            pause = policy.first;
        }
        clock.sleep(pause);
        pause = (pause * 2).min(policy.longest);
        restarts.push_back(clock.now());
    }
}
