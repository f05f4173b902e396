//! Each thread fills a cell of its own, once; nothing is returned from a thread.

use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread::scope;

pub fn parallel_sum<T: Sync, F: Fn(&T) -> u64 + Sync>(
    items: &[T],
    threads: usize,
    value: F,
) -> u64 {
    let length = items.len().div_ceil(threads).max(1);
    let pieces: Vec<&[T]> = items.chunks(length).collect();
    let sums = vec![OnceLock::new(); pieces.len()];
    let add = |(piece, sum): (&&[T], &OnceLock<u64>)| {
        let added = piece.iter().map(&value).sum();
        sum.set(added).expect("a cell of its own");
    };
    let add = &add;
    let outcome: Vec<_> = scope(|scope| {
        let pairs = pieces.iter().zip(&sums);
        let threads: Vec<_> = pairs.map(|pair| scope.spawn(move || add(pair))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    if let Some(payload) = outcome.into_iter().find_map(Result::err) {
        resume_unwind(payload);
    }
    sums.iter().filter_map(OnceLock::get).sum()
}
