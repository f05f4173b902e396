//! A client and a database, over four kinds of connection. What changes but the address?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{LIMIT, explain, explain_io, in_words};
use lab::{Evidence, Experiment, Lab, NoEvidence, say, say_why};
use nix::sys::socket::{SockaddrStorage, getpeername};

use crate::address::{Address, limit};
use crate::database::{self, Database};
use crate::framing::{receive, send};
use crate::{child, network};

pub const EXPERIMENT: Experiment = Experiment {
    name: "transports",
    question: "Can the other process be on another machine, and what changes then?",
    claims: &["processes-suit-distribution"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let unix = Address::Abstract(format!("sockets-transports-{}", std::process::id()));
    // ANCHOR: four
    let sums = [over_a_pair()?, over(&unix)?, over(&any_port())?];
    // ANCHOR_END: four
    let mut evidence = Evidence::new();
    let mut same = true;
    // Told apart by what each socket says of itself.
    let kinds = BTreeSet::from(sums.map(|(kind, _)| kind));
    for (name, (_, sum)) in sums {
        same &= sum == sums[0].1.1;
        say!("client", "{name}: sum of the answers {sum:016x}");
    }
    match across_networks() {
        Ok(sum) => {
            same &= sum == sums[0].1.1;
            say!("client", "TCP to another network: sum of the answers {sum:016x}");
            evidence =
                evidence.fact("transports: another network gives the same", sum == sums[0].1.1);
        }
        Err(error) => match NoEvidence::of(&error) {
            NoEvidence::Unavailable(why) => {
                say_why!("client", "TCP to another network: not here: {why}");
                evidence = evidence.missing("transports: another network gives the same", why);
            }
            NoEvidence::Failed(_) => return Err(error),
        },
    }
    let (told, ended, dead) = a_dead_one()?;
    say!("client", "a database {ended}; then: {dead}");
    let (silent, heard) = a_silent_one()?;
    say!("client", "one listens, its client asks: {heard}");
    Ok(evidence
        .fact("transports: on one machine", kinds.len())
        .fact("transports: answers over each", sums[0].1.0)
        .fact("transports: same answers over all", same)
        .fact("transports: a killed database is told at once", told)
        .fact("transports: a silent database is told by time alone", silent))
}

const KEYS: u32 = 200;

// ANCHOR: client
/// Stores values of many lengths, asks for them, and sums up every byte of the answers (FNV-1a).
fn client(stream: &File) -> Result<(u32, u64)> {
    limit(stream, LIMIT).context("setsockopt")?;
    let mut answers = 0;
    let mut sum = 0u64;
    for index in 0..KEYS {
        let value = "v".repeat(index as usize * 10);
        for request in [format!("set {index} {value}"), format!("get {index}")] {
            send(stream, request.as_bytes()).context("send")?;
            for byte in receive(stream).context("receive")? {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
            answers += 1;
        }
    }
    Ok((answers, sum))
}
// ANCHOR_END: client

/// A kind of connection, and what came of it: how many answers, and their sum.
type Over = (&'static str, (u32, u64));

/// The kind of a connection, by the address of its other end.
fn kind(stream: &File) -> Result<&'static str> {
    let peer =
        getpeername::<SockaddrStorage>(stream.as_raw_fd()).map_err(explain("getpeername"))?;
    Ok(match peer.as_unix_addr() {
        Some(unix) if unix.as_abstract().is_some() => "a Unix address",
        Some(_) => "a pair of sockets",
        None => "TCP to this machine",
    })
}

/// Related processes need no address: one call makes both ends.
fn over_a_pair() -> Result<Over> {
    let (ours, theirs) = UnixStream::pair().map_err(explain_io("socketpair"))?;
    let disk = database::disk()?;
    let _database = child(|| Database::open(&disk)?.talk(theirs))?;
    let stream = File::from(std::os::fd::OwnedFd::from(ours));
    Ok((kind(&stream)?, client(&stream)?))
}

// ANCHOR: over
/// Strangers need one.
fn over(address: &Address) -> Result<Over> {
    let disk = database::disk()?;
    let listener = address.listen().map_err(explain_io("bind"))?;
    let address = listener.address().context("getsockname")?;
    let _database = child(|| database::serve(&listener, &disk))?;
    let stream = address.connect().map_err(explain_io("connect"))?;
    Ok((kind(&stream)?, client(&stream)?))
}
// ANCHOR_END: over

/// Any port of this machine that is free.
fn any_port() -> Address {
    Address::Tcp((Ipv4Addr::LOCALHOST, 0).into())
}

/// Client and database in networks of their own; the sum comes through a pipe.
fn across_networks() -> Result<u64> {
    let (mut told, tell) = std::io::pipe().context("pipe")?;
    let there = || {
        let disk = database::disk()?;
        let (_database, address) = network::apart(|listener| {
            let _ = database::serve(listener, &disk);
        })?;
        let (_, sum) = client(&address.connect().map_err(explain_io("connect"))?)?;
        anyhow::Ok(sum)
    };
    let apart = child(|| {
        let said = match there() {
            Ok(sum) => sum.to_string(),
            Err(error) => match NoEvidence::of(&error) {
                NoEvidence::Unavailable(why) => why,
                NoEvidence::Failed(_) => return Err(error),
            },
        };
        (&tell).write_all(said.as_bytes()).context("write")
    })?;
    drop(tell);
    let mut said = String::new();
    told.read_to_string(&mut said).context("read")?;
    apart.wait()?;
    said.parse().map_err(|_| lab::Unavailable::because(said).into())
}

/// Whether a client is told, without a wait, that its database was killed, how that ended, and what the
/// client is told: the
/// kernel closes the sockets of the dead.
fn a_dead_one() -> Result<(bool, String, String)> {
    let disk = database::disk()?;
    let listener = any_port().listen().map_err(explain_io("bind"))?;
    let address = listener.address().context("getsockname")?;
    let database = child(|| database::serve(&listener, &disk))?;
    let stream = address.connect().map_err(explain_io("connect"))?;
    client(&stream)?;
    let ended = in_words(database.kill()?);
    let question = send(&stream, b"get 1").and_then(|()| receive(&stream));
    Ok(match question {
        Ok(_) => (false, ended, "an answer".to_owned()),
        Err(error) => (error.kind() != ErrorKind::WouldBlock, ended, error.kind().to_string()),
    })
}

/// Whether nothing but a limit of its own ends a client's wait for a database that does not answer,
/// and what the client gets.
fn a_silent_one() -> Result<(bool, String)> {
    let disk = database::disk()?;
    // ANCHOR: silent
    let listener = any_port().listen().map_err(explain_io("bind"))?;
    let address = listener.address().context("getsockname")?;
    let busy = || std::thread::sleep(LIMIT);
    let _database = child(|| {
        busy();
        database::serve(&listener, &disk)
    })?;
    let stream = address.connect().map_err(explain_io("connect"))?;
    send(&stream, b"get 1").context("send")?;
    limit(&stream, Duration::from_millis(100)).context("setsockopt")?;
    let answer = receive(&stream);
    // ANCHOR_END: silent
    Ok(match answer {
        Ok(_) => (false, "an answer".to_owned()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            (true, "nothing for 100 ms".to_owned())
        }
        Err(error) => (false, error.kind().to_string()),
    })
}
