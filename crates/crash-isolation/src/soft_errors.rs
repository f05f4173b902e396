//! An error need not be a crash to harm the other threads. Nobody restarts a process that goes on
//! with wrong data, so soft errors are the worse ones.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread::scope;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::child::failed;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::sys::wait::WaitStatus;

use crate::watched::{child, exact, silence, spawn};

pub const EXPERIMENT: Experiment = Experiment {
    name: "soft-errors",
    question: "Can a thread harm the others without a crash?",
    claims: &["thread-error-affects-all"],
    run,
};

/// A mistake in one thread, and what it does to the others in the same process.
struct Mistake {
    name: &'static str,
    /// What the others then meet; `{looked}` stands for [`LOOKED`].
    harm: &'static str,
    guard: &'static str,
    /// Whether the harm was seen, and whether the guard kept it off.
    show: fn() -> Result<(bool, bool)>,
}

const MISTAKES: [Mistake; 6] = [
    Mistake {
        name: "panic under a lock",
        harm: "lock() fails in the others: PoisonError",
        guard: "repair the data, clear_poison",
        show: panic_under_a_lock,
    },
    Mistake {
        name: "write past the end",
        harm: "the neighbour's data are wrong",
        guard: "a slice checks its bounds",
        show: write_past_the_end,
    },
    Mistake {
        name: "leak",
        harm: "the others' allocations fail",
        guard: "a process and a limit of its own",
        show: leak,
    },
    Mistake {
        name: "chdir",
        harm: "the others' relative paths break",
        guard: "openat with a directory's descriptor",
        show: change_directory,
    },
    Mistake {
        name: "close by number",
        harm: "the owner's write fails: EBADF",
        guard: "a duplicate of one's own",
        show: close_by_number,
    },
    Mistake {
        name: "loop under a lock",
        harm: "the others did not get the lock in {looked}",
        guard: "a loop that can be told to stop",
        show: loop_under_a_lock,
    },
];

fn run(_: &Lab) -> Result<Evidence> {
    let (mut harmful, mut guarded) = (Vec::new(), 0);
    for mistake in &MISTAKES {
        let (harm, guard) = in_a_process(mistake)?;
        let name = mistake.name;
        if harm {
            harmful.push(name);
            say!("parent", "{name:<18} {}", mistake.meets());
        } else {
            say!("parent", "{name:<18} harms nobody here");
        }
        guarded += usize::from(harm && guard);
        say!("guard", "{}: {}", mistake.guard, if guard { "no harm" } else { "harm all the same" });
    }
    Ok(Evidence::new()
        .fact("mistakes", MISTAKES.len())
        .fact("mistakes that harm other threads", harmful.len())
        .fact("harmful mistakes", harmful.join(", "))
        .fact("mistakes with a guard", guarded))
}

/// For how long the others try to get a lock.
const LOOKED: Duration = Duration::from_millis(10);

impl Mistake {
    fn meets(&self) -> String {
        self.harm.replace("{looked}", &format!("{} ms", LOOKED.as_millis()))
    }
}

/// Makes the mistake in a child, so that the next one meets a healthy process.
fn in_a_process(mistake: &Mistake) -> Result<(bool, bool)> {
    const SEEN: i32 = 0b100;
    let body = || {
        silence();
        match (mistake.show)() {
            Ok((harm, guard)) => SEEN | i32::from(harm) << 1 | i32::from(guard),
            Err(error) => failed(&error),
        }
    };
    match child(body)?.wait()? {
        WaitStatus::Exited(_, bits) if bits & SEEN != 0 => Ok((bits & 2 != 0, bits & 1 != 0)),
        status => bail!("{}: the process {}", mistake.name, exact(status)?),
    }
}

fn panic_under_a_lock() -> Result<(bool, bool)> {
    let stock = Mutex::new(3);
    scope(|threads| {
        let thread = spawn(threads, || {
            let mut stock = stock.lock().expect("nobody has panicked yet");
            *stock -= 1;
            panic!("half way through a change")
        });
        let _ = thread.join();
    });
    let harm = stock.lock().is_err();
    *stock.lock().unwrap_or_else(PoisonError::into_inner) = 3;
    stock.clear_poison();
    Ok((harm, stock.lock().is_ok()))
}

