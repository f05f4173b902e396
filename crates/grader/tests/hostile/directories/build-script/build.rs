//! Would leave a file if anybody ran it.

fn main() {
    std::fs::write("/tmp/hostile-build-script-ran", "").unwrap();
    std::process::exit(0);
}
