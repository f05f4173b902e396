//! Runs the checks on a submission and says what was found.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use explorer::Search;
use explorer::report::{self, Failure, Obstacle, Panicked, Place, Report};
use explorer::walk::{Then, Walk};
use harness::Order;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Check, Exercise, Kind, TIDY};
use crate::compile::{self, Compiled, compile};
use crate::escape;
use crate::lacking::lacking;
use crate::loops::{self, Loops};
use crate::process;
use crate::progress::Progress;
use crate::toolchain::{Toolchain, places};
use crate::workers;
use sandbox::{Account, Channel, Content, End, File, How, Job, Limits, Question, Spec};

/// How a submission is to be judged.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Whether the compiler's messages are coloured.
    pub colour: bool,
    /// Isolation that is not to be used.
    pub without: Vec<String>,
    /// Whether one check that fails is enough, and no other is begun after it.
    pub briefly: bool,
    /// The one check to run, instead of all.
    pub only: Option<String>,
    /// The check and the schedule to run again, instead of everything.
    pub replay: Option<(String, String)>,
    /// How that schedule, or none, is to be followed step by step.
    pub then: Option<Then>,
    /// Who is told of checks as they finish.
    pub progress: Progress,
}

/// Everything that was found.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Verdict {
    /// The exercise.
    pub exercise: String,
    /// One for each check, in order; none if the submission does not compile.
    pub checks: Vec<Judged>,
    /// What keeps it from being run at all.
    pub obstacle: Option<Finding>,
    /// What was run again, if this is not about all checks: of an exercise of this kind, one schedule
    /// or one run.
    #[serde(skip)]
    pub replayed: Option<Kind>,
    /// What the compiler warned of.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// How many points there are.
    pub possible: u32,
    /// How many schedules were tried in all.
    pub schedules: u64,
    /// Seconds that compiling took, without what is built only once.
    pub compiling: f64,
    /// Seconds that the checks took.
    pub running: f64,
    /// Which isolation was in force.
    pub isolation: Vec<String>,
    /// Which was not.
    pub missing: Vec<String>,
}

/// What a check came to.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Judged {
    /// Its name.
    pub check: String,
    /// What is true if it passed.
    pub says: String,
    /// What it is worth.
    pub points: u32,
    /// Whether it passed.
    pub passed: bool,
    /// Why it did not.
    pub findings: Vec<Finding>,
    /// How many schedules were tried.
    pub schedules: u64,
    /// Whether these were all.
    pub exhaustive: bool,
    /// What the submission printed.
    pub output: String,
    /// Whether it printed more than that.
    pub cut: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// Whether it was ended before its time was up, in an endless loop that two others had met.
    #[serde(default)]
    pub cut_short: bool,
    /// The function of the submission that ran when its time was up, each time that one looked.
    #[serde(skip)]
    pub spins: Option<String>,
    /// What a process exercise's driver saw left behind: the word for it, and which it is.
    #[serde(skip)]
    pub left: Vec<(String, String)>,
    /// How it went step by step, if that was asked for.
    #[serde(skip)]
    pub walk: Option<Walk>,
}

impl Judged {
    /// Of this check nothing is known yet.
    pub(crate) fn of(check: &Check) -> Judged {
        let Check { name, says, points, .. } = check;
        Judged { check: name.clone(), says: says.clone(), points: *points, ..Judged::default() }
    }

    /// Whether its time was up.
    fn is_stuck(&self) -> bool {
        self.findings.iter().any(|finding| finding.word == "stuck")
    }

    /// Takes over what does not depend on how it ended.
    pub(crate) fn has_ended(&mut self, end: &End) {
        self.seconds = end.seconds;
        self.output = end.output.clone();
        self.cut = end.cut;
        if end.forged {
            let message =
                "Something was written to the grader's channel that is not from the checks.";
            self.findings.push(Finding::new("forged", message));
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Deserialize, Serialize)]
pub struct Finding {
    /// The word for it, as in `exercise.toml`.
    pub word: String,
    /// What happened, one or more lines.
    pub message: String,
    /// The threads and their schedule, if they matter.
    #[serde(skip)]
    pub failure: Option<Box<Failure>>,
    /// How to see it again.
    pub replay: Option<String>,
}

impl Finding {
    pub(crate) fn new(word: &str, message: impl Into<String>) -> Finding {
        Finding { word: word.to_owned(), message: message.into(), failure: None, replay: None }
    }
}

impl Verdict {
    /// Whether everything is right.
    pub fn passed(&self) -> bool {
        self.obstacle.is_none()
            && !self.checks.is_empty()
            && self.checks.iter().all(|check| check.passed)
    }

