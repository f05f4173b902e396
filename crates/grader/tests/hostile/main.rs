//! Judges submissions that cheat, crash, hang and leave things behind: each gets its own verdict,
//! none passes, none outlives its judgement, and none gets the better of the grader.
//!
//! `submissions/` has one file for each, which says at its top what it does and what must be found;
//! `directories/` has those that bring more than a file. All of them are judged as the user who runs
//! this, and by a user without rights and without namespaces; those that reach out, in all five ways.
//! After each, what belongs to others on this machine is as it was before.
//!
//! A run takes a share of all that, another one each time, and prints which; `GRADE_SHARE=1` takes it
//! all, and `GRADE_SEED` what a run took that named it. With an argument, those whose name contains it.

mod bystander;
mod case;
mod victims;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bystander::{Grading, Killed, Outcome, grade};
use case::{Case, Expected};
use grader::share::Share;

/// Gradings at a time: most of them wait.
const WORKERS: usize = 4;

/// One grading in so many, of each way to judge and of each exercise.
const USUAL: usize = 8;

/// What the grader itself may use, in bytes.
const MEMORY: u64 = 200 << 20;

/// Who judges, and with which isolation.
struct Way {
    name: &'static str,
    nobody: bool,
    without: &'static [&'static str],
    isolation: String,
    victims: PathBuf,
}

impl Way {
    fn grading(&self, arguments: &[&str], directory: &Path) -> Grading {
        let mut arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        for without in self.without {
            arguments.extend(["--without".to_owned(), (*without).to_owned()]);
        }
        let (nobody, directory) = (self.nobody, directory.to_owned());
        Grading { arguments, directory, nobody, killed: None, victims: self.victims.clone() }
    }

    /// Whether the kernel counts the processes of all gradings together: it counts them for each
    /// user, and in each user namespace.
    fn shares_processes(&self) -> bool {
        let as_root = nix::unistd::geteuid().is_root() && !self.nobody;
        !as_root && !self.has("user namespace")
    }

