//! Who has accessed which bytes last, and whether that happened before: races, and what is used
//! after it was freed.

use super::hash::Map;
use super::memory::THREADS;

/// One access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub thread: usize,
    /// Where it begins.
    pub address: usize,
    /// How many bytes.
    pub length: usize,
    /// What it does.
    pub kind: AccessKind,
    /// When, by the clock of its thread.
    pub epoch: u32,
    /// Its number in the record, if there is one.
    pub event: u32,
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// A plain load.
    Read,
    /// A plain store.
    Write,
    /// An atomic load.
    AtomicRead,
    /// An atomic store, or a read-modify-write.
    AtomicWrite,
    /// Freeing the memory.
    Free,
}

impl AccessKind {
    fn writes(self) -> bool {
        matches!(self, AccessKind::Write | AccessKind::AtomicWrite | AccessKind::Free)
    }

    fn atomic(self) -> bool {
        matches!(self, AccessKind::AtomicRead | AccessKind::AtomicWrite)
    }
}

/// Two accesses that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The one that was first in this execution.
    pub first: Access,
    /// The one that came now.
    pub second: Access,
}

/// Bytes are looked at eight at a time.
const GRANULE: usize = 8;

/// The most bytes of one access that are looked at.
const LONGEST: usize = 1 << 16;

/// The last accesses to each granule.
#[derive(Debug, Default)]
pub struct Shadow {
    granules: Map<usize, Vec<Access>>,
}

impl Shadow {
    /// Records an access by a thread to which `clock` has happened before.
    pub fn access(&mut self, access: Access, clock: &[u32; THREADS]) -> Result<(), Clash> {
        let end = access.address + access.length.min(LONGEST);
        let mut start = access.address;
        while start < end {
            let granule = start / GRANULE;
            let next = end.min((granule + 1) * GRANULE);
            let part = Access { address: start, length: next - start, ..access };
            self.part(granule, part, clock)?;
            start = next;
        }
        Ok(())
    }

    fn part(&mut self, granule: usize, new: Access, clock: &[u32; THREADS]) -> Result<(), Clash> {
        let accesses = self.granules.entry(granule).or_default();
        let mut kept = None;
        for (index, old) in accesses.iter().enumerate() {
            let overlap =
                old.address < new.address + new.length && new.address < old.address + old.length;
            if !overlap {
                continue;
            }
            let ordered = old.thread == new.thread || clock[old.thread] >= old.epoch;
            let conflict = (old.kind.writes() || new.kind.writes())
                && !(old.kind.atomic() && new.kind.atomic());
            if conflict && !ordered || old.kind == AccessKind::Free {
                return Err(Clash { first: *old, second: new });
            }
            let same = old.thread == new.thread && old.kind == new.kind;
            if same && (old.address, old.length) == (new.address, new.length) {
                kept = Some(index);
            }
        }
        match kept {
            Some(index) => accesses[index] = new,
            None => accesses.push(new),
        }
        Ok(())
    }
}
