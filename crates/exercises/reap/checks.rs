//! What collecting children must come to. The commands are puppets: how each of them ends is decided
//! here, once it has been started, and nobody knows it before.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use driver::nix::libc;
use driver::session::DESCRIPTORS;
use driver::{
    Check, Event, Failure, Puppet, Role, Run, STOPPING, Session, Unstartable, fail, observe, serve,
    words,
};

fn main() {
    serve(&[
        Check::new("codes", codes),
        Check::new("none", none),
        Check::new("signals", signals),
        Check::new("together", together),
        Check::new("waits", waits),
        Check::new("cannot-start", cannot_start),
        Check::new("few-descriptors", few_descriptors),
        Check::new("only-its-own", only_its_own),
        Check::new("interrupted", interrupted),
        Check::new("many", many),
    ]);
}

/// How a command is to end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Code(i32),
    Signal(i32),
    Core(i32),
}

use Ending::{Code, Core, Signal};

impl Ending {
    fn play(self, puppet: &Puppet) {
        match self {
            Code(code) => puppet.exits(code),
            Signal(signal) => puppet.dies(signal),
            Core(signal) => puppet.dies_with_core(signal),
        }
    }

    fn said(self) -> String {
        match self {
            Code(code) => format!("exit {code}"),
            Signal(signal) | Core(signal) => observe::signal_name(signal),
        }
    }

    /// What `run_all` returns for it.
    fn code(self) -> i32 {
        match self {
            Code(code) => code,
            Signal(signal) | Core(signal) => 128 + signal,
        }
    }
}

/// Asks for these commands to be run.
fn begin(submission: &Session, roles: &[Role]) {
    submission.begin("run_all", &(words(roles), false));
}

/// The answer of `run_all`, which must be codes.
fn codes_of(submission: &Session, what: &str) -> Vec<i32> {
    let answer: Result<Vec<i32>, Failure> = submission.answer();
    answer.unwrap_or_else(|error| fail("wrong", format!("{what}: run_all failed with {error}")))
}

/// Ends commands in any order as soon as all of them are there, or those that are if no more come:
/// it is another check's business whether they run together.
fn end_all(run: &Run, submission: &Session, roles: &[Role], endings: &[Ending]) {
    let mut left: Vec<usize> = (0..roles.len()).collect();
    while !left.is_empty() && !submission.has_answered() {
        let waiting: Vec<Role> = left.iter().map(|&index| roles[index].clone()).collect();
        let there = run.gather(&waiting, Duration::from_millis(60));
        let mut there: Vec<_> = left.iter().copied().zip(there).collect();
        run.random().shuffle(&mut there);
        let Some((index, puppet)) = there.into_iter().find_map(|(it, who)| Some((it, who?))) else {
            // Nobody came, so this waits until somebody does, or for the answer.
            run.started(submission, &waiting[0]);
            continue;
        };
        endings[index].play(&puppet);
        left.retain(|other| *other != index);
    }
}

/// Runs commands that end like this, and compares the codes.
fn expect_codes(run: &Run, submission: &Session, endings: &[Ending]) {
    let roles = run.commands(endings.len());
    begin(submission, &roles);
    end_all(run, submission, &roles, endings);
    let said: Vec<String> = endings.iter().map(|ending| ending.said()).collect();
    let what = format!(
        "the codes of commands that end by {} (128 plus the signal for one that was killed)",
        said.join(", ")
    );
    let codes = codes_of(submission, &what);
    let expected: Vec<i32> = endings.iter().map(|ending| ending.code()).collect();
    run.expect(&what, &codes, &expected);
}

fn codes(run: &Run) {
    let submission = run.submission();
    let any = run.random().within(1..126) as i32;
    let mut endings = [Code(0), Code(any), Code(200), Code(255)];
    run.random().shuffle(&mut endings);
    expect_codes(run, &submission, &endings);
    run.random().shuffle(&mut endings[..3]);
    expect_codes(run, &submission, &endings[..3]);
    expect_pipes(run, &submission);
}

