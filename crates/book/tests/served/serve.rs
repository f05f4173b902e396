//! What browsers, careless or hostile, and neighbours on the same machine do to `cargo book`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use acceptance::watchdog::wait_until;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

use crate::server::{self, STRANGER, Server, address, book, status, write};

/// A checkout with a large file, and one that is not the book's.
fn checkout() -> TempDir {
    let folder = server::checkout();
    write(folder.path(), "secret", "of the house");
    write(folder.path(), "book/src/large.txt", &"large ".repeat(1_000_000));
    folder
}

/// `book` with a limit of the shell's, such as `-n 20`.
fn limited(folder: &Path, limit: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_book")]).current_dir(folder);
    command
}

fn is_ok(answer: &str) -> bool {
    status(answer) == "200"
}

#[test]
fn pages_are_served_and_a_missing_one_is_the_books() {
    let folder = checkout();
    let server = Server::start(&mut book(folder.path()));
    let page = server.get("/");
    assert!(is_ok(&page) && page.contains("<h1 id=\"one\">"), "{page}");
    assert!(page.contains("text/html"), "{page}");
    assert!(is_ok(&server.get("/two.html?print#two")));
    for missing in ["/three.html", "/a/b/c", "/%00", "/%ff"] {
        let answer = server.get(missing);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{missing}: {answer}");
    }
    assert!(server.get("/three.html").contains("Little</title>"));
}

#[test]
fn no_path_leaves_the_book() {
    let folder = checkout();
    let server = Server::start(&mut book(folder.path()));
    for path in [
        "/../../secret",
        "/%2e%2e/%2e%2e/secret",
        "/..%2f..%2fsecret",
        "/two.html/../../../secret",
        "/..\\..\\secret",
        "//etc/passwd",
        "/%2fetc/passwd",
        "http://book/../../secret",
        "../../secret",
    ] {
        let answer = server.get(path);
        assert!(!is_ok(&answer) && !answer.contains("of the house"), "{path}: {answer}");
    }
}

#[test]
fn nobody_holds_the_others_up() {
    let folder = checkout();
    let server = Server::start(&mut book(folder.path()));
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(server.send("GET /large.txt HTTP/1.1\r\nHost: book\r\n\r\n"));
        held.push(server.send("POST / HTTP/1.1\r\nHost: book\r\nContent-Length: 100000\r\n\r\n"));
        held.push(server.send("GET / HTTP/1.1\r\nHost: bo"));
        held.push(server.send(""));
    }
    for length in ["99999999999", "18446744073709551616", "-1"] {
        server.send(&format!("GET / HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n"));
    }
    server.send("\0\u{1}\u{2}\r\n\r\n");
    server.send(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)));
    assert!(is_ok(&server.get("/")));
    assert!(server.get("/large.txt").ends_with("large large "));
    // There are at most so many at a time, and the others wait.
    held.extend((0..200).map(|_| server.send("")));
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count();
    assert!(descriptors < 300, "{descriptors} descriptors");
    // Who sends nothing is let go, also the last one, and its place is another's.
    let mut silent = held.pop().unwrap();
    let end = loop {
        match silent.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            end => break end,
        }
    };
    match end {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the connection still stands: {other:?}"),
    }
    assert!(is_ok(&server.get("/")));
}

#[test]
fn a_lack_of_descriptors_passes() {
    let folder = checkout();
    let mut command = limited(folder.path(), "-n 24");
    let server = Server::start(command.stderr(Stdio::null()));
    let held: Vec<TcpStream> = (0..40).map(|_| server.send("")).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(held);
    assert!(is_ok(&server.get("/")));
}

/// `book` for a user without other processes, who may have `most` processes and threads. Root has no
/// such limit, and somebody else has processes besides.
fn crowded(folder: &Path, most: u64) -> Command {
    let mut command = book(folder);
    if geteuid().is_root() {
        for path in [folder.to_owned(), folder.join("book")] {
            chown(path, Some(STRANGER), None).unwrap();
        }
        command.uid(STRANGER);
    }
    // SAFETY: between fork and exec only one system call is made.
    unsafe {
        command.pre_exec(move || Ok(setrlimit(Resource::RLIMIT_NPROC, most, most)?));
    }
    command
}

