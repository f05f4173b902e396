//! What a segmentation fault is: an address that the page table does not allow, and a signal that
//! says which.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::SeqCst;

use anyhow::Result;
use lab::child::{Child, explain};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::sys::resource::{UsageWho, getrusage};

use crate::fault::{self, Notes, Outcome, READ_WRITE, UNIT, map};

pub const EXPERIMENT: Experiment = Experiment {
    name: "wild-pointer",
    question: "What happens at an address that is not yours?",
    claims: &["no-direct-access"],
    run,
};

static CONSTANT: [u8; 64] = [7; 64];

fn read(address: usize) -> u8 {
    // SAFETY: none; that is the experiment. A child does it, and a fault ends the child alone.
    unsafe { black_box(address as *const u8).read_volatile() }
}

fn load(address: usize) {
    let _ = read(address);
}

/// Something that is done with an address.
type Attempt = fn(usize);

fn write(address: usize) {
    // SAFETY: as above.
    unsafe { black_box(address as *mut u8).write_volatile(1) }
}

fn run(_: &Lab) -> Result<Evidence> {
    let notes = Notes::new()?;
    let (faults, pages) = faults_that_are_mended()?;
    let each =
        if faults >= pages { "a fault for each".to_owned() } else { format!("{faults} faults") };
    say!("parent", "{pages} new pages to be written to: {each}, no signal");

    // ANCHOR: tries
    let guard = map(UNIT, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE)? as usize;
    let beyond = beyond_the_end()?;
    let constant = CONSTANT.as_ptr() as usize;
    let tries: [(&str, usize, Attempt); 4] = [
        ("read near address 0", 8, load),
        ("write to a constant", constant, write),
        ("read a guard page", guard, load),
        ("read past a file's end", beyond, load),
    ];
    // ANCHOR_END: tries
    say!("parent", "{:<24}{:<13}the child", "a child's try", "the kernel");
    let mut evidence = Evidence::new();
    let mut named = 0;
    for (name, address, attempt) in tries {
        let child = fault::start(notes, || attempt(address))?;
        let found = fault::outcome(notes, child)?;
        named += usize::from(found.code != "no fault" && found.address == address);
        tell(name, &found);
        evidence = evidence.fact(&format!("{name}: code"), found.code);
    }

    let (found, address, value, has) = read_the_parents_page(notes)?;
    named += usize::from(found.code != "no fault" && found.address == address);
    tell("read the parent's page", &found);
    let reads_it = found.code == "no fault" && value == SECRET;
    let what = if reads_it { "the same memory" } else { "nothing of the kind" };
    say!("parent", "there the parent has {has}, and the child {what}");
    say!("parent", "in {named} of {} the kernel named the address that was used", tries.len() + 1);
    Ok(evidence
        .fact("parent's page: code", found.code)
        .fact("parent's page: a load reads it", reads_it)
        .fact("tries whose address the kernel names", named)
        .fact("first touch: pages", pages)
        .fact("first touch: each page faults", faults >= pages))
}

fn tell(name: &str, found: &Outcome) {
    say!("parent", "{name:<24}{:<13}{}", found.code, found.ended);
}

/// Writes to new pages, and counts the faults that nobody hears of.
fn faults_that_are_mended() -> Result<(i64, i64)> {
    // SAFETY: the call takes an integer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let (pages, so_far) = (64, || getrusage(UsageWho::RUSAGE_SELF).map(|u| u.minor_page_faults()));
    let memory = map(pages * page, READ_WRITE, MapFlags::MAP_PRIVATE)?;
    // SAFETY: the advice is about this mapping alone.
    unsafe { libc::madvise(memory.cast(), pages * page, libc::MADV_NOHUGEPAGE) };
    let before = so_far().map_err(explain("getrusage"))?;
    (0..pages).for_each(|index| write(memory as usize + index * page));
    Ok((so_far().map_err(explain("getrusage"))? - before, pages as i64))
}

/// Maps a file and as much again behind its end.
fn beyond_the_end() -> Result<usize> {
    let file = memfd_create(c"short", MFdFlags::empty()).map_err(explain("memfd_create"))?;
    nix::unistd::ftruncate(&file, UNIT as i64).map_err(explain("ftruncate"))?;
    let length = NonZeroUsize::new(2 * UNIT).expect("a length");
    // SAFETY: a new mapping changes no other memory.
    let memory = unsafe { mmap(None, length, READ_WRITE, MapFlags::MAP_SHARED, &file, 0) };
    Ok(memory.map_err(explain("mmap"))?.as_ptr() as usize + UNIT)
}

const SECRET: i32 = 42;

/// A child reads at an address at which its parent has got a page after the fork.
fn read_the_parents_page(notes: &'static Notes) -> Result<(Outcome, usize, i32, u8)> {
    notes.pointer.store(0, SeqCst);
    // ANCHOR: secret
    let child = start_reader(notes)?;
    let secret = map(UNIT, READ_WRITE, MapFlags::MAP_PRIVATE)?;
    // ANCHOR_END: secret
    // SAFETY: the page has just been mapped.
    unsafe { secret.write(SECRET as u8) };
    notes.pointer.store(secret as usize, SeqCst);
    let found = fault::outcome(notes, child)?;
    // SAFETY: as above.
    let has = unsafe { secret.read_volatile() };
    Ok((found, secret as usize, notes.value.load(SeqCst), has))
}

fn start_reader(notes: &'static Notes) -> Result<Child> {
    fault::start(notes, || {
        while notes.pointer.load(SeqCst) == 0 {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        notes.value.store(read(notes.pointer.load(SeqCst)).into(), SeqCst);
    })
}
