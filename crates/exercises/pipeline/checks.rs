//! What a pipeline must come to. Most programs are puppets: what each prints, when it reads and how it
//! ends is decided here, once it runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use driver::nix::sys::signal::{Signal, kill};
use driver::nix::unistd::Pid;
use driver::session::{AN_HOUR, DESCRIPTORS, NOTICED};
use driver::{
    Check, Event, Failure, Puppet, Role, Run, STOPPING, Session, Unstartable, counted, fail,
    observe, serve, words,
};

fn main() {
    serve(&[
        Check::new("passes-on", passes_on),
        Check::new("one-and-none", one_and_none),
        Check::new("codes", codes),
        Check::new("together", together),
        Check::new("end-of-file", end_of_file),
        Check::new("broken-pipe", broken_pipe),
        Check::new("much", much),
        Check::new("only-three", only_three),
        Check::new("cannot-start", cannot_start),
        Check::new("few-descriptors", few_descriptors),
        Check::new("interrupted", interrupted),
    ]);
}

const PIPE: i32 = 13;
const CHILD: i32 = 17;

/// What `pipeline` returned: the output and the codes.
type Outcome = (Vec<u8>, Vec<i32>);

fn outcome(submission: &Session, what: &str) -> Outcome {
    let outcome: Result<Outcome, Failure> = submission.answer();
    outcome.unwrap_or_else(|error| fail("wrong", format!("{what}: pipeline failed with {error}")))
}

/// Compares an output, and says it in few words.
fn expect_output(run: &Run, what: &str, came: &[u8], expected: &[u8]) {
    let short = |bytes: &[u8]| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(30)]).into_owned();
        format!(
            "{}, {start:?}{}",
            counted(bytes.len(), "byte"),
            if bytes.len() > 30 { " ..." } else { "" }
        )
    };
    run.ensure(came == expected, || {
        format!("{what}:\n  expected {}\n  came     {}", short(expected), short(came))
    });
}

fn expect(run: &Run, submission: &Session, what: &str, output: &[u8], codes: &[i32]) {
    let came = outcome(submission, what);
    run.expect(&format!("the codes of {what}"), &came.1, codes);
    expect_output(run, &format!("the output of {what}"), &came.0, output);
}

/// Ordinary programs, which are found in PATH.
fn expect_of_programs(
    run: &Run,
    submission: &Session,
    programs: &[&[&str]],
    output: &str,
    codes: &[i32],
) {
    let what = programs.iter().map(|program| program.join(" ")).collect::<Vec<_>>().join(" | ");
    let owned = |program: &&[&str]| program.iter().map(|word| (*word).to_owned()).collect();
    let words: Vec<Vec<String>> = programs.iter().map(owned).collect();
    submission.begin("pipeline", &words);
    expect(run, submission, &what, output.as_bytes(), codes);
}

/// Variables, each of them a name and a value.
type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// Variables as they are seldom seen: only NUL, and `=` in a name, cannot be in them.
fn odd_variables(run: &Run) -> Variables {
    let mut random = run.random();
    let mut bytes = || random.bytes(12).into_iter().map(|byte| byte.max(1)).collect::<Vec<u8>>();
    let mut name = bytes();
    name.retain(|byte| *byte != b'=');
    vec![
        (b"NO_TEXT".to_vec(), bytes()),
        (name, b"of a name that is no text".to_vec()),
        (b"EMPTY".to_vec(), Vec::new()),
        (b"TWO_LINES".to_vec(), b"a=b\nc=d".to_vec()),
    ]
}

/// Ends the check unless a program is where its caller was, and has all that is in its environment: what
/// was there when it was started, and `odd`.
fn expect_surroundings(
    run: &Run,
    submission: &Session,
    puppet: &Puppet,
    directory: &Path,
    odd: &Variables,
) {
    let own = std::fs::read_link(format!("/proc/{}/cwd", puppet.pid())).unwrap_or_default();
    run.expect("the working directory of a program", own.as_path(), directory);
    let variables = |pid: i32| {
        let all = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let all = all.split(|byte| *byte == 0).filter(|it| !it.is_empty());
        all.map(|it| it.escape_ascii().to_string()).collect::<BTreeSet<String>>()
    };
    let own = variables(puppet.pid());
    let mut of_caller = variables(submission.pid());
    let joined = odd.iter().map(|(name, value)| [&name[..], value].join(&b'='));
    of_caller.extend(joined.map(|it| it.escape_ascii().to_string()));
    let only =
        |these: &BTreeSet<String>, those| these.difference(those).cloned().collect::<Vec<_>>();
    let differences = (only(&of_caller, &own), only(&own, &of_caller));
    run.ensure(own == of_caller, || {
        let (missing, added) = differences;
        format!(
            "the environment of a program is not its caller's: missing {missing:?}, added {added:?}"
        )
    });
}