    /// The points that it gets.
    pub fn points(&self) -> u32 {
        self.checks.iter().filter(|check| check.passed).map(|check| check.points).sum()
    }

    /// Whether this was found by that check.
    pub fn caught(&self, check: &str, word: &str) -> bool {
        let by_check = self.checks.iter().filter(|judged| judged.check == check);
        let mut findings = by_check.flat_map(|judged| &judged.findings);
        let is_meant = |found: &str| word.split(" or ").any(|word| word == found);
        findings.any(|finding| is_meant(&finding.word))
            || (check == "compile" && self.obstacle.as_ref().is_some_and(|it| is_meant(&it.word)))
    }
}

/// Judges a submission.
pub fn judge(exercise: &Exercise, source: &[u8], manner: &Manner) -> Result<Verdict> {
    let mut verdict = Verdict {
        exercise: exercise.name.clone(),
        possible: exercise.points(),
        replayed: manner.replay.as_ref().map(|_| exercise.kind),
        ..Verdict::default()
    };
    let source = match crate::text::readable(source) {
        Ok(source) => source,
        Err(why) => {
            verdict.obstacle = Some(Finding::new("compile", why));
            return Ok(verdict);
        }
    };
    // Explored threads name their lines without debug information. Places to which weak memory leads, and
    // commands that hang, do not.
    let lines = exercise.kind != Kind::Explored || manner.replay.is_some();
    let (programs, compiling) = build(exercise, source, manner, lines)?;
    verdict.compiling = compiling.as_secs_f64();
    match programs {
        Ok(mut programs) => {
            verdict.warnings = std::mem::take(&mut programs.warnings);
            let start = Instant::now();
            run_checks(exercise, &programs, manner, &mut verdict)?;
            if !lines && !manner.briefly {
                name_line(exercise, source, manner, &mut verdict)?;
            }
            verdict.running = start.elapsed().as_secs_f64();
            if !verdict.passed()
                && let Some(what) = lacking(exercise, source, &verdict.isolation)
            {
                bail!(
                    "this machine cannot grant {what}, which it uses and may use, so nothing can be \
                     said of it here: see `cargo grade doctor`"
                );
            }
        }
        Err(obstacle) => verdict.obstacle = Some(obstacle),
    }
    Ok(verdict)
}

/// Findings that name a line with the help of debug information.
const NAMED: [&str; 2] = ["stuck", "crash"];

/// How long a program that hangs gets a second time, to say where, in seconds.
const AGAIN: f64 = 2.0;

/// Runs the first check again, with debug information, whose finding names a line with its help. The
/// others are often the same again.
fn name_line(
    exercise: &Exercise,
    source: &str,
    manner: &Manner,
    verdict: &mut Verdict,
) -> Result<()> {
    let has_line = |finding: &&mut Finding| NAMED.contains(&finding.word.as_str());
    let bare = verdict.checks.iter_mut().find_map(|judged| {
        let check = exercise.checks.iter().find(|check| check.name == judged.check)?;
        if judged.cut_short {
            return None;
        }
        Some((check, judged.findings.iter_mut().find(has_line)?))
    });
    let Some((check, finding)) = bare else { return Ok(()) };
    let (Ok(programs), _) = build(exercise, source, manner, true)? else { return Ok(()) };
    let seconds = check.seconds.min(AGAIN);
    let (again, _) = run_check(exercise, check, &programs.submission, manner, seconds)?;
    if let Some(named) = again.findings.into_iter().find(|it| it.word == finding.word) {
        *finding = named;
    }
    Ok(())
}

/// Compiles a submission, or says what keeps it from being run.
fn build(
    exercise: &Exercise,
    source: &str,
    manner: &Manner,
    lines: bool,
) -> Result<(std::result::Result<Programs, Finding>, Duration)> {
    let toolchain = Toolchain::get(exercise.kind)?;
    let (colour, without) = (manner.colour, &manner.without);
    let start = Instant::now();
    let compiled = compile(exercise, source, &toolchain, colour, lines, without)?;
    let compiling = start.elapsed();
    let rejected = |word, message| Ok((Err(Finding::new(word, message)), compiling));
    let (submission, warnings) = match compiled {
        Compiled::Program(program, warnings) => (program, warnings),
        Compiled::Rejected(said) => return rejected("compile", said),
        Compiled::Exceeded(what) => return rejected("compile", what),
        Compiled::Refused(what) => {
            return rejected("refused", format!("It contains {}.", what.join(", and ")));
        }
    };
    let driver = match exercise.kind {
        Kind::Process => Some(compile::driver(exercise, &toolchain, &manner.without)?),
        Kind::Explored | Kind::Weak => None,
    };
    Ok((Ok(Programs { submission, driver, warnings }), compiling))
}

/// A submission that is run again and again, along schedules that somebody chooses.
pub struct Stage<'a> {
    exercise: &'a Exercise,
    check: &'a Check,
    programs: Programs,
    manner: Manner,
}

