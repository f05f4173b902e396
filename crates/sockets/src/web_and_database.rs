//! A web server and a database, two processes. One dies and comes back; the other stays.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, explain_io, in_words, late};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::wait::WaitStatus;

use crate::address::{Address, Listener};
use crate::{child, database, web};

pub const EXPERIMENT: Experiment = Experiment {
    name: "web-and-database",
    question: "What do the users of a web server see when its database dies?",
    claims: &["database-and-web-server"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // ANCHOR: two
    let behind = Address::Abstract(format!("sockets-database-{}", std::process::id()));
    let disk = database::disk()?;
    let first = start_database(&behind, &disk)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(explain_io("bind"))?;
    let front = listener.local_addr().context("getsockname")?;
    let listener = Listener::Tcp(listener);
    let web = child(|| web::serve(&listener, &behind))?;
    drop(listener);
    // ANCHOR_END: two
    say!("user", "web server {} in front, database {} behind it", web.pid(), first.pid());
    let ask = |method: &str, body: &str| http(&front, method, body);

    // ANCHOR: sequence
    let stored = ask("PUT", "hello")?;
    let before = ask("GET", "")?;
    let gone = first.pid();
    let ended = killed("database", first)?;
    let during = ask("GET", "")?;
    let second = start_database(&behind, &disk)?;
    let after = ask("GET", "")?;
    // ANCHOR_END: sequence
    let (second_pid, web_pid) = (second.pid(), web.pid());
    if [&before, &after].iter().any(|answer| answer.status != 200) {
        // Whoever fails takes a moment to say why.
        web.ends_within(Duration::from_millis(300))?;
        second.ends_within(Duration::from_millis(300))?;
    }
    killed("web server", web)?;
    killed("database", second)?;
    say!("user", "PUT /greeting hello: {}", stored.in_words());
    say!("user", "GET /greeting: {}", before.in_words());
    say!("user", "the database {gone} {}", in_words(ended));
    say!("user", "GET /greeting: {}", during.in_words());
    say!("user", "another database, {second_pid}, listens at the same name");
    say!("user", "GET /greeting: {}", after.in_words());
    let answers = [&stored, &before, &during, &after];
    let same = answers.iter().all(|answer| answer.server == Some(web_pid.as_raw()));
    let words = if same { "all answers came" } else { "not all answers came" };
    say!("user", "{words} from process {web_pid}");
    Ok(Evidence::new()
        .fact("web: status before", before.status)
        .fact("web: status while the database is dead", during.status)
        .fact("web: status when it is back", after.status)
        .fact("web: one process gave all answers", same)
        .fact("web: what was stored is there again", after.body == "hello\n"))
}

/// Kills a server. One that has failed before says why, and then its answers decide nothing.
fn killed(name: &str, server: Child) -> Result<WaitStatus> {
    let ended = server.kill()?;
    ensure!(!matches!(ended, WaitStatus::Exited(_, 1)), "the {name} {}", in_words(ended));
    Ok(ended)
}

/// Binds the name, so that from here on clients are not refused, and forks who serves it.
fn start_database(address: &Address, disk: &File) -> Result<Child> {
    let listener = address.listen().map_err(explain_io("bind"))?;
    child(|| database::serve(&listener, disk))
}

/// What a user gets.
struct Answer {
    /// The status code; 0 if there was no answer.
    status: u32,
    /// The process that answered, as it says.
    server: Option<i32>,
    body: String,
}

impl Answer {
    fn in_words(&self) -> String {
        match self.status {
            0 => "no answer".to_owned(),
            status => format!("{status}, {}", self.body.trim_end()),
        }
    }
}

/// A request as a browser makes it, RFC 1945.
fn http(server: &std::net::SocketAddr, method: &str, body: &str) -> Result<Answer> {
    let mut text = String::new();
    let connected = match TcpStream::connect(server) {
        Ok(stream) => Some(stream),
        // A server that is gone gives no answer.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
        Err(error) => return Err(explain_io("connect")(error)),
    };
    if let Some(mut stream) = connected {
        stream.set_read_timeout(Some(LIMIT)).context("setsockopt")?;
        let length = body.len();
        let head = format!("{method} /greeting HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
        // A server that ends meanwhile gives no answer, which is one.
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
        if let Err(error) = stream.read_to_string(&mut text)
            && error.kind() == ErrorKind::WouldBlock
        {
            return Err(late("the web server neither answers nor ends the connection"));
        }
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let server = head.split("Server: process/").nth(1).and_then(|rest| rest.lines().next());
    let server = server.and_then(|pid| pid.parse().ok());
    Ok(Answer { status, server, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What curl sees as status of `GET /greeting`, or `None` where there is no curl.
    fn curl(server: &std::net::SocketAddr) -> Option<String> {
        let url = format!("http://{server}/greeting");
        let quiet = ["-s", "-o", "/dev/null", "--noproxy", "*", "-w", "%{http_code}"];
        let output = Command::new("curl").args(quiet).arg(url).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn a_real_client_gets_the_same_statuses() {
        let behind = Address::Abstract(format!("sockets-test-{}", std::process::id()));
        let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = front.local_addr().unwrap();
        let listener = Listener::Tcp(front);
        let (disk, at) = (database::disk().unwrap(), behind.clone());
        std::thread::spawn(move || web::serve(&listener, &at));
        assert_eq!(http(&server, "PUT", "hello").unwrap().status, 503, "nobody listens yet");
        let database = behind.listen().unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let mut one = database::Database::open(&disk).unwrap();
                one.talk(database.accept().unwrap()).unwrap();
                one.talk(database.accept().unwrap()).unwrap();
            });
            assert_eq!(http(&server, "PUT", "hello").unwrap().status, 200);
            let status = curl(&server);
            if status.is_none() {
                assert_eq!(http(&server, "GET", "").unwrap().status, 200);
            }
            assert_eq!(status.unwrap_or("200".into()), "200");
        });
        drop(database);
        assert_eq!(curl(&server).unwrap_or("503".into()), "503");
    }
}
