//! What the book's own page, another site's page, and neighbours on the same machine get run.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use acceptance::watchdog::wait_until;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, Uid, geteuid, setfsuid};
use tempfile::TempDir;

use crate::server::{STRANGER, Server, book, checkout, status, whole, write};

/// Stands for cargo: writes its arguments and its group's id into `calls`, then does what `does` says.
const CARGO: &str = r#"#!/bin/sh
echo "$$ $*" >>'FOLDER/calls'
printf '    Building [=>    ] 1/2: lab\r   Compiling fork v0.1.0\n     Running `fork`\n' >&2
. 'FOLDER/does'
"#;

const STORY: &str = "echo 'one: Why?'; echo '[main 7] counts 3'";

const TRANSCRIPT: &str = "$ cargo run -q -p fork\n--- ANCHOR: one · exact\none: Why?\n\
    [main 1] counts 2\n--- ANCHOR_END: one\n--- ANCHOR: verdicts · varies\n\"It is so.\"\n  holds\n\
    --- ANCHOR_END: verdicts\n";

const BREAKS: &str = "[[break]]\nname = \"gone\"\nfile = \"src/one.rs\"\nexperiment = \"one\"\n\
    find = \"2\"\nreplace = \"3\"\nasks = \"What now?\"\nbecause = \"So.\"\n[break.expect]\n\
    lines = [\"counts 3\"]\n";

/// A server of a little book, whose cargo is a script.
struct Runner {
    server: Server,
    folder: TempDir,
    token: String,
}

impl Runner {
    /// `does` is a part of a shell's script.
    fn new(does: &str, arguments: &[&str]) -> Self {
        let folder = checkout();
        let write = |name: &str, text: &str| write(folder.path(), name, text);
        write("crates/fork/transcript.txt", TRANSCRIPT);
        write("crates/fork/breaks.toml", BREAKS);
        write(
            "crates/fork/facts.json",
            r#"{"experiments": [{"name": "one", "facts": [{"name": "n", "unit": "", "value": 2}]}]}"#,
        );
        write(
            "book/src/one.md",
            "# One\n\n<!-- predict: number, fork one \"n\" -->\nHow many?\n\n```text\n\
             {{#include ../../crates/fork/transcript.txt:one}}\n```\n",
        );
        write("does", does);
        let cargo = folder.path().join("cargo");
        write("cargo", &CARGO.replace("FOLDER", &folder.path().display().to_string()));
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let server = Server::start(book(folder.path()).args(arguments).env("CARGO", &cargo));
        let mut runner = Self { server, folder, token: String::new() };
        let page = runner.get(&runner.server.address);
        runner.token = token_of(&page).unwrap_or_else(|| panic!("no token: {page}")).to_owned();
        runner
    }

    /// The page, asked for under this name of the server.
    fn get(&self, host: &str) -> String {
        whole(self.server.send(&format!("GET /one.html HTTP/1.1\r\nHost: {host}\r\n\r\n")))
    }

