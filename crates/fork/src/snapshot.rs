//! A forked child sees memory as it was at the call: a consistent snapshot, while the parent
//! goes on writing. Redis saves its database in this way.

use std::io::Read;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use lab::child::{Child, explain};
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
    // SAFETY: the mapping is that large, page aligned, zeroed, and lives until the end.
    let accounts =
        unsafe { std::slice::from_raw_parts_mut(mapping.cast::<u64>().as_ptr(), ACCOUNTS) };
    accounts.fill(EACH);
    let should = ACCOUNTS as u64 * EACH;
    say!("parent", "{ACCOUNTS} accounts hold {should} in all");

    let (reader, writer) = nix::unistd::pipe().map_err(explain("pipe"))?;
    let (go_reader, go_writer) = nix::unistd::pipe().map_err(explain("pipe"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let mut go = [0];
            let _ = nix::unistd::read(go_reader.as_fd(), &mut go);
            let sum: u64 = accounts.iter().sum();
            say!("child", "sums the snapshot: {sum}");
            i32::from(nix::unistd::write(writer.as_fd(), &sum.to_ne_bytes()).is_err())
        })
    }?;
    drop(writer);
    accounts[..ACCOUNTS / 2].fill(0);
    let half_way: u64 = accounts.iter().sum();
    say!("parent", "is half way through a change: {half_way}");
    nix::unistd::write(&go_writer, &[1]).map_err(explain("write"))?;
    let mut sum = [0; 8];
    std::fs::File::from(reader).read_exact(&mut sum).context("read the child's sum")?;
    child.wait()?;
    let sum = u64::from_ne_bytes(sum);
    say!("parent", "the child saved {sum}, not {half_way}: {}", consistent(sum == should));
    // SAFETY: `accounts` is not used after this.
    unsafe { munmap(mapping, bytes.get()) }.context("munmap")?;
    Ok(Evidence::new().fact("snapshot is consistent", sum == should))
}

fn consistent(yes: bool) -> &'static str {
    if yes { "a consistent snapshot" } else { "torn" }
}
