//! What a time limit must come to.
//!
//! Where a command must not be waited for, the limit is so long that waiting shows as a check that
//! hangs. Where a limit must pass, a command that was not ready before it is given more. That nothing
//! comes too early can be measured on every machine: a busy one makes it come later.

use std::time::{Duration, Instant};

use driver::nix::sys::signal::Signal;
use driver::observe::{self, signal_name};
use driver::session::{A_LEAP, DESCRIPTORS, NOTICED, Set};
use driver::{Check, Failure, Puppet, Role, Run, STOPPING, Session, fail, serve};

fn main() {
    serve(&[
        Check::new("in-time", in_time),
        Check::new("cannot-start", cannot_start),
        Check::new("asks-first", asks_first),
        Check::new("insists", insists),
        Check::new("no-limit", no_limit),
        Check::new("few-descriptors", few_descriptors),
        Check::new("not-before", not_before),
        Check::new("whole-group", whole_group),
        Check::new("stubborn-child", stubborn_child),
        Check::new("background", background),
        Check::new("nobody-else", nobody_else),
        Check::new("interrupted", interrupted),
    ]);
}

/// So long that nobody waits for it.
const LONG: Duration = Duration::from_secs(3600);

/// So short that it passes without much waiting.
const SHORT: Duration = Duration::from_millis(20);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const TERM: i32 = 15;
const KILL: i32 = 9;

/// What `run_at_most` returned: whether it was in time, and the raw status.
fn outcome(submission: &Session, what: &str) -> (bool, i32) {
    let outcome: Result<(bool, i32), Failure> = submission.answer();
    outcome.unwrap_or_else(|error| {
        let why = nobody_there(submission);
        fail("wrong", format!("{what}: run_at_most failed with {error}{why}"))
    })
}

/// Why a signal has not come to anybody, where that is known.
fn nobody_there(submission: &Session) -> String {
    let [strays, groupless]: [Vec<i32>; 2] = ["strays", "groupless"].map(|which| submission.call(which, &()));
    match (strays.first(), groupless.first()) {
        (Some(signal), _) => {
            format!(": {} was sent when the command had been collected", signal_name(*signal))
        }
        (None, Some(signal)) => format!(
            ": {} was sent to the command's group, and it has none of its own",
            signal_name(*signal)
        ),
        (None, None) => String::new(),
    }
}

/// Says an outcome as a learner would.
fn said((in_time, status): (bool, i32)) -> String {
    let how = match status & 0x7f {
        0 => format!("exit code {}", status >> 8),
        signal => format!("ended by {}", signal_name(signal)),
    };
    format!("{}({how})", if in_time { "InTime" } else { "TimeUp" })
}

fn expect(run: &Run, submission: &Session, what: &str, expected: (bool, i32)) {
    let came = outcome(submission, what);
    // Whether a core was left is not asked for.
    let came = (came.0, if came.1 & 0x7f == 0 { came.1 } else { came.1 & !0x80 });
    run.ensure(came == expected, || {
        format!("{what}:\n  expected {}\n  came     {}", said(expected), said(came))
    });
}

const fn exit(code: i32) -> i32 {
    code << 8
}

fn begin(submission: &Session, role: &Role, limit: Duration, grace: Duration) {
    let [limit_said, grace_said] = [limit, grace].map(time_said);
    let said = format!("run_at_most(limit {limit_said}, grace {grace_said})");
    submission.begin_as(&said, "run_at_most", &(role.words.clone(), limit, grace));
}

fn time_said(time: Duration) -> String {
    if time == Duration::MAX { "Duration::MAX".to_owned() } else { format!("{time:?}") }
}

/// The command that `run_at_most` gets.
fn the_command(run: &Run) -> Role {
    run.command_called("the command")
}

/// What that command starts itself.
fn its_child(run: &Run) -> Role {
    run.command_called("the command's own child")
}

