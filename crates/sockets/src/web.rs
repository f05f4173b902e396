//! A web server: HTTP/1.0 in front, the database behind. RFC 1945.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::{Context, Result};
use lab::child::LIMIT;
use nix::errno::Errno;

use crate::address::{Address, Listener, limit};
use crate::framing::{receive, send};

/// No request is longer, in bytes.
const LONGEST: u64 = 8 << 10;

/// Serves one client after the other, until this process is ended.
pub fn serve(listener: &Listener, database: &Address) -> Result<()> {
    loop {
        serve_one(&listener.accept().context("accept")?, database)?;
    }
}

/// Reads one request and answers it.
pub fn serve_one(client: &File, database: &Address) -> Result<()> {
    limit(client, LIMIT).context("setsockopt")?;
    // A client that has gone, in whatever way, is no failure of the server.
    let Ok(Some(query)) = request(client) else {
        return respond(client, "400 Bad Request", "not understood\n");
    };
    // ANCHOR: answer
    match ask(database, &query) {
        Ok(answer) => match answer.split_once(' ') {
            Some(("value", value)) => respond(client, "200 OK", &format!("{value}\n")),
            _ if answer == "stored" => respond(client, "200 OK", "stored\n"),
            _ => respond(client, "404 Not Found", "there is no such key\n"),
        },
        Err(error) if is_our_own(&error) => Err(error).context("ask the database"),
        Err(_) => respond(client, "503 Service Unavailable", "the database is away\n"),
    }
    // ANCHOR_END: answer
}

/// What the database is to be asked: `GET /key` gets, `PUT /key` with a body sets.
fn request(client: &File) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(client.take(LONGEST));
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; usize::min(length, LONGEST as usize)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let words: Vec<&str> = first.split_whitespace().collect();
    Ok(match words[..] {
        ["GET", path, _] => Some(format!("get {}", key(path))),
        ["PUT", path, _] => Some(format!("set {} {body}", key(path))),
        _ => None,
    })
}

fn key(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// Whether it is this process that has reached a limit: that says nothing of the database.
fn is_our_own(error: &io::Error) -> bool {
    use Errno::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    let errno = error.raw_os_error().map(Errno::from_raw);
    errno.is_some_and(|errno| [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(&errno))
}

// ANCHOR: ask
/// Asks the database, over a connection of its own for each question.
fn ask(database: &Address, query: &str) -> io::Result<String> {
    let connection = database.connect()?;
    limit(&connection, LIMIT)?;
    send(&connection, query.as_bytes())?;
    Ok(String::from_utf8_lossy(&receive(&connection)?).into_owned())
}
// ANCHOR_END: ask

/// The answer says, too, which process gives it.
fn respond(mut client: &File, status: &str, body: &str) -> Result<()> {
    let (pid, length) = (std::process::id(), body.len());
    let head = format!("Server: process/{pid}\r\nContent-Length: {length}\r\n");
    let kind = "Content-Type: text/plain";
    let _ = write!(client, "HTTP/1.0 {status}\r\n{kind}\r\n{head}\r\n{body}");
    Ok(())
}
