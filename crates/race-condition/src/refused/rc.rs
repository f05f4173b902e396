use std::rc::Rc;

fn main() {
    let shared = Rc::new(7);
    let copy = Rc::clone(&shared);
    std::thread::spawn(move || println!("{copy}")).join().unwrap();
    println!("{shared}");
}
