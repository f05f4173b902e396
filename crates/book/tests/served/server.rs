//! A little book and the server of it, as the tests of both kinds need them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use acceptance::watchdog;
use tempfile::TempDir;

/// A user without processes.
pub const STRANGER: u32 = 64_431;

/// Writes a file, and the folders that it needs.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A checkout with a book of two pages.
pub fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "crates/book/Cargo.toml", "");
    write(
        folder.path(),
        "book/book.toml",
        "[book]\ntitle = \"Little\"\n[build]\nbuild-dir = \"build\"\n[output.html.search]\n\
         enable = false\n",
    );
    let summary = "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n";
    write(folder.path(), "book/src/SUMMARY.md", summary);
    write(folder.path(), "book/src/one.md", "# One\n");
    write(folder.path(), "book/src/two.md", "# Two\n");
    folder
}

/// `book` in a checkout.
pub fn book(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    command
}

/// A running server, which ends with this value.
pub struct Server {
    pub child: Child,
    pub address: String,
}

impl Server {
    /// Starts it at a port that is free, without a browser.
    pub fn start(command: &mut Command) -> Self {
        let command = command.args(["--port", "0", "--no-open"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let address = address(child.stdout.take().unwrap());
        Self { child, address }
    }

    /// The answer to a request for a page.
    pub fn get(&self, path: &str) -> String {
        whole(self.send(&format!("GET {path} HTTP/1.1\r\nHost: book\r\n\r\n")))
    }

    /// Sends a request, or the beginning of one.
    pub fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(watchdog::LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The address that stands in the first line that is printed.
pub fn address(from: impl Read) -> String {
    let mut line = String::new();
    BufReader::new(from).read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("http://").unwrap_or_else(|| panic!("no address: {line:?}"));
    rest.split('/').next().unwrap().to_owned()
}

/// The whole answer. A server that ends the connection early has answered with what is there.
pub fn whole(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer.
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}