impl<'a> Stage<'a> {
    /// Compiles the submission, or says what keeps it from being run.
    pub fn build(
        exercise: &'a Exercise,
        check: &'a Check,
        source: &[u8],
        manner: &Manner,
    ) -> Result<std::result::Result<Stage<'a>, Finding>> {
        let source = match crate::text::readable(source) {
            Ok(source) => source,
            Err(why) => return Ok(Err(Finding::new("compile", why))),
        };
        let manner = manner.clone();
        let (programs, _) = build(exercise, source, &manner, true)?;
        Ok(programs.map(|programs| Stage { exercise, check, programs, manner }))
    }

    /// Runs the check as it is run for a verdict.
    pub fn look(&self) -> Result<Judged> {
        self.judged(&self.manner)
    }

    fn judged(&self, manner: &Manner) -> Result<Judged> {
        let (exercise, check, program) = (self.exercise, self.check, &self.programs.submission);
        let run = || run_check(exercise, check, program, manner, check.seconds);
        let (judged, account) = run()?;
        // Others had the processors: once more.
        if ran_out(&account) { Ok(run()?.0) } else { Ok(judged) }
    }

    /// Runs the check along a schedule and does `then`. Each time it is a new process in a new
    /// sandbox, with the check's own limits.
    pub fn run(&self, schedule: &str, then: Then) -> Result<Judged> {
        let replay = Some((self.check.name.clone(), schedule.to_owned()));
        self.judged(&Manner { replay, then: Some(then), ..self.manner.clone() })
    }
}

/// What is run.
struct Programs {
    /// The submission, with its checks or with its shim.
    submission: OwnedFd,
    /// What drives a submission to a process exercise.
    driver: Option<OwnedFd>,
    /// What the compiler warned of.
    warnings: Vec<String>,
}

/// Where a check's result goes when it is there.
type Slot = Mutex<Option<Result<(Judged, Account)>>>;