#[test]
fn a_lack_of_threads_is_a_sentence_and_one_is_enough() {
    let folder = checkout();
    let output = crowded(folder.path(), 1).args(["--port", "0", "--no-open"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ulimit -u") && !said.contains("panicked"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    if geteuid().is_root() {
        // Now with room for one thread besides the first.
        let folder = checkout();
        let server = Server::start(&mut crowded(folder.path(), 2));
        let held: Vec<TcpStream> =
            (0..8).map(|_| server.send("GET /large.txt HTTP/1.1\r\nHost: book\r\n\r\n")).collect();
        assert!(is_ok(&server.get("/")));
        drop(held);
        assert!(server.get("/large.txt").ends_with("large large "));
    }
}

#[test]
fn without_stdout_the_address_is_on_stderr() {
    let folder = checkout();
    let mut command = book(folder.path());
    command.args(["--port", "0", "--no-open"]).stdout(File::create("/dev/full").unwrap());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let address = address(child.stderr.take().unwrap());
    let server = Server { child, address };
    assert!(is_ok(&server.get("/")));
}

#[test]
fn without_stdout_or_stderr_nothing_panics() {
    let folder = checkout();
    let full = || File::create("/dev/full").unwrap();
    let code = |arguments: &[&str]| {
        let mut command = book(folder.path());
        command.args(arguments).stdout(full()).stderr(full()).status().unwrap().code()
    };
    assert_eq!(code(&["build"]), Some(1));
    assert_eq!(code(&["--help"]), Some(1));
    assert_eq!(code(&["--port", "many"]), Some(2));
    let output = book(folder.path()).arg("--help").stdout(full()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "book: standard output: No space left on device (os error 28)\n");
}

#[test]
fn a_build_beside_a_server_is_never_half_there() {
    let folder = checkout();
    let server = Server::start(&mut book(folder.path()));
    let mut builds: Vec<Child> = (0..2)
        .map(|_| book(folder.path()).arg("build").stdout(Stdio::null()).spawn().unwrap())
        .collect();
    let mut looks = 0;
    loop {
        let ended = builds.iter_mut().all(|build| build.try_wait().unwrap().is_some());
        let page = server.get("/two.html");
        assert!(is_ok(&page) && page.contains("</html>"), "look {looks}: {page}");
        looks += 1;
        if ended {
            break;
        }
    }
    assert!(builds.iter_mut().all(|build| build.wait().unwrap().success()));
    assert!(looks > 1);

    fs::write(folder.path().join("book/src/two.md"), "# Two\n\n[dead](dead.md)\n").unwrap();
    let output = book(folder.path()).arg("build").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!server.get("/two.html").contains("dead"), "pages with a fault were served");
    assert!(!folder.path().join("book/build.new").exists());
}

#[test]
fn ctrl_c_and_sigterm_end_it() {
    let folder = checkout();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut server = Server::start(&mut book(folder.path()));
        let _held = server.send("");
        kill(Pid::from_raw(server.child.id() as i32), signal).unwrap();
        assert!(server.child.wait().unwrap().success());
    }
}

#[test]
fn a_browser_is_opened_unless_one_says_no() {
    let folder = checkout();
    let note = folder.path().join("note");
    let browser = folder.path().join("browser");
    fs::write(&browser, format!("#!/bin/sh\necho \"$1\" >'{}'\n", note.display())).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    drop(Server::start(book(folder.path()).env("BROWSER", &browser)));
    assert!(!note.exists(), "--no-open opens none");

    let mut command = book(folder.path());
    command.args(["--port", "0"]).env("BROWSER", &browser).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let address = address(child.stdout.take().unwrap());
    let _server = Server { child, address: address.clone() };
    let opened = format!("http://{address}/\n");
    wait_until("a browser is opened", || fs::read_to_string(&note).is_ok_and(|it| it == opened));
}

#[test]
fn what_cannot_be_is_one_sentence() {
    let folder = checkout();
    let nowhere = tempfile::tempdir().unwrap();
    let server = Server::start(&mut book(folder.path()));
    let port = server.address.rsplit(':').next().unwrap();
    for (place, arguments, code, words) in [
        (nowhere.path(), vec!["build"], 1, "is not in a checkout of this project"),
        (folder.path(), vec!["--port", port], 1, "--port chooses another"),
        (folder.path(), vec!["--port", "70000"], 2, "70000"),
        (folder.path(), vec!["--prot", "1"], 2, "--port"),
        (folder.path(), vec!["--p\x1b\n\nrot"], 2, "'--p\\u{1b}\\n\\nrot' found ("),
        (folder.path(), vec!["--port", "\x1b\n"], 2, "'\\u{1b}\\n' for"),
    ] {
        let output = book(place).args(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{arguments:?}: {said}");
        assert!(!said.contains('\x1b'), "{arguments:?}: {said:?}");
    }
}
