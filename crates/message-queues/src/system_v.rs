//! The older queues: messages have a type, and a receiver may choose by it. They have no
//! descriptor, and stay when all processes have gone.

use std::io::{Read, Write};

use anyhow::{Result, ensure};
use lab::child::{Child, explain, explain_io, in_words, status};
use lab::{AtDeath, Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "system-v",
    question: "What do the queues of System V do that the others don't?",
    claims: &[],
    run,
};

/// A message: its type, and text of a fixed length.
#[repr(C)]
struct Message {
    kind: libc::c_long,
    text: [u8; 8],
}

/// What is sent: a type and a text each.
const SENT: [(libc::c_long, &[u8; 8]); 3] = [(1, b"for one "), (2, b"for two "), (1, b"one more")];

fn run(_: &Lab) -> Result<Evidence> {
    // SAFETY: the call takes two integers.
    let queue = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
    let queue = Errno::result(queue).map_err(explain("msgget"))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let removed = unsafe {
        AtDeath::promise(|| {
            libc::msgctl(queue, libc::IPC_RMID, std::ptr::null_mut());
        })
    }?;
    let (mut told, tell) = std::io::pipe().map_err(explain_io("pipe"))?;
    // SAFETY: as above.
    let sender = unsafe {
        Child::fork(|| {
            let sent = SENT.into_iter().try_for_each(|(kind, text)| {
                send(queue, kind, *text).map_err(explain("msgsnd"))?;
                writeln!(&tell, "{kind}").map_err(explain_io("write"))
            });
            status(sent)
        })
    }?;
    let pid = sender.pid();
    let ended = sender.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "the sender {}", in_words(ended));
    drop(tell);
    let mut sent = String::new();
    told.read_to_string(&mut sent).map_err(explain_io("read"))?;
    let types = sent.lines().collect::<Vec<_>>().join(", ");
    let types = if types.is_empty() { "no type".to_owned() } else { format!("types {types}") };
    say!("receiver", "{pid} has sent messages of {types}, and has ended");
    // ANCHOR: by-type
    let wanted = [2, 0];
    let [chosen, next] = wanted.map(|kind| receive(queue, kind));
    // ANCHOR_END: by-type
    let [chosen, next] = [answered(chosen)?, answered(next)?];
    for (kind, answer) in wanted.into_iter().zip([&chosen, &next]) {
        let kind = if kind == 0 { "any".to_owned() } else { format!("type {kind}") };
        say!("receiver", "asks for {kind}: {answer}");
    }
    let listed = listed(queue)?;
    let word = if listed { "lists" } else { "does not list" };
    say!("receiver", "/proc/sysvipc/msg {word} it; no process holds it open");
    drop(removed);
    let gone = receive(queue, 0).err();
    let answer = gone.map_or("a message".to_owned(), |errno| format!("{errno:?}"));
    let removed =
        if gone == Some(Errno::EINVAL) { "is removed by msgctl" } else { "is still there" };
    say!("receiver", "it {removed}; asked once more: {answer}");
    Ok(Evidence::new()
        .fact("system v: chosen by type", chosen == "\"for two\"")
        .fact("system v: then the oldest", next == "\"for one\"")
        .fact("system v: stays without a process", listed)
        .fact("system v: after removal", answer))
}

fn send(queue: i32, kind: libc::c_long, text: [u8; 8]) -> Result<(), Errno> {
    let message = Message { kind, text };
    let at = (&raw const message).cast();
    // SAFETY: the message lives during the call, and its text has the length that is said.
    Errno::result(unsafe { libc::msgsnd(queue, at, size_of_val(&message.text), 0) }).map(drop)
}

/// Takes the oldest message of a type; of any, if the type is 0.
fn receive(queue: i32, kind: libc::c_long) -> Result<String, Errno> {
    let mut message = Message { kind: 0, text: [0; 8] };
    let (at, room) = ((&raw mut message).cast(), size_of::<[u8; 8]>());
    // SAFETY: the message is writable and has room for so many bytes of text.
    Errno::result(unsafe { libc::msgrcv(queue, at, room, kind, libc::IPC_NOWAIT) })?;
    Ok(String::from_utf8_lossy(&message.text).into_owned())
}

/// What came, in quotes, or the errno that says that there was none.
fn answered(received: Result<String, Errno>) -> Result<String> {
    match received {
        Ok(text) => Ok(format!("\"{}\"", text.trim_end())),
        Err(errno @ (Errno::ENOMSG | Errno::EINVAL | Errno::EIDRM)) => Ok(format!("{errno:?}")),
        Err(errno) => Err(explain("msgrcv")(errno)),
    }
}

/// Whether the kernel lists the queue, proc_sysvipc(5).
fn listed(queue: i32) -> Result<bool> {
    let list = lab::proc::read("/proc/sysvipc/msg")?;
    let id = |line: &str| line.split_whitespace().nth(1).and_then(|id| id.parse::<i32>().ok());
    Ok(list.lines().any(|line| id(line) == Some(queue)))
}
