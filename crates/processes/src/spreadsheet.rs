//! A very small spreadsheet: one cell, and a person at the other end of two pipes.

use std::io::{BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use lab::Role;
use lab::child::{Child, explain_io};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

// ANCHOR: program
/// The program. Its cell is an ordinary variable, so every run of it has one of its own.
pub const ROLE: Role = Role {
    name: "spreadsheet",
    run: |arguments| {
        // With a name it wants to run once only: a second start asks the first and ends.
        let name = match arguments {
            [name] => match take_or_hand_over(name)? {
                Some(taken) => Some(taken),
                None => {
                    println!("handed over");
                    return Ok(());
                }
            },
            _ => None,
        };
        println!("ready");
        let mut cell = String::from("empty");
        for line in std::io::stdin().lines() {
            if let Some(document) = name.as_ref().and_then(received) {
                cell = document;
            }
            if let Some(value) = line?.strip_prefix("A1=") {
                cell = value.to_owned();
            }
            println!("{cell}");
        }
        Ok(())
    },
};
// ANCHOR_END: program

/// Takes the abstract name, or tells whoever has it about the document.
fn take_or_hand_over(name: &str) -> Result<Option<UnixDatagram>> {
    let address = SocketAddr::from_abstract_name(name).context("an abstract name")?;
    match UnixDatagram::bind_addr(&address) {
        Ok(taken) => {
            taken.set_nonblocking(true).context("fcntl")?;
            Ok(Some(taken))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let socket = UnixDatagram::unbound().context("socket")?;
            socket.send_to_addr(b"budget", &address).context("sendto")?;
            Ok(None)
        }
        Err(error) => Err(explain_io("bind")(error)),
    }
}

/// A document that another start has handed over, if there is one.
fn received(name: &UnixDatagram) -> Option<String> {
    let mut document = [0; 64];
    let length = name.recv(&mut document).ok()?;
    Some(String::from_utf8_lossy(&document[..length]).into_owned())
}

/// A started program, as its user sees it.
pub struct Instance {
    child: Child,
    /// The first line that it printed: whether it is ready, or has handed over to another.
    pub greeting: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Instance {
    /// Starts the program.
    pub fn start(arguments: &[&str]) -> Result<Instance> {
        let mut command = lab::role("processes", ROLE.name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(explain_io("posix_spawn"))?;
        let child = Child::adopt(Pid::from_raw(process.id() as i32));
        let input = process.stdin.take().context("its input is piped")?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut instance =
            Instance { child, greeting: String::new(), input, output: BufReader::new(output) };
        instance.greeting = instance.line()?;
        Ok(instance)
    }

    /// The process that runs it.
    pub fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Types a line and reads the cell.
    pub fn enter(&mut self, line: &str) -> Result<String> {
        writeln!(self.input, "{line}").context("write")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut answer = String::new();
        let read = self.output.read_line(&mut answer).context("read")?;
        ensure!(read > 0, "the spreadsheet {} has ended without an answer", self.pid());
        Ok(answer.trim_end().to_owned())
    }

    /// Kills it and says how it ended.
    pub fn kill(self) -> Result<WaitStatus> {
        self.child.kill()
    }

    /// Waits for its end, without typing anything more.
    pub fn end(self) -> Result<WaitStatus> {
        drop(self.input);
        self.child.wait()
    }
}