/// Starts a pipeline of puppets, and waits for those that come: it is another check's business whether
/// all run at the same time.
fn begin(run: &Run, submission: &Session, count: usize) -> Vec<Role> {
    let roles = run.commands(count);
    submission.begin("pipeline", &words(&roles));
    roles
}

fn all(run: &Run, submission: &Session, roles: &[Role]) -> Vec<Puppet> {
    roles.iter().map(|role| run.started(submission, role)).collect()
}

fn passes_on(run: &Run) {
    let submission = run.submission();
    let word: String =
        (0..6).map(|_| char::from(b'a' + run.random().within(0..26) as u8)).collect();
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    let expected: String = letters.iter().map(|letter| format!("{letter}\n")).collect();
    let spaced = word.split("").filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
    let programs: [&[&str]; 3] = [&["printf", "%s", &spaced], &["tr", " ", "\\n"], &["sort"]];
    expect_of_programs(run, &submission, &programs, &expected, &[0, 0, 0]);
    // Any bytes, one program after the other.
    let odd = odd_variables(run);
    submission.sets_variables(&odd);
    // Neither the root nor where a program is.
    let directory = run.directory().join("of-the-caller");
    std::fs::create_dir(&directory).expect("a directory");
    submission.changes_directory(&directory);
    let roles = begin(run, &submission, 3);
    let [first, second] = [40, 70].map(|length| run.random().bytes(length));
    let third = run.random().bytes(100);
    let puppet = run.started(&submission, &roles[0]);
    expect_surroundings(run, &submission, &puppet, &directory, &odd);
    puppet.prints(&first);
    puppet.exits(0);
    let puppet = run.started(&submission, &roles[1]);
    expect_surroundings(run, &submission, &puppet, &directory, &odd);
    expect_output(run, "what the second program reads", &puppet.reads(), &first);
    puppet.prints(&second);
    puppet.exits(0);
    let puppet = run.started(&submission, &roles[2]);
    expect_surroundings(run, &submission, &puppet, &directory, &odd);
    expect_output(run, "what the third program reads", &puppet.reads(), &second);
    puppet.prints(&third);
    puppet.exits(0);
    expect(run, &submission, "three programs", &third, &[0, 0, 0]);
    submission.changes_directory(&run.directory());
    let _ = std::fs::remove_dir(&directory);
}

fn one_and_none(run: &Run) {
    let submission = run.submission();
    let roles = begin(run, &submission, 1);
    let puppet = run.started(&submission, &roles[0]);
    expect_use(run, &puppet);
    expect_output(run, "the input of the first program", &puppet.reads(), b"");
    let printed = run.random().bytes(9);
    puppet.prints(&printed);
    puppet.exits(3);
    expect(run, &submission, "a single program", &printed, &[3]);
    submission.begin("pipeline", &words(&[]));
    expect(run, &submission, "no programs", b"", &[]);
}

/// Ends the check unless a program can read from its descriptor 0, and write to 1 and 2.
fn expect_use(run: &Run, puppet: &Puppet) {
    if let Some(cannot) = puppet.cannot() {
        run.ensure(false, || format!("a program was started that {cannot}"));
    }
}

