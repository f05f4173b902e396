//! A concept's program, run as users run it.

use std::fs::File;
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::CpuSet;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::figure::figures;
use crate::guest::{MARK, Names, survivors};
use crate::transcript::{self, Transcript};
use crate::trial::Trials;
use crate::watchdog::LIMIT;

/// A folder that test programs which run after each other have in common: what one run showed on a
/// quiet machine is kept there for the others, so that they need not be alone on it.
const KEPT: &str = "ACCEPTANCE_KEPT";
/// How often each signal is sent at a random moment.
const KILLS: u32 = 1;
/// How long a test injects failures.
const INJECTING: Duration = Duration::from_millis(1200);
/// The width of a terminal, for which all is written.
const COLUMNS: usize = 80;
/// Digits of the largest process id that Linux gives, proc_sys_kernel(5): below 4194304.
const DIGITS: usize = 7;
/// The user that a program runs as to show that it needs no privilege: nobody.
const NOBODY: u32 = 65534;

/// A concept's program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The package's name.
    pub name: &'static str,
    /// The executable.
    pub path: &'static str,
    /// Its recorded transcript.
    pub transcript: &'static str,
}

/// How a run ended and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// The wait status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Tests of several programs run at a time, so the locks are files beside these programs. The second
/// may be taken only by who holds the first: so who waits to be alone is not kept waiting by those who
/// come later.
fn locks() -> [File; 2] {
    let program = std::env::current_exe().expect("the path of this program");
    ["acceptance-entrance.lock", "acceptance.lock"].map(|name| {
        let path = program.with_file_name(name);
        File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// A test that measures runs while no other does.
fn alone() -> [File; 2] {
    let locks = locks();
    for lock in &locks {
        lock.lock().expect("flock");
    }
    locks
}

/// Tests that don't run side by side.
fn together() -> File {
    let [entrance, lock] = locks();
    entrance.lock().expect("flock");
    lock.lock_shared().expect("flock");
    lock
}

/// How wide a line is: the id in the head of `[role     1234] sentence` counts with the most digits
/// that it can have.
fn columns(line: &str) -> usize {
    let head = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let id = head.and_then(|(head, _)| head.rsplit_once(' ')).map_or("", |(_, id)| id);
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    line.chars().count() + if is_id { DIGITS.saturating_sub(id.len()) } else { 0 }
}

/// What a run with `--json` printed.
fn json_of(ended: Ended) -> serde_json::Value {
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("one JSON object")
}

/// What one run of all experiments printed and wrote.
struct Observed {
    ended: Ended,
    json: serde_json::Value,
    trace: String,
    took: Duration,
}

impl Observed {
    /// What a test program that ran before on the quiet machine has kept in this folder.
    fn kept(folder: &Path) -> Option<Observed> {
        let read = |name| std::fs::read_to_string(folder.join(name)).ok();
        let (stdout, stderr) = (read("stdout")?, String::new());
        Some(Observed {
            ended: Ended { status: ExitStatus::from_raw(0), stdout, stderr },
            json: serde_json::from_str(&read("evidence.json")?).ok()?,
            trace: read("trace.json")?,
            took: Duration::from_micros(read("took")?.parse().ok()?),
        })
    }

    /// Keeps it, whole or not at all. A run that failed or complained is made again.
    fn keep(&self, folder: &Path) -> std::io::Result<()> {
        let Some(above) = folder.parent().filter(|_| self.ended.stderr.is_empty()) else {
            return Ok(());
        };
        let new = tempfile::tempdir_in(above)?;
        std::fs::write(new.path().join("stdout"), &self.ended.stdout)?;
        std::fs::write(new.path().join("evidence.json"), self.json.to_string())?;
        std::fs::write(new.path().join("trace.json"), &self.trace)?;
        std::fs::write(new.path().join("took"), self.took.as_micros().to_string())?;
        std::fs::rename(new.keep(), folder)
    }

    /// The experiment that took the shortest time: for what is asked of any of them.
    fn quickest(&self) -> &str {
        let events = trace::read(&self.trace).expect("a list of events");
        let took = |name: &str| {
            let its =
                events.iter().filter(|it| it.category == trace::EXPERIMENT && it.name == name);
            let times: Vec<u64> = its.map(|it| it.at).collect();
            times.iter().max().zip(times.iter().min()).map_or(u64::MAX, |(end, begin)| end - begin)
        };
        let experiments = self.json["experiments"].as_array().expect("experiments");
        let names = experiments.iter().map(|it| it["name"].as_str().expect("a name"));
        names.min_by_key(|name| took(name)).expect("an experiment")
    }
}

/// A mark that no other run has.
pub(crate) fn next_mark() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

impl Program {
    /// A command that runs the program with `arguments`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path);
        command.args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR");
        command
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    ///
    /// If it does not end in time.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let _alone = alone();
        finish(self.command(arguments))
    }

    /// What `--json` prints with these arguments.
    ///
    /// # Panics
    ///
    /// If the run fails or prints anything else.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        json_of(self.run(&[&["--json"], arguments].concat()))
    }

    /// What is known of all experiments, as `--json` prints it, from one run that the tests of a binary
    /// share.
    ///
    /// # Panics
    ///
    /// If the run fails.
    pub fn whole(&self) -> &'static serde_json::Value {
        &self.observed().json
    }

    /// That run. Story, evidence and trace are of the same one: most of a program's time no other may
    /// run beside it.
    fn observed(&self) -> &'static Observed {
        static OBSERVED: OnceLock<Observed> = OnceLock::new();
        OBSERVED.get_or_init(|| {
            let kept = std::env::var_os(KEPT).map(|folder| Path::new(&folder).join(self.name));
            if let Some(observed) = kept.as_deref().and_then(Observed::kept) {
                return observed;
            }
            let directory = tempfile::tempdir().expect("a temporary directory");
            let [evidence, trace] =
                ["evidence.json", "trace.json"].map(|n| directory.path().join(n));
            let mut command = self.command(&[]);
            command.arg("--evidence").arg(&evidence).arg("--trace").arg(&trace);
            let _alone = alone();
            let begun = Instant::now();
            let ended = finish(command);
            let took = begun.elapsed();
            assert!(ended.status.success(), "{ended:?}");
            let read = |path: &Path| std::fs::read_to_string(path).expect("what the program wrote");
            let json = serde_json::from_str(&read(&evidence)).expect("one JSON object");
            let observed = Observed { ended, json, trace: read(&trace), took };
            if let Some(folder) = kept {
                observed.keep(&folder).unwrap_or_else(|error| panic!("{KEPT}: {error}"));
            }
            observed
        })
    }

    /// The facts of `experiment`, without those that this machine cannot show.
    ///
    /// # Panics
    ///
    /// If the run fails or has no such experiment.
    pub fn facts(&self, experiment: &str) -> &'static [serde_json::Value] {
        let experiments = self.whole()["experiments"].as_array().expect("experiments");
        let found = experiments.iter().find(|found| found["name"] == experiment);
        found.expect("the experiment")["facts"].as_array().expect("facts")
    }

    /// The value of the fact `fact` of `experiment`.
    ///
    /// # Panics
    ///
    /// If the run fails or does not find the fact.
    pub fn fact(&self, experiment: &str, fact: &str) -> serde_json::Value {
        let found = self.facts(experiment).iter().find(|found| found["name"] == fact);
        found.unwrap_or_else(|| panic!("no fact `{fact}` in {:#}", self.whole()))["value"].clone()
    }

    /// A trace keeps the rules of its format, names all that it shows, holds every experiment, and can
    /// be drawn.
    pub fn a_trace_keeps_the_rules_and_can_be_drawn(&self) {
        let Observed { trace: text, .. } = self.observed();
        let events = trace::read(text).expect("a list of events");
        let broken = trace::violations(&events);
        assert!(broken.is_empty(), "{}\n{text}", broken.join("\n"));
        let svg = trace::Picture { roles: &[], whole: true, narrow: false }
            .svg(&events)
            .expect("it is drawn");
        for experiment in self.whole()["experiments"].as_array().expect("experiments") {
            let name = experiment["name"].as_str().expect("a name");
            let of_it = |it: &&trace::Event| it.category == trace::EXPERIMENT && it.name == name;
            assert_eq!(events.iter().filter(of_it).count(), 2, "the slice of {name}");
            assert!(svg.contains(&format!(">{name}: ")), "{name} is not drawn");
        }
    }

    /// Compares a fresh run with the recorded transcript, each section by its grade. No line of it
    /// is wider than a terminal, whatever number the machine has come to with its process ids.
    pub fn prints_what_the_book_shows(&self) {
        let Observed { ended, .. } = self.observed();
        assert_eq!(ended.stderr, "", "{ended:?}");
        let text = std::fs::read_to_string(self.transcript).expect("transcript.txt");
        let recorded = Transcript::parse(&text).expect("transcript.txt is well formed");
        assert_eq!(recorded.command, transcript::command(self.name));
        let wide: Vec<&str> = ended.stdout.lines().filter(|line| columns(line) > COLUMNS).collect();
        assert!(wide.is_empty(), "more than {COLUMNS} columns:\n{}", wide.join("\n"));
        if let Err(difference) = recorded.compare(&ended.stdout) {
            panic!("{difference}\nIf the change is meant: scripts/record {}", self.name);
        }
        self.finds_the_facts_that_the_book_compares();
    }

    /// Compares the names of the facts with those recorded, where the book keeps them. One that this
    /// machine cannot show is missing here.
    fn finds_the_facts_that_the_book_compares(&self) {
        let path = Path::new(self.transcript).with_file_name("facts.json");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let recorded = serde_json::from_str(&text).expect("facts.json is well formed");
        let names = |document: &serde_json::Value, of: &str| -> Vec<String> {
            let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
            let experiments = list(&document["experiments"]).into_iter().flat_map(|experiment| {
                list(&experiment[of]).into_iter().map(move |fact| {
                    let name = if of == "facts" { &fact["name"] } else { &fact[0] };
                    format!("{}: {name}", experiment["name"])
                })
            });
            experiments.collect()
        };
        let whole = self.whole();
        let here = [names(whole, "facts"), names(whole, "missing")].concat();
        let gone: Vec<String> =
            names(&recorded, "facts").into_iter().filter(|name| !here.contains(name)).collect();
        assert!(gone.is_empty(), "{gone:?} are gone; scripts/record {}", self.name);
    }

    /// Traces again what the book's figures were drawn from, and compares.
    pub fn tells_what_the_books_figures_show(&self) {
        let package = Path::new(self.transcript).parent().expect("a package's folder");
        let top = package.join("../..");
        for figure in figures(&top, self.name).expect("scripts/record") {
            let file = tempfile::Builder::new().suffix(".json").tempfile();
            let file = file.expect("a temporary file");
            let path = file.path().to_str().expect("a path in UTF-8");
            let together = together();
            let ended = finish(self.command(&[&figure.experiment, "--trace", path]));
            drop(together);
            assert!(ended.status.success(), "{ended:?}");
            let trace = std::fs::read_to_string(path).expect("the trace");
            if let Err(difference) = figure.compare(&top, &trace) {
                panic!("{difference:#}\nIf the change is meant: scripts/record {}", self.name);
            }
        }
    }

    /// Every verdict is the book's, or inconclusive for a reason that the machine gives.
    pub fn verdicts_are_those_that_the_book_expects(&self) {
        let json = self.whole();
        for claim in json["claims"].as_array().expect("claims") {
            let fits =
                claim["verdict"] == claim["expected"] || claim["verdict"] == "inconclusive here";
            assert!(fits, "{claim:#}");
        }
    }

    /// A wrong argument is answered in one sentence on standard error, with status 2.
    pub fn wrong_arguments_get_one_sentence_and_status_2(&self) {
        let no_picture = ["--trace", "/nonexistent/trace.png"];
        // What an argument contains gives an error no second line, and a terminal no commands.
        let strange = [&["\x1b[31mred\n\nx"][..], &["--a\x07\n\nb"], &["--trace", "a\n\x1bb"]];
        let wrong = [&["--nonsense"][..], &["no-such-experiment"], &["--trace"], &["--json=x"]];
        for wrong in wrong.into_iter().chain(strange).chain([&no_picture[..]]) {
            let _together = together();
            let ended = finish(self.command(wrong));
            assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{wrong:?}: {}", ended.stderr);
            let commands = ended.stderr.trim_end().contains(char::is_control);
            assert!(!commands, "{wrong:?}: {:?}", ended.stderr);
            assert_eq!(ended.stdout, "", "{wrong:?}");
        }
        let directory = tempfile::Builder::new().suffix(".svg").tempdir().expect("a directory");
        let directory = directory.path().to_str().expect("a path in UTF-8");
        for no_file in ["/nonexistent/trace.json", "/nonexistent/\n\x1b[31m.json", directory] {
            let ended = finish(self.command(&["--trace", no_file]));
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
            assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
        }
    }

    /// A reader that went away and a full device are said in one sentence, with status 1.
    pub fn a_broken_output_gets_one_sentence_and_status_1(&self) {
        let first = self.observed().quickest();
        let _together = together();
        for arguments in [&[first][..], &["--list"], &["--json", first], &["--help"]] {
            let full = File::options().write(true).open("/dev/full").expect("/dev/full");
            // Whoever has been forked meanwhile has a copy of it: it is shut down, not only closed.
            let (reader, closed) = UnixStream::pair().expect("socketpair");
            reader.shutdown(Shutdown::Both).expect("shutdown");
            let closed = OwnedFd::from(closed);
            for (what, output) in [("full", Stdio::from(full)), ("closed", Stdio::from(closed))] {
                let mut command = self.command(arguments);
                command.stdout(output).stderr(Stdio::piped());
                let ended = wait(command.spawn().expect("the program starts"));
                assert_eq!(ended.status.code(), Some(1), "{what} {arguments:?}: {ended:?}");
                assert_eq!(ended.stderr.lines().count(), 1, "{what} {arguments:?}: {ended:?}");
                let names = ["output", "write: "].iter().all(|word| ended.stderr.contains(word));
                assert!(names, "{what} {arguments:?}: {}", ended.stderr);
            }
        }
        // A file that may not grow; nothing of it is left.
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (option, name) in [("--evidence", "it.json"), ("--trace", "it.svg")] {
            let path = directory.path().join(name);
            let mut command = self.command(&[first, option]);
            command.arg(&path).stdout(Stdio::null()).stderr(Stdio::piped());
            // SAFETY: the closure makes one system call.
            unsafe {
                command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?));
            }
            let ended = wait(command.spawn().expect("the program starts"));
            assert_eq!(ended.status.code(), Some(1), "{option}: {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{option}: {ended:?}");
            assert!(ended.stderr.contains("(ulimit -f)"), "{option}: {}", ended.stderr);
            assert!(!path.exists(), "{option}: an empty file is left");
        }
        // A reader that leaves after the first line, as `head -1` does.
        let mut command = self.command(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut first = [0];
        let _ = child.stdout.take().expect("it is piped").read(&mut first);
        let ended = wait(child);
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{ended:?}");
        assert!(ended.stderr.lines().count() <= 1, "{ended:?}");
    }

    /// With one CPU the program shows what it can, says what it cannot, and leaves nothing behind.
    pub fn runs_on_one_cpu(&self) {
        let _together = together();
        let mut command = self.command(&["--json"]);
        let mut one = CpuSet::new();
        let allowed = nix::sched::sched_getaffinity(Pid::from_raw(0)).expect("sched_getaffinity");
        let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu) == Ok(true));
        one.set(first.expect("there is a CPU")).expect("it is in range");
        // SAFETY: the closure makes one system call and touches nothing that could be locked.
        unsafe {
            command.pre_exec(move || Ok(nix::sched::sched_setaffinity(Pid::from_raw(0), &one)?));
        }
        self.ends_well_and_leaves_nothing(command);
    }

    /// Without privilege the program shows what it can, says what it cannot, and leaves nothing behind.
    /// A user who is not root already runs every test so.
    pub fn runs_without_root(&self) {
        if !nix::unistd::getuid().is_root() {
            return;
        }
        let _together = together();
        let place = Place::for_everyone(self);
        self.ends_well_and_leaves_nothing(place.command_as_nobody(&["--json"], false));
    }

    /// A call that fails is said, and harms nothing else: a sample of `cargo xtask surroundings`.
    pub fn a_call_that_fails_is_said_and_harms_nothing_else(&self) {
        let mut trials = Trials::new(self, self.whole());
        let _together = together();
        trials.inject(INJECTING);
        trials.counts.assert_none();
    }

    /// Unusual surroundings are set right or named: a sample of `cargo xtask surroundings`.
    pub fn unusual_surroundings_are_set_right_or_named(&self) {
        let mut trials = Trials::new(self, self.whole()).with_any(self.observed().quickest());
        let _together = together();
        trials.surround(false);
        trials.counts.assert_none();
    }

    /// Stopped and continued, the program ends as always.
    pub fn time_in_which_it_is_stopped_does_not_count(&self) {
        let mut trials = Trials::new(self, self.whole());
        let _together = together();
        let mut random = Random::new();
        trials.stop_and_continue(1, Duration::from_millis(500), &mut || random.share());
        trials.counts.assert_none();
    }

    /// After Ctrl-C, SIGTERM and SIGKILL at random moments nothing is left. That nothing is left after
    /// its own end, those tests see that run it to its end.
    pub fn leaves_nothing_behind_however_it_ends(&self) {
        let Observed { took, .. } = self.observed();
        let _together = together();
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let before = Names::now(temporary.path());
        let mut random = Random::new();
        for _ in 0..KILLS {
            for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
                let moment = took.mul_f64(random.share());
                let (mark, child) = self.marked(temporary.path());
                let process = Pid::from_raw(child.id() as i32);
                std::thread::sleep(moment);
                // A terminal sends Ctrl-C to the whole foreground process group.
                let whom = match signal {
                    Signal::SIGINT => Pid::from_raw(-process.as_raw()),
                    _ => process,
                };
                send(whom, signal);
                let ended = wait(child);
                let said = format!("{signal} after {moment:?}: {ended:?}");
                let by_signal = ended.status.signal() == Some(signal as i32);
                assert!(by_signal || ended.status.success(), "{said}");
                assert_eq!(survivors(&mark), [""; 0], "{said}");
            }
        }
        assert_eq!(before.left_since(temporary.path()), [""; 0]);
    }

    /// Runs the command to its end, which is a good one, after which nothing is left.
    fn ends_well_and_leaves_nothing(&self, mut command: Command) {
        let mark = next_mark();
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let everyone = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(temporary.path(), everyone).expect("chmod");
        command.env(MARK, &mark).env("TMPDIR", temporary.path());
        let before = Names::now(temporary.path());
        let ended = finish(command);
        self.ends_well(&ended);
        assert_eq!(survivors(&mark), [""; 0], "{ended:?}");
        assert_eq!(before.left_since(temporary.path()), [""; 0], "{ended:?}");
    }

    /// A run of all experiments, in a process group of its own, its processes marked.
    fn marked(&self, temporary: &std::path::Path) -> (String, Child) {
        let mark = next_mark();
        let mut command = self.command(&[]);
        command.env(MARK, &mark).env("TMPDIR", temporary).process_group(0);
        // Whoever runs the tests in the background may have had them ignore Ctrl-C.
        // SAFETY: the closure makes one system call, and the default disposition runs no code.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        (mark, command.spawn().expect("the program starts"))
    }

    fn ends_well(&self, ended: &Ended) {
        assert!(ended.status.success(), "{ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    }
}

/// A copy of the program where any user can read it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: tempfile::TempDir,
    name: &'static str,
}