    /// The head of a request as the book's page sends it.
    fn head(&self, path: &str) -> String {
        let (address, token) = (&self.server.address, &self.token);
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             X-Book-Token: {token}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn run(&self, path: &str) -> String {
        whole(self.server.send(&self.head(path)))
    }

    /// What the script has been called with.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The process group of the last call, once there are `calls`.
    fn group(&self, calls: usize) -> Pid {
        wait_until("it is called", || self.calls().len() >= calls);
        let last = self.calls().pop().unwrap();
        Pid::from_raw(last.split(' ').next().unwrap().parse().unwrap())
    }

    /// The answer to one more request is that it may run.
    fn is_free(&self) {
        fs::write(self.folder.path().join("does"), STORY).unwrap();
        let answer = self.run("/run/fork/one");
        assert!(answer.contains("One line differs"), "{answer}");
    }
}

fn token_of(page: &str) -> Option<&str> {
    page.split_once("name=\"book-token\" content=\"")?.1.split('"').next()
}

/// Whether somebody of the process group lives. Zombies, whom only their parent can bury, do not.
fn lives(group: Pid) -> bool {
    let stats = fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let found = |stat: String| {
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        Some(fields[0] != "Z" && fields[2] == group.to_string())
    };
    stats.filter_map(found).any(|lives| lives)
}

#[test]
fn an_experiment_is_built_run_and_compared() {
    let facts = r#"{"experiments": [{"name": "one", "facts": [{"name": "n", "unit": "", "value": 3}]}],
        "claims": [{"claim": "It is so.", "verdict": "holds"}]}"#;
    let does = format!("{STORY}; echo; echo '\"It is so.\"'; echo odd >&2; echo '{facts}' >\"$7\"");
    let runner = Runner::new(&does, &[]);
    let answer = runner.run("/run/fork/one");
    assert_eq!(status(&answer), "200", "{answer}");
    for said in [
        r#"{"builds":"1 of 2: lab"}"#,
        r#"{"builds":"Compiling fork v0.1.0"}"#,
        r#"{"runs":true}"#,
        r#"{"line":"one: Why?"}"#,
        r#"{"line":"[main 7] counts 3"}"#,
        r#"{"warns":"odd"}"#,
        r#""differs":{"here":[1],"recorded":[1]}"#,
        r#"{"here":3,"name":"n","recorded":2,"unit":""}"#,
        r#""verdict":"holds""#,
        "One line differs",
    ] {
        assert!(answer.contains(said), "{said}: {answer}");
    }
    let calls = runner.calls();
    assert!(calls[0].contains(" run -p fork -- one --evidence /proc/"), "{calls:?}");
    assert!(!lives(runner.group(1)));
}