/// Runs all checks, several at a time, and puts the results in order.
fn run_checks(
    exercise: &Exercise,
    programs: &Programs,
    manner: &Manner,
    verdict: &mut Verdict,
) -> Result<()> {
    let only = manner.replay.as_ref().map(|(name, _)| name).or(manner.only.as_ref());
    let wanted = |check: &&Check| only.is_none_or(|name| check.name == *name);
    let mut checks: Vec<&Check> = exercise.checks.iter().filter(wanted).collect();
    let seed = match &manner.replay {
        Some((_, seed)) if exercise.kind == Kind::Process => process::read_seed(seed)?,
        _ => process::seed()?,
    };
    // One of them is run a second time, as a decoy: whoever passes that has forged the report.
    let genuine = checks.len();
    if programs.driver.is_some() && only.is_none() {
        checks.push(checks[seed as usize % genuine]);
    }
    let end = Mutex::new(Instant::now() + Duration::from_secs_f64(exercise.seconds));
    let left = || {
        let end = end.lock().map_or_else(|poisoned| *poisoned.into_inner(), |end| *end);
        end.saturating_duration_since(Instant::now()).as_secs_f64()
    };
    let loops = Loops::default();
    let run = |index: usize, left: f64, trial: bool| {
        let check = checks[index];
        let trial = loops::trial(check.seconds).filter(|_| trial);
        let start = Instant::now();
        let result = match &programs.driver {
            None => {
                let left = trial.map_or(left, |trial| left.min(trial));
                run_check(exercise, check, &programs.submission, manner, left)
            }
            Some(driver) => {
                let order = driver::Order {
                    check: check.name.clone(),
                    seed,
                    seconds: check.seconds.min(left),
                    source: exercise.file_name(),
                    decoy: index >= genuine,
                    silence: trial,
                };
                let programs = process::Programs { driver, submission: &programs.submission };
                process::run_check(exercise, check, order, programs, manner)
            }
        };
        // What other programs took, and what it took to begin, is nobody's fault here.
        if let (Ok((_, account)), Ok(mut end)) = (&result, end.lock()) {
            let own = account.ends.first().map_or(0.0, |end| end.seconds - end.delayed);
            *end += start.elapsed().saturating_sub(Duration::from_secs_f64(own.max(0.0)));
        }
        result
    };
    // Who is in a loop that two others have met is not waited for any longer.
    let tried = |index: usize, left: &dyn Fn() -> f64| {
        let can_be_cut = index < genuine && loops::trial(checks[index].seconds).is_some();
        let known = loops.known().filter(|_| can_be_cut);
        let mut result = run(index, left(), known.is_some());
        if let (Some(known), Ok((judged, _))) = (known, &mut result)
            && judged.is_stuck()
            && !known.is_again(judged)
        {
            result = run(index, left(), false);
        }
        if let Ok((judged, account)) = &result
            && index < genuine
        {
            if !judged.cut_short {
                loops.met(judged);
            }
            if judged.cut_short || !ran_out(account) {
                manner.progress.judged(judged, genuine);
            }
        }
        result
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let enough = AtomicBool::new(false);
    let results: Vec<Slot> = checks.iter().map(|_| Mutex::new(None)).collect();
    // What may take longest begins first, so that nothing long is left for one processor at the end;
    // where the first failure is enough, what is soon over does.
    let mut order: Vec<usize> = (0..checks.len()).collect();
    if !manner.briefly {
        // Of those with the same limit the last ones compute most: that it holds for many.
        order.reverse();
        order.sort_by(|a, b| checks[*b].seconds.total_cmp(&checks[*a].seconds));
    }
    workers::share(processors.min(checks.len()), || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= checks.len() || enough.load(Ordering::Relaxed) {
                return;
            }
            let index = order[turn];
            let result = tried(index, &left);
            let failed = result.as_ref().is_ok_and(|(judged, _)| !judged.passed);
            // A decoy is meant to fail.
            let tells = manner.briefly && failed && index < genuine;
            enough.fetch_or(tells, Ordering::Relaxed);
            if let Ok(mut slot) = results[index].lock() {
                *slot = Some(result);
            }
        }
    });
    let mut untidy: Vec<Finding> = Vec::new();
    let mut left_behind_each = Vec::new();
    let mut judged_each = Vec::new();
    for (index, result) in results.into_iter().enumerate() {
        let result = result.into_inner().ok().flatten();
        if result.is_none() && enough.load(Ordering::Relaxed) {
            continue;
        }
        let result = result.context("a check was not run")?;
        let (judged, account) = result?;
        judged_each.push((index, judged, account));
    }
    // Where others had the processors, its neighbours among them: once more, alone. First those by whom
    // a loop is known: if one of them gets out of it, nobody is taken to be in it.
    let known = loops.known();
    let mut is_endless = true;
    for tells in [true, false] {
        for (index, judged, account) in &mut judged_each {
            let told = known.as_ref().filter(|_| *index < genuine);
            let told = told.filter(|known| known.checks.contains(&judged.check));
            let again = if judged.cut_short { !is_endless } else { ran_out(account) };
            if told.is_some() != tells || !again {
                continue;
            }
            let seconds = checks[*index].seconds;
            (*judged, *account) = match is_endless && !tells {
                true => tried(*index, &|| seconds)?,
                false => run(*index, seconds, false)?,
            };
            is_endless &= told.is_none_or(|known| judged.spins.as_ref() == Some(&known.function));
        }
    }
    let is_decoy = |index: &usize| *index >= genuine;
    let forged = judged_each.iter().any(|(index, judged, _)| is_decoy(index) && judged.passed);
    for (_, mut judged, account) in judged_each.into_iter().filter(|(index, ..)| !is_decoy(index)) {
        if forged {
            let message = "A run was reported as passed that cannot be passed.";
            judged.findings.push(Finding::new("forged", message));
            judged.passed = false;
        }
        verdict.schedules = verdict.schedules.saturating_add(judged.schedules);
        verdict.isolation = account.isolation;
        verdict.missing = account.missing;
        if programs.driver.is_some() {
            let left = (judged.check.clone(), std::mem::take(&mut judged.left));
            if exercise.tidy.is_some() {
                left_behind_each.push(left);
            } else {
                judged.findings.extend(process::untidy(&[left]));
                judged.passed &= judged.findings.is_empty();
            }
        } else if exercise.tidy.is_some() {
            let left = account.ends.first().map(|end| left_behind(end, &judged));
            merge(&mut untidy, left.unwrap_or_default());
        } else if let Some(end) = account.ends.first() {
            let left = left_behind(end, &judged);
            judged.findings.extend(left);
            judged.passed &= judged.findings.is_empty();
        }
        verdict.checks.push(judged);
    }
    untidy.extend(process::untidy(&left_behind_each));
    if let (Some(tidy), None) = (&exercise.tidy, only) {
        // A submission that does nothing leaves nothing: tidiness counts where something was done.
        let something_done = verdict.checks.iter().any(|check| check.passed);
        verdict.checks.push(Judged {
            check: TIDY.to_owned(),
            says: "nothing is left behind".to_owned(),
            points: tidy.points,
            passed: untidy.is_empty() && something_done,
            findings: untidy,
            ..Judged::default()
        });
    }
    Ok(())
}