// ANCHOR: write-past-the-end
fn write_past_the_end() -> Result<(bool, bool)> {
    let mut memory = [0_u8; 32]; // The first half is the thread's, the second its neighbour's.
    let start = AtomicPtr::new(memory.as_mut_ptr());
    scope(|threads| {
        spawn(threads, || {
            for index in 0..=16 {
                // SAFETY: inside `memory`. Nothing says whose half it is, which is the lesson.
                unsafe { start.load(Relaxed).add(index).write(0xFF) }
            }
        });
    });
    let harm = memory[16] != 0;

    memory.fill(0);
    let (mine, neighbours) = memory.split_at_mut(16);
    let outcome = scope(|threads| {
        spawn(threads, || (0..=16).for_each(|index| mine[black_box(index)] = 0xFF)).join()
    });
    Ok((harm, outcome.is_err() && neighbours[0] == 0))
}
// ANCHOR_END: write-past-the-end

fn leak() -> Result<(bool, bool)> {
    const SOME: usize = 1 << 20;
    let (_, hard) = getrlimit(Resource::RLIMIT_AS)?;
    let leak_to_the_limit = || {
        let _ = setrlimit(Resource::RLIMIT_AS, (512 << 20).min(hard), hard);
        let mut bytes = 64 * SOME;
        while bytes >= 4096 {
            let mut piece: Vec<u8> = Vec::new();
            match piece.try_reserve_exact(bytes) {
                Ok(()) => std::mem::forget(black_box(piece)),
                Err(_) => bytes /= 2,
            }
        }
        0
    };
    let works = || Vec::<u8>::new().try_reserve_exact(SOME).is_ok();
    child(leak_to_the_limit)?.wait()?;
    let guard = works();
    // The others try while the thread lives: its stack is given back with it, and may be large.
    let turn = Barrier::new(2);
    let harm = scope(|threads| {
        spawn(threads, || {
            leak_to_the_limit();
            turn.wait();
            turn.wait();
        });
        turn.wait();
        let harm = !works();
        turn.wait();
        harm
    });
    Ok((harm, guard))
}

fn change_directory() -> Result<(bool, bool)> {
    std::env::set_current_dir("/dev").context("chdir")?;
    let directory = File::open(".").context("open")?;
    let before = File::open("null").is_ok();
    scope(|threads| spawn(threads, || std::env::set_current_dir("/")).join().is_ok());
    let harm = before && File::open("null").is_err();
    Ok((harm, openat(&directory, "null", OFlag::O_RDONLY, Mode::empty()).is_ok()))
}

fn close_by_number() -> Result<(bool, bool)> {
    let file = File::options().write(true).open("/dev/null").context("open")?;
    let duplicate = file.try_clone().context("dup")?;
    let number = file.as_raw_fd();
    // SAFETY: closes what another owns, which is the lesson; the owner is forgotten below.
    scope(|threads| spawn(threads, move || unsafe { libc::close(number) }).join().is_ok());
    let error = (&file).write(b"x").err().and_then(|error| error.raw_os_error());
    std::mem::forget(file);
    Ok((error == Some(Errno::EBADF as i32), (&duplicate).write(b"x").is_ok()))
}

fn loop_under_a_lock() -> Result<(bool, bool)> {
    let (lock, held, stop) = (Mutex::new(()), AtomicBool::new(false), AtomicBool::new(false));
    Ok(scope(|threads| {
        spawn(threads, || {
            let _guard = lock.lock();
            held.store(true, Relaxed);
            while !stop.load(Relaxed) {
                std::thread::yield_now();
            }
        });
        while !held.load(Relaxed) {
            std::thread::yield_now();
        }
        let start = Instant::now();
        let mut harm = lock.try_lock().is_err();
        while start.elapsed() < LOOKED {
            harm &= lock.try_lock().is_err();
        }
        stop.store(true, Relaxed);
        (harm, lock.lock().is_ok())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_told_to_be_kept_for_as_long_as_somebody_looked() {
        let of_a_lock = MISTAKES.iter().find(|mistake| mistake.name == "loop under a lock");
        let said = of_a_lock.expect("there is one").meets();
        assert!(said.ends_with(&format!("in {} ms", LOOKED.as_millis())), "{said}");
    }
}