impl Place {
    pub(crate) fn for_everyone(program: &Program) -> Place {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let everyone = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everyone).expect("chmod");
        std::fs::copy(program.path, directory.path().join(program.name)).expect("copy");
        Place { directory, name: program.name }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.directory.path().join(self.name));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// The same as nobody, who may be kept from reading the program.
    pub(crate) fn command_as_nobody(&self, arguments: &[&str], unreadable: bool) -> Command {
        let mut program = self.directory.path().join(self.name);
        if unreadable {
            let copy = self.directory.path().join("unreadable");
            if !copy.exists() {
                std::fs::copy(&program, &copy).expect("copy");
                let mode = std::fs::Permissions::from_mode(0o711);
                std::fs::set_permissions(&copy, mode).expect("chmod");
            }
            program = copy;
        }
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).current_dir("/").uid(NOBODY).gid(NOBODY);
        command
    }
}

fn finish(command: Command) -> Ended {
    try_finish(command).expect("the program starts")
}

fn try_finish(mut command: Command) -> std::io::Result<Ended> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut left = 100;
    loop {
        match command.spawn() {
            // Another test's child, between fork and exec, still has a copy open that was just made.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && left > 0 => {
                left -= 1;
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            spawned => return Ok(wait(spawned?)),
        }
    }
}