/// Runs commands to which the caller gives pipes, of which they read to the end and to which they write.
fn expect_pipes(run: &Run, submission: &Session) {
    let roles = run.commands(2);
    let inputs = [20, 30].map(|length| run.random().bytes(length));
    let printed = [40, 50].map(|length| run.random().bytes(length));
    submission.begin("run_all, with pipes", &(words(&roles), inputs.to_vec()));
    for (which, role) in roles.iter().enumerate() {
        let puppet = run.started(submission, role);
        let what = format!("what {} reads from the pipe that the caller gave it", role.name);
        run.expect(&what, &puppet.reads(), &inputs[which]);
        puppet.prints(&printed[which]);
        puppet.exits(which as i32);
    }
    let (codes, written): (Result<Vec<i32>, Failure>, Vec<Vec<u8>>) = submission.answer();
    run.expect("the codes of two commands with pipes", &codes, &Ok(vec![0, 1]));
    let what = "what came through the pipes that the caller gave the commands to write to";
    run.expect(what, &written, &printed.to_vec());
}

/// No commands, after some, so that who does nothing has nothing for it.
fn none(run: &Run) {
    let submission = run.submission();
    let any = run.random().within(1..126) as i32;
    expect_codes(run, &submission, &[Code(any)]);
    begin(&submission, &[]);
    run.expect("no commands", &codes_of(&submission, "no commands"), &Vec::<i32>::new());
}

/// Signals that end a process which does nothing about them.
const ENDING: [i32; 16] = [1, 2, 3, 4, 5, 8, 10, 12, 13, 14, 24, 25, 26, 27, 30, 31];

fn signals(run: &Run) {
    let submission = run.submission();
    let any = ENDING[run.random().within(0..ENDING.len() as u64) as usize];
    // Those in real time have numbers up to 64.
    let real_time = run.random().within(35..65) as i32;
    let mut endings = [
        Signal(15),
        Code(1),
        Signal(9),
        Signal(any),
        Signal(real_time),
        Signal(64),
        Core(6),
        Core(11),
        Code(129),
    ];
    run.random().shuffle(&mut endings);
    expect_codes(run, &submission, &endings);
}

/// No command ends before all have been started, however many they are.
fn together(run: &Run) {
    let submission = run.submission();
    let some = run.random().within(2..12) as usize;
    let many = run.random().within(101..106) as usize;
    for count in [some, many] {
        let roles = run.commands(count);
        begin(&submission, &roles);
        let puppets = roles.iter().map(|role| run.started(&submission, role)).collect::<Vec<_>>();
        let codes: Vec<i32> = (0..count).map(|_| run.random().within(1..126) as i32).collect();
        puppets.iter().zip(&codes).for_each(|(puppet, code)| puppet.exits(*code));
        let what = format!("{count} commands at the same time");
        run.expect(&what, &codes_of(&submission, &what), &codes);
    }
}

/// So long nobody sleeps who looks every few milliseconds.
const ENOUGH: Duration = Duration::from_millis(400);

/// Ends the check if all of the submission is asleep for longer than that although all commands have
/// ended. What it waits for a processor, on a busy machine, is no sleep.
fn expect_no_sleep(run: &Run, submission: &Session, what: &str) {
    let mut asleep = Duration::ZERO;
    while !submission.has_answered() {
        let (before, start) = (submission.is_asleep(), Instant::now());
        std::thread::sleep(Duration::from_millis(2));
        if before && submission.is_asleep() {
            asleep += start.elapsed().min(Duration::from_millis(5));
        }
        run.ensure(asleep < ENOUGH, || {
            format!("{what}, and run_all still sleeps after {ENOUGH:?}: nobody wakes it up then")
        });
        run.ensure_in_time(&format!("{what}, and run_all has not returned"));
    }
}

/// How often it has fallen asleep so far: who begins to sleep does not look for some time.
fn sleeps(submission: &Session) -> u64 {
    observe::status_number(submission.pid(), "voluntary_ctxt_switches", 10).unwrap_or(0)
}

/// How long a state lasts at least that wakes up whoever waits for it.
const SEEN: Duration = Duration::from_millis(10);