/// Whether a check's time was up on a machine that was too busy to tell.
fn ran_out(account: &Account) -> bool {
    let busy = |end: &End| end.how == How::TimeUp && end.delayed > BUSY * end.seconds;
    account.ends.first().is_some_and(busy)
}

/// The part of its time that others may take from a program before the machine counts as busy.
const BUSY: f64 = 0.1;

fn run_check(
    exercise: &Exercise,
    check: &Check,
    program: &OwnedFd,
    manner: &Manner,
    left: f64,
) -> Result<(Judged, Account)> {
    let mut judged = Judged::of(check);
    if left < 0.05 {
        let message = format!(
            "The time of {} s for all checks together was up before this one began.",
            exercise.seconds
        );
        judged.findings.push(Finding::new("stuck", message));
        return Ok((judged, Account::default()));
    }
    let search = Search {
        schedules: check.schedules,
        exhaustive: check.exhaustive,
        seed: seed(),
        replay: manner.replay.as_ref().map(|(_, schedule)| schedule.clone()),
        then: manner.then,
    };
    let order = Order { check: check.name.clone(), search };
    let job = Job {
        allow: exercise.allowed(),
        limits: Limits { seconds: check.seconds.min(left), ..Limits::default() },
        channel: Some(channel(exercise, &order)?),
        ..Job::default()
    };
    let files = vec![executable(CHECKS, 0o755, program)];
    let account = run_in_sandbox(check, job, files, manner)?;
    understand(&account.ends[0], exercise, &mut judged)?;
    Ok((judged, account))
}

/// The name of the program that a check is run by.
pub(crate) const CHECKS: &str = "checks";

/// A program as a file of the sandbox.
pub(crate) fn executable(name: &str, mode: u32, program: &OwnedFd) -> File {
    File { name: name.to_owned(), mode, content: Content::Descriptor(program.as_raw_fd()) }
}

