//! What a time limit must come to.
//!
//! Where a command must not be waited for, the limit is so long that waiting shows as a check that
//! hangs. Where a limit must pass, a command that was not ready before it is given more. That nothing
//! comes too early can be measured on every machine: a busy one makes it come later.

use std::time::{Duration, Instant};

use driver::session::DESCRIPTORS;
use driver::{Check, Failure, Puppet, Role, Run, Session, fail, serve};

fn main() {
    serve(&[
        Check::new("in-time", in_time),
        Check::new("no-limit", no_limit),
        Check::new("cannot-start", cannot_start),
        Check::new("few-descriptors", few_descriptors),
        Check::new("asks-first", asks_first),
        Check::new("not-before", not_before),
        Check::new("insists", insists),
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
const SHORT: Duration = Duration::from_millis(40);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const TERM: i32 = 15;
const KILL: i32 = 9;

/// What `run_at_most` returned: whether it was in time, and the raw status.
fn outcome(submission: &Session, what: &str) -> (bool, i32) {
    let outcome: Result<(bool, i32), Failure> = submission.answer();
    outcome.unwrap_or_else(|error| fail("wrong", format!("{what}: run_at_most failed with {error}")))
}

/// Says an outcome as a learner would.
fn said((in_time, status): (bool, i32)) -> String {
    let how = match status & 0x7f {
        0 => format!("exit code {}", status >> 8),
        signal => format!("ended by signal {signal}"),
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
    submission.begin("run_at_most", &(role.words.clone(), limit, grace));
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
        let role = run.command();
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
        outcome(submission, "a command that ends");
        run.ensure(limit < Duration::from_secs(1), || {
            format!("the command is ended before {limit:?} have passed, or has not begun by then")
        });
        limit *= 2;
    }
}

fn in_time(run: &Run) {
    let submission = run.submission();
    let any = run.random().within(1..126) as i32;
    for code in [any, 200, 255, 0] {
        let role = run.command();
        begin(&submission, &role, LONG, LONG);
        run.started(&submission, &role).exits(code);
        expect(run, &submission, &format!("a command that exits with {code}, in time"), (true, exit(code)));
    }
    for signal in [KILL, 11, TERM] {
        let role = run.command();
        begin(&submission, &role, LONG, LONG);
        run.started(&submission, &role).dies(signal);
        expect(run, &submission, &format!("a command that is ended by signal {signal}, in time"), (true, signal));
    }
    just_in_time(run, &submission);
}

/// A command ends a tenth of a second before its limit: who looks now and then may see that when the
/// limit has passed, and on a busy machine others too, though not again and again.
fn just_in_time(run: &Run, submission: &Session) {
    let (mut limit, mut late) = (ms(150), 0);
    while late < 3 {
        let role = run.command();
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
        let role = run.command();
        begin(&submission, &role, limit, Duration::MAX);
        let puppet = run.started(&submission, &role);
        run.ensure(!puppet.ends_within(ms(30)), || format!("a limit of {limit:?} was over at once"));
        puppet.exits(4);
        expect(run, &submission, &format!("a limit of {limit:?}"), (true, exit(4)));
    }
    let ready = |puppet: &Puppet| puppet.handles(TERM);
    for grace in [Duration::MAX, ms((1 << 32) + 5), ms((1 << 31) + 5), ns(u64::MAX) + ns(9)] {
        let (puppet, (), ..) = begin_ready(run, &submission, grace, ready);
        run.ensure(puppet.gets(TERM), || "a command was ended without SIGTERM".into());
        run.ensure(!puppet.ends_within(ms(20)), || format!("a grace of {grace:?} was over at once"));
        puppet.exits(5);
        expect(run, &submission, &format!("a grace of {grace:?}"), (false, exit(5)));
    }
}

fn cannot_start(run: &Run) {
    let submission = run.submission();
    let file = run.directory().join("no-program");
    // A new file has no right to be executed.
    std::fs::write(&file, "not executable").expect("a file");
    let mut with_nul = run.command();
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
    let role = run.command();
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
    run.ensure(puppet.gets(TERM), || "a command was ended without SIGTERM".into());
    // Longer than the limit, which is not the grace.
    let early = puppet.ends_within(limit + Duration::from_millis(40));
    run.ensure(!early, || "SIGKILL came before the grace had passed".into());
    puppet.exits(code);
    expect(run, &submission, "a command that ends by itself when it is asked", (false, exit(code)));
    // And one without a handler.
    let (_, (), ..) = begin_ready(run, &submission, LONG, |_| ());
    expect(run, &submission, "a command without a handler for SIGTERM", (false, TERM));
}

/// Longer than anybody waits who thinks that no limit and no grace is so long.
const AGE: std::ops::Range<u64> = 1300..1900;

/// Three times that are not over for long, and are waited for together: a limit, a grace, and both.
fn not_soon(run: &Run) {
    let submissions = [(); 3].map(|()| run.submission());
    let mut long = || ms(run.random().within(20_000..3_600_000));
    let (limit, grace) = (long(), long());
    let role = run.command();
    let start = Instant::now();
    begin(&submissions[0], &role, limit, SHORT);
    let unlimited = run.started(&submissions[0], &role);
    let ready = |puppet: &Puppet| puppet.handles(TERM);
    let (asked, (), ..) = begin_ready(run, &submissions[1], grace, ready);
    run.ensure(asked.gets(TERM), || "a command was ended without SIGTERM".into());
    let role = run.command();
    begin(&submissions[2], &role, Duration::MAX, grace);
    let forever = run.started(&submissions[2], &role);
    let age = ms(run.random().within(AGE));
    let begun = Instant::now();
    while begun.elapsed() < age {
        let passed = start.elapsed();
        for (puppet, what, time) in [
            (&unlimited, "a command with a limit of", limit),
            (&asked, "a command that has been asked to end, with a grace of", grace),
            (&forever, "a command with a limit of", Duration::MAX),
        ] {
            run.ensure(!puppet.has_ended(), || format!("{what} {time:?} was ended within {passed:?}"));
        }
        std::thread::sleep(ms(5));
    }
    for ((puppet, submission), in_time) in
        [&unlimited, &asked, &forever].into_iter().zip(&submissions).zip([true, false, true])
    {
        puppet.exits(2);
        expect(run, submission, "a command that takes more than a second", (in_time, exit(2)));
    }
}

fn not_before(run: &Run) {
    not_soon(run);
    let submission = run.submission();
    let role = run.command();
    let limit = ms(run.random().within(100..400));
    let grace = ms(run.random().within(80..300));
    let start = Instant::now();
    begin(&submission, &role, limit, grace);
    let puppet = run.started(&submission, &role);
    puppet.handles(TERM);
    puppet.gets(TERM);
    let asked = start.elapsed();
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
    not_a_millisecond_before(run, &submission);
}

/// Times that are no whole milliseconds. The caller ignores SIGTERM, and so does what it starts, which
/// is therefore there until SIGKILL. To start it takes time as well, of which the least counts.
fn not_a_millisecond_before(run: &Run, submission: &Session) {
    submission.is_deaf_to(&[TERM]);
    for _ in 0..16 {
        let time = || Duration::from_micros(1000 + run.random().within(970..1000));
        let (limit, grace) = (time(), time());
        begin(submission, &run.command(), limit, grace);
        let (_, status) = outcome(submission, "a command that does not end");
        for (name, signal, time) in [("SIGTERM", TERM, limit), ("SIGKILL", KILL, limit + grace)] {
            // Who lets the command be ended by SIGTERM may end the rest of its group at once.
            let sent: Option<Duration> = submission.call("sent", &signal);
            let sent = sent.filter(|_| signal == TERM || status & 0x7f == KILL);
            run.ensure(sent.is_none_or(|after| after >= time), || {
                format!(
                    "{name} was sent {:?} after the call, with a limit of {limit:?} and a grace of \
                     {grace:?}",
                    sent.unwrap_or_default()
                )
            });
        }
    }
    submission.hears(&[TERM]);
}

fn insists(run: &Run) {
    let submission = run.submission();
    let (_, (), ..) = begin_ready(run, &submission, SHORT, |puppet| puppet.ignores(TERM));
    expect(run, &submission, "a command that ignores SIGTERM", (false, KILL));
    let stop = |puppet: &Puppet| puppet.stops();
    let (_, (), ..) = begin_ready(run, &submission, SHORT, stop);
    expect(run, &submission, "a command that is stopped, and has not ended", (false, KILL));
    // 0 has passed at once, be it the grace or the limit, before which a command may do nothing at all.
    let ignore = |puppet: &Puppet| puppet.ignores(TERM);
    let (_, (), ..) = begin_ready(run, &submission, Duration::ZERO, ignore);
    expect(run, &submission, "a command that ignores SIGTERM, with a grace of 0", (false, KILL));
    begin(&submission, &run.command(), Duration::ZERO, LONG);
    expect(run, &submission, "a command with a limit of 0", (false, TERM));
}

/// The child of a command, which must have been sent this signal. The kernel takes a moment to end it.
fn expect_end(run: &Run, child: &Puppet, signal: i32, what: &str) {
    run.ensure(child.ends_within(Duration::from_millis(500)), || format!("{what} was still there after run_at_most had returned"));
    if let Some(status) = child.end_as_orphan() {
        run.ensure(status & 0x7f == signal, || {
            format!("{what} should be ended by signal {signal}, but: {}", said((false, status)))
        });
    }
}

/// Command and child both have a handler for SIGTERM. The child waits for its parent.
fn whole_group(run: &Run) {
    let submission = run.submission();
    let ready = |puppet: &Puppet| {
        puppet.handles(TERM);
        let child = puppet.starts(&run.command());
        child.iter().for_each(|child| child.handles(TERM));
        child
    };
    let (puppet, child, ..) = begin_ready(run, &submission, LONG, ready);
    let group = puppet.family().map(|(_, group)| group);
    run.ensure(group == Some(puppet.pid()), || "the command has no process group of its own".into());
    let Some(child) = child else { fail("wrong", "the command was ended too early") };
    run.ensure(puppet.gets(TERM), || "a command was ended without SIGTERM".into());
    run.ensure(child.gets(TERM), || "a child of the command was ended without SIGTERM".into());
    puppet.exits(3);
    expect(run, &submission, "a command that ends when it is asked, before its child", (false, exit(3)));
    expect_end(run, &child, KILL, "a child of the command");
}

/// The command heeds SIGTERM, the child ignores it.
fn stubborn_child(run: &Run) {
    let submission = run.submission();
    let ready = |puppet: &Puppet| {
        let child = puppet.starts(&run.command());
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
    let signals = [KILL, TERM, 6, 11].map(|signal| (format!("dies of signal {signal}"), signal));
    let exits = [code, 0].map(|code| (format!("exits with {code}"), exit(code)));
    for (how, status) in exits.into_iter().chain(signals) {
        let role = run.command();
        begin(&submission, &role, LONG, LONG);
        let puppet = run.started(&submission, &role);
        let children = [(); 2].map(|()| puppet.starts(&run.command()));
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
            "{what} had been collected when signal {} was sent to its number, which may be somebody \
             else's by then",
            strays[0]
        )
    });
}

/// One child of the caller has ended and waits to be collected, another one is at work.
fn nobody_else(run: &Run) {
    let submission = run.submission();
    let strangers = [run.command(), run.command()];
    let [ended, works] = strangers.each_ref().map(|role| {
        submission.start_stranger(&role.words);
        run.started(&submission, role)
    });
    ended.exits(9);
    works.handles(TERM);
    let (puppet, (), ..) = begin_ready(run, &submission, LONG, |puppet| puppet.handles(TERM));
    run.ensure(puppet.gets(TERM), || "a command was ended without SIGTERM".into());
    puppet.exits(2);
    expect(run, &submission, "a command that ends when it is asked", (false, exit(2)));
    expect_no_stray(run, &submission, "a command that ends when it is asked");
    let (_, (), ..) = begin_ready(run, &submission, SHORT, |puppet| puppet.ignores(TERM));
    expect(run, &submission, "a command that ignores SIGTERM", (false, KILL));
    expect_no_stray(run, &submission, "a command that ignores SIGTERM");
    let role = run.command();
    begin(&submission, &role, LONG, LONG);
    run.started(&submission, &role).exits(1);
    expect(run, &submission, "a command that ends in time", (true, exit(1)));
    expect_no_stray(run, &submission, "a command that ends in time");
    run.ensure(!works.has_ended(), || "another child of the caller was ended".into());
    run.ensure(!works.has_got(TERM), || "another child of the caller got SIGTERM".into());
    works.exits(8);
    for code in [9, 8] {
        let what = "the status of a child that the caller, not run_at_most, has started";
        run.expect(what, &submission.collect_stranger(), &Ok(exit(code)));
    }
}

/// Every wait is interrupted, many times in a row.
fn interrupted(run: &Run) {
    let submission = run.submission();
    let role = run.command();
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
    run.ensure(puppet.gets(TERM), || "a command was ended without SIGTERM".into());
    submission.interrupt(6);
    run.ensure(!puppet.has_ended(), || {
        "SIGKILL came before the grace had passed: a signal had interrupted the wait".into()
    });
    puppet.exits(7);
    expect(run, &submission, "a command that is asked, while signals interrupt the wait", (false, exit(7)));
    // Signals that come on and on do not put the end of the limit off, nor that of the grace.
    let time = ms(run.random().within(100..250));
    let role = run.command();
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
}
