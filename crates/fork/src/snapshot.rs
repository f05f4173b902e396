//! A forked child sees memory as it was at the call: a consistent snapshot, while the parent
//! goes on writing. Redis saves its database in this way.

use std::io::{Read, Write, pipe};
use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use lab::child::{Child, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

pub const EXPERIMENT: Experiment = Experiment {
    name: "snapshot",
    question: "Can a child save the data while the parent changes it?",
    claims: &["creation-duplicates-parent"],
    run,
};

const ACCOUNTS: usize = 50_000;
const EACH: u64 = 100;

fn run(_: &Lab) -> Result<Evidence> {
    let bytes = NonZeroUsize::new(ACCOUNTS * size_of::<u64>()).context("no accounts")?;
    let (access, private) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let mapping = unsafe { mmap_anonymous(None, bytes, access, private) }.context("mmap")?;
    let first: *mut u64 = mapping.cast().as_ptr();
    // Volatile, because with a shared mapping another process could write in between.
    // SAFETY: the index is below ACCOUNTS, and the mapping has room for so many.
    let set = |account: usize, to: u64| unsafe { first.add(account).write_volatile(to) };
    // SAFETY: as above.
    let sum = || (0..ACCOUNTS).map(|account| unsafe { first.add(account).read_volatile() }).sum();
    (0..ACCOUNTS).for_each(|account| set(account, EACH));
    let before: u64 = sum();
    say!("parent", "{ACCOUNTS} accounts hold {before} in all");

    let (mut saved, save) = pipe().context("pipe")?;
    let (half_way, tell_half_way) = pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let meanwhile = (&half_way).read_exact(&mut [0]).is_ok();
            let total: u64 = sum();
            say!("child", "sums up what it has: {total}");
            let answer = [total, u64::from(meanwhile)].map(u64::to_ne_bytes);
            status((&save).write_all(answer.as_flattened()))
        })
    }?;
    // A transfer: the first half of the accounts gives, the second half gets.
    (0..ACCOUNTS / 2).for_each(|account| set(account, 0));
    let during: u64 = sum();
    say!("parent", "is half way through a transfer, its accounts hold {during}");
    (&tell_half_way).write_all(&[1]).context("write")?;
    child.wait()?;
    let [mut total, mut meanwhile] = [[0; 8]; 2];
    saved.read_exact(&mut total).context("read the child's sum")?;
    saved.read_exact(&mut meanwhile).context("read the child's answer")?;
    let (total, meanwhile) = (u64::from_ne_bytes(total), u64::from_ne_bytes(meanwhile) == 1);
    (ACCOUNTS / 2..ACCOUNTS).for_each(|account| set(account, 2 * EACH));
    let after: u64 = sum();
    say!("parent", "has ended the transfer, its accounts hold {after}");
    let kind = if total == before { "whole" } else { "torn" };
    let when = if meanwhile { "in the middle of the transfer" } else { "at some time" };
    say!("parent", "the child saved {total}, {when}: {kind}");
    // SAFETY: the mapping is not used after this.
    unsafe { munmap(mapping, bytes.get()) }.context("munmap")?;
    Ok(Evidence::new()
        .fact("the child summed in the middle of the transfer", meanwhile && during != before)
        .fact("sum before the transfer", before)
        .fact("parent's sum in the middle", during)
        .fact("child's sum", total))
}