/// One command takes longer than anybody sleeps; and when all have ended, nobody sleeps on. For who is
/// asleep until something comes from outside, what would come in seconds is known at once.
fn waits(run: &Run) {
    let submission = run.submission();
    let roles = run.commands(2);
    // Who gives up after a time does it within an hour, which passes at once.
    let mut hurry = submission.hurries();
    begin(&submission, &roles);
    let puppets = roles.iter().map(|role| run.started(&submission, role)).collect::<Vec<_>>();
    let start = Instant::now();
    let age = Duration::from_millis(run.random().within(2150..2600));
    // Who is not asleep in a wait that ends with the command alone may give up at some time, or look
    // ever more seldom: then the command ends when that sleep has just begun.
    let long_age = age + Duration::from_millis(3000);
    let longest_age = long_age + Duration::from_millis(2100);
    let mut sleeps_before = None;
    let goes_on = |sleeps_before: &mut Option<u64>| match start.elapsed() {
        passed if submission.waits_for_a_child() => passed < age,
        passed if passed < long_age => true,
        passed => {
            let sleeps = sleeps(&submission);
            passed < longest_age && sleeps == *sleeps_before.get_or_insert(sleeps)
        }
    };
    // Meanwhile both are stopped for a while by one signal after the other, which is no end.
    let mut signals = STOPPING;
    run.random().shuffle(&mut signals);
    let mut signals = signals.into_iter().peekable();
    let (mut next, mut since) = (age / 4, start);
    let mut stopped = None;
    loop {
        let rests = since.elapsed() > SEEN && submission.rests() > longest_age;
        run.ensure(!submission.has_answered(), || {
            let codes = codes_of(&submission, "two commands");
            let name = stopped.map(observe::signal_name);
            let why = name.map(|name| format!(": {name} had stopped them")).unwrap_or_default();
            format!("run_all returned {codes:?} although no command had ended{why}")
        });
        for (puppet, role) in puppets.iter().zip(&roles) {
            run.ensure(!puppet.has_ended(), || {
                let name = stopped.map(observe::signal_name);
                let why = name.map(|name| format!(", stopped by {name},")).unwrap_or_default();
                format!("{}{why} was ended after {:?}", role.name, start.elapsed())
            });
        }
        let over = rests || start.elapsed() > next;
        match signals.peek() {
            Some(signal) if over => {
                puppets.iter().for_each(Puppet::goes_on);
                stopped = puppets.iter().map(|puppet| puppet.stops_by(*signal)).last();
                signals.next();
                (next, since) = (start.elapsed() + age / 16, Instant::now());
            }
            None if over && stopped.is_some() => {
                puppets.iter().for_each(Puppet::goes_on);
                (stopped, since) = (None, Instant::now());
            }
            None if stopped.is_none() && (rests || !goes_on(&mut sleeps_before)) => break,
            _ => {}
        }
        // Meanwhile who looks every few milliseconds does it some thousand times.
        if start.elapsed() > age {
            hurry.is_over();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    hurry.is_over();
    puppets[0].exits(6);
    puppets[1].exits(5);
    let what = "two commands have ended that take seconds";
    expect_no_sleep(run, &submission, what);
    run.expect(what, &codes_of(&submission, what), &[6, 5]);
    end_at_once(run, &submission);
    end_after_a_look(run, &submission);
    in_background(run, &submission);
}

/// A command has started another one, and ends before that: what it leaves behind is nobody's business.
fn in_background(run: &Run, submission: &Session) {
    let roles = run.commands(2);
    let left = run.command_called("what command 1 has left behind");
    begin(submission, &roles);
    let puppets = roles.iter().map(|role| run.started(submission, role)).collect::<Vec<_>>();
    let left = puppets[0].starts(&left);
    puppets.iter().zip([1, 2]).for_each(|(puppet, code)| puppet.exits(code));
    let what = "two commands have ended, and one that the first of them has started goes on";
    expect_no_sleep(run, submission, what);
    run.expect(what, &codes_of(submission, what), &[1, 2]);
    if let Some(left) = left {
        run.ensure(!left.has_ended(), || {
            "a command has ended, and what it has started was ended, too".to_owned()
        });
        left.exits(0);
    }
}

/// Three commands end while the submission stands still: it gets one SIGCHLD for all of them.
fn end_at_once(run: &Run, submission: &Session) {
    let roles = run.commands(3);
    begin(submission, &roles);
    let puppets = roles.iter().map(|role| run.started(submission, role)).collect::<Vec<_>>();
    submission.stops();
    puppets.iter().zip([1, 2, 3]).for_each(|(puppet, code)| puppet.exits(code));
    submission.goes_on();
    let what = "three commands have ended at the same time";
    expect_no_sleep(run, submission, what);
    run.expect(what, &codes_of(submission, what), &[1, 2, 3]);
}

/// Commands end when the submission has just looked and has found that they run.
fn end_after_a_look(run: &Run, submission: &Session) {
    for count in [1, 2] {
        let roles = run.commands(count);
        submission.begin("run_all, held after a look", &(words(&roles), false));
        let mut puppets: Vec<_> = roles
            .iter()
            .enumerate()
            .map(|(code, role)| (run.started(submission, role), code as i32))
            .collect();
        submission.falls_asleep(Duration::from_millis(20));
        run.random().shuffle(&mut puppets);
        puppets.iter().for_each(|(puppet, code)| puppet.exits(*code));
        let what = format!("{count} commands have ended just after a look whether they have");
        expect_no_sleep(run, submission, &what);
        let codes: Vec<i32> = (0..count as i32).collect();
        run.expect(&what, &codes_of(submission, &what), &codes);
    }
}

/// Commands that cannot be started, for one reason or another, first, last, in the middle, alone.
fn cannot_start(run: &Run) {
    let submission = run.submission();
    let unstartable = Unstartable::new(run);
    let missing = || unstartable.because("ENOENT");
    let with_nul = || unstartable.because("a NUL in an argument");
    let not_executable = || unstartable.because("EACCES");
    let mut any = vec![Some(missing()), Some(with_nul()), Some(not_executable()), None, None, None];
    run.random().shuffle(&mut any);
    let all = unstartable.commands.iter().map(|(reason, role)| (*reason, Some(role.clone())));
    let mut each: Vec<_> = all.chain([("none", None), ("none", None)]).collect();
    run.random().shuffle(&mut each);
    let (reasons, each): (Vec<_>, Vec<_>) = each.into_iter().unzip();
    let of_each = format!("ten cannot be started, for these reasons: {}", reasons.join(", "));
    for (what, roles) in [
        ("the last cannot be started", vec![None, None, Some(missing())]),
        ("the first cannot be started", vec![Some(missing()), None, None]),
        ("the second is not executable", vec![None, Some(not_executable()), None]),
        ("the second has a NUL in an argument", vec![None, Some(with_nul()), None]),
        ("neither can be started", vec![Some(missing()), Some(not_executable())]),
        ("every other cannot be started", vec![Some(missing()), None, Some(with_nul()), None]),
        ("three cannot be started", any),
        (&of_each, each),
    ] {
        // `None` is a command that can be started.
        let cannot: Vec<bool> = roles.iter().map(Option::is_some).collect();
        let roles: Vec<Role> =
            roles.into_iter().map(|it| it.unwrap_or_else(|| run.command())).collect();
        let good = roles.iter().zip(&cannot).filter(|(_, cannot)| !**cannot);
        let good: Vec<Role> = good.map(|(role, _)| role.clone()).collect();
        begin(&submission, &roles);
        let endings: Vec<Ending> = (7..).take(good.len()).map(Code).collect();
        end_all(run, &submission, &good, &endings);
        let mut codes = endings.iter().map(|ending| ending.code());
        let code = |cannot: &bool| if *cannot { Some(127) } else { codes.next() };
        let expected: Vec<i32> = cannot.iter().filter_map(code).collect();
        run.expect(&format!("commands of which {what}"), &codes_of(&submission, what), &expected);
    }
    let mut errors = [
        ("EAGAIN", libc::EAGAIN),
        ("ENOMEM", libc::ENOMEM),
        ("EMFILE", libc::EMFILE),
        ("ENFILE", libc::ENFILE),
    ];
    run.random().shuffle(&mut errors);
    for (name, error) in errors {
        with_one_refused(run, &submission, name, error);
    }
    too_late(run, &submission);
}

/// One command cannot be started for want of something that another one gives back when it ends. The next
/// one is started at once, and not when others have ended; and the one that could not be started is not
/// started then.
fn with_one_refused(run: &Run, submission: &Session, name: &str, error: i32) {
    let roles = run.commands(3);
    let word = roles[1].words.last().expect("a word").clone();
    submission.begin("run_all, one refused", &(words(&roles), (word, error), false));
    let good = [roles[0].clone(), roles[2].clone()];
    let together = are_there(run, submission, &good);
    let what = format!("three commands, of which the second cannot be started: {name}");
    end_those_there(run, submission, &roles, &what);
    let (codes, refusals): (Result<Vec<i32>, Failure>, i32) = submission.answer();
    let expected: Vec<i32> =
        roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3)).collect();
    run.expect(&what, &codes, &Ok(expected.clone()));
    run.ensure(refusals == 0 || expected[1] == 127, || {
        format!("{what}: it was started when another one had ended")
    });
    run.ensure(expected[0] == 3 && expected[2] == 3, || format!("{what}, and no other is started"));
    // Who starts none before others have ended is the business of another check.
    if !together {
        let roles = run.commands(2);
        begin(submission, &roles);
        let starts_both = are_there(run, submission, &roles);
        end_all(run, submission, &roles, &[Code(1), Code(2)]);
        run.expect("two commands", &codes_of(submission, "two commands"), &[1, 2]);
        run.ensure(!starts_both, || {
            format!("{what}, and one of the others is not started before the other one has ended")
        });
    }
}

