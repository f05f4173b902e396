//! Each time a program is started the kernel lays its address space out anew, at random places.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lab::child::explain_spawn;
use lab::{Evidence, Experiment, Lab, Role, say, say_why};

pub const EXPERIMENT: Experiment = Experiment {
    name: "aslr",
    question: "Is a program at the same addresses whenever it runs?",
    claims: &[],
    run,
};

/// A program that tells where it finds itself.
pub const ROLE: Role = Role {
    name: "where",
    run: |_| {
        let (local, on_heap) = (0u8, Box::new(0u8));
        let places = [run as *const () as usize, &raw const *on_heap as usize];
        let [code, heap] = places;
        let stack = &raw const local as usize;
        // SAFETY: the call with this argument changes nothing, personality(2).
        let personality = unsafe { libc::personality(0xffff_ffff) };
        let fixed = personality & libc::ADDR_NO_RANDOMIZE != 0;
        Ok(write!(std::io::stdout(), "{code:#x} {heap:#x} {stack:#x} {fixed}")?)
    },
};

const STARTS: usize = 3;
const NAMES: [&str; 3] = ["code", "heap", "stack"];

fn run(_: &Lab) -> Result<Evidence> {
    let mut evidence = Evidence::new().fact("starts", STARTS);
    let mut random = Vec::new();
    for _ in 0..STARTS {
        let (places, _) = start(true)?;
        say!("main", "{}", in_words(&places));
        random.push(places);
    }
    for (name, places) in NAMES.iter().zip(distinct(&random)) {
        evidence = evidence.fact(&format!("places of the {name}"), places);
    }
    let (mut fixed, mut told) = (Vec::new(), true);
    for _ in 0..STARTS {
        match start(false) {
            Ok((places, is_fixed)) => {
                told &= is_fixed;
                fixed.push(places);
            }
            Err(error) => {
                let why = format!("the layout cannot be fixed: {error:#}");
                say_why!("main", "{why}");
                return Ok(evidence.missing("places of the stack without randomisation", why));
            }
        }
    }
    let how = if told { "without" } else { "with" };
    say!("main", "started {STARTS} times {how} randomisation, it was at");
    for places in fixed.iter().collect::<BTreeSet<_>>() {
        say!("main", "{}", in_words(places));
    }
    let [.., stacks] = distinct(&fixed);
    let evidence = evidence.fact("started without randomisation", told);
    Ok(evidence.fact("places of the stack without randomisation", stacks))
}

// ANCHOR: start
/// Starts this program again and returns where its code, its heap and its stack were, and whether the
/// kernel was told to fix them.
fn start(randomised: bool) -> Result<([String; 3], bool)> {
    let mut command = lab::role("address-space", ROLE.name);
    let personality = if randomised { 0 } else { libc::ADDR_NO_RANDOMIZE };
    // SAFETY: the call takes a number and changes how this process is laid out by its next exec.
    let set = move || match unsafe { libc::personality(personality as libc::c_ulong) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    // SAFETY: between fork and exec the child makes one system call.
    unsafe { command.pre_exec(set) };
    let output = command.stderr(Stdio::inherit()).output().map_err(explain_spawn("personality"))?;
    // ANCHOR_END: start
    ensure!(output.status.success(), "the program failed: {}", output.status);
    let text = String::from_utf8(output.stdout).context("an answer")?;
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let [code, heap, stack, fixed] = <[String; 4]>::try_from(words)
        .map_err(|_| anyhow::anyhow!("an answer is missing: {text:?}"))?;
    Ok(([code, heap, stack], fixed == "true"))
}

fn in_words(places: &[String; 3]) -> String {
    let places = NAMES.iter().zip(places).map(|(name, place)| format!("{name} {place}"));
    places.collect::<Vec<_>>().join(" ")
}

/// How many places each part was found at.
fn distinct(starts: &[[String; 3]]) -> [usize; 3] {
    [0, 1, 2].map(|part| starts.iter().map(|places| &places[part]).collect::<BTreeSet<_>>().len())
}
