//! A scope whose end waits for all its threads; each writes the code into its own place.
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

pub fn run_all(commands: &mut [Command]) -> io::Result<Vec<i32>> {
    let mut codes = vec![127; commands.len()];
    thread::scope(|scope| {
        for (command, code) in commands.iter_mut().zip(&mut codes) {
            scope.spawn(move || {
                if let Ok(status) = command.status() {
                    *code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
                }
            });
        }
    });
    Ok(codes)
}