/// Runs a command, and lets `ready` make it ready; again with more time if it was ended before that.
/// Returns the command, when it was begun, and the limit.
fn begin_ready<T>(
    run: &Run,
    submission: &Session,
    grace: Duration,
    ready: impl Fn(&Puppet) -> T,
) -> (Puppet, T, Instant, Duration) {
    let mut limit = SHORT;
    loop {
        let others = observe::descendants(submission.pid());
        let role = the_command(run);
        let start = Instant::now();
        begin(submission, &role, limit, grace);
        // A command may be ended before it has begun.
        while run.appeared(&role).is_none() && !submission.has_answered() {
            run.ensure_in_time("run_at_most has not returned, and has started no command");
        }
        if let Some(puppet) = run.appeared(&role) {
            let made = ready(&puppet);
            if start.elapsed() < limit && !puppet.has_ended() {
                return (puppet, made, start, limit);
            }
            if !puppet.has_ended() {
                puppet.exits(0);
            }
        }
        let came = outcome(submission, "a command that ends");
        run.ensure(limit < Duration::from_secs(1), || {
            let another_has_ended = others.iter().any(|(_, stat)| stat.state == 'Z');
            not_ready(limit, came, start.elapsed(), another_has_ended)
        });
        limit *= 2;
    }
}

/// What has become of a command that could not be made ready before its limit.
fn not_ready(limit: Duration, came: (bool, i32), after: Duration, another_has_ended: bool) -> String {
    if came.1 & 0x7f == 0 {
        return format!("the command has not got ready within {limit:?}");
    }
    format!(
        "with a limit of {limit:?}, run_at_most returned {} within {after:?}, and the command would have \
         gone on{}",
        said(came),
        beside(another_has_ended)
    )
}

fn beside(another_has_ended: bool) -> &'static str {
    if another_has_ended { ". Another child of the caller had ended before" } else { "" }
}

/// Waits until the command gets SIGTERM.
fn gets_term(run: &Run, submission: &Session, puppet: &Puppet) {
    run.ensure(puppet.gets(TERM), || {
        let others = observe::descendants(submission.pid());
        let another_has_ended =
            others.iter().any(|(pid, stat)| *pid != puppet.pid() && stat.state == 'Z');
        let came = outcome(submission, "a command that would have gone on");
        format!(
            "the command was ended without SIGTERM, and run_at_most returned {}{}",
            said(came),
            beside(another_has_ended)
        )
    });
}

fn in_time(run: &Run) {
    let submission = run.submission();
    let any = run.random().within(1..126) as i32;
    for code in [any, 200, 255, 0] {
        let role = the_command(run);
        begin(&submission, &role, LONG, LONG);
        run.started(&submission, &role).exits(code);
        expect(run, &submission, &format!("a command that exits with {code}, in time"), (true, exit(code)));
    }
    for signal in [KILL, 11, TERM] {
        let role = the_command(run);
        begin(&submission, &role, LONG, LONG);
        run.started(&submission, &role).dies(signal);
        expect(run, &submission, &format!("a command that is ended by {}, in time", signal_name(signal)), (true, signal));
    }
    just_in_time(run, &submission);
}

/// A command ends a tenth of a second before its limit: who looks now and then may see that when the
/// limit has passed, and on a busy machine others too, though not again and again.
fn just_in_time(run: &Run, submission: &Session) {
    let (mut limit, mut late) = (ms(150), 0);
    while late < 3 {
        let role = the_command(run);
        let start = Instant::now();
        begin(submission, &role, limit, LONG);
        while run.appeared(&role).is_none() && !submission.has_answered() {
            run.ensure_in_time("run_at_most has not returned, and has started no command");
        }
        if let Some(puppet) = run.appeared(&role) {
            std::thread::sleep((limit - ms(100)).saturating_sub(start.elapsed()));
            if !puppet.has_ended() {
                puppet.exits(3);
            }
        }
        let left = limit.saturating_sub(start.elapsed());
        let came = outcome(submission, "a command that ends before the limit");
        if came == (true, exit(3)) {
            return;
        }
        if left > ms(40) {
            late += 1;
            let what = "a command that exits with 3 long before its limit";
            run.ensure(late < 3, || format!("{what} of {limit:?}:\n  came {}", said(came)));
        } else {
            limit *= 2;
            run.ensure(limit < Duration::from_secs(2), || "a command is ended before its limit".into());
        }
    }
}

/// Whether a command goes on for this time, or is let go on for seconds by who is asleep with the time as
/// its limit.
fn goes_on(submission: &Session, puppet: &Puppet, time: Duration) -> bool {
    let start = Instant::now();
    while !puppet.has_ended() && start.elapsed() < time && submission.rests() < ms(AGE.end) {
        std::thread::sleep(ms(1));
    }
    !puppet.has_ended()
}

