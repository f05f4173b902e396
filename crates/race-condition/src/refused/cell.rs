use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let counter = Arc::new(Cell::new(0));
    let copy = Arc::clone(&counter);
    std::thread::spawn(move || copy.set(copy.get() + 1)).join().unwrap();
    println!("{}", counter.get());
}
