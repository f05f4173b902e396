//! The task that is done by a thread and by a process.

/// Below this limit there are 303 primes: more than an exit status can say.
pub const LIMIT: u32 = 2000;

/// All primes below `limit`, in order.
pub fn primes_below(limit: u32) -> Vec<u32> {
    let mut primes: Vec<u32> = Vec::new();
    for number in 2..limit {
        let mut candidates = primes.iter().take_while(|prime| *prime * *prime <= number);
        if candidates.all(|prime| number % prime != 0) {
            primes.push(number);
        }
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_primes_are_found() {
        assert_eq!(primes_below(20), [2, 3, 5, 7, 11, 13, 17, 19]);
        assert_eq!(primes_below(LIMIT).len(), 303);
    }
}
