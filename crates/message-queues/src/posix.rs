//! Messages go in one by one and come out one by one, the most urgent first. They wait in the
//! kernel, whether or not their sender lives.

use std::io::{Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_io, in_words};
use lab::narrate::{receives, sends};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::mqueue::{mq_close, mq_getattr, mq_set_nonblock, mq_unlink};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::queue::{LONGEST, Queue, make};

pub const EXPERIMENT: Experiment = Experiment {
    name: "posix",
    question: "Three messages are sent, the urgent one last. What arrives, and when?",
    claims: &["ipc-by-message-queues"],
    run,
};

/// What the sender sends, with the priority of each, in this order.
const SENT: [(&str, u32); 3] = [("a report", 1), ("another report", 1), ("fire", 9)];
const ROOM: i64 = 4;

/// Far more messages than the limits allow.
const MANY: i64 = 100_000;

fn run(_: &Lab) -> Result<Evidence> {
    let queue = Queue::create(ROOM)?;
    let mut sender = lab::role("message-queues", SENDER.name);
    let sender = sender.arg(&queue.name).stdout(Stdio::piped()).spawn();
    let mut process = sender.map_err(explain_io("posix_spawn"))?;
    let sender = Child::adopt(Pid::from_raw(process.id() as i32));
    let mut says = String::new();
    let output = process.stdout.as_mut().context("its output is piped")?;
    output.read_to_string(&mut says).context("read")?;
    // What it says that it has sent, and not what it was to send.
    let mut sent = says.lines().map(entry).collect::<Result<Vec<_>>>()?;
    let pid = sender.pid();
    let ended = sender.wait()?;
    ensure!(ended == WaitStatus::Exited(pid, 0), "the sender {}", in_words(ended));
    let ended = in_words(ended);
    let waiting = mq_getattr(&queue.descriptor).map_err(explain("mq_getattr"))?.curmsgs();
    say!("receiver", "{pid} sent {} to {} and {ended}", sent.len(), queue.name);
    say!("receiver", "{waiting} messages wait in the kernel");

    // ANCHOR: receive
    mq_set_nonblock(&queue.descriptor).map_err(explain("mq_setattr"))?;
    let mut received = Vec::new();
    while let Some((message, priority)) = queue.next().map_err(explain("mq_receive"))? {
        receives(&message);
        say!("receiver", "took \"{message}\", priority {priority}");
        received.push((message, priority));
    }
    // ANCHOR_END: receive
    // Of messages that are all alike none is the most urgent.
    let is_urgent = |first: &u32| sent.iter().any(|(_, priority)| priority < first);
    let urgent_first = received.first().is_some_and(|(_, first)| is_urgent(first))
        && received.is_sorted_by_key(|(_, priority)| std::cmp::Reverse(*priority));
    let arrived = received.len();
    sent.sort();
    received.sort();
    let whole = received == sent;

    let stream = through_a_pipe()?;
    say!("receiver", "the same by a pipe, one read: \"{stream}\"");

    let mut fit = 0;
    let full = loop {
        match queue.send("one more", 0) {
            Ok(()) => fit += 1,
            Err(errno) => break errno,
        }
    };
    say!("sender", "{fit} messages fit into the queue, then mq_send says {full:?}");
    let long = "x".repeat(LONGEST + 1);
    let answer = queue.send(&long, 0).err().map_or("it is taken".to_owned(), |e| format!("{e:?}"));
    say!("sender", "a message of {} bytes, where {LONGEST} may be: {answer}", long.len());
    let large = larger_than_allowed()?;
    say!("sender", "a queue for {} messages: {large}", lab::grouped(MANY as u128));
    Ok(Evidence::new()
        .fact("queue: messages sent", sent.len())
        .fact("queue: messages received", arrived)
        .fact("queue: outlives the sender", waiting > 0)
        .fact("queue: each message whole", whole)
        .fact("queue: the most urgent first", urgent_first)
        .fact("queue: messages that fit", fit)
        .fact("queue: full", format!("{full:?}"))
        .fact("queue: message too long", answer)
        .fact("pipe: keeps messages apart", stream != SENT.map(|(text, _)| text).concat()))
}

/// A program that knows the name of the queue only.
pub const SENDER: Role = Role {
    name: "sender",
    run: |arguments| {
        let queue = Queue::open(arguments.first().context("the name is missing")?)?;
        for (message, priority) in SENT {
            sends(message);
            queue.send(message, priority).map_err(explain("mq_send"))?;
            println!("{priority} {message}");
        }
        Ok(())
    },
};

/// A line of what the sender says: priority and text of a message.
fn entry(line: &str) -> Result<(String, u32)> {
    let (priority, message) =
        line.split_once(' ').with_context(|| format!("no message: {line}"))?;
    Ok((message.to_owned(), priority.parse().context("a priority")?))
}

/// What one read gets of three writes to a pipe.
fn through_a_pipe() -> Result<String> {
    let (mut reader, mut writer) = std::io::pipe().context("pipe")?;
    for (message, _) in SENT {
        writer.write_all(message.as_bytes()).context("write")?;
    }
    let mut read = [0; 256];
    let length = reader.read(&mut read).context("read")?;
    Ok(String::from_utf8_lossy(&read[..length]).into_owned())
}

/// What the kernel says to a queue far above the limits, mq_overview(7).
fn larger_than_allowed() -> Result<String> {
    let name = format!("/message-queues-large-{}", std::process::id());
    Ok(match make(&name, MANY) {
        Ok(queue) => {
            mq_unlink(name.as_str()).map_err(explain("mq_unlink"))?;
            mq_close(queue).map_err(explain("mq_close"))?;
            "made".to_owned()
        }
        Err(errno) => format!("{errno:?}"),
    })
}
