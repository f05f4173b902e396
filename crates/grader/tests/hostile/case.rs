//! The submissions, and what is to be found of each.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;

/// A submission.
pub struct Case {
    pub name: String,
    pub exercise: String,
    /// The file to be judged.
    pub file: PathBuf,
    /// The directory from which the grader is called.
    pub directory: PathBuf,
    /// Whether it does everything right but the one thing that it does.
    pub right_otherwise: bool,
    pub expected: Expected,
}

/// What must be found.
#[derive(Clone, Default)]
pub struct Expected {
    /// Passes after all: it only looks odd.
    pub passes: bool,
    /// The grader takes it for no submission, and says why.
    pub no_submission: bool,
    /// `CHECK [WORD]`, `compile` or `refused`.
    pub verdicts: Vec<String>,
    /// Verdicts instead where there are no namespaces.
    pub bare: Vec<String>,
    /// Must be printed.
    pub shows: Vec<String>,
    /// Must not be printed.
    pub never: Vec<String>,
    /// Isolation of which one kind must be in force, or the machine would be at risk.
    pub needs: Vec<String>,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

pub fn workspace() -> PathBuf {
    let here = here();
    here.ancestors().nth(4).unwrap().to_owned()
}

/// All of them; those that are no plain files of the repository are made in `made`.
pub fn all(made: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in sorted(&here().join("submissions")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        cases.push(read(name, &path, made, None));
    }
    for path in sorted(&here().join("directories")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        cases.push(read(name, &path.join("reap.rs"), made, Some(path)));
    }
    cases.extend(files(made));
    cases
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Reads a submission; what is expected stands in its first comment.
fn read(name: String, path: &Path, made: &Path, directory: Option<PathBuf>) -> Case {
    let mut source = fs::read_to_string(path).unwrap();
    let mut case = Case {
        exercise: String::new(),
        file: made.join(format!("{name}.rs")),
        directory: directory.unwrap_or_else(|| made.to_owned()),
        right_otherwise: false,
        expected: Expected::default(),
        name,
    };
    let head = source.clone();
    let head = head.lines().map_while(|line| line.strip_prefix("//!"));
    // The description ends with an empty line.
    for line in head.skip_while(|line| !line.is_empty()).skip(1) {
        let Some((key, value)) = line.trim().split_once(": ") else {
            panic!("{}: {line}", path.display());
        };
        let value = value.trim().replace("\\e", "\x1b").replace("\\n", "\n");
        match key {
            "exercise" => case.exercise = value,
            "verdict" => case.expected.verdicts.push(value),
            "without namespaces" => case.expected.bare.push(value),
            "shows" => case.expected.shows.push(value),
            "never" => case.expected.never.push(value),
            "needs" => case.expected.needs = value.split(" or ").map(str::to_owned).collect(),
            "rest" => {
                let rest = here().join(format!("rest/{value}.rs"));
                source.push_str(&fs::read_to_string(rest).unwrap());
                case.right_otherwise = true;
            }
            other => panic!("{}: \"{other}\"", path.display()),
        }
    }
    let Expected { verdicts, .. } = &case.expected;
    assert!(!case.exercise.is_empty() && !verdicts.is_empty(), "{}", path.display());
    let victims = made.join("victims");
    let source = source.replace("{workspace}", workspace().to_str().unwrap());
    fs::write(&case.file, source.replace("{victims}", victims.to_str().unwrap())).unwrap();
    case
}

/// Submissions that are odd as files.
fn files(made: &Path) -> Vec<Case> {
    let exercise =
        |name: &str| fs::read(workspace().join(format!("crates/exercises/{name}"))).unwrap();
    let crlf =
        |name: &str| String::from_utf8(exercise(name)).unwrap().replace('\n', "\r\n").into_bytes();
    let solution = || exercise("reap/solution.rs");
    let with = |bytes: &[u8]| [&solution(), bytes].concat();
    let passes = || Expected { passes: true, ..Expected::default() };
    let verdict = |verdict: &str, shows: &str| Expected {
        verdicts: vec![verdict.to_owned()],
        shows: vec![shows.to_owned()],
        ..Expected::default()
    };
    let none = |shows: &str| Expected {
        no_submission: true,
        shows: vec![shows.to_owned()],
        ..Expected::default()
    };
    let case = |name: &str, exercise: &str, expected: Expected| Case {
        name: name.to_owned(),
        exercise: exercise.to_owned(),
        file: made.join(format!("{name}.rs")),
        directory: made.to_owned(),
        right_otherwise: false,
        expected,
    };
    let mut cases = Vec::new();
    let mut file = |name: &str, exercise: &str, content: Vec<u8>, expected: Expected| {
        let case = case(name, exercise, expected);
        fs::write(&case.file, content).unwrap();
        cases.push(case);
    };
    // Line endings of another system are no mistake: a right one passes, a wrong one does not.
    file("crlf-and-right", "reap", crlf("reap/solution.rs"), passes());
    let wrong = verdict("signals [wrong]", "128 plus the signal");
    file("crlf-and-wrong", "reap", crlf("reap/wrong/no-signal.rs"), wrong);
    file("byte-order-mark", "reap", [b"\xef\xbb\xbf", &*solution()].concat(), passes());
    let not_text = verdict("compile", "not UTF-8 text: line ");
    file("not-utf-8", "reap", with(b"// na\xefve\n"), not_text);
    let wide = |byte: u8| [byte, 0];
    let wide = solution().into_iter().flat_map(wide).collect();
    let utf16 = verdict("compile", "The file is UTF-16 text. Save it as UTF-8");
    file("utf-16", "reap", [b"\xff\xfe".to_vec(), wide].concat(), utf16);
    let zeros = verdict("compile", "The file ends with 64 NUL characters");
    file("zero-bytes", "reap", with(&[0; 64]), zeros);
    file("empty", "reap", Vec::new(), verdict("compile", "The file is empty."));
    // The compiler comes to the end of its stack, of its memory, or of its time.
    let deep = format!("const DEEP: u8 = {}1{};\n", "(".repeat(40_000), ")".repeat(40_000));
    file("nested-deep", "reap", with(deep.as_bytes()), verdict("compile", ""));
    let long = verdict("compile", "longer than 256 KiB");
    file("too-long", "reap", with(&b"// and so on\n".repeat(100_000)), long);
    let starter = verdict("codes [wrong]", "codes: something else came than was expected");
    file("starter", "reap", exercise("reap/starter.rs"), starter);
    let starter = verdict("one-thread [wrong]", "one-thread: something else came");
    file("starter-explored", "bounded-queue", exercise("bounded-queue/starter.rs"), starter);

    let link = case("symbolic-link", "reap", none("is a symbolic link"));
    symlink(workspace().join("crates/exercises/reap/solution.rs"), &link.file).unwrap();
    let pipe = case("named-pipe", "reap", none("is not a plain file"));
    nix::unistd::mkfifo(&pipe.file, Mode::S_IRWXU | Mode::S_IROTH).unwrap();
    let directory = case("directory", "reap", none("is not a plain file"));
    fs::create_dir(&directory.file).unwrap();
    let mut device = case("device", "reap", none("is not a plain file"));
    device.file = "/dev/zero".into();
    let absent = case("absent", "reap", none("No such file"));
    cases.extend([link, pipe, directory, device, absent]);
    cases
}
