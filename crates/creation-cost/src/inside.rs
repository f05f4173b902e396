//! A stack is the least of what a thread gets: the kernel and two libraries set up much more.

use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context, Result};
use lab::child::explain_io;
use lab::proc::{Mapping, mappings};
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::tracing::{Event, traced};
use crate::{calls, kernel_stacks, making};

pub const EXPERIMENT: Experiment = Experiment {
    name: "inside",
    question: "What does a thread get besides its stack?",
    claims: &["thread-needs-only-a-stack"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let calls = system_calls()?;
    let before = mappings()?;
    let (own, after) = while_a_thread_lives(mappings)?;
    let new: Vec<&Mapping> = after
        .iter()
        .filter(|now| before.iter().all(|then| then.addresses != now.addresses))
        .collect();
    say!("parent", "now it lives, and the address space has {} mappings more", new.len());
    for mapping in &new {
        let (size, resident) = (mapping.size(), mapping.resident);
        let what = own.purpose(mapping, &after);
        say!("parent", "  {size:>6} KiB, {resident:>3} in use, {} {what}", mapping.access);
    }
    let reserved: usize = new.iter().map(|mapping| mapping.size()).sum();
    let stack = new.iter().find(|mapping| mapping.addresses.contains(&own.local));
    // A stack grows downwards, so what is on top of it lies above its locals.
    let tls_on_stack =
        stack.is_some_and(|stack| stack.addresses.contains(&own.errno)) && own.errno > own.local;
    if tls_on_stack {
        say!("parent", "its thread-locals, errno among them, lie on top of the stack");
    }
    let mut found = Evidence::new()
        .fact("new mappings", new.len())
        .measured("address space for one thread", reserved, "KiB")
        .measured("stack in use", stack.map_or(0, |stack| stack.resident), "KiB")
        .fact("thread-local variables lie on the stack", tls_on_stack);

    found = match kernel_stacks::per_thread(lab.by_effort(200, 400, 1000))? {
        Ok(size) => {
            say!("parent", "in the kernel it has a stack of its own, {size:.1} KiB");
            found.measured("kernel stack", size, "KiB")
        }
        Err(why) => {
            say_why!("parent", "its stack in the kernel cannot be told: {why}");
            found.missing("kernel stack", why)
        }
    };

    Ok(match calls {
        Some(calls) => found.fact("system calls", calls),
        None => found.missing("system calls", "this machine forbids ptrace"),
    })
}

/// Shows the system calls that a thread takes, and counts them; `None` where tracing is forbidden.
fn system_calls() -> Result<Option<usize>> {
    let (Some(nothing), Some(events)) = (traced(|| Ok(()))?, traced(making::thread)?) else {
        say!("parent", "this machine forbids ptrace: nobody sees its system calls");
        return Ok(None);
    };
    let by_first = |event: &Event| if let Event::Call(n) = event { Some(*n) } else { None };
    let by_new = |event: &Event| if let Event::CallOfNew(n) = event { Some(*n) } else { None };
    let by_new: Vec<u64> = events.iter().filter_map(by_new).collect();
    let by_maker: Vec<u64> = events.iter().filter_map(by_first).collect();
    // The traced process ends with calls that have nothing to do with a thread.
    let end: Vec<u64> = nothing.iter().filter_map(by_first).collect();
    let by_maker = by_maker.strip_suffix(&end[..]).context("the process ended in another way")?;
    for (calls, of) in [(by_maker, "making and joining one takes"), (&by_new, "it makes by itself")]
    {
        say!("parent", "{of} {} system calls:", calls.len());
        let names: Vec<_> = calls.iter().map(|call| calls::name(*call)).collect();
        // A line has room for five.
        names.chunks(5).for_each(|some| say!("parent", "  {}", some.join(" ")));
    }
    Ok(Some(by_maker.len() + by_new.len()))
}

/// Makes a thread, and looks while it lives.
fn while_a_thread_lives<T>(look: fn() -> Result<T>) -> Result<(Own, T)> {
    let (tell, told) = channel();
    let (end, ended) = channel::<()>();
    let thread = thread::Builder::new()
        .spawn(move || {
            let _ = tell.send(Own::find());
            let _ = ended.recv();
        })
        .map_err(explain_io("thread"))?;
    let own = told.recv().context("the thread told nothing")?;
    let seen = look();
    drop(end);
    let _ = thread.join();
    Ok((own, seen?))
}

/// Where a thread finds what it was given.
struct Own {
    local: usize,
    errno: usize,
    allocated: usize,
    signal_stack: usize,
}

impl Own {
    fn find() -> Own {
        let local = 0u8;
        let allocated = std::hint::black_box(vec![0u8; 1000]);
        // SAFETY: the call only reports, into a structure of its own.
        let signal_stack = unsafe {
            let mut now: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(std::ptr::null(), &mut now);
            now.ss_sp
        };
        Own {
            local: &raw const local as usize,
            // SAFETY: the C library returns the address of the calling thread's errno.
            errno: unsafe { libc::__errno_location() } as usize,
            allocated: allocated.as_ptr() as usize,
            signal_stack: signal_stack as usize,
        }
    }

    /// What a mapping is for, by the addresses that it holds or stands beside.
    fn purpose(&self, mapping: &Mapping, all: &[Mapping]) -> &'static str {
        let holds = |mapping: &Mapping, address| mapping.addresses.contains(&address);
        let beside = |address| {
            all.iter().any(|other| {
                holds(other, address)
                    && (other.addresses.start == mapping.addresses.end
                        || other.addresses.end == mapping.addresses.start)
            })
        };
        match mapping.is_closed() {
            false if holds(mapping, self.local) => "its stack",
            false if holds(mapping, self.signal_stack) => "its stack for signal handlers",
            false if holds(mapping, self.allocated) => "its arena of the allocator",
            true if beside(self.local) => "its stack's guard page",
            true if beside(self.signal_stack) => "the signal stack's guard page",
            true if beside(self.allocated) => "room for the arena to grow",
            _ => "something else",
        }
    }
}
