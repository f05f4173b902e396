//! What each server is put through: many clients at once, many that stay and say nothing, and a
//! request that crashes.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::Comparison;
use lab::{Evidence, Lab, Summary, say, say_why};

use crate::client::{Client, newcomer_is_answered};
use crate::load::{Load, Then, put};
use crate::server::{Model, Plan, Server, longest_queue, most_files};
use crate::thread_per_connection::MODEL as THREADS;

/// So many other clients are there when a request crashes.
const OTHERS: usize = 8;
/// So many clients stay where time is taken.
const MANY: usize = 10_000;

/// All three trials of one server.
pub fn all(lab: &Lab, model: &Model) -> Result<Evidence> {
    // There is seen whether a server is at work, and what it holds.
    lab::proc::must_be_shown()?;
    let mut found = many_at_once(lab, model)?;
    let mut together = 0;
    for number in lab.by_effort(&[50][..], &[200], &[200, MANY]) {
        let (more, in_service) = many_that_stay(model, *number, found)?;
        found = more;
        together = together.max(in_service);
    }
    for crash in ["panic", "segfault"] {
        found = one_that_crashes(model, crash, together, found)?;
    }
    Ok(found)
}

/// How long do many clients take that come at the same time? Thread per connection, in turn with
/// each, is the common measure.
fn many_at_once(lab: &Lab, model: &Model) -> Result<Evidence> {
    let clients = lab.by_effort(50, 200, 200).min(longest_queue());
    let rounds = match model.name {
        "iterative" => lab.by_effort(2, 2, 5),
        _ => lab.by_effort(2, 3, 15),
    };
    let is_measure = model.name == THREADS.name;
    let (mut pairs, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let this = storm(model, clients)?;
        let threads = if is_measure { this.total } else { storm(&THREADS, clients)?.total };
        pairs.push([this.total, threads]);
        p99.push(this.p99);
    }
    let p99 = Summary::of(p99).context("no round")?;
    let name = model.name;
    let own = format!("{name}: all clients");
    let compared = Comparison::paired([&own, "thread per connection: all clients"], "ms", &pairs)
        .context("no round")?;
    say!(
        "parent",
        "{clients} clients at once: {:.0} ms for all; 99th percentile {:.0} ms",
        compared.sides[0].1.median,
        p99.median
    );
    let found = Evidence::new().fact(&format!("{name}: clients at once"), clients).sampled(
        &format!("{name}: 99th percentile"),
        p99,
        "ms",
    );
    if is_measure {
        return Ok(found.sampled(&own, compared.sides[0].1, "ms"));
    }
    let ratio = compared.ratio;
    say!("parent", "  {:.1} x as long as thread per connection ({ratio})", ratio.median);
    Ok(found.compared(&format!("{name} / thread per connection: all clients"), &compared))
}

/// A new server, which has answered once, and so many clients, which must all be answered.
fn storm(model: &Model, clients: usize) -> Result<Load> {
    let server = warm(model, Plan::Lives)?;
    let load = put(&server, clients, Then::Leaves)?;
    server.stop()?;
    Ok(load)
}

fn warm(model: &Model, plan: Plan) -> Result<Server> {
    let mut server = Server::start(model, plan)?;
    if !newcomer_is_answered(server.address)? {
        // One that fails takes a moment to say why.
        server.has_ended(Duration::from_millis(500))?;
        anyhow::bail!("the server does not answer its first client");
    }
    Ok(server)
}

