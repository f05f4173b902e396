//! Two networks that know nothing of each other but a cable, as two machines have them.
//!
//! A network namespace has interfaces, addresses and ports of its own, network_namespaces(7). Two
//! of them are joined by a pair of virtual interfaces, veth(4).

use std::fs::write;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use lab::Unavailable;
use lab::child::{Child, explain, explain_io};
use nix::sched::{CloneFlags, unshare};

use crate::address::{Address, Listener};

/// Addresses that are kept for examples, RFC 5737.
const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Puts this process into a network of its own, and a child into a second one, at the other end of
/// a cable, where it listens and does `serve`. Returns the child and its address.
pub fn apart(serve: impl FnOnce(&Listener)) -> Result<(Child, Address)> {
    leave()?;
    let address = Address::Tcp(SocketAddr::from((FAR, 7000)));
    let (told, tell) = std::io::pipe().context("pipe")?;
    let (cable, mut tell_cable) = std::io::pipe().context("pipe")?;
    let far = || {
        // ANCHOR: far
        unshare(CloneFlags::CLONE_NEWNET).map_err(explain("unshare"))?;
        writeln!(&tell, "{LEFT}").context("write")?;
        (&cable).read_exact(&mut [0]).context("read")?;
        configure("far", FAR)?;
        let listener = address.listen().map_err(explain_io("bind"))?;
        writeln!(&tell, "{LISTENS}").context("write")?;
        // ANCHOR_END: far
        serve(&listener);
        anyhow::Ok(())
    };
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let server = unsafe {
        Child::fork(|| {
            far().map_or_else(|error| writeln!(&tell, "{error:#}").map_or(2, |()| 1), |()| 0)
        })
    }?;
    drop(tell);
    let mut told = BufReader::new(told);
    expect(&mut told, LEFT)?;
    // ANCHOR: near
    let pid = server.pid().to_string();
    ip(&["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &pid])?;
    configure("near", NEAR)?;
    // ANCHOR_END: near
    tell_cable.write_all(b"!").context("write")?;
    expect(&mut told, LISTENS)?;
    Ok((server, address))
}

const LEFT: &str = "has left";
const LISTENS: &str = "listens";

/// Waits until the other side has come so far, or says why it has not.
fn expect(told: &mut BufReader<PipeReader>, step: &str) -> Result<()> {
    let mut said = String::new();
    told.read_line(&mut said).context("read")?;
    let said = said.trim_end();
    ensure!(said == step, Unavailable::because(format!("the other network: {said}")));
    Ok(())
}

/// Root may make a network; others get the right to in a user namespace, user_namespaces(7).
fn leave() -> Result<()> {
    let user = nix::unistd::geteuid();
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        let both = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET;
        unshare(both).map_err(explain("unshare"))?;
        // Without a number in there, the rights would be lost when `ip` is executed.
        write("/proc/self/uid_map", format!("0 {user} 1")).map_err(explain_io("open uid_map"))?;
    }
    Ok(())
}

fn configure(interface: &str, address: Ipv4Addr) -> Result<()> {
    ip(&["address", "add", &format!("{address}/24"), "dev", interface])?;
    ip(&["link", "set", interface, "up"])
}

/// Runs ip(8).
fn ip(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = command.env("PATH", format!("{path}:/usr/sbin:/sbin")).output();
    let ran = ran.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unavailable::because("there is no `ip` here, of iproute2").into(),
        _ => explain_io("posix_spawn")(error).context("ip"),
    })?;
    let said = String::from_utf8_lossy(&ran.stderr);
    let said = said.lines().next().unwrap_or("it fails without a word");
    let refused = || Unavailable::because(format!("ip {}: {said}", arguments.join(" ")));
    ensure!(ran.status.success(), refused());
    Ok(())
}
