//! Two threads of one process wait at two different places: each has a program counter, a stack
//! pointer and a system call of its own.

use std::ops::Range;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lab::child::{explain, late};
use lab::proc::mappings;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use nix::unistd::{Pid, getpid, gettid};

use crate::proc::{at, own_stack};

pub const EXPERIMENT: Experiment = Experiment {
    name: "registers",
    question: "Where is each thread of a process right now?",
    claims: &["path-of-execution"],
    run,
};

/// A thread that is about to wait: its id and its stack.
type Waiter = (Pid, Result<Range<usize>>);

fn run(_: &Lab) -> Result<Evidence> {
    let (input, output) = nix::unistd::pipe().map_err(explain("pipe"))?;
    let lock = Mutex::new(());
    let (introduce, introduced) = mpsc::channel::<Waiter>();
    thread::scope(|scope| {
        // Both threads end when this block does: nobody writes any more, and the lock is free.
        let (_output, _held) = (output, lock.lock());
        let tell = introduce.clone();
        spawn(scope, "reader", || {
            let _ = { tell }.send((gettid(), own_stack()));
            let _ = nix::unistd::read(&input, &mut [0]);
        })?;
        let (reader, reader_stack) = introduced.recv()?;
        let tell = introduce.clone();
        spawn(scope, "locker", || {
            let _ = { tell }.send((gettid(), own_stack()));
            drop(lock.lock());
        })?;
        let (locker, locker_stack) = introduced.recv()?;
        let (reader, locker) = (Registers::of_waiting(reader)?, Registers::of_waiting(locker)?);
        say!("main", "process {} has two threads that wait:", getpid());
        tell_where("reader", &reader)?;
        tell_where("locker", &locker)?;
        let (reader_stack, locker_stack) = (reader_stack?, locker_stack?);
        let own = reader_stack.contains(&reader.stack_pointer)
            && locker_stack.contains(&locker.stack_pointer)
            && !reader_stack.contains(&locker.stack_pointer);
        Ok(Evidence::new()
            .fact("the reader waits in", reader.call_name())
            .fact("the locker waits in", locker.call_name())
            .fact("program counters differ", reader.program_counter != locker.program_counter)
            .fact("each stack pointer is in its own stack", own))
    })
}

fn tell_where(who: &str, registers: &Registers) -> Result<()> {
    let mappings = mappings()?;
    let code = at(&mappings, registers.program_counter).map_or("?", |code| code.name.as_str());
    let code = code.rsplit('/').next().unwrap_or(code);
    let Registers { thread, call, stack_pointer, program_counter } = registers;
    let name = registers.call_name();
    say!("main", "{who} {thread} is in the system call {call}, {name}:");
    say!("main", "  sp {stack_pointer:#x}, pc {program_counter:#x} in {code}");
    Ok(())
}

/// Where a blocked thread is, as /proc/PID/task/TID/syscall shows it (proc_pid_syscall(5)).
#[derive(PartialEq)]
struct Registers {
    thread: Pid,
    call: i64,
    stack_pointer: usize,
    program_counter: usize,
}

impl Registers {
    /// Waits until `thread` is blocked, in whatever call: seen twice at the same place.
    fn of_waiting(thread: Pid) -> Result<Registers> {
        let path = format!("/proc/self/task/{thread}/syscall");
        let mut limit = TimeLimit::new(Duration::from_secs(5));
        let mut last = None;
        while !limit.is_over() {
            let line = lab::proc::read(&path)?;
            let now = Registers::parse(thread, &line);
            match now {
                Some(registers) if last.as_ref() == Some(&registers) => return Ok(registers),
                now => last = now,
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(late(&format!("thread {thread} was not seen waiting for 5 s")))
    }

    /// The line is `running`, or: call, six arguments, stack pointer, program counter.
    fn parse(thread: Pid, line: &str) -> Option<Registers> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [call, .., stack_pointer, program_counter] = words[..] else { return None };
        let hex = |word: &str| usize::from_str_radix(word.trim_start_matches("0x"), 16).ok();
        Some(Registers {
            thread,
            call: call.parse().ok()?,
            stack_pointer: hex(stack_pointer)?,
            program_counter: hex(program_counter)?,
        })
    }

    /// The name of the call, where it is one of the two that the threads were meant to make.
    fn call_name(&self) -> &'static str {
        match self.call {
            libc::SYS_read => "read",
            libc::SYS_futex => "futex",
            _ => "another",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_thread_shows_its_registers_and_a_running_one_does_not() {
        let me = Pid::from_raw(1);
        let line = "202 0x1 0x89 0x2 0x0 0x0 0x0 0x7ffe10 0x401234\n";
        let registers = Registers::parse(me, line).unwrap();
        assert_eq!(
            (registers.call, registers.stack_pointer, registers.program_counter),
            (202, 0x7ffe10, 0x401234)
        );
        assert!(Registers::parse(me, "running\n").is_none());
    }
}
