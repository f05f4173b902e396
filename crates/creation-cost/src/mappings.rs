//! The mappings of this process, from smaps in proc(5).

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};

/// A piece of address space.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Its addresses.
    pub range: Range<usize>,
    /// What may be done with it, such as `rw-p`.
    pub access: String,
    /// How much of it is in memory, in KiB.
    pub resident: usize,
}

impl Mapping {
    /// Its size in KiB.
    pub fn size(&self) -> usize {
        self.range.len() >> 10
    }

    /// Whether nothing at all may be done with it.
    pub fn is_closed(&self) -> bool {
        self.access.starts_with("---")
    }
}

/// The mappings of this process, in the order of their addresses.
pub fn mappings() -> Result<Vec<Mapping>> {
    Ok(parse(&fs::read_to_string("/proc/self/smaps").context("smaps")?))
}

fn parse(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else { continue };
        if let Some(range) = range(first) {
            found.push(Mapping { range, access: second.to_owned(), resident: 0 });
        } else if let ("Rss:", Some(mapping)) = (first, found.last_mut()) {
            mapping.resident = second.parse().unwrap_or(0);
        }
    }
    found
}

fn range(word: &str) -> Option<Range<usize>> {
    let (start, end) = word.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaps_is_read_mapping_by_mapping() {
        let smaps = "7f0000001000-7f0000003000 rw-p 00000000 00:00 0 \n\
                     Size:                  8 kB\nRss:                   4 kB\n\
                     VmFlags: rd wr mr\n\
                     7f0000003000-7f0000004000 ---p 00000000 00:00 0 \nRss: 0 kB\n";
        let found = parse(smaps);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].size(), found[0].resident), (8, 4));
        assert!(found[1].is_closed() && !found[0].is_closed());
    }

    #[test]
    fn this_process_has_a_stack() {
        let local = 0u8;
        let address = &raw const local as usize;
        assert!(mappings().unwrap().iter().any(|mapping| mapping.range.contains(&address)));
    }
}