/// `Duration::MAX` is how one says that there is no limit.
fn no_limit(run: &Run) {
    let submission = run.submission();
    // Some of them are nothing at all, or negative, in 32 bits or in 64, counted in seconds or in parts of
    // them: the second as soon as one looks, however busy the machine is.
    let ns = Duration::from_nanos;
    for limit in [
        Duration::MAX,
        ms((1 << 32) + 1),
        ms((1 << 32) + 5),
        ms((1 << 31) + 5),
        Duration::from_micros((1 << 32) + 9),
        Duration::from_secs(1 << 32),
        ns(1 << 63),
        ns(u64::MAX) + ns(9),
    ] {
        let role = the_command(run);
        begin(&submission, &role, limit, Duration::MAX);
        let puppet = run.started(&submission, &role);
        run.ensure(goes_on(&submission, &puppet, ms(30)), || format!("a limit of {limit:?} was over at once"));
        puppet.exits(4);
        expect(run, &submission, &format!("a limit of {limit:?}"), (true, exit(4)));
    }
    let ready = |puppet: &Puppet| puppet.handles(TERM);
    for grace in [Duration::MAX, ms((1 << 32) + 5), ms((1 << 31) + 5), ns(u64::MAX) + ns(9)] {
        let (puppet, (), ..) = begin_ready(run, &submission, grace, ready);
        gets_term(run, &submission, &puppet);
        run.ensure(goes_on(&submission, &puppet, ms(20)), || format!("a grace of {grace:?} was over at once"));
        puppet.exits(5);
        expect(run, &submission, &format!("a grace of {grace:?}"), (false, exit(5)));
    }
}

fn cannot_start(run: &Run) {
    let submission = run.submission();
    let file = run.directory().join("no-program");
    // A new file has no right to be executed.
    std::fs::write(&file, "not executable").expect("a file");
    let mut with_nul = the_command(run);
    with_nul.words.insert(1, "a\0b".to_owned());
    for (what, words) in [
        ("a program that is not there", run.no_such_program().words),
        ("a file that is not executable", vec![file.display().to_string()]),
        ("an argument with a NUL", with_nul.words),
    ] {
        let answer: Result<(bool, i32), Failure> =
            submission.call("run_at_most", &(words, LONG, LONG));
        run.ensure(answer.is_err(), || format!("starting {what} is no error: {answer:?}"));
    }
    let _ = std::fs::remove_file(file);
}

/// With few descriptors, what one needs beside the command may fail: then it is an error, and the
/// command has been ended and collected.
fn few_descriptors(run: &Run) {
    let submission = run.submission();
    for free in 0..6 {
        submission.limit(DESCRIPTORS, Some(4 + free));
        with_few_descriptors(run, &submission, free);
    }
    // From the moment at which the command has been started. On a busy machine the limit comes too late
    // now and then, and nothing fails: so again, until something has failed twice.
    for free in 0..2 {
        let (mut failed, begun) = (0, Instant::now());
        for attempt in 0..8 {
            // Who looks now and then needs no descriptor, and takes its time.
            if attempt > 0 && begun.elapsed() > ms(1000) {
                break;
            }
            submission.limit_after(1, DESCRIPTORS, 4 + free);
            failed += i32::from(with_few_descriptors(run, &submission, free));
            if failed == 2 {
                break;
            }
        }
    }
}

/// Runs a command while the limit is in force; whether that has failed.
fn with_few_descriptors(run: &Run, submission: &Session, free: u64) -> bool {
    let role = the_command(run);
    begin(submission, &role, LONG, LONG);
    while !submission.has_answered() {
        run.ensure_in_time("run_at_most has not returned, with few descriptors");
        if let Some(puppet) = run.appeared(&role).filter(|puppet| !puppet.has_ended()) {
            puppet.exits(3);
        }
    }
    let came: Result<(bool, i32), Failure> = submission.answer();
    submission.limit(DESCRIPTORS, None);
    let what = format!("a command that exits with 3, with {free} descriptors free");
    let failed = came.is_err();
    if let Ok(came) = came {
        run.ensure(came == (true, exit(3)), || format!("{what}: {}", said(came)));
    }
    run.ensure(run.nobody_left(submission), || format!("a child is left after {what}"));
    failed
}

