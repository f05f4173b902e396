//! Two threads of one process wait at two different places: each has a program counter, a stack
//! pointer and a system call of its own.

use std::fs;
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
    if fs::read_to_string("/proc/thread-self/syscall").is_err() {
        let why = "this kernel does not show /proc/self/task/*/syscall";
        return Ok(["system calls differ", "each stack pointer is in its own stack"]
            .iter()
            .fold(Evidence::new(), |evidence, fact| evidence.missing(fact, why)));
    }
    let (reader, writer) = nix::unistd::pipe().map_err(explain("pipe"))?;
    let lock = Mutex::new(());
    let (tell, told) = mpsc::channel::<Waiter>();
    thread::scope(|scope| {
        // Both threads end when this block does: nobody writes any more, and the lock is free.
        let (_writer, _held) = (writer, lock.lock());
        let introduce = tell.clone();
        spawn(scope, "reader", move || {
            let _ = introduce.send((gettid(), own_stack()));
            let _ = nix::unistd::read(&reader, &mut [0]);
        })?;
        let (reader, reader_stack) = told.recv()?;
        let introduce = tell.clone();
        spawn(scope, "locker", || {
            let _ = introduce.send((gettid(), own_stack()));
            drop(lock.lock());
            drop(introduce);
        })?;
        let (locker, locker_stack) = told.recv()?;
        let reader = Registers::of_thread_in(libc::SYS_read, reader)?;
        let locker = Registers::of_thread_in(libc::SYS_futex, locker)?;
        say!("main", "process {} has two threads that wait:", getpid());
        tell_where("input in read", &reader)?;
        tell_where("a lock in futex", &locker)?;
        let (reader_stack, locker_stack) = (reader_stack?, locker_stack?);
        let own = reader_stack.contains(&reader.stack_pointer)
            && locker_stack.contains(&locker.stack_pointer)
            && !reader_stack.contains(&locker.stack_pointer);
        Ok(Evidence::new()
            .fact("system calls differ", reader.call != locker.call)
            .fact("program counters differ", reader.program_counter != locker.program_counter)
            .fact("each stack pointer is in its own stack", own))
    })
}

fn tell_where(what: &str, registers: &Registers) -> Result<()> {
    let mappings = mappings()?;
    let code = at(&mappings, registers.program_counter).map_or("?", |code| code.name.as_str());
    let Registers { thread, call, stack_pointer, program_counter } = registers;
    say!("main", "thread {thread} waits for {what}: system call {call}");
    say!(
        "main",
        "  sp {stack_pointer:#x}, pc {program_counter:#x} in {}",
        code.rsplit('/').next().unwrap_or(code),
    );
    Ok(())
}

/// Where a blocked thread is, as /proc/PID/task/TID/syscall shows it (proc_pid_syscall(5)).
struct Registers {
    thread: Pid,
    call: i64,
    stack_pointer: usize,
    program_counter: usize,
}

impl Registers {
    /// Waits until `thread` is blocked in the system call `wanted`.
    fn of_thread_in(wanted: i64, thread: Pid) -> Result<Registers> {
        let path = format!("/proc/self/task/{thread}/syscall");
        let mut limit = TimeLimit::new(Duration::from_secs(5));
        loop {
            let line = lab::proc::read(&path)?;
            match Registers::parse(thread, &line) {
                Some(registers) if registers.call == wanted => return Ok(registers),
                _ if limit.is_over() => {
                    return Err(late(&format!("thread {thread} does not wait but is: {line}")));
                }
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
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
