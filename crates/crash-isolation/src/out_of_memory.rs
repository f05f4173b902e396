//! Who dies when memory runs out? A process that has a limit of its own is told so by `malloc`. Where
//! the whole machine, or a group with a limit, has no page left, the kernel kills one: the OOM
//! killer. It is not called here, for it would choose among all; only its order is looked at.

use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result};
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, Shared, say};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::wait::WaitStatus;

use crate::watched::{child, exact};

pub const EXPERIMENT: Experiment = Experiment {
    name: "out-of-memory",
    question: "Memory runs out. Who is told, and who would be killed?",
    claims: &[],
    run,
};

const MIB: usize = 1 << 20;
/// What a child may have, and what it asks for.
const LIMIT: usize = 128 * MIB;
const WANTED: usize = 256 * MIB;
/// A child whose `malloc` fails exits with this.
const REFUSED: i32 = 12;

fn run(_: &Lab) -> Result<Evidence> {
    let (may_have, wanted) = (Shared::new(AtomicU64::new(0))?, WANTED / MIB);
    let limited = ended(|| {
        let _ = setrlimit(Resource::RLIMIT_AS, LIMIT as u64, LIMIT as u64);
        let limit = getrlimit(Resource::RLIMIT_AS).map_or(u64::MAX, |(soft, _)| soft);
        may_have.store(limit, SeqCst);
        fill(WANTED, Write::EachPage)
    })?;
    let allowed = in_mib(may_have.load(SeqCst));
    say!("parent", "may have {allowed} (RLIMIT_AS), wants {wanted} MiB: {limited}");
    let promised = ended(|| fill(WANTED, Write::Nothing))?;
    let (soft, _) = getrlimit(Resource::RLIMIT_AS).map_err(explain("getrlimit"))?;
    let any = in_mib(soft);
    say!("parent", "may have {any}, wants {wanted} MiB, writes to none: {promised}");
    let evidence = Evidence::new()
        .fact("with a limit of its own", limited)
        .fact("asked for and not written to", promised);
    let (usual, volunteer) = (score(None)?, score(Some(FIRST))?);
    say!("kernel", "would kill by the highest score: this child has {usual}");
    say!("kernel", "one that asks to be the first (oom_score_adj {FIRST}): {volunteer}");
    Ok(evidence.fact("oom_score_adj makes it the first", volunteer > usual))
}

/// What a process adds to its score that wants to be the first.
const FIRST: i32 = 1000;

/// A limit in words.
fn in_mib(limit: u64) -> String {
    match limit {
        RLIM_INFINITY => "any".to_owned(),
        limit => format!("{} MiB", limit / MIB as u64),
    }
}

/// Runs `body` in a child; how the child ended.
fn ended(body: impl FnOnce() -> i32) -> Result<String> {
    Ok(match child(body)?.wait()? {
        WaitStatus::Exited(_, 0) => "got it all".to_owned(),
        WaitStatus::Exited(_, REFUSED) => "told by malloc".to_owned(),
        status => exact(status)?,
    })
}

enum Write {
    EachPage,
    Nothing,
}

/// Asks for memory, a MiB at a time. `try_reserve` returns malloc's refusal; `push` would abort.
fn fill(bytes: usize, write: Write) -> i32 {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    while pieces.len() * MIB < bytes {
        let mut piece = Vec::new();
        if pieces.try_reserve(1).is_err() || piece.try_reserve_exact(MIB).is_err() {
            return REFUSED;
        }
        if let Write::EachPage = write {
            piece.resize(MIB, 1);
        }
        pieces.push(black_box(piece));
    }
    0
}

/// What proc_pid_oom_score(5) shows of a child, after it has set its own adjustment.
fn score(adjustment: Option<i32>) -> Result<u32> {
    let (mut reader, writer) = std::io::pipe().context("pipe")?;
    let asked = child(|| {
        let adjusted = adjustment
            .is_none_or(|by| fs::write("/proc/self/oom_score_adj", by.to_string()).is_ok());
        let score = fs::read_to_string("/proc/self/oom_score").unwrap_or_default();
        i32::from(!adjusted || std::io::Write::write_all(&mut &writer, score.as_bytes()).is_err())
    })?;
    drop(writer);
    asked.wait()?;
    let score = std::io::read_to_string(&mut reader).context("read")?;
    score.trim().parse().map_err(|_| {
        lab::Unavailable::because("/proc/self/oom_score cannot be read or adjusted here").into()
    })
}