/// The command has a handler for SIGTERM, and ends by itself when it likes.
fn asks_first(run: &Run) {
    let submission = run.submission();
    let code = run.random().within(1..126) as i32;
    let ready = |puppet: &Puppet| puppet.handles(TERM);
    let (puppet, (), _, limit) = begin_ready(run, &submission, LONG, ready);
    gets_term(run, &submission, &puppet);
    // Longer than the limit, which is not the grace.
    let early = puppet.ends_within(limit + Duration::from_millis(40));
    run.ensure(!early, || "SIGKILL came before the grace had passed".into());
    puppet.exits(code);
    expect(run, &submission, "a command that ends by itself when it is asked", (false, exit(code)));
    // Whether it has done what it should says nothing of when.
    let (puppet, (), ..) = begin_ready(run, &submission, LONG, ready);
    gets_term(run, &submission, &puppet);
    puppet.exits(0);
    expect(run, &submission, "a command that exits with 0 when it is asked", (false, exit(0)));
    // And one without a handler.
    let (_, (), ..) = begin_ready(run, &submission, LONG, |_| ());
    expect(run, &submission, "a command without a handler for SIGTERM", (false, TERM));
}

/// Longer than anybody waits who thinks that no limit and no grace is so long.
const AGE: std::ops::Range<u64> = 1300..1900;

/// A command that is not ended for long: who was asked to run it, with which limit and which grace, by how
/// much the clock leaps, and what somebody does to the time of day.
struct Lasting {
    submission: Session,
    command: Puppet,
    limit: Duration,
    grace: Duration,
    leap: Duration,
    set: Set,
}

impl Lasting {
    /// What it is called in messages.
    fn said(&self) -> String {
        let (what, time) = match self.limit {
            Duration::ZERO => ("that has been asked to end, with a grace of", self.grace),
            limit => ("with a limit of", limit),
        };
        format!("a command {what} {}", time_said(time))
    }
}

/// Begins what is not over for long: centuries of a limit and of a grace, to whose ends the clock leaps, but
/// for half a minute, and times without end. What somebody does to the time of day meanwhile is none of
/// their business. Commands that are asked to end at once ignore that, as their callers do.
fn begin_lasting(run: &Run) -> Vec<Lasting> {
    // Of so many seconds, 32 bits of floating point keep the multiples of 512 alone: the nearest is more
    // than half a minute less.
    let random = |range| run.random().within(range);
    let mut long = || Duration::from_secs(random(150 * YEAR / 512..250 * YEAR / 512) * 512 + random(100..200));
    let (limit, grace) = (long(), long());
    let on = Set::On(Duration::from_secs(270 * YEAR));
    let back = Set::Back(Duration::from_secs(20 * YEAR));
    let all = [
        (limit, SHORT, limit, on),
        (Duration::ZERO, grace, grace, on),
        (Duration::MAX, SHORT, limit, back),
        (Duration::ZERO, Duration::MAX, grace, back),
    ];
    let submissions = all.each_ref().map(|_| run.submission());
    let begun = submissions.into_iter().zip(all).map(|(submission, (limit, grace, near, set))| {
        if limit.is_zero() {
            submission.is_deaf_to(&[TERM]);
        }
        let leap = near - ALMOST;
        submission.leaps(leap, set);
        let role = the_command(run);
        begin(&submission, &role, limit, grace);
        (submission, role, limit, grace, leap, set)
    });
    let begun: Vec<_> = begun.collect();
    let started = begun.into_iter().map(|(submission, role, limit, grace, leap, set)| {
        let command = run.started(&submission, &role);
        Lasting { submission, command, limit, grace, leap, set }
    });
    started.collect()
}

/// Waits until the clocks have leapt, and for as long as somebody might give up who does not ask a clock.
/// Of who is asleep with the rest as its limit, all of this is known at once.
fn expect_to_last(run: &Run, all: &[Lasting], begun: Instant) {
    let age = ms(run.random().within(AGE));
    loop {
        let have_leapt = begun.elapsed() > A_LEAP + NOTICED;
        let rest = have_leapt && all.iter().all(|it| it.submission.rests() > ms(AGE.end));
        for it in all {
            run.ensure(!it.command.has_ended(), || {
                let day = match it.set {
                    Set::On(by) => format!("on by {by:?}"),
                    Set::Back(by) => format!("back by {by:?}"),
                };
                format!(
                    "{} was ended: its clock had gone on by {:?} at most, and somebody had set the time of \
                     day {day}",
                    it.said(),
                    it.leap
                )
            });
        }
        if rest || begun.elapsed() > age {
            break;
        }
        std::thread::sleep(ms(5));
    }
    for it in all {
        it.command.exits(2);
        expect(run, &it.submission, &it.said(), (!it.limit.is_zero(), exit(2)));
    }
}

