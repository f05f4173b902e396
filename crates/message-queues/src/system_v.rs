//! The older queues: messages have a type, and a receiver may choose by it. They have no
//! descriptor, and stay when all processes have gone.

use anyhow::{Result, ensure};
use lab::child::{Child, explain, in_words, status};
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
    // SAFETY: as above.
    let sender = unsafe {
        Child::fork(|| {
            let sent = SENT.into_iter().try_for_each(|(kind, text)| send(queue, kind, *text));
            status(sent.map_err(explain("msgsnd")))
        })
    }?;
    let pid = sender.pid();
    let ended = sender.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "the sender {}", in_words(ended));
    let types = SENT.map(|(kind, _)| kind.to_string()).join(", ");
    say!("receiver", "{pid} has sent messages of types {types}, and has ended");
    // ANCHOR: by-type
    let chosen = receive(queue, 2).map_err(explain("msgrcv"))?;
    let next = receive(queue, 0).map_err(explain("msgrcv"))?;
    // ANCHOR_END: by-type
    say!("receiver", "asks for type 2: \"{}\"", chosen.trim_end());
    say!("receiver", "asks for any: \"{}\"", next.trim_end());
    let listed = listed(queue)?;
    let word = if listed { "lists" } else { "does not list" };
    say!("receiver", "/proc/sysvipc/msg {word} it; no process holds it open");
    drop(removed);
    let gone = receive(queue, 0).err();
    let answer = gone.map_or("a message".to_owned(), |errno| format!("{errno:?}"));
    say!("receiver", "it is removed by msgctl; asked once more: {answer}");
    Ok(Evidence::new()
        .fact("system v: chosen by type", chosen.starts_with("for two"))
        .fact("system v: then the oldest", next.starts_with("for one"))
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

/// Whether the kernel lists the queue, proc_sysvipc(5).
fn listed(queue: i32) -> Result<bool> {
    let list = lab::proc::read("/proc/sysvipc/msg")?;
    let id = |line: &str| line.split_whitespace().nth(1).and_then(|id| id.parse::<i32>().ok());
    Ok(list.lines().any(|line| id(line) == Some(queue)))
}