/// Waits until these commands are there; whether they are. They are not if the submission waits for what
/// comes from outside alone, or has answered.
fn are_there(run: &Run, submission: &Session, roles: &[Role]) -> bool {
    loop {
        // Looked at first: what is on the way now may be there when it rests.
        let over = submission.has_answered() || submission.rests() > Duration::from_secs(10);
        if run.gather(roles, Duration::from_millis(5)).iter().all(Option::is_some) {
            return true;
        }
        if over {
            return false;
        }
        run.ensure_in_time("run_all has not started all commands, of which one cannot be started");
    }
}

/// Ends those of these commands that are there, each by `exit 3`, until the answer is there.
fn end_those_there(run: &Run, submission: &Session, roles: &[Role], what: &str) {
    loop {
        for puppet in run.gather(roles, Duration::from_millis(15)).into_iter().flatten() {
            if !puppet.has_ended() {
                puppet.exits(3);
            }
        }
        if submission.has_answered() {
            return;
        }
        run.ensure_in_time(&format!("{what}, and run_all has not returned"));
    }
}

/// A program is made when its command could not be started, and the others run already.
fn too_late(run: &Run, submission: &Session) {
    let mut roles = run.commands(3);
    let path = run.directory().join("made-too-late");
    let program = std::mem::replace(&mut roles[1].words[0], path.display().to_string());
    begin(submission, &roles);
    let good = [roles[0].clone(), roles[2].clone()];
    let together = are_there(run, submission, &good);
    submission.falls_asleep(Duration::from_millis(100));
    let what = "three commands, of which the second has no program before the others run";
    // Of who does not start them together nothing is said here.
    if together {
        symlink(program, &path).expect("a link");
    }
    let mut left = good.to_vec();
    while !submission.has_answered() {
        left.retain(|role| {
            let puppet = run.appeared(role);
            puppet.iter().for_each(|puppet| puppet.exits(3));
            puppet.is_none()
        });
        std::thread::sleep(Duration::from_micros(200));
        let late = run.appeared(&roles[1]).is_some();
        if late {
            let _ = fs::remove_file(&path);
        }
        run.ensure(!late, || format!("{what}: it was started after all"));
        run.ensure_in_time(&format!("{what}, and run_all has not returned"));
    }
    let _ = fs::remove_file(&path);
    run.expect(what, &codes_of(submission, what), &[3, 127, 3]);
}