    fn has(&self, isolation: &str) -> bool {
        self.isolation.contains(isolation)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == "--grading" {
        bystander::main(&arguments.next().unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    let filter = if first.starts_with('-') { String::new() } else { first };
    let start = Instant::now();
    let share = if filter.is_empty() { Share::of_test(USUAL).unwrap() } else { Share::ALL };
    let made = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(made.path(), open).unwrap();
    let solution = case::workspace().join("crates/exercises/reap/solution.rs");
    let _sockets = victims::make(&made.path().join("victims"), &solution);
    let cases = case::all(made.path());
    let mut failures = prepare();
    let ways = ways(made.path());
    let done = |what: &str| println!("{what}: after {:.0} s", start.elapsed().as_secs_f64());
    if failures.is_empty() {
        if "kill".contains(&filter) {
            failures.extend(kills(&ways, &cases, &share));
            done("gradings that are killed");
        }
        if "neighbours".contains(&filter) {
            for way in share.of("neighbours", ways.iter().collect()) {
                failures.extend(neighbours(way, &cases, &share));
            }
            done("neighbours");
        }
        failures.extend(judge_all(&ways, &cases, &filter, &share));
        done("judgements");
        if "batch".contains(&filter) {
            let ways = ways.iter().filter(|way| way.without.is_empty()).collect();
            let ways = share.of("batch", ways).into_iter();
            failures.extend(ways.flat_map(|way| batch(way, &cases, made.path())));
        }
    }
    println!("{} submissions, {:.0} s", cases.len(), start.elapsed().as_secs_f64());
    let Share { one_in, seed } = share;
    if one_in > 1 {
        println!(
            "one in {one_in} of all that was done, by chance: \
             GRADE_SHARE={one_in} GRADE_SEED={seed:x} cargo test -p grader --test hostile"
        );
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lets the grader build what it needs, as the user who may do so, and sees that right ones pass.
fn prepare() -> Vec<String> {
    let mut failures = Vec::new();
    for exercise in ["reap", "bounded-queue"] {
        let file = case::workspace().join(format!("crates/exercises/{exercise}/solution.rs"));
        let mut grader = Command::new(env!("CARGO_BIN_EXE_grader"));
        let output = grader.arg(exercise).arg("--file").arg(file).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            failures.push(format!("the solution of {exercise} does not pass: {said}"));
        }
    }
    failures
}

/// The ways in which everything is judged, with the isolation that is in force in each.
fn ways(directory: &Path) -> Vec<Way> {
    let root = nix::unistd::geteuid().is_root();
    let mut ways = vec![
        ("as the user who runs this", false, &[][..]),
        ("as nobody", true, &[][..]),
        ("as nobody, without namespaces", true, &["namespaces"][..]),
        ("as root, without user namespaces", false, &["user namespace"][..]),
        ("as root, without namespaces", false, &["namespaces"][..]),
    ];
    if !root {
        ways.truncate(1);
        ways.push(("without namespaces", false, &["namespaces"][..]));
    }
    let mut found = Vec::new();
    for (name, nobody, without) in ways {
        let victims = directory.join("victims");
        let mut way = Way { name, nobody, without, isolation: String::new(), victims };
        let said = grade(&way.grading(&["doctor"], directory));
        let lines = said.stdout.lines().skip_while(|line| !line.starts_with("In force"));
        let lines = lines.skip(1).take_while(|line| line.starts_with("  "));
        way.isolation = lines.map(str::trim).collect::<Vec<_>>().join(", ");
        println!("{name}: {}", way.isolation);
        if let Some(error) = said.error {
            println!("  {error}");
        }
        found.push(way);
    }
    found
}

fn judge_all(ways: &[Way], cases: &[Case], filter: &str, share: &Share) -> Vec<String> {
    // Those that hang come first, or the last of them would be waited for.
    let hangs = |case: &Case| {
        let word = |it: &String| it.contains("stuck") || it == "compile";
        case.expected.verdicts.iter().any(word)
    };
    let mut all_work: BTreeMap<(&str, &str), Vec<(&Way, &Case)>> = BTreeMap::new();
    for way in ways {
        // With everything, and with the least: between them, only where it matters. Where schedules are
        // explored there are no files and no processes, and nothing to tell one way from another.
        let bare = way.without.contains(&"namespaces");
        let root = nix::unistd::geteuid().is_root();
        let all = (bare && way.nobody == root) || (!bare && way.without.is_empty() && !way.nobody);
        for case in cases.iter().filter(|case| case.name.contains(filter)) {
            let everywhere = [&DEPENDS_ON_NAMESPACES[..], &REACHING].concat();
            let explored = case.exercise != "reap";
            if (all && !(bare && explored)) || everywhere.contains(&&*case.name) {
                all_work.entry((way.name, &case.exercise)).or_default().push((way, case));
            }
        }
    }
    let count: usize = all_work.values().map(Vec::len).sum();
    let chosen = all_work.into_iter().map(|((way, exercise), work)| {
        // Each way, and each exercise in it.
        share.of(&format!("{exercise} {way}"), work)
    });
    let mut work: Vec<(&Way, &Case)> = chosen.flatten().collect();
    println!("{} of {count} judgements", work.len());
    work.sort_by_key(|(_, case)| !hangs(case));
    // Where one user has all gradings and no namespaces, the kernel counts their processes together,
    // so what uses them up comes last and alone.
    let (alone, work): (Vec<_>, Vec<_>) =
        work.into_iter().partition(|(way, case)| way.shares_processes() && is_bomb(&case.name));
    let mut failures = judge_each(work, WORKERS);
    failures.extend(judge_each(alone, 1));
    failures
}

fn is_bomb(name: &str) -> bool {
    matches!(name, "fork-bomb" | "thread-bomb")
}

fn judge_each(work: Vec<(&Way, &Case)>, workers: usize) -> Vec<String> {
    let work = Mutex::new(VecDeque::from(work));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop_front();
                    let Some((way, case)) = next else { return };
                    let problems = judge(way, case);
                    failures.lock().unwrap().extend(problems);
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// Those that are judged with every kind of namespaces.
const DEPENDS_ON_NAMESPACES: [&str; 8] = [
    "kills-parent",
    "kills-everybody",
    "daemon",
    "fork-bomb",
    "shared-memory",
    "escapes",
    "disk-filler",
    "unremovable-files",
];

/// Judges one submission in one way; what is wrong with the verdict, or with what was left.
fn judge(way: &Way, case: &Case) -> Vec<String> {
    let Expected { needs, .. } = &case.expected;
    if !needs.is_empty() && !needs.iter().any(|need| way.has(need)) {
        println!("skipped {} {}: needs {}", case.name, way.name, needs.join(" or "));
        return Vec::new();
    }
    let file = case.file.to_str().unwrap();
    let outcome = grade(&way.grading(&[&case.exercise, "--file", file], &case.directory));
    let problems = problems(way, case, &outcome);
    let mib = outcome.memory >> 20;
    let first = outcome.stdout.lines().find(|line| line.starts_with("FAIL"));
    let first = first.or(outcome.stdout.lines().next()).or(outcome.stderr.lines().next());
    let first: String = first.unwrap_or_default().chars().take(60).collect();
    let state = if problems.is_empty() { "ok" } else { "WRONG" };
    println!(
        "{state:5} {:32} {:.1} s, of which computing {:.1} s, {mib} MiB  {first}  ({})",
        case.name, outcome.seconds, outcome.processor, way.name
    );
    let said = || {
        let lines = outcome.stdout.lines().chain(outcome.stderr.lines()).take(40);
        lines.map(|line| format!("      {line}\n")).collect::<String>()
    };
    let named = |problem| format!("{} {}: {problem}\n{}", case.name, way.name, said());
    problems.into_iter().map(named).collect()
}

fn problems(way: &Way, case: &Case, outcome: &Outcome) -> Vec<String> {
    let expected = &case.expected;
    let mut problems: Vec<String> = outcome.error.iter().cloned().collect();
    let mut demand = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let Outcome { stdout, stderr, .. } = outcome;
    let passed =
        stdout.lines().any(|line| line.starts_with(&format!("{}: passed,", case.exercise)));
    let code = i32::from(!expected.passes);
    demand(outcome.code == Some(code), format!("the exit code is {:?}", outcome.code));
    demand(passed == expected.passes, format!("passed: {passed}"));
    demand(!stderr.contains("panicked"), "the grader panicked".to_owned());
    demand(outcome.left.is_empty(), format!("left: {}", outcome.left.join("; ")));
    demand(outcome.memory < MEMORY, format!("{} MiB of memory", outcome.memory >> 20));
    demand(
        expected.no_submission || !stderr.contains("grade: "),
        "the grader gave no verdict".to_owned(),
    );
    // Lines are broken between words, wherever the page ends.
    let words = format!("{stdout} {stderr}").split_whitespace().collect::<Vec<_>>().join(" ");
    for text in &expected.shows {
        demand(words.contains(text.as_str()), format!("\"{text}\" is not shown in: {words}"));
    }
    for text in &expected.never {
        let shown = stdout.contains(text.as_str()) || stderr.contains(text.as_str());
        demand(!shown, format!("{text:?} is shown"));
    }
    let bare = !way.has("process namespace") && !expected.bare.is_empty();
    let verdicts = if bare { &expected.bare } else { &expected.verdicts };
    let failed: Vec<(String, &str)> = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("FAIL  ")?.split_once("  "))
        .filter_map(|(_, line)| Some((line.split_once(':')?.0.to_owned(), line)))
        .collect();
    let found = |verdict: &String| match verdict.as_str() {
        "compile" => ["This does not compile", "This does not fit the checks"]
            .iter()
            .any(|beginning| stdout.starts_with(beginning)),
        "refused" => stdout.starts_with("This cannot be judged"),
        verdict => verdict.split_once(' ').is_some_and(|(check, word)| {
            failed.iter().any(|(name, line)| name == check && line.ends_with(word))
        }),
    };
    // Where several are named, it depends on the moment which one it is.
    let any = verdicts.is_empty() || verdicts.iter().any(found);
    demand(any, format!("the verdict is not {}", verdicts.join(" or ")));
    // The checks of one submission run beside each other, too.
    if case.right_otherwise && !(way.shares_processes() && is_bomb(&case.name)) {
        let named = |name: &String| verdicts.iter().any(|it| it.starts_with(&format!("{name} ")));
        let others: Vec<_> =
            failed.iter().filter(|(name, _)| !named(name) && name != "tidy").collect();
        demand(others.is_empty(), format!("it costs other checks: {others:?}"));
    }
    problems
}

/// Kills gradings at many moments, in each way, while submissions run that leave what they can.
fn kills(ways: &[Way], cases: &[Case], share: &Share) -> Vec<String> {
    let mut work = Vec::new();
    for way in ways {
        for (index, name) in ["daemon", "orphan-holds-output", "disk-filler"].iter().enumerate() {
            for step in 0..8 {
                let seconds = 0.003 + 0.11 * f64::from(step) + 0.05 * index as f64;
                let (signal, group) = [
                    (libc::SIGKILL, false),
                    (libc::SIGINT, true),
                    (libc::SIGTERM, false),
                    (libc::SIGKILL, true),
                ][(step as usize + index) % 4];
                let case = cases.iter().find(|case| case.name == *name).unwrap();
                work.push((way, case, Killed { seconds, signal, group }));
            }
        }
    }
    let work = share.of("kills", work);
    let count = work.len();
    let work = Mutex::new(work);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop();
                    let Some((way, case, killed)) = next else { return };
                    let file = case.file.to_str().unwrap();
                    let mut grading =
                        way.grading(&[&case.exercise, "--file", file], &case.directory);
                    grading.killed = Some(killed);
                    let outcome = grade(&grading);
                    let left = [outcome.left, outcome.error.into_iter().collect()].concat();
                    if !left.is_empty() {
                        failures.lock().unwrap().push(format!(
                            "{} {}, {killed:?}: {}",
                            case.name,
                            way.name,
                            left.join("; ")
                        ));
                    }
                }
            });
        }
    });
    println!("{count} gradings were killed");
    failures.into_inner().unwrap()
}