#[test]
fn a_break_is_run_by_its_command() {
    let runner = Runner::new("echo '- counts 2'", &[]);
    let answer = runner.run("/break/fork/gone");
    assert!(answer.contains(r#"{"line":"- counts 2"}"#), "{answer}");
    assert!(answer.contains("The break has been tried."), "{answer}");
    assert!(runner.calls()[0].ends_with(" run -p xtask -- break fork gone"));
}

#[test]
fn a_page_is_told_how_far_a_breaks_build_is() {
    let does = r"printf '    Building [=>  ] 3/40: lab\033[K\r\033[K\r' >&2; echo '- counts 2'; echo odd >&2";
    let answer = Runner::new(does, &[]).run("/break/fork/gone");
    let told = |what: &str| answer.find(what).unwrap_or_else(|| panic!("{what}: {answer}"));
    assert!(told(r#"{"builds":"3 of 40: lab"}"#) < told(r#"{"builds":""}"#), "{answer}");
    told(r#"{"warns":"odd"}"#);
}

#[test]
fn a_long_build_is_no_long_story() {
    let does = r"yes '    Building [=>  ] 3/400: something with a name of many letters' | head -n 5000 >&2
        echo '- counts 2'";
    let answer = Runner::new(does, &[]).run("/break/fork/gone");
    assert!(answer.contains("The break has been tried."), "{answer}");
}

#[test]
fn what_cannot_be_shown_here_says_why() {
    let evidence =
        r#"{"experiments": [{"name": "one", "facts": null, "unavailable": "one: pipe: EMFILE"}]}"#;
    let does =
        format!("echo 'one: Why?'; echo '  inconclusive here: pipe'; echo '{evidence}' >\"$7\"");
    let answer = Runner::new(&does, &[]).run("/run/fork/one");
    assert!(answer.contains("It has run, and cannot be shown here: pipe: EMFILE."), "{answer}");
    assert!(answer.contains(r#""facts":[]"#) && answer.contains("\"ended\":true"), "{answer}");
}

#[test]
fn what_fails_says_how() {
    for (does, said) in [
        ("exit 3", "It failed, with status 3."),
        ("kill -SEGV $$", "SIGSEGV ended it."),
        ("yes | head -c 300000", "more than a page can show"),
    ] {
        let runner = Runner::new(does, &[]);
        let answer = runner.run("/run/fork/one");
        assert!(answer.contains(said) && answer.contains("\"ended\":false"), "{does}: {said}");
        runner.is_free();
    }
    let runner = Runner::new("", &[]);
    fs::write(runner.folder.path().join("cargo"), "#!/bin/sh\necho 'error: no' >&2; exit 101\n")
        .unwrap();
    let answer = runner.run("/run/fork/one");
    assert!(answer.contains("The build failed.") && answer.contains("error: no"), "{answer}");
}

#[test]
fn nothing_runs_for_anybody_but_the_books_page() {
    let runner = Runner::new(STORY, &[]);
    let right = runner.head("/run/fork/one");
    let port = runner.server.address.rsplit(':').next().unwrap();
    let host = format!("Host: {}", runner.server.address);
    let origin = format!("Origin: http://{}", runner.server.address);
    let token = format!("X-Book-Token: {}", runner.token);
    let twice = format!("{token}\r\n{token}");
    let other_port = format!("Host: 127.0.0.1:1{port}");
    let mut last = runner.token.clone();
    let digit = if last.pop() == Some('0') { '1' } else { '0' };
    for (part, instead, answered) in [
        ("POST", "GET", "405"),
        ("POST", "PUT", "405"),
        ("POST", "OPTIONS", "405"),
        ("POST", "HEAD", "405"),
        (&host, "Host: evil.example", "403"),
        (&host, "Host: 127.0.0.1", "403"),
        (&host, &other_port, "403"),
        (&host, "X: y", "403"),
        (&origin, "Origin: http://evil.example", "403"),
        (&origin, "Origin: null", "403"),
        (&origin, &origin.replace("http:", "https:"), "403"),
        (&origin, &format!("{origin}.evil.example"), "403"),
        (&origin, "X: y", "403"),
        (&token, "X: y", "403"),
        (&token, "X-Book-Token:", "403"),
        (&token, &format!("X-Book-Token: {last}"), "403"),
        (&token, &format!("X-Book-Token: {last}{digit}"), "403"),
        (&token, &twice, "403"),
        ("/run/fork/one", &format!("/run/fork/one?token={}", runner.token), "200"),
    ] {
        let request = right.replacen(part, instead, 1);
        assert_ne!(request, right, "{part}");
        let answer = whole(runner.server.send(&request));
        assert_eq!(status(&answer), answered, "{instead}: {answer}");
    }
    // The last one was right, and the token in the address said nothing.
    assert_eq!(runner.calls().len(), 1);
    // Who comes under another name reads the book, without a token.
    let page = runner.get("evil.example");
    assert!(status(&page) == "200" && token_of(&page).is_none(), "{page}");
    let local = format!("localhost:{port}");
    assert_eq!(token_of(&runner.get(&local)), Some(&*runner.token));
}

#[test]
fn another_user_reads_the_book_and_runs_nothing() {
    if !geteuid().is_root() {
        // Nobody else can be somebody else.
        return;
    }
    let runner = Runner::new(STORY, &[]);
    let (page, answer) = std::thread::scope(|scope| {
        let asks = || {
            // What a thread makes from now on belongs to that user, its sockets too.
            setfsuid(Uid::from_raw(STRANGER));
            (runner.get(&runner.server.address), runner.run("/run/fork/one"))
        };
        scope.spawn(asks).join().unwrap()
    });
    assert!(status(&page) == "200" && token_of(&page).is_none(), "{page}");
    assert!(status(&answer) == "403" && answer.contains("another user"), "{answer}");
    assert_eq!(runner.calls(), [""; 0]);
}

#[test]
fn only_what_the_book_has_is_run() {
    let runner = Runner::new(STORY, &[]);
    for path in [
        "/run/fork/verdicts",
        "/run/fork/two",
        "/run/fork/gone",
        "/run/book/one",
        "/run/fork",
        "/run/fork/",
        "/run/fork/one/",
        "/run//one",
        "/run/../fork/one",
        "/run/fork/../fork/one",
        "/run/./fork/one",
        "/run/fork%2fone/one",
        "/run/fork/one%20--full",
        "/run/fork/--help",
        "/run/FORK/one",
        "/break/fork/one",
        "/break/fork/--all",
        "/break/xtask/gone",
        "/run/fork/one%00",
    ] {
        let answer = runner.run(path);
        assert_eq!(status(&answer), "404", "{path}: {answer}");
    }
    assert_eq!(runner.calls(), [""; 0]);
}

#[test]
fn one_at_a_time_however_many_ask() {
    let runner = Runner::new("echo begun; sleep 1000", &[]);
    let first = runner.server.send(&runner.head("/run/fork/one"));
    let group = runner.group(1);
    let asking: Vec<TcpStream> =
        (0..100).map(|_| runner.server.send(&runner.head("/run/fork/one"))).collect();
    for stream in asking {
        assert_eq!(status(&whole(stream)), "409");
    }
    assert!(status(&runner.get(&runner.server.address)) == "200", "the pages are served meanwhile");
    assert_eq!(runner.calls().len(), 1);
    assert!(lives(group));
    drop(first);
    wait_until("it has ended", || !lives(group));
    runner.is_free();
}

#[test]
fn it_ends_with_its_children_when_the_page_goes() {
    // One that says nothing, one that says much, one that does not want to end, with a child each.
    for does in [
        "sleep 1000 & sleep 1000",
        "sleep 1000 & yes $(head -c 120 /dev/zero | tr '\\0' x) | head -n 1900; sleep 1000",
        "trap '' TERM; sleep 1000 & sleep 1000",
    ] {
        let runner = Runner::new(does, &[]);
        let stream = runner.server.send(&runner.head("/run/fork/one"));
        let group = runner.group(1);
        stream.shutdown(Shutdown::Both).unwrap();
        drop(stream);
        wait_until("it has ended", || !lives(group));
        runner.is_free();
    }
}

#[test]
fn a_build_ends_when_the_page_goes() {
    let runner = Runner::new("", &[]);
    let script = format!(
        "#!/bin/sh\necho $$ >>'{}/calls'; sleep 1000 & wait\n",
        runner.folder.path().display()
    );
    let cargo = runner.folder.path().join("cargo");
    fs::write(&cargo, script).unwrap();
    let stream = runner.server.send(&runner.head("/run/fork/one"));
    let group = runner.group(1);
    drop(stream);
    wait_until("the build has ended", || !lives(group));
}

#[test]
fn it_ends_when_its_time_is_over() {
    for does in ["sleep 1000 & sleep 1000", "yes $$ | head -n 1900; sleep 1000"] {
        let runner = Runner::new(does, &["--limit", "1"]);
        let answer = runner.run("/run/fork/one");
        assert!(answer.contains("it took too long"), "{answer}");
        assert!(!lives(runner.group(1)));
        runner.is_free();
    }
}

#[test]
fn a_reader_that_does_not_read_holds_nothing_up() {
    let runner = Runner::new("yes $$ | head -n 1900; sleep 1000", &["--limit", "1"]);
    let stream = runner.server.send(&runner.head("/run/fork/one"));
    let group = runner.group(1);
    wait_until("it has ended", || !lives(group));
    runner.is_free();
    drop(stream);
}

#[test]
fn it_ends_with_the_server() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mut runner = Runner::new("sleep 1000", &[]);
        let _stream = runner.server.send(&runner.head("/run/fork/one"));
        let group = runner.group(1);
        kill(Pid::from_raw(runner.server.child.id() as i32), signal).unwrap();
        runner.server.child.wait().unwrap();
        if signal == Signal::SIGKILL {
            // Nobody is left to end the group; the kernel tells its leader.
            let leader = Path::new("/proc").join(group.to_string()).join("stat");
            let gone = || {
                fs::read_to_string(&leader).is_ok_and(|stat| !stat.contains(") Z")).then_some(())
            };
            wait_until("the leader has ended", || gone().is_none());
            match killpg(group, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => panic!("killpg: {errno}"),
            }
        } else {
            assert!(!lives(group), "{signal}");
        }
    }
}