/// A year, in seconds.
const YEAR: u64 = 365 * 24 * 3600;

/// Longer than what is left of a check takes.
const ALMOST: Duration = Duration::from_secs(30);

fn not_before(run: &Run) {
    // All at the same time: what lasts is not waited for alone.
    let (all, begun) = (begin_lasting(run), Instant::now());
    let (held_up, its_grace) = begin_held_up(run);
    let submission = run.submission();
    let role = the_command(run);
    let limit = ms(run.random().within(60..160));
    let grace = ms(run.random().within(50..130));
    let start = Instant::now();
    begin(&submission, &role, limit, grace);
    let puppet = run.started(&submission, &role);
    puppet.handles(TERM);
    puppet.gets(TERM);
    let asked = start.elapsed();
    held_up.signal(Signal::SIGCONT);
    puppet.await_end();
    let ended = start.elapsed();
    let (_, status) = outcome(&submission, "a command that does not end");
    run.ensure(asked >= limit, || {
        format!("the command was told to end after {asked:?}, with a limit of {limit:?}")
    });
    // On a busy machine, SIGTERM may come before there is a handler for it.
    run.ensure(status & 0x7f != KILL || ended >= limit + grace, || {
        format!(
            "the command was forced to end after {ended:?}, with a limit of {limit:?} and a grace of \
             {grace:?}"
        )
    });
    expect_whole_grace(run, &held_up, its_grace);
    not_a_millisecond_before(run, &submission);
    expect_to_last(run, &all, begun);
}

/// Begins a run whose caller is stopped until its limit has long passed: what that takes is no part of the
/// grace. Returns the grace.
fn begin_held_up(run: &Run) -> (Session, Duration) {
    let (submission, role) = (run.submission(), the_command(run));
    submission.is_deaf_to(&[TERM]);
    let grace = HELD_UP + ms(run.random().within(20..60));
    begin(&submission, &role, SHORT, grace);
    run.started(&submission, &role);
    submission.signal(Signal::SIGSTOP);
    (submission, grace)
}

/// For so long at least it is stopped after its limit.
const HELD_UP: Duration = Duration::from_millis(40);

fn expect_whole_grace(run: &Run, submission: &Session, grace: Duration) {
    let (_, status) = outcome(submission, "a command that does not end");
    if let [Some(asked), Some(forced)] = signals_sent(submission, status) {
        run.ensure(forced.saturating_sub(asked) + HELD_UP / 2 >= grace, || {
            format!(
                "SIGKILL was sent {:?} after SIGTERM, with a grace of {grace:?}: the caller had been stopped \
                 when the limit passed, and SIGTERM came later",
                forced.saturating_sub(asked)
            )
        });
    }
}

/// Times that are no whole milliseconds, and some that are less than one: who counts whole ones is early by
/// almost one, or by almost half a one, though who looks every 5 or 10 only where that is the first look.
/// The caller ignores SIGTERM, and so does what it starts, which is therefore there until SIGKILL. To start
/// it takes time as well, of which the least counts. The grace has passed when it has passed since SIGTERM.
fn not_a_millisecond_before(run: &Run, submission: &Session) {
    submission.is_deaf_to(&[TERM]);
    let (begun, mut early) = (Instant::now(), Vec::new());
    for (trial, whole) in [1, 10, 0, 5].into_iter().cycle().take(16).enumerate() {
        // Who looks twice a second takes its time.
        if begun.elapsed() > ms(2000) {
            break;
        }
        let parts = if trial % 8 < 4 { 970..1000 } else { 430..500 };
        let mut time = || Duration::from_micros(1000 * whole + run.random().within(parts.clone()));
        let (limit, grace) = (time(), time());
        begin(submission, &the_command(run), limit, grace);
        let (_, status) = outcome(submission, "a command that does not end");
        let [asked, forced] = signals_sent(submission, status);
        for (name, sent, time) in [("SIGTERM", asked, limit), ("SIGKILL", forced, limit + grace)] {
            run.ensure(sent.is_none_or(|after| after >= time), || {
                format!(
                    "{name} was sent {:?} after the call, with a limit of {limit:?} and a grace of \
                     {grace:?}: that is less than {time:?}",
                    sent.unwrap_or_default()
                )
            });
        }
        let between = asked.zip(forced).map(|(asked, forced)| forced.saturating_sub(asked));
        // Who looks at the clock and then sends SIGTERM may be held up in between, though not each time.
        early.extend(between.filter(|it| *it + MOMENT < grace).map(|between| (between, grace)));
    }
    run.ensure(early.len() < 3, || {
        let (between, grace) = early[0];
        format!("SIGKILL was sent {between:?} after SIGTERM, with a grace of {grace:?}")
    });
    submission.hears(&[TERM]);
}