/// Judges right submissions beside the worst ones.
fn neighbours(way: &Way, cases: &[Case], share: &Share) -> Vec<String> {
    let bad = ["fork-bomb", "kills-everybody", "shared-memory", "memory-hog", "daemon"];
    let may = |case: &&Case| {
        let needs = &case.expected.needs;
        bad.contains(&&*case.name)
            && !(way.shares_processes() && is_bomb(&case.name))
            && (needs.is_empty() || needs.iter().any(|need| way.has(need)))
    };
    let bad = share.of("bad neighbours", cases.iter().filter(may).collect());
    let file = case::workspace().join("crates/exercises/reap/solution.rs");
    let file = file.to_str().unwrap();
    let mut failures = Vec::new();
    // Two at a time, since most of them wait until their time is up.
    let bad = Mutex::new(bad);
    let worst = || {
        loop {
            let Some(case) = bad.lock().unwrap().pop() else { return };
            let arguments = [&case.exercise, "--file", case.file.to_str().unwrap()];
            grade(&way.grading(&arguments, &case.directory));
        }
    };
    std::thread::scope(|scope| {
        let worst = [scope.spawn(worst), scope.spawn(worst)];
        let mut count = 0;
        while !worst.iter().all(|worst| worst.is_finished()) {
            let outcome = grade(&way.grading(&["reap", "--file", file], Path::new("/")));
            count += 1;
            if outcome.code != Some(0) || !outcome.left.is_empty() {
                let said = format!("{}{}", outcome.stdout, outcome.stderr);
                failures.push(format!("the solution beside hostile ones {}: {said}", way.name));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        println!("{count} right submissions beside hostile ones {}", way.name);
    });
    failures
}

/// Judges a class in which some reach for what belongs to others, beside three right submissions.
fn batch(way: &Way, cases: &[Case], made: &Path) -> Vec<String> {
    let owner = if way.nobody { "nobody" } else { "root" };
    let class = made.join("victims").join(owner).join("submissions");
    let results = made.join(format!("results-{owner}"));
    std::fs::create_dir(&results).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&results, open).unwrap();
    for name in REACHING {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let directory = class.join(format!("hostile-{name}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(&case.file, directory.join("reap.rs")).unwrap();
    }
    let class = class.to_str().unwrap();
    let out = results.to_str().unwrap();
    let arguments = ["batch", class, "--exercise", "reap", "--jobs", "2", "--out", out];
    let outcome = grade(&way.grading(&arguments, made));
    let table = std::fs::read_to_string(results.join("summary.csv")).unwrap_or_default();
    let mut failures = Vec::new();
    let row = |name: &str| table.lines().find(|line| line.starts_with(&format!("{name},")));
    for number in 1..=3 {
        let row = row(&format!("right-{number}")).unwrap_or("nothing");
        // Its name, its state, its points, and how many there are.
        let fields: Vec<&str> = row.split(',').collect();
        if fields.get(2).is_none_or(|points| points.is_empty() || Some(points) != fields.get(3)) {
            failures.push(format!("right submission {number} in a batch: {row}"));
        }
    }
    if !outcome.left.is_empty() || outcome.code != Some(0) {
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        failures.push(format!("a batch left {}: {said}", outcome.left.join("; ")));
    }
    println!("a batch of {} {}", table.lines().count().saturating_sub(1), way.name);
    failures.into_iter().map(|failure| format!("{failure} ({})", way.name)).collect()
}

/// Those that reach for what belongs to others, or for more than their share.
const REACHING: [&str; 8] = [
    "changes-what-is-there",
    "calls-the-kernel",
    "includes-shadow",
    "escapes",
    "message-queue",
    "shared-mapping-hog",
    "nameless-files",
    "not-dumpable",
];
