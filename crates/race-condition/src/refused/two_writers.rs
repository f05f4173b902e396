fn main() {
    let mut counter = 0;
    std::thread::scope(|threads| {
        threads.spawn(|| counter += 1);
        threads.spawn(|| counter += 1);
    });
    println!("{counter}");
}