/// With few descriptors, starting fails at one command or another: that is 127 for it. The caller has
/// said that the commands read from `/dev/null`, which takes a descriptor when one is started.
fn few_descriptors(run: &Run) {
    let submission = run.submission();
    for free in 0..6 {
        submission.limit(DESCRIPTORS, Some(4 + free));
        let failed = with_few_descriptors(run, &submission, free);
        run.ensure(failed || free > 0, || "commands were started without a descriptor".to_owned());
    }
    // From the moment at which some have been started. On a busy machine the limit comes too late now
    // and then, and nothing fails: so again, until something has failed twice.
    for (free, started) in [(0, 1), (1, 2)] {
        let mut failed = 0;
        for _ in 0..8 {
            submission.limit_after(started, DESCRIPTORS, 4 + free);
            failed += i32::from(with_few_descriptors(run, &submission, free));
            if failed == 2 {
                break;
            }
        }
    }
    for free in 0..3 {
        none_for_more(run, &submission, free);
    }
}

/// Commands that need no descriptor to be started, where there is none for anything else. Each of them is
/// there before who has started it goes on.
fn none_for_more(run: &Run, submission: &Session, free: u64) {
    submission.limit(DESCRIPTORS, Some(4 + free));
    let roles = run.commands(3);
    submission.begin("run_all, told of each", &(words(&roles), false));
    let what = format!("three commands that need no descriptor, {free} descriptors free");
    let mut ended = [false; 3];
    loop {
        match submission.event() {
            Some(Event::Answered) => break,
            Some(Event::Question(_, mut arguments)) => {
                let pid: i32 = arguments.take();
                let is_there = |role| run.appeared(role).is_some_and(|it| it.pid() == pid);
                while !roles.iter().any(is_there) && !observe::has_ended(pid) {
                    run.ensure_in_time("a command does not begin");
                    std::thread::sleep(Duration::from_micros(200));
                }
                submission.reply(&());
                continue;
            }
            None => {}
        }
        let puppets = run.gather(&roles, Duration::from_millis(8));
        for ((puppet, role), ended) in puppets.into_iter().zip(&roles).zip(&mut ended) {
            let Some(puppet) = puppet.filter(|_| !*ended) else { continue };
            run.ensure(!puppet.has_ended(), || format!("{what}: {} was ended", role.name));
            puppet.exits(3);
            *ended = true;
        }
        run.ensure_in_time(&format!("{what}, and run_all has not returned"));
    }
    let codes = codes_of(submission, &what);
    submission.limit(DESCRIPTORS, None);
    let expected = roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3));
    run.expect(&what, &codes, &expected.collect::<Vec<i32>>());
}

