fn main() {
    let numbers = vec![1, 2, 3];
    let thread = std::thread::spawn(|| numbers.len());
    println!("{}", thread.join().unwrap());
}