fn codes(run: &Run) {
    let submission = run.submission();
    let any = run.random().within(1..126) as i32;
    // Signals that end a process which does nothing about them.
    let ending = [1, 2, 3, 4, 5, 8, 10, 12, 13, 14, 24, 25, 26, 27, 30, 31];
    let signal = ending[run.random().within(0..ending.len() as u64) as usize];
    // These have numbers, and no names.
    let real_time = run.random().within(34..65) as i32;
    let mut endings = [any, 200, 255, 0, -15, -9, -signal, -real_time];
    run.random().shuffle(&mut endings);
    let roles = begin(run, &submission, endings.len());
    // From the first to the last, which is how they end if they do not run together.
    for (role, ending) in roles.iter().zip(endings) {
        let puppet = run.started(&submission, role);
        if ending >= 0 { puppet.exits(ending) } else { puppet.dies(-ending) }
    }
    let shell = endings.map(|ending| if ending >= 0 { ending } else { 128 - ending });
    expect(run, &submission, "eight programs of which four were ended by signals", b"", &shell);
    let roles = begin(run, &submission, 2);
    run.started(&submission, &roles[0]).dies_with_core(6);
    run.started(&submission, &roles[1]).exits(1);
    expect(run, &submission, "a program that aborts, and one that exits with 1", b"", &[134, 1]);
    take_long(run, &submission);
}