/// Runs a check by the program [`CHECKS`] of `files`; its end is the first of the account.
pub(crate) fn run_in_sandbox(
    check: &Check,
    job: Job,
    files: Vec<File>,
    manner: &Manner,
) -> Result<Account> {
    let environment = [("PATH", "/usr/bin:/bin"), ("HOME", "{tmp}"), ("LANG", "C.UTF-8")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let job = Job { program: CHECKS.to_owned(), environment: environment.into(), ..job };
    let spec = Spec {
        unprivileged: true,
        files,
        jobs: vec![job],
        places: places(),
        without: manner.without.clone(),
        ..Spec::default()
    };
    let account = sandbox::run(&spec).with_context(|| format!("check {}", check.name))?;
    ensure!(!account.ends.is_empty(), "the check was not run");
    Ok(account)
}

/// Where the choice of schedules begins, anew for each run: a submission cannot be made for it.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// How the checks and the grader talk.
fn channel(exercise: &Exercise, order: &Order) -> Result<Channel> {
    let question = Question {
        signal: harness::WHERE_ARE_YOU,
        answer: harness::ANSWER.to_owned(),
        source: exercise.file_name(),
    };
    Ok(Channel {
        descriptor: harness::DESCRIPTOR,
        secret: sandbox::secret()?,
        order: order.to_text(),
        longest: harness::LONGEST,
        last: ["end", "strayed", "unknown"].map(str::to_owned).into(),
        question,
    })
}

/// What the end of a check means.
fn understand(end: &End, exercise: &Exercise, judged: &mut Judged) -> Result<()> {
    judged.has_ended(end);
    let began =
        end.packets.first().is_some_and(|(kind, body)| kind == "begin" && *body == judged.check);
    let finding = match &end.how {
        How::Done if packet(end, "strayed").is_some() => Finding::new(
            "strayed",
            "A child process came out of your function and went on as if it were the caller.\n\
             A forked child must end with _exit, or execute another program.",
        ),
        How::Done if packet(end, "unknown").is_some() && !names(exercise, &judged.check)? => {
            bail!("checks.rs has no check \"{}\"", judged.check)
        }
        How::Done => {
            let report = packet(end, "end").and_then(report_of);
            let Some(report) = report.filter(|_| began) else {
                judged.findings.push(Finding::new("forged", "The report cannot be read."));
                return Ok(());
            };
            judged.schedules = report.schedules;
            judged.exhaustive = report.exhaustive;
            judged.walk = report.walk.map(clean_walk);
            match report.failure {
                None => {
                    judged.passed = judged.findings.is_empty();
                    return Ok(());
                }
                Some(failure) => failed(failure, &judged.check),
            }
        }
        How::Exited(code) => Finding::new(
            "ended-early",
            format!("The program ended itself with exit code {code} before the check was done."),
        ),
        How::Killed(number) => crashed(*number, end, exercise, judged),
        How::TimeUp => {
            judged.spins = spins(end, exercise);
            Finding::new("stuck", stuck(end, exercise))
        }
        how => exceeded(how, &Limits::default())?,
    };
    judged.findings.push(finding);
    Ok(())
}

/// What the end at a limit means.
pub(crate) fn exceeded(how: &How, limits: &Limits) -> Result<Finding> {
    let (word, message) = match how {
        How::TooMuchMemory => {
            ("memory", format!("More than {} MiB of memory were used.", limits.memory >> 20))
        }
        How::TooManyProcesses => (
            "processes",
            format!("There were more than {} processes and threads.", limits.processes),
        ),
        How::TooMuchDisk => {
            ("disk", format!("More than {} MiB were written to files.", limits.disk >> 20))
        }
        How::TooMuchOutput => {
            ("output", format!("More than {} MiB were printed.", limits.most_output() >> 20))
        }
        How::NotStarted(why) => bail!("the check could not be started: {why}"),
        How::Done | How::Exited(_) | How::Killed(_) | How::TimeUp | How::Unknown => {
            bail!("nothing is known of how the check ended")
        }
    };
    Ok(Finding::new(word, message))
}

/// Names of threads come from the submission.
fn clean<'a>(words: impl Iterator<Item = &'a mut String>) {
    for words in words {
        *words = escape::clean(&words.replace(['\n', '\t'], " "), false);
    }
}

fn clean_walk(mut walk: Walk) -> Walk {
    let changed = walk.moments.iter_mut().flat_map(|moment| &mut moment.changed);
    clean(changed.map(|(_, standing)| &mut standing.thread.name));
    clean(walk.events.iter_mut().map(|event| &mut event.what));
    walk
}

fn failed(mut failure: Failure, check: &str) -> Finding {
    clean(failure.threads.iter_mut().map(|thread| &mut thread.name));
    clean(failure.events.iter_mut().map(|event| &mut event.what));
    let replay = failure.replay.as_ref().map(|schedule| format!("{check}:{schedule}"));
    let mut message = failure.message.clone();
    if let Some(place) = &failure.place {
        message.push_str(&format!("\nat {place}"));
    }
    let word = failure.kind.word().to_owned();
    Finding { word, message, failure: Some(Box::new(failure)), replay }
}

/// What the end by a signal means.
fn crashed(number: i32, end: &End, exercise: &Exercise, judged: &mut Judged) -> Finding {
    if let Some(report) = packet(end, "failed").and_then(report_of)
        && let Some(failure) = report.failure
    {
        judged.schedules = report.schedules;
        return failed(failure, &judged.check);
    }
    let name = Signal::try_from(number).map_or("an unknown signal", Signal::as_str);
    let mut said = packet(end, "crash").unwrap_or_default().splitn(3, '\n').skip(1);
    let address = said.next().unwrap_or_default();
    let trace = said.next().unwrap_or_default();
    let meaning = match Signal::try_from(number) {
        Ok(Signal::SIGSEGV) if !exercise.unsafe_code => {
            "in safe Rust that is a recursion that does not end, or something very large on the \
             stack (2 MiB for a thread)"
                .to_owned()
        }
        Ok(Signal::SIGSEGV) => format!("it touched memory that it does not have ({address})"),
        Ok(Signal::SIGBUS) => format!("it touched memory that is not there any more ({address})"),
        Ok(Signal::SIGABRT) => {
            if let Some(why) = aborting(&panics(end)) {
                return Finding::new("crash", format!("The program was ended by {name}.\n{why}"));
            }
            "it gave up by itself".to_owned()
        }
        Ok(Signal::SIGXCPU) => "it used up its processor time".to_owned(),
        Ok(Signal::SIGXFSZ) => "it wrote a file that is too large".to_owned(),
        Ok(Signal::SIGKILL) => "somebody sent it".to_owned(),
        _ => String::new(),
    };
    let meaning = if meaning.is_empty() { meaning } else { format!(": {meaning}") };
    let mut message = format!("The program was ended by {name}{meaning}.");
    if let Some(at) = line_in(&[trace], exercise) {
        message.push_str(&format!("\nat {at}"));
    }
    Finding::new("crash", message)
}