/// Sends a signal to a process or a group that this process has started; one that is gone needs none.
pub(crate) fn send(whom: Pid, signal: Signal) {
    match kill(whom, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => panic!("kill {whom}, {signal}: {errno}"),
    }
}

/// Waits for the end, reading what the child prints; one that takes too long is killed.
pub(crate) fn wait(child: Child) -> Ended {
    let pid = Pid::from_raw(child.id() as i32);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = ended.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if late {
            send(pid, Signal::SIGKILL);
        }
        late
    });
    let Output { status, stdout, stderr } = child.wait_with_output().expect("wait");
    drop(done);
    let late = watchdog.join().expect("the watchdog does not panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    let ended = Ended { status, stdout: text(stdout), stderr: text(stderr) };
    assert!(!late, "it did not end within {LIMIT:?}: {ended:?}");
    ended
}

/// Moments that differ from run to run; nothing depends on their quality.
struct Random(std::hash::RandomState, u64);

impl Random {
    fn new() -> Random {
        Random(std::hash::RandomState::new(), 0)
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        use std::hash::BuildHasher;
        self.1 += 1;
        self.0.hash_one(self.1) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_on_the_quiet_machine_is_kept_whole_or_not_at_all() {
        let slice = |name, from, to| {
            let event = |phase, at| {
                serde_json::json!({
                    "name": name, "cat": trace::EXPERIMENT, "ph": phase, "ts": at, "pid": 1, "tid": 1
                })
            };
            [event("B", from), event("E", to)]
        };
        let events = [slice("long", 1, 900), slice("short", 901, 905)].concat();
        let mut seen = Observed {
            ended: Ended {
                status: ExitStatus::from_raw(0),
                stdout: "long: Why?\n".into(),
                stderr: String::new(),
            },
            json: serde_json::json!({"experiments": [{"name": "long"}, {"name": "short"}]}),
            trace: serde_json::to_string(&events).unwrap(),
            took: Duration::from_millis(905),
        };
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("it");
        assert!(Observed::kept(&folder).is_none());
        seen.ended.stderr = "it: something is wrong\n".into();
        seen.keep(&folder).unwrap();
        assert!(Observed::kept(&folder).is_none(), "a complaint is not to be lost");
        seen.ended.stderr.clear();
        seen.keep(&folder).unwrap();
        let kept = Observed::kept(&folder).unwrap();
        assert_eq!((&kept.ended.stdout, &kept.json), (&seen.ended.stdout, &seen.json));
        assert_eq!((&kept.trace, kept.took), (&seen.trace, seen.took));
        assert_eq!(kept.quickest(), "short");
    }

    #[test]
    fn an_id_counts_with_seven_digits_wherever_a_line_has_one() {
        assert_eq!(columns("[parent   42] says µs"), "[parent   1234567] says us".len());
        assert_eq!(columns("[main     1234567] a"), 20);
        assert_eq!(columns("[not a head] 42"), 15);
        assert_eq!(columns("layout: Where is what?"), 22);
    }
}