/// How long after the call SIGTERM and SIGKILL were sent, as far as that is known.
fn signals_sent(submission: &Session, status: i32) -> [Option<Duration>; 2] {
    let [asked, forced]: [Option<Duration>; 2] = [TERM, KILL].map(|signal| submission.call("sent", &signal));
    // Who lets the command be ended by SIGTERM may end the rest of its group at once.
    [asked, forced.filter(|_| status & 0x7f == KILL)]
}

/// More than it takes to send a signal.
const MOMENT: Duration = Duration::from_micros(100);

fn insists(run: &Run) {
    let stopped = begin_stopped(run);
    let submission = run.submission();
    let (_, (), ..) = begin_ready(run, &submission, SHORT, |puppet| puppet.ignores(TERM));
    expect(run, &submission, "a command that ignores SIGTERM", (false, KILL));
    // Limit and grace have taken longer than NOTICED.
    expect_goes_on(run, &stopped, "");
    let stop = |puppet: &Puppet| puppet.stops();
    let (_, (), ..) = begin_ready(run, &submission, SHORT, stop);
    expect(run, &submission, "a command that is stopped, and has not ended", (false, KILL));
    expect_goes_on(run, &stopped, ", and has gone on since");
    // 0 has passed at once, be it the grace or the limit, before which a command may do nothing at all.
    let ignore = |puppet: &Puppet| puppet.ignores(TERM);
    let (_, (), ..) = begin_ready(run, &submission, Duration::ZERO, ignore);
    expect(run, &submission, "a command that ignores SIGTERM, with a grace of 0", (false, KILL));
    begin(&submission, &the_command(run), Duration::ZERO, LONG);
    expect(run, &submission, "a command with a limit of 0", (false, TERM));
    for it in &stopped {
        it.command.exits(6);
        let what = format!("a command that {} had stopped, and that has gone on", it.by);
        expect(run, &it.submission, &what, (it.in_time, exit(6)));
    }
}

/// A command that was stopped: who was asked to run it, by which signal it was, and whether before the limit.
struct Stopped {
    submission: Session,
    command: Puppet,
    by: String,
    in_time: bool,
}

/// Begins commands and stops them, by each signal that does, before the limit and during the grace.
/// Those that are asked to end at once ignore that, as their callers do.
fn begin_stopped(run: &Run) -> Vec<Stopped> {
    let situations = STOPPING.iter().flat_map(|signal| [(*signal, true), (*signal, false)]);
    let begun = situations.map(|(signal, in_time)| {
        let (submission, role) = (run.submission(), the_command(run));
        if !in_time {
            submission.is_deaf_to(&[TERM]);
        }
        begin(&submission, &role, if in_time { LONG } else { Duration::ZERO }, LONG);
        (submission, role, signal, in_time)
    });
    let begun: Vec<_> = begun.collect();
    // Where one does nothing, the others of a terminal do not either.
    let mut most = STOPPING.len();
    let stopped = begun.into_iter().map(|(submission, role, signal, in_time)| {
        let command = run.started(&submission, &role);
        let signal = if STOPPING[..most].contains(&signal) { signal } else { STOPPING[0] };
        let by = command.stops_by(signal);
        most = if by == signal { most } else { 1 };
        Stopped { submission, command, by: signal_name(by), in_time }
    });
    stopped.collect()
}

/// Who has stopped, or has gone on after that, has not ended. Then they go on.
fn expect_goes_on(run: &Run, stopped: &[Stopped], since: &str) {
    for it in stopped {
        run.ensure(!it.command.has_ended(), || {
            format!("a command was ended that {} had stopped{since}: it had not ended", it.by)
        });
        it.command.goes_on();
    }
}

/// The child of a command, which must have been sent this signal. The kernel takes a moment to end it.
fn expect_end(run: &Run, child: &Puppet, signal: i32, what: &str) {
    run.ensure(child.ends_within(Duration::from_millis(500)), || format!("{what} was still there after run_at_most had returned"));
    if let Some(status) = child.end_as_orphan() {
        run.ensure(status & 0x7f == signal, || {
            format!("{what} should be ended by {}, but: {}", signal_name(signal), said((false, status)))
        });
    }
}