/// Why a process aborts that has panicked, unless it does that by itself. The last panic is then one
/// of the standard library, which says that there is no way on.
fn aborting(panics: &[Panicked]) -> Option<String> {
    let told = |panic: &Panicked| {
        let at = panic.place.iter().filter(|place| place.is_known());
        let at = at.map(|place| format!("\n  at {place}")).collect::<String>();
        format!("{}{at}", panic.message)
    };
    let (last, before) = panics.split_last()?;
    if last.message.starts_with("panic in a destructor during cleanup") {
        let mut why = String::from(
            "A destructor panicked while another panic was unwinding the stack, so the process aborts.",
        );
        let causes = &before[before.len().saturating_sub(2)..];
        for (which, panic) in ["First", "Then, in the destructor"].iter().zip(causes) {
            why.push_str(&format!("\n{which}: {}", told(panic)));
        }
        Some(why)
    } else if last.message.starts_with("panic in a function that cannot unwind") {
        let cause = before.last().map(|panic| format!("\n{}", told(panic))).unwrap_or_default();
        Some(format!(
            "A panic came to a function that it cannot leave, so the process aborts.{cause}"
        ))
    } else if last.message.starts_with("unsafe precondition(s) violated") {
        Some(format!("What an unsafe function asks for was not so.\n{}", told(last)))
    } else {
        None
    }
}

/// Whether the checks of this exercise name this one: then they do not say that they have none such.
fn names(exercise: &Exercise, check: &str) -> Result<bool> {
    Ok(exercise.file(harness::CHECKS)?.contains(&format!("\"{check}\"")))
}

/// More schedules than any check is told to try.
const MANY: u64 = 1 << 32;

/// Reads a report. Everything in it comes from a program that may have been taken over, so each
/// number must stand for something that is there.
fn report_of(text: &str) -> Option<Report> {
    let report = Report::from_text(text)?;
    if report.walk.as_ref().is_some_and(|walk| !walk.is_sound()) {
        return None;
    }
    let Some(failure) = &report.failure else { return (report.schedules < MANY).then_some(report) };
    let (threads, resources) = (failure.threads.len(), failure.resources.len());
    let thread_is_sound = |thread: &report::Thread| {
        let obstacle = thread.blocked.as_ref().map(|(_, obstacle, _)| obstacle);
        let waits = match obstacle {
            Some(Obstacle::Resource(number)) => *number < resources,
            Some(Obstacle::Thread(number)) => *number < threads,
            Some(Obstacle::Unnamed) | None => true,
        };
        waits && thread.holds.iter().all(|(number, _)| *number < resources)
    };
    let sound = report.schedules < MANY
        && failure.earlier < MANY as usize
        && failure.threads.iter().all(thread_is_sound)
        && failure.resources.iter().all(|it| it.rank <= it.siblings && it.siblings < MANY as usize)
        && failure.events.iter().all(|event| {
            event.thread < threads && event.resource.is_none_or(|number| number < resources)
        });
    sound.then_some(report)
}

/// The body of the first packet of this kind.
pub(crate) fn packet<'a>(end: &'a End, kind: &str) -> Option<&'a str> {
    end.packets.iter().find(|(it, _)| it == kind).map(|(_, body)| body.as_str())
}

/// The panics that a program told of that crashed, or that was asked where it is.
fn panics(end: &End) -> Vec<Panicked> {
    packet(end, "panics").and_then(Panicked::from_text).unwrap_or_default()
}

/// The innermost line of the submission in the first backtrace that has one; else one of the checks.
fn line_in(traces: &[&str], exercise: &Exercise) -> Option<String> {
    let file = exercise.file_name();
    let of = |file: &str| {
        traces.iter().flat_map(|trace| trace.lines()).find_map(|line| {
            let at = line.trim().strip_prefix("at ")?;
            let start = at.rfind(file)?;
            let mut parts = at[start..].split(':');
            Some(format!("{}:{}", parts.next()?, parts.next()?))
        })
    };
    of(&file).or_else(|| of(harness::CHECKS))
}

/// How long a program has run that counts as one that spins, in seconds.
const SPUN: f64 = 0.5;