/// Runs three commands while the limit is in force; whether one of them could not be started.
fn with_few_descriptors(run: &Run, submission: &Session, free: u64) -> bool {
    let roles = run.commands(3);
    submission.begin("run_all", &(words(&roles), true));
    let what = format!("three commands that read from /dev/null, {free} descriptors free");
    end_those_there(run, submission, &roles, &what);
    let codes = codes_of(submission, &what);
    submission.limit(DESCRIPTORS, None);
    let begun = roles.iter().map(|role| run.appeared(role).map_or(127, |_| 3));
    let expected: Vec<i32> = begun.collect();
    run.expect(&what, &codes, &expected);
    expected.contains(&127)
}

/// Of the caller's own children one has ended before, one ends meanwhile, one was stopped before, one is
/// stopped by then, one was stopped and goes on, and each of them is to be learnt of by the caller.
fn only_its_own(run: &Run) {
    let submission = run.submission();
    let strangers = [(); 5].map(|()| run.command());
    let others = strangers.each_ref().map(|role| {
        submission.start_stranger(&role.words);
        run.started(&submission, role)
    });
    others[0].exits(9);
    let signal = STOPPING[run.random().within(0..STOPPING.len() as u64) as usize];
    let before = others[4].stops_by(signal);
    let roles = run.commands(2);
    begin(&submission, &roles);
    run.started(&submission, &roles[0]);
    others[1].exits(10);
    let signal = others[2].stops_by(signal);
    others[3].stops_by(signal);
    others[3].goes_on();
    std::thread::sleep(SEEN);
    submission.falls_asleep(Duration::from_millis(30));
    end_all(run, &submission, &roles, &[Code(1), Code(2)]);
    run.expect("the codes of the commands", &codes_of(&submission, "two commands"), &[1, 2]);
    run.ensure(!others[2..].iter().any(Puppet::has_ended), || {
        "a child of the caller, at work, was ended".into()
    });
    run.ensure(others[2].is_stopped() && others[4].is_stopped(), || {
        "a child of the caller that was stopped goes on: somebody has woken it".into()
    });
    let stopped = |signal: i32| format!("was stopped by {}", observe::signal_name(signal));
    for (other, what, status) in [
        (&others[4], stopped(before), before << 8 | 0x7f),
        (&others[2], stopped(signal), signal << 8 | 0x7f),
        (&others[3], "goes on".into(), 0xffff),
    ] {
        run.ensure(submission.learns_of(other) == Some(status), || {
            format!(
                "the caller does not learn that a child of its own {what}: run_all took its status"
            )
        });
    }
    for (other, code) in others[2..].iter().zip(11..) {
        other.goes_on();
        other.exits(code);
    }
    for code in 9..14 {
        let what = "the status of a child that the caller, not run_all, has started";
        run.expect(what, &submission.collect_stranger(), &Ok(code << 8));
    }
}

/// Every wait is interrupted, many times in a row, and one of them more than a thousand times.
fn interrupted(run: &Run) {
    let submission = run.submission();
    let roles = run.commands(3);
    let mut times = [6, 6, 1100];
    run.random().shuffle(&mut times);
    begin(&submission, &roles);
    for ((role, code), times) in roles.iter().zip([4, 5, 6]).zip(times) {
        let puppet = run.started(&submission, role);
        submission.interrupt(times);
        puppet.exits(code);
    }
    let what = "three commands, while signals interrupt every system call";
    run.expect(what, &codes_of(&submission, what), &[4, 5, 6]);
}

fn many(run: &Run) {
    let submission = run.submission();
    let endings: Vec<Ending> = (0..40).map(Code).collect();
    expect_codes(run, &submission, &endings);
}
