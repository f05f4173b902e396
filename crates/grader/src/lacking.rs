//! What an exercise allows and this machine's isolation cannot grant. A submission that uses it and
//! does not pass is not to blame.

use std::collections::BTreeSet;

use crate::catalogue::{Exercise, Need};
use crate::tokens;

/// What is refused here and named in `source`, though the exercise allows it.
pub fn lacking(exercise: &Exercise, source: &str, isolation: &[String]) -> Option<String> {
    refused(&exercise.needs, &tokens::named_in(source), isolation)
}

fn refused(needs: &[Need], names: &BTreeSet<String>, isolation: &[String]) -> Option<String> {
    let has = |what: &str| isolation.iter().any(|it| it.starts_with(what));
    let (root, memory) = (has("root directory"), has("IPC namespace") || has("user number"));
    let named = |granted: bool, what: &str, words: &[&str]| {
        let word = words.iter().find(|word| !granted && names.contains(**word))?;
        Some(format!("{what} ({word})"))
    };
    needs.iter().find_map(|need| match need {
        Need::Sockets => named(root, "sockets with a name", &["bind", "connect", "listen"]),
        Need::SharedMemory => named(memory, "System V shared memory", &["shmget", "shmat"])
            .or_else(|| named(root, "shared memory with a name", &["shm_open"])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_named_where_it_is_used() {
        let names = tokens::named_in("fn f() { libc::shmget(0, 8, 0); } // shm_open");
        let of = |needs: &[Need], isolation: &[&str]| {
            let isolation: Vec<String> = isolation.iter().map(|it| (*it).to_owned()).collect();
            refused(needs, &names, &isolation)
        };
        let said = Some("System V shared memory (shmget)".to_owned());
        assert_eq!(of(&[Need::SharedMemory], &["seccomp"]), said);
        assert_eq!(
            of(&[Need::SharedMemory], &["IPC namespace", "root directory of its own"]),
            None
        );
        assert_eq!(of(&[Need::SharedMemory], &["user number of its own"]), None);
        assert_eq!(of(&[Need::Sockets], &["seccomp"]), None);
        assert_eq!(of(&[], &[]), None);
    }
}