/// The function of the submission in which its running threads were, each time that one looked.
fn spins(end: &End, exercise: &Exercise) -> Option<String> {
    if end.ran < SPUN {
        return None;
    }
    let file = exercise.file_name();
    let running = end.doing.iter().filter(|doing| doing.own && doing.state == 'R');
    let answers = running.flat_map(|doing| end.answers_of(doing.thread));
    let mut functions: Vec<Option<String>> =
        answers.map(|trace| driver::observe::function_in(trace, &file)).collect();
    // Who was asked once may have been anywhere a moment later.
    let often = functions.len() > 1;
    functions.dedup();
    match functions.as_mut_slice() {
        [function] if often => function.take(),
        _ => None,
    }
}

/// What the threads of a program are doing whose time is up.
fn stuck(end: &End, exercise: &Exercise) -> String {
    let mut text = format!("It was still running after {:.1} s.", end.seconds);
    if end.delayed > BUSY * end.seconds {
        let delayed = end.delayed;
        text.push_str(&format!(
            "\nThis machine is busy: for {delayed:.1} s of that, other programs had the processors."
        ));
    }
    for doing in &end.doing {
        let what = match (doing.state, doing.call.as_str()) {
            ('T' | 't', _) => "is stopped".to_owned(),
            ('Z', _) => "has ended and was not collected".to_owned(),
            ('R', _) => "is running: it spins, or computes for too long".to_owned(),
            (_, "read") if doing.argument == 0 => "waits for input".to_owned(),
            (_, "futex") => "waits for a lock, or for a thread (futex)".to_owned(),
            (_, "wait4" | "waitid") => format!("waits for a child ({})", doing.call),
            (_, "read" | "write") => format!("is blocked in {}({})", doing.call, doing.argument),
            (_, "") => "is asleep".to_owned(),
            (_, call) => format!("is blocked in {call}"),
        };
        let traces: Vec<&str> = end.answers_of(doing.thread).collect();
        let at = line_in(&traces, exercise);
        let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
        let who = if doing.own { "thread" } else { "child process" };
        text.push_str(&format!("\n{who} {} ({}) {what}{at}", doing.thread, doing.name));
    }
    for panic in panics(end) {
        let at = panic.place.filter(Place::is_known).map(|place| format!(" at {place}"));
        let (thread, at) = (&panic.thread, at.unwrap_or_default());
        text.push_str(&format!("\nBefore that, {thread} panicked{at}: {}", panic.message));
    }
    text
}

/// Adds findings; what is the same after several checks is said once.
fn merge(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for finding in more {
        match findings.iter_mut().find(|other| other.word == finding.word) {
            Some(same) => {
                let (_, after) = finding.message.split_once(" after ").unwrap_or_default();
                same.message.push_str(&format!("\nand after {after}"));
            }
            None => findings.push(finding),
        }
    }
}

/// What a check left behind. One that failed has not tidied up after itself, so files, memory and
/// descriptors may be its own.
fn left_behind(end: &End, judged: &Judged) -> Vec<Finding> {
    let mut left = end.left.clone();
    if !judged.passed {
        left.descriptors.clear();
        left.shared_memory.clear();
        left.files.clear();
    }
    let (left, check) = (&left, &judged.check);
    let kinds = [
        ("zombie", "ended children that nobody collected", &left.zombies),
        ("running", "processes that still run", &left.running),
        ("thread", "threads that still run", &left.threads),
        ("descriptor", "open descriptors", &left.descriptors),
        ("shared-memory", "shared memory with a name", &left.shared_memory),
        ("file", "temporary files", &left.files),
        ("unseen", "what cannot be looked at", &left.unseen),
    ];
    let mut findings = Vec::new();
    for (word, what, which) in kinds {
        if !which.is_empty() {
            let mut said = which.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
            if which.len() > 8 {
                said.push_str(&format!(" and {} more", which.len() - 8));
            }
            findings.push(Finding::new(word, format!("{what} after \"{check}\": {said}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_only_what_is_there() {
        let waits = |number: &str| {
            format!(
                "schedules\t1\tno\nfailure\tdeadlock\tx\nthread\tmain\tno\n\
                 blocked\twaiting\tthread\t{number}\treap.rs\t1\t1\n"
            )
        };
        assert!(Report::from_text(&waits("999")).is_some(), "it is written as reports are");
        assert!(report_of(&waits("999")).is_none());
        assert!(report_of(&waits("0")).is_some());
        assert!(report_of("schedules\t18446744073709551615\tno\n").is_none());
        assert!(report_of("schedules\t3\tno\n").is_some());
    }
}
