//! `cargo run -p privilege-separation`: what makes a process a wall, and which walls are allowed here.

lab::on_linux!(lab::main(&privilege_separation::PACKAGE));