/// Command and child both have a handler for SIGTERM. The child waits for its parent.
fn whole_group(run: &Run) {
    let submission = run.submission();
    let ready = |puppet: &Puppet| {
        puppet.handles(TERM);
        let child = puppet.starts(&its_child(run));
        child.iter().for_each(|child| child.handles(TERM));
        child
    };
    let (puppet, child, ..) = begin_ready(run, &submission, LONG, ready);
    let group = puppet.family().map(|(_, group)| group);
    run.ensure(group == Some(puppet.pid()), || "the command has no process group of its own".into());
    let Some(child) = child else { fail("wrong", "the command was ended too early") };
    gets_term(run, &submission, &puppet);
    run.ensure(child.gets(TERM), || "a child of the command was ended without SIGTERM".into());
    puppet.exits(3);
    expect(run, &submission, "a command that ends when it is asked, before its child", (false, exit(3)));
    expect_end(run, &child, KILL, "a child of the command");
}

/// The command heeds SIGTERM, the child ignores it.
fn stubborn_child(run: &Run) {
    let submission = run.submission();
    let ready = |puppet: &Puppet| {
        let child = puppet.starts(&its_child(run));
        child.iter().for_each(|child| child.ignores(TERM));
        child
    };
    let (_, child, ..) = begin_ready(run, &submission, SHORT, ready);
    expect(run, &submission, "a command that heeds SIGTERM", (false, TERM));
    let Some(child) = child else { fail("wrong", "the command was ended too early") };
    expect_end(run, &child, KILL, "a child of the command that ignores SIGTERM");
}

fn background(run: &Run) {
    let submission = run.submission();
    let code = run.random().within(1..126) as i32;
    let signals = [KILL, TERM, 6, 11].map(|signal| (format!("dies of {}", signal_name(signal)), signal));
    let exits = [code, 0].map(|code| (format!("exits with {code}"), exit(code)));
    for (how, status) in exits.into_iter().chain(signals) {
        let role = the_command(run);
        begin(&submission, &role, LONG, LONG);
        let puppet = run.started(&submission, &role);
        let children = [(); 2].map(|()| puppet.starts(&its_child(run)));
        children[0].iter().for_each(|child| child.ignores(TERM));
        match status & 0x7f {
            0 => puppet.exits(status >> 8),
            signal => puppet.dies(signal),
        }
        let what = format!("a command that leaves two children and {how}");
        expect(run, &submission, &what, (true, status));
        for child in children.iter().flatten() {
            let what = format!("a process that a command had left in the background which {how}");
            expect_end(run, child, KILL, &what);
        }
    }
}

/// Ends the check if the submission has sent a signal to a process, or to a group, whose number nobody
/// had any more: it may be anybody's.
fn expect_no_stray(run: &Run, submission: &Session, what: &str) {
    let strays: Vec<i32> = submission.call("strays", &());
    run.ensure(strays.is_empty(), || {
        format!(
            "{what} had been collected when {} was sent to its number, which may be somebody else's by \
             then",
            signal_name(strays[0])
        )
    });
}

