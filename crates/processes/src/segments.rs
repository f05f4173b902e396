//! Where the parts of a process are: its code, its data, its heap and its stack in one address
//! space, and beside the memory what the kernel keeps for it.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, Result};
use lab::proc::{Mapping, mappings_of, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::{Pid, getpid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "segments",
    question: "What belongs to a process, and where is it?",
    claims: &["process-bundles-resources"],
    run,
};

// ANCHOR: parts
/// Read-only data, data that begins with a value, and data that begins with zeros.
static MESSAGE: [u8; 64] = [b'm'; 64];
static mut STARTED_WITH: u64 = 7;
static mut ZEROED: [u8; 64] = [0; 64];

/// The parts of a program, and the addresses at which this run has them.
fn parts(boxed: &u64, local: &u64) -> [(&'static str, usize); 6] {
    [
        ("code: a function", run as fn(&Lab) -> Result<Evidence> as usize),
        ("constants: a static", MESSAGE.as_ptr() as usize),
        ("data: static mut, from 7", &raw const STARTED_WITH as usize),
        ("bss: static mut, from 0", &raw const ZEROED as usize),
        ("heap: a Box", boxed as *const u64 as usize),
        ("stack: a local variable", local as *const u64 as usize),
    ]
}
// ANCHOR_END: parts

/// What a part's mapping must allow: its first three letters in proc_pid_maps(5).
const ACCESS: [&str; 6] = ["r-x", "r--", "rw-", "rw-", "rw-", "rw-"];

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let (boxed, local) = (black_box(Box::new(1)), black_box(2));
    let me = getpid();
    let program = fs::read_link("/proc/self/exe").context("/proc/self/exe")?;
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mappings = mappings_of(me)?;
    let mut found = Vec::new();
    for (part, access) in parts(&boxed, &local).into_iter().zip(ACCESS) {
        let mapping = mappings.iter().find(|mapping| mapping.addresses.contains(&part.1));
        found.push((part, mapping, mapping.is_some_and(|m| m.access.starts_with(access))));
    }
    say!("process", "runs {program}; its memory from high to low addresses:");
    found.sort_by_key(|((_, address), ..)| std::cmp::Reverse(*address));
    for ((part, address), mapping, _) in &found {
        say!("process", "{address:#014x} {part:<25} {}", describe(*mapping));
    }
    let right = found.iter().filter(|(_, _, fits)| *fits).count();
    let sum: usize = mappings.iter().map(Mapping::size).sum();
    say!("process", "{right} of {} parts are in mappings of this process", found.len());
    say!("process", "it has {} mappings of {sum} KiB in all", mappings.len());

    let descriptors = fs::read_dir("/proc/self/fd").context("/proc/self/fd")?.count();
    let kept = kept_by_the_kernel(me)?;
    say!("process", "and the kernel keeps for it:");
    for (name, value) in &kept {
        say!("process", "  {name:<20} {}", value.as_deref().unwrap_or("not shown here"));
    }
    say!("process", "  {:<20} {descriptors}", "open descriptors");

    let code = found.iter().find(|((part, _), ..)| part.starts_with("code"));
    let address = code.map_or(0, |((_, address), ..)| *address);
    let (rss, pss) = resident(me, address).context("the mapping of the code")?;
    say!("process", "its code: {rss} KiB in memory, of which its share is {pss} KiB");
    Ok(Evidence::new()
        .fact("parts looked for", found.len())
        .fact("parts found in own mappings", right)
        .fact("descriptors", descriptors)
        .fact("things kept by the kernel", kept.iter().filter(|(_, value)| value.is_some()).count())
        .measured("code in memory", rss, "KiB")
        .measured("code: own share", pss, "KiB")
        .fact("code is shared", pss < rss))
}

/// A mapping's permissions and what is mapped, the file's directory left out.
fn describe(mapping: Option<&Mapping>) -> String {
    let Some(mapping) = mapping else { return "in no mapping of this process".to_owned() };
    let name = match mapping.name.as_str() {
        "" => "no file",
        name => Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name),
    };
    format!("{} {name}", mapping.access)
}

/// Some of what is not memory, as proc_pid_status(5) and its neighbours show it.
fn kept_by_the_kernel(process: Pid) -> Result<Vec<(&'static str, Option<String>)>> {
    let shown = |key: &str| status(process, key);
    let first = |text: String| text.split_whitespace().next().map(str::to_owned);
    let here = fs::read_link(format!("/proc/{process}/cwd")).context("/proc/self/cwd")?;
    let here = here.file_name().map_or("/".into(), |name| name.to_string_lossy().into_owned());
    let limits = lab::proc::read(&format!("/proc/{process}/limits"))?;
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    Ok(vec![
        ("process id", shown("Pid")),
        ("parent", shown("PPid")),
        ("user", shown("Uid").and_then(first)),
        ("current directory", Some(format!(".../{here}"))),
        ("umask", shown("Umask")),
        ("limit of open files", open_files.map(str::to_owned).and_then(first)),
        ("ignored signals", shown("SigIgn")),
        ("threads", shown("Threads")),
    ])
}

/// Of the mapping at `address`: what is in memory, and this process's share of it (a frame that
/// three processes map counts a third for each), in KiB.
fn resident(process: Pid, address: usize) -> Result<(u32, u32)> {
    let smaps = lab::proc::read(&format!("/proc/{process}/smaps"))?;
    let mut lines = smaps.lines().skip_while(|line| !covers(line, address));
    let mut value = |key: &str| -> Option<u32> {
        let line = lines.find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let rss = value("Rss:").context("Rss")?;
    Ok((rss, value("Pss:").context("Pss")?))
}

/// Whether a line of smaps begins the mapping that contains `address`.
fn covers(line: &str, address: usize) -> bool {
    let hex = |text: &str| usize::from_str_radix(text, 16).ok();
    let range = line.split(' ').next().and_then(|word| word.split_once('-'));
    let range = range.and_then(|(start, end)| Some(hex(start)?..hex(end)?));
    range.is_some_and(|range| range.contains(&address))
}
