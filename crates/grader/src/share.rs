//! A share of many cases, where all of them take long: chosen anew by each run, and again by its seed.

use anyhow::{Context, Result};
use driver::{Random, mixed};

/// One in so many, by chance.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// How many there are for one that is chosen; 1 for all.
    pub one_in: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Share {
    /// Everything.
    pub const ALL: Share = Share { one_in: 1, seed: 0 };

    /// The share that a test is told to run, or else one in `usual`: `GRADE_SHARE` says one in how many,
    /// and `GRADE_SEED` repeats the choice of a run that printed it.
    pub fn of_test(usual: usize) -> Result<Share> {
        let number = |name: &str, radix: u32| {
            let text = std::env::var(name).ok();
            let parsed = text.map(|text| u64::from_str_radix(&text, radix).context(text));
            parsed.transpose().with_context(|| format!("{name} is not a number"))
        };
        let one_in = number("GRADE_SHARE", 10)?.map_or(usual, |it| it as usize).max(1);
        let seed = number("GRADE_SEED", 16)?.map_or_else(crate::process::seed, Ok)?;
        Ok(Share { one_in, seed })
    }

    /// Those of `all` that are chosen, in their order: at least one, if there is any. `what` they are
    /// keeps the choices for several sets apart.
    pub fn of<T>(&self, what: &str, all: Vec<T>) -> Vec<T> {
        let count = all.len().div_ceil(self.one_in);
        let seed = what.bytes().fold(self.seed, |seed, byte| mixed(seed ^ u64::from(byte)));
        let mut order: Vec<usize> = (0..all.len()).collect();
        Random::new(seed).shuffle(&mut order);
        order.truncate(count);
        let chosen = all.into_iter().enumerate().filter(|(index, _)| order.contains(index));
        chosen.map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_chosen_by_its_seed() {
        let all: Vec<u32> = (0..34).collect();
        let of = |one_in, seed, what| Share { one_in, seed }.of(what, all.clone());
        assert_eq!(Share::ALL.of("these", all.clone()), all);
        assert_eq!(of(8, 1, "these").len(), 5);
        assert_eq!(of(8, 1, "these"), of(8, 1, "these"));
        assert_ne!(of(8, 1, "these"), of(8, 2, "these"));
        assert_ne!(of(8, 1, "these"), of(8, 1, "those"));
        assert_eq!(of(100, 1, "these").len(), 1);
        // Nothing is left out for ever.
        assert!(all.iter().all(|it| (0..1000).any(|seed| of(8, seed, "these").contains(it))));
    }
}