/// One child of the caller has ended and waits to be collected, others are at work, are stopped or have
/// gone on after that, and one ends in the group of the command.
fn nobody_else(run: &Run) {
    let submission = run.submission();
    let strangers = [(); 5].map(|()| run.command_called("another child of the caller"));
    let [ended, works, joins, stopped, gone_on] = strangers.each_ref().map(|role| {
        submission.start_stranger(&role.words);
        run.started(&submission, role)
    });
    ended.exits(9);
    works.handles(TERM);
    let signal = STOPPING[run.random().within(0..STOPPING.len() as u64) as usize];
    let signal = stopped.stops_by(signal);
    gone_on.stops_by(signal);
    gone_on.goes_on();
    let (puppet, (), ..) = begin_ready(run, &submission, LONG, |puppet| puppet.handles(TERM));
    gets_term(run, &submission, &puppet);
    puppet.exits(2);
    expect(run, &submission, "a command that ends when it is asked", (false, exit(2)));
    expect_no_stray(run, &submission, "a command that ends when it is asked");
    let (_, (), ..) = begin_ready(run, &submission, SHORT, |puppet| puppet.ignores(TERM));
    expect(run, &submission, "a command that ignores SIGTERM", (false, KILL));
    expect_no_stray(run, &submission, "a command that ignores SIGTERM");
    let role = the_command(run);
    begin(&submission, &role, LONG, LONG);
    let puppet = run.started(&submission, &role);
    // The caller may put its children into whichever group it likes.
    joins.joins_group(puppet.pid());
    joins.exits(7);
    std::thread::sleep(NOTICED);
    run.ensure(!puppet.has_ended(), || {
        "a command was ended when another child of the caller had ended, in the command's group".into()
    });
    puppet.exits(1);
    expect(run, &submission, "a command that ends in time", (true, exit(1)));
    expect_no_stray(run, &submission, "a command that ends in time");
    run.ensure(!works.has_ended(), || "another child of the caller was ended".into());
    run.ensure(!works.has_got(TERM), || "another child of the caller got SIGTERM".into());
    for (other, what, status) in [
        (&stopped, format!("was stopped by {}", signal_name(signal)), signal << 8 | 0x7f),
        (&gone_on, "goes on".into(), 0xffff),
    ] {
        run.ensure(submission.learns_of(other) == Some(status), || {
            format!("the caller does not learn that a child of its own {what}: run_at_most took its status")
        });
    }
    stopped.goes_on();
    for (other, code) in [(&works, 8), (&stopped, 6), (&gone_on, 5)] {
        other.exits(code);
    }
    for code in [9, 8, 7, 6, 5] {
        let what = "the status of a child that the caller, not run_at_most, has started";
        run.expect(what, &submission.collect_stranger(), &Ok(exit(code)));
    }
}

/// Every wait is interrupted, many times in a row.
fn interrupted(run: &Run) {
    let submission = run.submission();
    let role = the_command(run);
    begin(&submission, &role, LONG, LONG);
    let puppet = run.started(&submission, &role);
    puppet.handles(TERM);
    submission.interrupt(6);
    run.ensure(!puppet.has_got(TERM) && !puppet.has_ended(), || {
        "a command was told to end although only a signal had interrupted the wait".into()
    });
    puppet.exits(6);
    expect(run, &submission, "a command in time, while signals interrupt the wait", (true, exit(6)));
    let (puppet, (), ..) = begin_ready(run, &submission, LONG, |puppet| puppet.handles(TERM));
    gets_term(run, &submission, &puppet);
    submission.interrupt(6);
    run.ensure(!puppet.has_ended(), || {
        "SIGKILL came before the grace had passed: a signal had interrupted the wait".into()
    });
    puppet.exits(7);
    expect(run, &submission, "a command that is asked, while signals interrupt the wait", (false, exit(7)));
    // Signals that come on and on do not put the end of the limit off, nor that of the grace.
    let time = ms(run.random().within(60..120));
    let role = the_command(run);
    begin(&submission, &role, time, time);
    let on_and_on = |what: &str, is_over: &dyn Fn() -> bool| {
        while !is_over() && !submission.has_answered() {
            submission.interrupt(1);
            std::thread::sleep(ms(8));
            run.ensure_in_time(&format!("{what}, while signals interrupt the wait on and on"));
        }
    };
    on_and_on("no command is started", &|| run.appeared(&role).is_some());
    if let Some(puppet) = run.appeared(&role) {
        puppet.handles(TERM);
        on_and_on(&format!("SIGTERM has not come after {time:?}"), &|| {
            puppet.has_got(TERM) || puppet.has_ended()
        });
        on_and_on(&format!("SIGKILL has not come {time:?} after SIGTERM"), &|| puppet.has_ended());
    }
    // On a busy machine, SIGTERM may come before there is a handler for it.
    let (in_time, status) = outcome(&submission, "a command that does not end");
    run.ensure(!in_time && matches!(status & 0x7f, TERM | KILL), || {
        format!("a command that is ended, while signals interrupt the wait: {}", said((in_time, status)))
    });
    // Nor does what an interruption has left of a wait count as waited for.
    let [asked, forced] = signals_sent(&submission, status);
    for (name, sent, least) in [("SIGTERM", asked, time), ("SIGKILL", forced, time + time)] {
        run.ensure(sent.is_none_or(|after| after >= least), || {
            let after = sent.unwrap_or_default();
            format!(
                "while signals interrupt the wait, {name} was sent {after:?} after the call: that is less than \
                 {least:?}"
            )
        });
    }
}
