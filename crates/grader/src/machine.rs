//! What a failure says of the machine: limits are named as one sets them, and not as the call that
//! came upon them saw it.

use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit};

const TASKS: &str =
    "it may have no more processes or threads (ulimit -u, or pids.max of a container)";
const MEMORY: &str = "it may have no more memory (ulimit -v, or the limit of a container)";

/// What a limit looks like from where it is reached, and what it is.
const LIMITS: &[(&[&str], &str)] = &[
    (
        // By nix, by std, by std's debug format.
        &["EAGAIN", "(os error 11)", "code: 11,", "Resource temporarily unavailable"],
        TASKS,
    ),
    (
        &["EMFILE", "(os error 24)", "code: 24,", "Too many open files"],
        "it may have no more open files (ulimit -n)",
    ),
    (
        &[
            "ENOMEM",
            "(os error 12)",
            "code: 12,",
            "memory allocation of",
            "out of memory",
            "Cannot allocate memory",
        ],
        MEMORY,
    ),
    (
        &["EFBIG", "(os error 27)", "code: 27,", "signal 25", "SIGXFSZ", "File size limit"],
        "it may write no larger file (ulimit -f)",
    ),
];

/// The limit that these words are about.
fn limit(said: &str) -> Option<&'static str> {
    let about = |words: &&[&str]| words.iter().any(|word| said.contains(word));
    let (_, limit) = LIMITS.iter().find(|(words, _)| about(words))?;
    // No room for a thread's stack is told in the same words as one thread too many.
    match *limit == TASKS && has_little_memory() {
        true => Some(MEMORY),
        false => Some(limit),
    }
}

/// Whether a compiler that says this was refused memory by a limit of this process: it has to map its own
/// libraries, and speaks of a line of the submission where it cannot.
pub fn lacks_memory(said: &str) -> bool {
    has_little_memory() && speaks_of_memory(said)
}

/// Whether a limit leaves this process less memory than a compiler needs.
fn has_little_memory() -> bool {
    [Resource::RLIMIT_AS, Resource::RLIMIT_DATA].into_iter().any(is_narrow)
}

fn is_narrow(resource: Resource) -> bool {
    let soft = getrlimit(resource).map(|(soft, _)| soft);
    NEEDED.iter().any(|(it, enough, _)| *it == resource && soft.is_ok_and(|soft| soft < *enough))
}

/// Whether a compiler says that it was refused memory, or could not map a library of its own.
fn speaks_of_memory(said: &str) -> bool {
    let own =
        ["only metadata stub found", "crate for `std`", "crate for `core`", "crate for `alloc`"];
    limit(said) == Some(MEMORY) || own.iter().any(|words| said.contains(words))
}

/// An error, with the limit that it is about.
pub fn named(error: &str) -> String {
    match limit(error) {
        Some(limit) if !error.contains(limit) => format!("{error}; {limit}"),
        _ => error.to_owned(),
    }
}

/// What a compiler said that could not go on, in a sentence: of a panic the reason, and not where it
/// was; of the linker, what that said; of much else, the first error.
fn in_short(said: &str) -> String {
    if let Some(limit) = limit(said) {
        return limit.to_owned();
    }
    let mut lines = said.trim().lines();
    if let Some(why) = lines.find(|line| line.contains("panicked at ")).and_then(|_| lines.next()) {
        return why.to_owned();
    }
    let Some(error) = said.lines().find(|line| line.starts_with("error")) else {
        return said.trim().to_owned();
    };
    let mut notes = said.lines().filter_map(|line| line.trim().strip_prefix("= note: "));
    match notes.next_back().filter(|_| error.contains("linking with")) {
        Some(note) => format!("{error}: {}", note.trim()),
        None => error.to_owned(),
    }
}

/// What hindered a compiler that said this: in its own words, and if these name no limit, with those
/// that are low here.
pub fn hindrance(said: &str, directories: &[PathBuf]) -> String {
    let why = in_short(said);
    match limit(said).is_some() || why.contains("No space left") {
        true => why,
        false => why + &narrow(directories),
    }
}

/// Room for what a compiler makes, in bytes.
const ROOM: u64 = 32 << 20;

/// What a compiler needs of each limit, and how that is set.
const NEEDED: [(Resource, u64, &str); 5] = [
    (Resource::RLIMIT_AS, 2 << 30, "ulimit -v"),
    (Resource::RLIMIT_DATA, 2 << 30, "ulimit -d"),
    (Resource::RLIMIT_FSIZE, 256 << 20, "ulimit -f"),
    (Resource::RLIMIT_NOFILE, 64, "ulimit -n"),
    (Resource::RLIMIT_STACK, 1 << 20, "ulimit -s"),
];

/// The limits of this process that are lower than a compiler needs, and those of the directories in
/// which it works that are full: for what ends without a word.
fn narrow(directories: &[PathBuf]) -> String {
    let narrow = NEEDED.iter().filter(|(resource, ..)| is_narrow(*resource));
    let narrow = narrow.filter_map(|(resource, _, name)| {
        let (soft, _) = getrlimit(*resource).ok()?;
        Some(format!("{name} allows {soft}"))
    });
    let full = directories.iter().filter(|directory| {
        let state = nix::sys::statvfs::statvfs(directory.as_path());
        state.is_ok_and(|it| it.blocks_available() * it.fragment_size() < ROOM)
    });
    let full = full.map(|it| format!("No space left on device: {}", it.display()));
    let narrow: Vec<String> = narrow.chain(full).collect();
    if narrow.is_empty() { String::new() } else { format!(" ({})", narrow.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_their_own_names() {
        let spawn = "rustc: Resource temporarily unavailable (os error 11)";
        assert!(named(spawn).starts_with(spawn) && named(spawn).contains("pids.max"));
        assert_eq!(named(&named(spawn)), named(spawn));
        assert!(named("pipe2: EMFILE: Too many open files").ends_with("(ulimit -n)"));
        assert_eq!(named("there is no exercise \"x\""), "there is no exercise \"x\"");
        assert!(speaks_of_memory("error[E0463]: can't find crate for `core`"));
        assert!(speaks_of_memory("memory allocation of 21520 bytes failed"));
        assert!(!speaks_of_memory("error[E0463]: can't find crate for `rand`"));
        let panic = "thread 'rustc' panicked at x.rs:1:2:\nno luck today\nstack backtrace:";
        assert_eq!(in_short(panic), "no luck today");
        let linker = "error: linker `cc` not found\n  |\n  = note: No such file\n\nerror: aborting";
        assert_eq!(in_short(linker), "error: linker `cc` not found");
        let linking = "error: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\"\n  \
                       = note: /usr/bin/ld: final link failed: No space left on device\n  more";
        assert!(in_short(linking).ends_with("final link failed: No space left on device"));
    }
}