/// How many clients can be served at the same time, and what holds each that says nothing?
fn many_that_stay(model: &Model, clients: usize, found: Evidence) -> Result<(Evidence, usize)> {
    let name = model.name;
    let fact = |what: &str| match clients {
        MANY => format!("{name}: {what} (10,000 that stay)"),
        _ => format!("{name}: {what}"),
    };
    let (files, needed) = (most_files(), clients as u64 + 100);
    if files < needed {
        let why = format!("{needed} open files are needed, {files} are allowed (ulimit -Hn)");
        say_why!("parent", "{clients} clients that stay: not here, {why}");
        return Ok((found.missing(&fact("served at a time"), why), 0));
    }
    let server = warm(model, Plan::Lives)?;
    server.comes_to_rest()?;
    let (tasks_before, before) = (server.tasks()?.len(), server.memory()?);
    let kernel_before = kernel_memory();
    let load = put(&server, clients, Then::Stays)?;
    let each = (server.memory()? - before) / clients as f64;
    let (tasks, kernel) = (server.tasks()?.len(), kernel_memory());
    let processes = server.processes()?.len();
    let served = load.answered;
    // The clients leave first: their process has copies of the server's pipe.
    drop(load);
    server.stop()?;
    let by = match (processes, tasks) {
        (1, 1) => "1 thread".to_owned(),
        (1, threads) => format!("{threads} threads"),
        (processes, _) => format!("{processes} processes"),
    };
    say!("parent", "{clients} silent clients, {served} served at a time: {by}");
    let mut found = found
        .fact(&fact("clients that stay"), clients)
        .fact(&fact("served at a time"), served)
        .fact(&fact("threads and processes made"), tasks - tasks_before)
        .measured(&fact("user memory for each"), each, "KiB");
    // Less than nothing is what the server gave back meanwhile; plus 0.0 takes the sign off a zero.
    let holds = each.max(0.0) + 0.0;
    say!("parent", "  each holds {holds:.1} KiB of the server");
    // Of fewer the rest of the system would hide the part of the kernel.
    if let (MANY, Some(before), Some(now)) = (clients, kernel_before, kernel) {
        let kernel = (now - before) / clients as f64;
        say!("parent", "  and {kernel:.0} KiB of the kernel, both ends together");
        found = found.measured(&fact("kernel memory for each, both ends"), kernel, "KiB");
    }
    Ok((found, served))
}

/// What the kernel holds for stacks of threads and for objects such as sockets and threads, in KiB
/// of the whole system; proc_meminfo(5).
fn kernel_memory() -> Option<f64> {
    let text = lab::proc::read("/proc/meminfo").ok()?;
    let line = |key| text.lines().find_map(|line| line.strip_prefix(key));
    let kib = |key| line(key)?.split_whitespace().next()?.parse::<f64>().ok();
    Some(kib("KernelStack:")? + kib("SUnreclaim:")?)
}

/// What of the other clients, and of the service, when a request crashes?
fn one_that_crashes(
    model: &Model,
    crash: &str,
    at_a_time: usize,
    found: Evidence,
) -> Result<Evidence> {
    let mut server = warm(model, Plan::Crashes)?;
    server.comes_to_rest()?;
    let before = server.tasks()?.len();
    let connect = || Client::connect(server.address)?.context("nobody listens");
    let mut bad = connect()?;
    let mut served = bad.is_answered("hello\n")?;
    let mut others = (0..OTHERS).map(|_| connect()).collect::<Result<Vec<_>>>()?;
    for other in &mut others {
        other.send("hello\n");
    }
    // Those that are served at the same time are answered before the crash, others after it.
    let meanwhile = at_a_time.saturating_sub(1).min(OTHERS);
    for other in &mut others[..meanwhile] {
        served &= other.receives("hello\n")?;
    }
    anyhow::ensure!(served, "a client was not served before the crash");
    bad.send(&format!("{crash}\n"));
    let lost_itself = !bad.receives(&format!("{crash}\n"))?;
    drop(bad);
    let mut lost = 0;
    for (at, mut other) in others.into_iter().enumerate() {
        let lives =
            (at < meanwhile || other.receives("hello\n")?) && other.is_answered("again\n")?;
        lost += usize::from(!lives);
    }
    let goes_on = newcomer_is_answered(server.address)?;
    let name = model.name;
    // Whoever was refused came after the end of the listening socket; the process follows it soon.
    let then = match goes_on {
        true => "goes on",
        false if server.has_ended(Duration::from_millis(500))?.is_some() => "has ended",
        false => "lives and serves nobody",
    };
    let own = if lost_itself { "" } else { " is answered all the same;" };
    say!("parent", "a {crash}:{own} {lost} of {OTHERS} others are lost, the service {then}");
    let mut found = found
        .fact(&format!("{name}: others lost by a {crash}"), lost)
        .fact(&format!("{name}: goes on after a {crash}"), goes_on);
    if goes_on && before > 1 {
        server.comes_to_rest()?;
        let (before, after) = (before - 1, server.tasks()?.len() - 1);
        say!("parent", "  of {before} workers {after} are there");
        found = found.fact(&format!("{name}: workers after a {crash}"), after);
    }
    Ok(found)
}
