//! Commands that cannot be started, each for a reason of its own.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::PathBuf;

use crate::run::{Role, Run};

/// Such commands, and the files that they need, which are removed at the end.
#[derive(Debug)]
pub struct Unstartable {
    /// Each with its reason, mostly an error of execve(2).
    pub commands: Vec<(&'static str, Role)>,
    files: Vec<PathBuf>,
    /// A program that is open for writing.
    _busy: File,
}

impl Unstartable {
    /// One for each reason. What nobody executes comes to 127 also where a shell is tried, as by
    /// execvp(3).
    pub fn new(run: &Run) -> Unstartable {
        let path = |name: &str| run.directory().join(name);
        let [plain, garbled, busy, link] =
            ["no-program", "no-format", "open-for-writing", "link-to-itself"].map(path);
        let content = "exit 127\n";
        let write = |path: &PathBuf, mode: u32| {
            let file = File::options().write(true).create_new(true).mode(mode).open(path);
            let mut file = file.expect("a file");
            file.write_all(content.as_bytes()).expect("a file with a line");
            file
        };
        drop([write(&plain, 0o600), write(&garbled, 0o700)]);
        let open = write(&busy, 0o700);
        symlink(&link, &link).expect("a link");
        let said = |path: &PathBuf| path.display().to_string();
        let command = |words: Vec<String>| Role { name: words[0].clone(), words };
        let [mut too_long, mut with_nul] = [(); 2].map(|()| run.command());
        // An argument may have 32 pages.
        // SAFETY: sysconf(3) takes an integer.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        too_long.words.push("x".repeat(32 * page + 1));
        with_nul.words.insert(1, "a\0b".to_owned());
        let commands = vec![
            ("ENOENT", run.no_such_program()),
            ("EACCES", command(vec![said(&plain)])),
            ("a directory", command(vec![said(&run.directory())])),
            ("ENOEXEC", command(vec![said(&garbled)])),
            ("ETXTBSY", command(vec![said(&busy)])),
            ("ELOOP", command(vec![said(&link)])),
            ("ENOTDIR", command(vec!["/dev/null/program".to_owned()])),
            ("ENAMETOOLONG", command(vec![format!("/{}", "x".repeat(300))])),
            ("E2BIG", too_long),
            ("a NUL in an argument", with_nul),
        ];
        Unstartable { commands, files: vec![plain, garbled, busy, link], _busy: open }
    }

    /// The one that cannot be started for this reason.
    pub fn because(&self, reason: &str) -> Role {
        let mut all = self.commands.iter();
        all.find(|(name, _)| *name == reason).map(|(_, role)| role.clone()).expect("a reason")
    }
}

impl Drop for Unstartable {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}