/// Two programs are silent for an hour, then one prints and both close their output, and are at work for
/// another hour and more. They are stopped meanwhile: no end.
fn take_long(run: &Run, submission: &Session) {
    let mut hurry = submission.hurries();
    let roles = begin(run, submission, 2);
    let puppets = all(run, submission, &roles);
    let begun = Instant::now();
    while begun.elapsed() < AN_HOUR {
        run.ensure(!submission.has_answered(), || {
            let codes = outcome(submission, "two programs").1;
            format!("pipeline returned {codes:?} when its programs had printed nothing for a while")
        });
        run.ensure(!puppets.iter().any(Puppet::has_ended), || {
            "a program that had printed nothing for a while was ended".to_owned()
        });
        if begun.elapsed() > NOTICED && submission.rests() > AN_HOUR {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    puppets[1].begins_to_print(b"late");
    run.ensure(puppets[1].has_printed().is_ok(), || {
        "a program that had printed nothing for a while cannot print any more: nobody reads"
            .to_owned()
    });
    puppets.iter().for_each(|puppet| puppet.closes(1));
    let age = Duration::from_millis(run.random().within(1300..1900));
    // Who is not asleep in a wait that ends with the program alone may give up at some time. Whether
    // it does is known at once of who is asleep until something comes from outside.
    let long_age = age + Duration::from_millis(4000);
    let begun = Instant::now();
    let mut signals = STOPPING;
    run.random().shuffle(&mut signals);
    for (which, signal) in (1..).zip(signals) {
        puppets.iter().for_each(Puppet::goes_on);
        puppets.iter().for_each(|puppet| stop(run, submission, puppet, signal));
        let since = Instant::now();
        let end = || match () {
            () if which < STOPPING.len() as u32 => age / 8 * which,
            () if submission.waits_for_a_child() => age,
            () => long_age,
        };
        while begun.elapsed() < end() {
            let rests = since.elapsed() > SEEN && submission.rests() > long_age;
            run.ensure(!submission.has_answered(), || {
                let codes = outcome(submission, "two programs").1;
                format!(
                    "pipeline returned {codes:?} when its output had ended, and its programs had not, \
                     which {} had stopped",
                    observe::signal_name(signal)
                )
            });
            run.ensure(!puppets.iter().any(Puppet::has_ended), || {
                format!(
                    "a program that had closed its output was ended after {:?}",
                    begun.elapsed()
                )
            });
            run.ensure(puppets.iter().all(Puppet::is_stopped), || continued(signal));
            if rests {
                break;
            }
            if begun.elapsed() > AN_HOUR {
                hurry.is_over();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    hurry.is_over();
    puppets.iter().for_each(Puppet::goes_on);
    puppets.iter().zip([3, 4]).for_each(|(puppet, code)| puppet.exits(code));
    expect(run, submission, "two programs that close their output first", b"late", &[3, 4]);
}

/// How long a state lasts at least that wakes up whoever waits for it.
const SEEN: Duration = Duration::from_millis(10);

fn continued(signal: i32) -> String {
    let name = observe::signal_name(signal);
    format!("a program that was stopped by {name} goes on: it was not left as it was")
}

/// Stops a program by this signal, unless somebody lets it go on each time, or ends it.
fn stop(run: &Run, submission: &Session, puppet: &Puppet, number: i32) {
    let stands_after = |number: i32, most: Duration| {
        let signal = Signal::try_from(number).expect("a signal");
        let sent = kill(Pid::from_raw(puppet.pid()), signal);
        let begun = Instant::now();
        let is_over = || puppet.is_stopped() || puppet.has_ended();
        while !is_over() && begun.elapsed() < most {
            std::thread::sleep(Duration::from_micros(300));
        }
        sent.is_ok() && is_over()
    };
    // A terminal's signals do nothing in a session of its own, setpgid(2).
    let is_with_caller = puppet.family().is_some_and(|(_, group)| group == submission.pid());
    let most = Duration::from_secs(3);
    let stands = if is_with_caller {
        stands_after(number, most)
    } else {
        stands_after(number, most / 10) || stands_after(driver::nix::libc::SIGSTOP, most)
    };
    run.ensure(stands, || continued(number));
}

/// The last ends first.
fn together(run: &Run) {
    let submission = run.submission();
    let roles = begin(run, &submission, 3);
    let puppets = all(run, &submission, &roles);
    puppets[2].prints(b"here");
    for (puppet, code) in puppets.iter().zip([4, 5, 6]).rev() {
        puppet.exits(code);
    }
    expect(run, &submission, "three programs of which the last ended first", b"here", &[4, 5, 6]);
    // Many of them, for which the caller has enough descriptors, and could have more. Who starts all of
    // them at once has their pipes, and a few more for each that has not begun: std has two.
    let count = run.random().within(101..106) as usize;
    submission.limit(DESCRIPTORS, Some(1000));
    let before = of_caller(&submission);
    let roles = begin(run, &submission, count);
    let puppets = all(run, &submission, &roles);
    let codes: Vec<i32> = (0..count).map(|_| run.random().within(1..126) as i32).collect();
    puppets[count - 1].prints(b"at last");
    for (puppet, code) in puppets.iter().zip(&codes).rev() {
        puppet.exits(*code);
    }
    let what = format!("{count} programs of which the last ended first");
    expect(run, &submission, &what, b"at last", &codes);
    expect_unchanged(run, &submission, &before);
}

/// The end of one program is seen by the next at once, whoever else still runs.
fn end_of_file(run: &Run) {
    let submission = run.submission();
    let roles = begin(run, &submission, 4);
    let puppets = all(run, &submission, &roles);
    puppets[1].prints(b"of the second");
    puppets[1].exits(0);
    expect_output(run, "what the third reads to its end", &puppets[2].reads(), b"of the second");
    puppets[2].exits(0);
    expect_output(run, "what the fourth reads to its end", &puppets[3].reads(), b"");
    puppets[3].exits(0);
    puppets[0].exits(0);
    expect(run, &submission, "four programs", b"", &[0; 4]);
    // Nobody has a program's output but itself.
    let roles = begin(run, &submission, 2);
    let puppets = all(run, &submission, &roles);
    puppets[0].prints(b"all of it");
    puppets[0].closes(1);
    let what = "what the second reads to its end when the first has closed its output, and goes on";
    expect_output(run, what, &puppets[1].reads(), b"all of it");
    puppets.iter().for_each(|puppet| puppet.exits(0));
    let what = "two programs of which the first has closed its output";
    expect(run, &submission, what, b"", &[0; 2]);
}

/// Ends the check if a program was started with a signal ignored or blocked.
fn expect_no_deafness(run: &Run, puppet: &Puppet) {
    let signals = puppet.deaf_to();
    run.ensure(signals.is_empty(), || {
        format!("a program was started with these signals ignored or blocked: {signals:?}")
    });
}

/// A program is ended by SIGPIPE if its reader has gone, and others run.
fn broken_pipe(run: &Run) {
    let submission = run.submission();
    let roles = begin(run, &submission, 3);
    let puppets = all(run, &submission, &roles);
    puppets.iter().for_each(|puppet| expect_no_deafness(run, puppet));
    puppets[1].exits(1);
    puppets[0].begins_to_print(&[b'x'; 1 << 17]);
    run.ensure(puppets[0].has_printed().is_err(), || {
        "the first program can write although its reader has gone".to_owned()
    });
    puppets[0].await_end();
    puppets[2].exits(2);
    expect(
        run,
        &submission,
        "a program that prints, and readers that end",
        b"",
        &[128 + PIPE, 1, 2],
    );
    // Nobody has a program's input but itself.
    let roles = begin(run, &submission, 2);
    let puppets = all(run, &submission, &roles);
    puppets[1].closes(0);
    puppets[0].begins_to_print(&[b'x'; 1 << 17]);
    run.ensure(puppets[0].has_printed().is_err(), || {
        "the first program can write although its reader has closed its input".to_owned()
    });
    puppets[0].await_end();
    puppets[1].exits(3);
    let what = "a program that prints, and one that has closed its input";
    expect(run, &submission, what, b"", &[128 + PIPE, 3]);
    // The last one prints much more than a pipe holds.
    let forever = "while echo line; do :; done 2> /dev/null; exit 1";
    let programs: [&[&str]; 2] = [&["sh", "-c", forever], &["head", "-n", "1"]];
    expect_of_programs(run, &submission, &programs, "line\n", &[128 + PIPE, 0]);
}

fn much(run: &Run) {
    let submission = run.submission();
    let most = run.random().within(1_100_000..2_500_000) as usize;
    for (count, length) in [(1, 300_000), (2, 300_000), (1, most)] {
        let roles = begin(run, &submission, count);
        let bytes = run.random().bytes(length);
        let said = format!("{length} bytes");
        let puppets = all(run, &submission, &roles);
        puppets[0].begins_to_print(&bytes);
        if count == 2 {
            puppets[1].begins_to_read();
        }
        run.ensure(puppets[0].has_printed().is_ok(), || format!("{said} do not get through"));
        puppets[0].exits(0);
        if count == 2 {
            let what = format!("{said}, between two programs");
            expect_output(run, &what, &puppets[1].has_read(), &bytes);
            puppets[1].prints(&bytes);
            puppets[1].exits(0);
        }
        expect(run, &submission, &said, &bytes, &[0, 0][..count]);
    }
}

/// First as the caller is, and then with what it has to leave to a program: descriptors, some of them
/// with a large number, and signals that it ignores; then with other ways to take signals. What it
/// blocks may be left blocked, as std does.
fn only_three(run: &Run) {
    let submission = run.submission();
    expect_only_three(run, &submission, "");
    let mut open = vec![3, 4, 64, 255];
    for range in [5..16, 16..63, 65..128, 128..255] {
        open.push(run.random().within(range) as i32);
    }
    // SIGKILL and SIGSTOP cannot be ignored, and SIGCHLD not if one waits for children. By two of them
    // the check itself asks something, and two more say where a program has crashed.
    let others = |signal: &i32| ![7, 9, 10, 11, 17, 19, 32, 33, 62].contains(signal);
    let signals: Vec<i32> = (1..65).filter(others).collect();
    submission.opens(&open);
    // What is open may be above a limit that was lowered since.
    submission.limit(DESCRIPTORS, Some(64));
    submission.is_deaf_to(&signals);
    let what = ", of a caller that has more open, and ignores signals,";
    expect_only_three(run, &submission, what);
    submission.limit(DESCRIPTORS, None);
    submission.hears(&signals);
    run.ensure(submission.closes(&open), || {
        "a descriptor that the caller had open before was closed in the caller".to_owned()
    });
    expect_only_three(run, &submission, ", of a caller that lets signals end it,");
    submission.handles(&signals);
    submission.handles(&[CHILD]);
    expect_only_three(run, &submission, ", of a caller that has handlers for signals,");
    submission.blocks(&signals);
    let before = of_caller(&submission);
    let roles = begin(run, &submission, 2);
    all(run, &submission, &roles).iter().for_each(|puppet| puppet.exits(0));
    expect(run, &submission, "two programs, of a caller that blocks signals,", b"", &[0; 2]);
    expect_unchanged(run, &submission, &before);
}

fn expect_only_three(run: &Run, submission: &Session, of_whom: &str) {
    let before = of_caller(submission);
    let roles = begin(run, submission, 3);
    let puppets = all(run, submission, &roles);
    for (puppet, which) in puppets.iter().zip(["first", "second", "third"]) {
        let all = puppet.descriptors();
        let numbers: Vec<i32> = all.iter().map(|(fd, _)| *fd).collect();
        run.ensure(numbers == [0, 1, 2], || {
            format!("the {which} of three programs{of_whom} has {all:?}")
        });
        expect_no_deafness(run, puppet);
        expect_use(run, puppet);
    }
    expect_same(run, " while its programs run", &before, &for_all_threads(submission.pid()));
    puppets.iter().for_each(|puppet| puppet.exits(0));
    expect(run, submission, "three programs", b"", &[0; 3]);
    expect_unchanged(run, submission, &before);
}

/// Ends the check if the caller has not all that it had before.
fn expect_unchanged(run: &Run, submission: &Session, before: &[(&str, String)]) {
    expect_same(run, "", before, &of_caller(submission));
}

/// The same of what is looked at in both; `when` that is.
fn expect_same(run: &Run, when: &str, before: &[(&str, String)], after: &[(&str, String)]) {
    for (what, before) in before {
        for (_, after) in after.iter().filter(|(name, after)| name == what && after != before) {
            let only = |these: &str, those: &str| {
                let these = these.lines().filter(|line| those.lines().all(|it| it != *line));
                these.collect::<Vec<_>>().join("\n           ")
            };
            let (before, after) = (only(before, after), only(after, before));
            let changed = format!("pipeline has changed {what} of its caller{when}");
            run.ensure(false, || format!("{changed}:\n  before {before}\n  after  {after}"));
        }
    }
}

/// What a caller has that is not a pipeline's to change, each thing with its name.
fn of_caller(submission: &Session) -> Vec<(&'static str, String)> {
    let pid = submission.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"));
    let mut all = for_all_threads(pid);
    all.extend([
        ("the blocked signals", signals(pid, "SigBlk")),
        ("the limits", limits.unwrap_or_default()),
        ("the handling of signals", submission.actions().join("\n")),
        ("the descriptors", descriptors_of(pid)),
    ]);
    all
}

/// Those of these things by which other threads of the caller go, also while programs run.
fn for_all_threads(pid: i32) -> Vec<(&'static str, String)> {
    let directory = std::fs::read_link(format!("/proc/{pid}/cwd"));
    vec![
        ("the ignored signals", signals(pid, "SigIgn")),
        ("the handled signals", signals(pid, "SigCgt")),
        ("the umask", format!("{:?}", observe::status_number(pid, "Umask", 8))),
        ("the working directory", format!("{directory:?}")),
    ]
}

/// A set of signals of a process, by the name that proc_pid_status(5) has for it.
fn signals(pid: i32, field: &str) -> String {
    let bits = observe::status_number(pid, field, 16).unwrap_or(0);
    let set = (1..=64).filter(|signal| bits & (1 << (signal - 1)) != 0);
    // The C library has a handler for one of its own as soon as there is a thread.
    let set: Vec<i32> = set.filter(|signal| ![32, 33].contains(signal)).collect();
    format!("{set:?}")
}

/// The descriptors of a process, a line for each: what it is open on, and its flags, that by which it is
/// closed at execve(2) among them; proc_pid_fdinfo(5).
fn descriptors_of(pid: i32) -> String {
    let described = |(fd, on): (i32, String)| {
        let about = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?.trim().to_owned();
        Some(format!("{fd} on {on} with the flags {flags}"))
    };
    let all = observe::descriptors(pid).unwrap_or_default();
    all.into_iter().filter_map(described).collect::<Vec<_>>().join("\n")
}

/// Programs that cannot be started, for one reason or another, first, last, in the middle.
fn cannot_start(run: &Run) {
    let submission = run.submission();
    let unstartable = Unstartable::new(run);
    let missing = || unstartable.because("ENOENT");
    let empty = || Role { words: vec![String::new()], ..missing() };
    let with_nul = || unstartable.because("a NUL in an argument");
    let not_executable = || unstartable.because("EACCES");
    for (what, at, cannot) in [
        ("the second is not there", 1, missing()),
        ("the last is not there", 2, missing()),
        ("the first is not executable", 0, not_executable()),
        ("the second has a NUL in an argument", 1, with_nul()),
        ("the last has a NUL in an argument", 2, with_nul()),
        ("the second has an empty name", 1, empty()),
    ] {
        let mut roles = run.commands(3);
        roles[at] = cannot;
        submission.begin("pipeline", &words(&roles));
        let mut expected = [0; 3];
        expected[at] = 127;
        let mut output = Vec::new();
        for index in (0..3).filter(|index| *index != at) {
            let puppet = run.started(&submission, &roles[index]);
            if index == at + 1 {
                let what = format!("what a program reads when {what}");
                expect_output(run, &what, &puppet.reads(), b"");
            }
            if index + 1 == at {
                puppet.begins_to_print(&[b'x'; 1 << 17]);
                run.ensure(puppet.has_printed().is_err(), || {
                    format!("a program can write to one that cannot be started: {what}")
                });
                puppet.await_end();
                expected[index] = 128 + PIPE;
                continue;
            }
            if index == 2 {
                output = run.random().bytes(8);
                puppet.prints(&output);
            }
            puppet.exits(0);
        }
        expect(run, &submission, &format!("three programs of which {what}"), &output, &expected);
    }
    // One for each reason, between two that can be started.
    let mut all = unstartable.commands.clone();
    run.random().shuffle(&mut all);
    let (reasons, mut roles): (Vec<&str>, Vec<Role>) = all.into_iter().unzip();
    let [first, last] = [(); 2].map(|()| run.command());
    roles.insert(0, first.clone());
    roles.push(last.clone());
    submission.begin("pipeline", &words(&roles));
    for role in [first, last] {
        run.started(&submission, &role).exits(1);
    }
    let mut expected = vec![127; roles.len()];
    (expected[0], expected[roles.len() - 1]) = (1, 1);
    let what =
        format!("programs that cannot be started between two others, for {}", reasons.join(", "));
    expect(run, &submission, &what, b"", &expected);
    without_processes(run, &submission);
}

/// When there is no process for it, a program cannot be started.
fn without_processes(run: &Run, submission: &Session) {
    for most in 0..3_u64 {
        let roles = run.commands(3);
        let arguments = (most, words(&roles));
        submission.begin_as("pipeline", "pipeline, few processes", &arguments);
        while !submission.has_answered() {
            for puppet in run.gather(&roles, Duration::from_millis(5)).into_iter().flatten() {
                if !puppet.has_ended() {
                    puppet.exits(3);
                }
            }
            run.ensure_in_time("pipeline has not returned when no process was left");
        }
        let what = format!("three programs, with processes for {most} of them");
        let codes = outcome(submission, &what).1;
        let begun = roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3));
        run.expect(&format!("the codes of {what}"), &codes, &begun.collect::<Vec<i32>>());
    }
}

/// With few descriptors, a pipe or a program fails in the middle: whatever is returned, nobody is left,
/// although a signal interrupts every wait for a program.
fn few_descriptors(run: &Run) {
    let submission = run.submission();
    for free in 0..9 {
        submission.limit(DESCRIPTORS, Some(4 + free));
        with_few_descriptors(run, &submission, free, free >= 2, true);
    }
    // From the moment at which some have been started. On a busy machine the limit comes too late now
    // and then, and nothing fails: so again, until something has failed twice.
    for (free, started) in [(0, 1), (2, 1), (3, 1), (0, 2), (3, 2)] {
        let mut failed = 0;
        for _ in 0..8 {
            submission.limit_after(started, DESCRIPTORS, 4 + free);
            failed += i32::from(with_few_descriptors(run, &submission, free, true, false));
            if failed == 2 {
                break;
            }
        }
    }
    submission.limit(DESCRIPTORS, None);
    for pipes in 1..6 {
        without_pipe(run, &submission, pipes);
    }
}

/// Signals that end a program, if it takes notice of them.
const ENDING: [i32; 7] = [1, 2, 3, 10, 12, 14, 15];

/// There is no pipe after so many, when programs run that take no notice of signals, do not read or write,
/// and end much later; and signals interrupt every wait.
fn without_pipe(run: &Run, submission: &Session, pipes: u64) {
    let mut hurry = submission.hurries();
    let roles = run.commands(3);
    submission.begin_as("pipeline", "pipeline, few pipes", &(pipes, words(&roles)));
    let runs = |puppet: &Puppet| !puppet.has_ended();
    let there = || run.gather(&roles, Duration::from_millis(2)).into_iter().flatten();
    let mut failed = None;
    loop {
        match submission.event() {
            Some(Event::Answered) => break,
            Some(Event::Question(..)) => {
                let children = observe::descendants(submission.pid());
                let is_there = |pid: i32| there().any(|puppet| puppet.pid() == pid);
                let begun = Instant::now();
                while begun.elapsed() < AN_HOUR
                    && !children.iter().all(|(pid, stat)| stat.state == 'Z' || is_there(*pid))
                {
                }
                for puppet in there().filter(runs) {
                    ENDING.iter().for_each(|signal| puppet.ignores(*signal));
                }
                failed = Some(Instant::now());
                submission.reply(&());
            }
            None => {}
        }
        let is_time = failed.map_or_else(
            || there().count() == roles.len(),
            |failed| {
                failed.elapsed() > AN_HOUR
                    || submission.waits_for_a_child()
                    || (failed.elapsed() > NOTICED && submission.rests() > AN_HOUR)
            },
        );
        if is_time {
            hurry.is_over();
            there().filter(runs).for_each(|puppet| puppet.exits(3));
        }
        run.ensure_in_time("pipeline has not returned when no pipe was left");
    }
    hurry.is_over();
    run.ensure(run.nobody_left(submission), || {
        "children are left when there is no pipe, although signals interrupt every wait, and programs \
         take no notice of SIGTERM"
            .to_owned()
    });
    let came: Result<Outcome, Failure> = submission.answer();
    if let Ok((_, codes)) = came {
        let begun = roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3));
        let what = format!("the codes of three programs, with {pipes} pipes");
        run.expect(&what, &codes, &begun.collect::<Vec<i32>>());
    }
}

/// Runs three programs while the limit is in force; whether a pipe or a program has failed. `pipes` says
/// whether there can be one, and `same` whether the limit is in force from the beginning.
fn with_few_descriptors(
    run: &Run,
    submission: &Session,
    free: u64,
    pipes: bool,
    same: bool,
) -> bool {
    let roles = run.commands(3);
    let mut before = of_caller(submission);
    // Whoever sets the limit looks how many children there are.
    before.retain(|(what, _)| same || !["the limits", "the descriptors"].contains(what));
    submission.begin("pipeline, interrupted", &words(&roles));
    while !submission.has_answered() {
        for puppet in run.gather(&roles, Duration::from_millis(10)).into_iter().flatten() {
            if !puppet.has_ended() {
                puppet.exits(3);
            }
        }
        run.ensure_in_time("pipeline has not returned, with few descriptors");
    }
    let came: Result<Outcome, Failure> = submission.answer();
    expect_unchanged(run, submission, &before);
    submission.limit(DESCRIPTORS, None);
    let begun: Vec<i32> = roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3)).collect();
    let failed = came.is_err() || begun.contains(&127);
    run.ensure(came.is_err() || pipes, || {
        format!(
            "with {free} descriptors free there was no pipe, which takes two, and that is an error; \
             but pipeline returned the codes {:?}",
            came.as_ref().map(|(_, codes)| codes)
        )
    });
    if let Ok((_, codes)) = came {
        let what = format!("the codes of three programs, with {free} descriptors free");
        run.expect(&what, &codes, &begun);
    }
    run.ensure(run.nobody_left(submission), || {
        format!(
            "children are left when a pipe or a program fails, with {free} descriptors free, \
             and a signal interrupts every wait"
        )
    });
    failed
}

/// Every wait and every read is interrupted, many times in a row: by signals that come while it lasts, and
/// then by thousands that come as it begins.
fn interrupted(run: &Run) {
    let submission = run.submission();
    let roles = begin(run, &submission, 2);
    let puppets = all(run, &submission, &roles);
    submission.interrupt(150);
    puppets[1].prints(b"one");
    submission.interrupt(3);
    puppets[1].prints(b"two");
    puppets[1].closes(1);
    submission.interrupt(150);
    puppets[0].exits(8);
    submission.interrupt(5);
    puppets[1].exits(9);
    expect(
        run,
        &submission,
        "two programs, while signals interrupt every call",
        b"onetwo",
        &[8, 9],
    );
    let roles = run.commands(2);
    submission.begin_as("pipeline", "pipeline, interrupted thousands of times", &words(&roles));
    let puppets = all(run, &submission, &roles);
    puppets[1].prints(b"much later");
    puppets.iter().zip([10, 11]).for_each(|(puppet, code)| puppet.exits(code));
    let what = "two programs, while thousands of signals interrupt every read and every wait";
    expect(run, &submission, what, b"much later", &[10, 11]);
}
