//! A plug-in as a thread of its host: it reads the host's secret by a load, which no layer hears of.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_io, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::host::random;
use crate::layer::filter_calls;

pub const EXPERIMENT: Experiment = Experiment {
    name: "plugin-thread",
    question: "What stands between a plug-in and the host whose thread it is?",
    claims: &["isolation-gives-security"],
    run,
};

/// The host's secret; nothing hands it to the plug-in but its address.
static SECRET: AtomicU64 = AtomicU64::new(0);

fn run(_: &Lab) -> Result<Evidence> {
    // The process is there before the secret, for a fork would copy it.
    let (mut answer, mut tell) = std::io::pipe().map_err(explain_io("pipe"))?;
    let (mut wait, mut go) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let process = unsafe {
        Child::fork(|| {
            libc::close(go.as_raw_fd());
            let mut doors = [0; 16];
            let tried = wait.read_exact(&mut doors).map(|()| {
                let [address, number] = [0, 8].map(|at| word(&doors[at..at + 8]));
                plugin(address as usize, number as i32)
            });
            let told = tried.and_then(|found| tell.write_all(&found.to_bytes()));
            status(told.map_err(explain_io("write")))
        })
    }?;
    drop(tell);

    let secret = random()?;
    SECRET.store(secret, SeqCst);
    let memory = memfd_create(c"secret", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let mut file = File::from(memory);
    file.write_all(&secret.to_ne_bytes()).map_err(explain_io("write"))?;
    say!("host", "a secret in memory, and in an open file that has no name");

    // ANCHOR: arms
    let (address, number) = (SECRET.as_ptr() as usize, file.as_raw_fd());
    let thread = in_thread(|| Ok(plugin(address, number)))?;
    let filtered = in_thread(|| {
        filter_calls()?;
        Ok(plugin(address, number))
    });
    let doors = [(address as u64).to_ne_bytes(), (number as u64).to_ne_bytes()].concat();
    // ANCHOR_END: arms
    go.write_all(&doors).map_err(explain_io("write"))?;
    let mut bytes = [0; 16];
    let heard = answer.read_exact(&mut bytes);
    let status = process.wait()?;
    ensure!(heard.is_ok(), "the plug-in {}", lab::child::in_words(status));
    let process = Found { loaded: word(&bytes[..8]), read: word(&bytes[8..]) as i64 };

    say!("host", "{:<24}{:<16}pread of its number", "the plug-in is", "a load gets");
    let mut evidence = Evidence::new();
    let arms = [
        ("a thread", Ok(thread)),
        ("a thread with a filter", filtered),
        ("a process", Ok(process)),
    ];
    for (name, found) in arms {
        let [by_load, by_call] = ["a load reads the secret", "pread"];
        let (by_load, by_call) = (format!("{name}: {by_load}"), format!("{name}: {by_call}"));
        match found {
            Ok(found) => {
                let (reads, answer) = (found.loaded == secret, found.answer(secret));
                let loaded = if reads {
                    "the secret".to_owned()
                } else {
                    format!("its own: {}", found.loaded)
                };
                say!("host", "{name:<24}{loaded:<16}{answer}");
                evidence = evidence.fact(&by_load, reads).fact(&by_call, answer);
            }
            Err(error) => {
                let without = lab::NoEvidence::of(&error);
                let lab::NoEvidence::Unavailable(why) = without else { return Err(error) };
                say!("host", "{name:<24}not here");
                evidence = evidence.missing(&by_load, &*why).missing(&by_call, &*why);
            }
        }
    }
    Ok(evidence)
}

/// What the plug-in got.
struct Found {
    loaded: u64,
    /// The eight bytes that pread returned, or its errno negated.
    read: i64,
}

impl Found {
    fn to_bytes(&self) -> Vec<u8> {
        [self.loaded.to_ne_bytes(), self.read.to_ne_bytes()].concat()
    }

    fn answer(&self, secret: u64) -> String {
        match self.read {
            read if read as u64 == secret => "the secret".to_owned(),
            errno @ -4095..0 => match Errno::from_raw(-errno as i32) {
                // The number is that of nothing, or of something else that is open there.
                Errno::EBADF | Errno::ESPIPE => "not this file".to_owned(),
                errno => format!("{errno:?}"),
            },
            _ => "something else".to_owned(),
        }
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
}

// ANCHOR: plugin
/// The plug-in: it goes to the address, and it reads the descriptor.
fn plugin(address: usize, number: i32) -> Found {
    // SAFETY: none; that is the lesson. The address is that of a static, in every process of this
    // program, so the load finds one there.
    let loaded = unsafe { (*(address as *const AtomicU64)).load(SeqCst) };
    let mut bytes = [0; 8];
    // SAFETY: the buffer is valid for its length.
    let got = unsafe { libc::pread(number, bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    let read = match Errno::result(got) {
        Ok(_) => i64::from_ne_bytes(bytes),
        Err(errno) => -i64::from(errno as i32),
    };
    Found { loaded, read }
}
// ANCHOR_END: plugin

fn in_thread(body: impl FnOnce() -> Result<Found> + Send) -> Result<Found> {
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().spawn_scoped(threads, body);
        let thread = thread.map_err(explain_io("thread"))?;
        thread.join().ok().context("the plug-in panicked")?
    })
}
