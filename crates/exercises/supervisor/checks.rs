//! What supervising a command must come to. The clock is made up: it goes on in pauses, and by as much
//! as each run is said to last. A run ends only when the submission has been seen to wait for it, so
//! whoever looks at the clock when a run has begun sees the time at which it has begun.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use driver::{Check, Event, Failure, Puppet, Role, Run, Session, counted, fail, observe, serve};

fn main() {
    serve(&[
        Check::new("done", done),
        Check::new("starts-again", starts_again),
        Check::new("signals", signals),
        Check::new("back-off", back_off),
        Check::new("recovers", recovers),
        Check::new("gives-up", gives_up),
        Check::new("window", window),
        Check::new("no-limit", no_limit),
        Check::new("collected", collected),
        Check::new("interrupted", interrupted),
        Check::new("cannot-start", cannot_start),
    ]);
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// As the page describes it.
#[derive(Clone, Copy)]
struct Policy {
    first: Duration,
    longest: Duration,
    steady: Duration,
    restarts: u64,
    window: Duration,
}

/// Generous in every respect.
const POLICY: Policy = Policy {
    first: ms(10),
    longest: ms(100),
    steady: ms(60_000),
    restarts: 1000,
    window: ms(3_600_000),
};

/// How a run goes: how long it lasts, and how it ends: with an exit code, or by a signal if negative.
type Course = (Duration, i32);

/// What became of a command.
#[derive(Debug, PartialEq)]
struct Story {
    /// `None` if it succeeded, else the raw status with which it was given up.
    end: Option<i32>,
    runs: usize,
    pauses: Vec<Duration>,
}

/// What the page says of a command that goes like this.
fn as_the_page_says(policy: &Policy, courses: &[Course], mut now: Duration) -> Story {
    let (mut pauses, mut starts) = (Vec::new(), Vec::new());
    let mut pause = policy.first.min(policy.longest);
    for (index, (lasts, ending)) in courses.iter().enumerate() {
        now += *lasts;
        let status = if *ending >= 0 { ending << 8 } else { -ending };
        let young = starts.iter().filter(|start| now - **start < policy.window).count() as u64;
        if status == 0 || young >= policy.restarts {
            let end = (status != 0).then_some(status);
            return Story { end, runs: index + 1, pauses };
        }
        if *lasts >= policy.steady {
            pause = policy.first.min(policy.longest);
        }
        pauses.push(pause);
        now += pause;
        starts.push(now);
        pause = pause.saturating_mul(2).min(policy.longest);
    }
    unreachable!("the last run succeeds")
}

/// Any time up to this one, which may be as short as a nanosecond or as long as it is.
fn any_time(run: &Run, most: Duration) -> Duration {
    let mut random = run.random();
    let bits = random.within(0..u64::from(most.as_nanos().ilog2()) + 1);
    Duration::from_nanos(random.within(1..(1 << bits) + 1))
}

/// A command whose runs last for any time, many of them just as long as makes a difference, or a
/// nanosecond less; by a policy whose times are no whole seconds.
fn any_story(run: &Run, restarts: u64) {
    const HOUR: Duration = Duration::from_secs(3600);
    let policy = Policy {
        first: any_time(run, ms(10_000)),
        longest: any_time(run, HOUR),
        steady: any_time(run, HOUR),
        window: any_time(run, HOUR) + any_time(run, ms(10_000)),
        restarts,
    };
    let mut play = Play::new(run);
    let count = run.random().within(6..11);
    let mut courses = Vec::new();
    let (mut now, mut start) = (play.now, play.now);
    for _ in 0..count {
        let nanosecond = Duration::from_nanos(run.random().within(0..2));
        let kind = run.random().within(0..5);
        let lasts = match kind {
            0 => policy.steady - nanosecond,
            1 => any_time(run, policy.steady + nanosecond),
            // Until the last but one restart, or the first, is as old as the window, or nearly.
            2 => (start + policy.window).saturating_sub(now + nanosecond),
            3 => any_time(run, policy.window / 2 + nanosecond),
            _ => any_time(run, HOUR),
        };
        let ending = run.random().within(0..3) as usize;
        let ending = [1, 255, -9][ending];
        courses.push((lasts, ending));
        let so_far = [&courses[..], &[(Duration::ZERO, 0)]].concat();
        let story = as_the_page_says(&policy, &so_far, play.now);
        if story.end.is_some() {
            break;
        }
        now = play.now
            + courses.iter().map(|(lasts, _)| *lasts).sum::<Duration>()
            + story.pauses.iter().sum::<Duration>();
        if run.random().within(0..3) == 0 || start == play.now {
            start = now;
        }
    }
    courses.push((Duration::ZERO, 0));
    let expected = as_the_page_says(&policy, &courses, play.now);
    let lasting: Vec<Duration> = courses[..expected.runs].iter().map(|(lasts, _)| *lasts).collect();
    let Policy { first, longest, steady, window, .. } = policy;
    let what = format!(
        "a command whose runs last {lasting:?}; the policy: first {first:?}, longest {longest:?}, steady \
         {steady:?}, {restarts} restarts in {window:?}"
    );
    let story = play.supervise(&policy, &courses);
    expect_pauses(run, &what, &story, &expected.pauses);
    expect(run, &what, &story, expected.end, expected.runs);
}

/// How the command is played.
struct Play<'a> {
    run: &'a Run,
    submission: Session,
    role: Role,
    now: Duration,
    /// How often every wait is interrupted.
    interruptions: usize,
    /// How much longer than asked each pause lasts.
    oversleeps: Duration,
}

impl Play<'_> {
    fn new(run: &Run) -> Play<'_> {
        let submission = run.submission();
        // A clock that has begun a moment ago: there is nothing to be taken away from it.
        let now = ms(run.random().within(0..50));
        Play { run, submission, role: run.command(), now, interruptions: 0, oversleeps: Duration::ZERO }
    }

    /// Supervises a command whose run number n goes as `courses[n]` says, and after the last of them as
    /// that one.
    fn supervise(&mut self, policy: &Policy, courses: &[Course]) -> Story {
        self.begin(policy);
        let (mut runs, mut pauses) = (0, Vec::new());
        let mut playing: Option<Puppet> = None;
        loop {
            match self.submission.event() {
                Some(Event::Answered) => break,
                Some(Event::Question(name, mut arguments)) if name == "sleep" => {
                    let time: Duration = arguments.take();
                    pauses.push(time);
                    self.look_for_children(pauses.len());
                    self.now = self.now.saturating_add(time).saturating_add(self.oversleeps);
                    self.submission.reply(&());
                }
                Some(Event::Question(..)) => self.submission.reply(&self.now),
                None => {}
            }
            if playing.as_ref().is_some_and(Puppet::has_ended) {
                playing = None;
            }
            if let Some(puppet) = self.run.appears_anew(&self.role, runs) {
                self.run.ensure(playing.is_none(), || "two runs are at work at the same time".into());
                runs += 1;
                self.run.ensure(runs <= 200, || format!("the command is started again for ever: {runs} runs"));
                self.play(&puppet, courses.get(runs - 1).or(courses.last()));
                playing = Some(puppet);
            }
            self.run.ensure_in_time(&format!("supervise has not returned after {runs} runs"));
        }
        let end: Result<Option<i32>, Failure> = self.submission.answer();
        let end = end.unwrap_or_else(|error| fail("wrong", format!("supervise failed with {error}")));
        self.role = self.run.command();
        Story { end, runs, pauses }
    }

    fn begin(&self, policy: &Policy) {
        let Policy { first, longest, steady, restarts, window } = *policy;
        let rest = ((first, longest, steady), (restarts, window));
        self.submission.begin("supervise", &(self.role.words.clone(), rest));
    }

    /// Lets a run go its course, once the submission waits for it.
    fn play(&mut self, puppet: &Puppet, course: Option<&Course>) {
        let (start, pid) = (std::time::Instant::now(), self.submission.pid());
        // Who is never seen to wait asks again and again, and gets a moment for what it has to ask, and some
        // of a processor's time, which on a busy machine comes late.
        let had = || Duration::from_nanos(observe::had_processor(pid));
        let enough = had() + ms(3);
        while start.elapsed() < ms(60) || (had() < enough && start.elapsed() < ms(1000)) {
            match self.submission.event() {
                Some(Event::Question(name, _)) if name == "now" => {
                    self.submission.reply(&self.now);
                    continue;
                }
                Some(Event::Question(..)) => {
                    fail("wrong", "the clock is asked to sleep while a run is at work")
                }
                Some(Event::Answered) => return,
                None => {}
            }
            if self.submission.is_asleep() && self.submission.event().is_none() {
                break;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        self.submission.interrupt(self.interruptions);
        let (lasts, ending) = course.copied().unwrap_or((Duration::ZERO, 0));
        self.now = self.now.saturating_add(lasts);
        if ending >= 0 { puppet.exits(ending) } else { puppet.dies(-ending) }
    }

    fn look_for_children(&self, pause: usize) {
        for (pid, stat) in observe::descendants(self.submission.pid()) {
            let what = if stat.state == 'Z' { "has not been collected" } else { "is still at work" };
            fail("wrong", format!("during pause {pause}, run {pid} {what}"));
        }
    }
}

const DONE: Option<i32> = None;

fn exit(code: i32) -> Option<i32> {
    Some(code << 8)
}

/// Runs that take no time and exit with these codes.
fn at_once(codes: &[i32]) -> Vec<Course> {
    codes.iter().map(|code| (Duration::ZERO, *code)).collect()
}

fn expect(run: &Run, what: &str, story: &Story, end: Option<i32>, runs: usize) {
    let said = |end: Option<i32>| match end {
        None => "Done".to_owned(),
        Some(status) if status & 0x7f == 0 => format!("GaveUp(exit code {})", status >> 8),
        Some(status) => format!("GaveUp({})", observe::signal_name(status & 0x7f)),
    };
    run.ensure(story.runs == runs, || format!("{what} is run {}, and not {runs}", counted(story.runs, "time")));
    let came = story.end.map(|status| if status & 0x7f == 0 { status } else { status & !0x80 });
    run.ensure(came == end, || format!("{what} ends with {}, and not {}", said(came), said(end)));
}

fn expect_pauses(run: &Run, what: &str, story: &Story, expected: &[Duration]) {
    run.expect(&format!("the pauses of {what}"), &story.pauses, expected);
}

fn done(run: &Run) {
    let mut play = Play::new(run);
    let story = play.supervise(&Policy { restarts: 3, ..POLICY }, &at_once(&[0]));
    expect(run, "a command that succeeds", &story, DONE, 1);
    expect_pauses(run, "a command that succeeds", &story, &[]);
    // And one that succeeds at last.
    let story = play.supervise(&POLICY, &at_once(&[1, 0]));
    expect(run, "a command that fails once", &story, DONE, 2);
}

fn starts_again(run: &Run) {
    let mut play = Play::new(run);
    let any = run.random().within(1..126) as i32;
    let story = play.supervise(&POLICY, &at_once(&[any, 1, 2, 127, 128, 200, 255, 0]));
    let what = format!("a command that exits with {any}, 1, 2, 127, 128, 200, 255 and 0");
    expect(run, &what, &story, DONE, 8);
}

fn signals(run: &Run) {
    let mut play = Play::new(run);
    let story = play.supervise(&POLICY, &at_once(&[-9, -15, -11, 0]));
    expect(run, "a command that three signals end before it succeeds", &story, DONE, 4);
}

fn back_off(run: &Run) {
    let mut play = Play::new(run);
    let fails = |times: usize| at_once(&[vec![1; times], vec![0]].concat());
    let story = play.supervise(&POLICY, &fails(6));
    let expected = [10, 20, 40, 80, 100, 100].map(ms);
    expect_pauses(run, "a command that fails six times", &story, &expected);
    expect(run, "a command that fails six times", &story, DONE, 7);
    let first = ms(run.random().within(3..9));
    let policy = Policy { first, longest: ms(1_000_000), ..POLICY };
    let story = play.supervise(&policy, &fails(5));
    let expected = [1, 2, 4, 8, 16].map(|times| first * times);
    expect_pauses(run, &format!("a command that fails five times, first pause {first:?}"), &story, &expected);
    let story = play.supervise(&Policy { first: ms(500), ..POLICY }, &fails(3));
    let what = "a command that fails three times, when the first pause is longer than the longest";
    expect_pauses(run, what, &story, &[ms(100); 3]);
    let story = play.supervise(&Policy { longest: ms(100), ..POLICY }, &fails(40));
    let expected: Vec<Duration> =
        [10, 20, 40, 80].map(ms).into_iter().chain([ms(100); 36]).collect();
    expect_pauses(run, "a command that fails 40 times", &story, &expected);
    // Who has nothing to wait for need not ask for it.
    let mut story = play.supervise(&Policy { longest: Duration::ZERO, ..POLICY }, &fails(3));
    story.pauses.retain(|pause| *pause > Duration::ZERO);
    expect_pauses(run, "a command that fails three times, the longest pause being 0", &story, &[]);
}

fn recovers(run: &Run) {
    let mut play = Play::new(run);
    // The third run lasts for two minutes before it fails.
    let long = |time: u64| [(ms(1), 1), (ms(1), 1), (ms(time), 1), (ms(1), 1), (ms(1), 0)];
    for (lasts, expected) in [
        (120_000, [10, 20, 10, 20]),
        (60_000, [10, 20, 10, 20]),
        (59_999, [10, 20, 40, 80]),
    ] {
        let story = play.supervise(&POLICY, &long(lasts));
        let what = format!("a command whose third run lasts {lasts} ms, when 60000 are steady");
        expect_pauses(run, &what, &story, &expected.map(ms));
        expect(run, &what, &story, DONE, 5);
    }
    (0..3).for_each(|_| any_story(run, 1000));
    // A nanosecond makes a difference, whatever the clock says.
    let mut late = after_centuries(run);
    let nanosecond = Duration::from_nanos(1);
    let [year, age] = [31_556_952, 1 << 35].map(Duration::from_secs);
    // As many nanoseconds as a word of 64 bits no longer counts.
    let word = Duration::new(18_446_744_073, 709_551_616);
    for (lasts, steady, expected) in [
        (Duration::ZERO, Duration::ZERO, [10; 3]),
        (year, year, [10; 3]),
        (year - nanosecond, year, [10, 20, 40]),
        (age, age, [10; 3]),
        (word, ms(5000), [10; 3]),
        (age - nanosecond, age, [10, 20, 40]),
        (ms(5000), ms(5000), [10; 3]),
        (ms(5000) - nanosecond, ms(5000), [10, 20, 40]),
        (ms(5000), ms(5000) + nanosecond, [10, 20, 40]),
    ] {
        let story = late.supervise(&Policy { steady, ..POLICY }, &four(lasts));
        let what = format!("a command whose runs last {lasts:?}, {steady:?} being steady, after centuries");
        expect_pauses(run, &what, &story, &expected.map(ms));
    }
    // The pause itself is no part of a run.
    let policy = Policy { first: ms(70_000), longest: ms(200_000), ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1, 1, 1, 0]));
    let what = "a command that fails at once, when pauses are longer than what is steady";
    expect_pauses(run, what, &story, &[70_000, 140_000, 200_000].map(ms));
}

fn gives_up(run: &Run) {
    let mut play = Play::new(run);
    let policy = Policy { restarts: 3, ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1, 2, 3, 4]));
    expect(run, "a command that always fails, with 3 restarts", &story, exit(4), 4);
    expect_pauses(run, "a command that always fails, with 3 restarts", &story, &[10, 20, 40].map(ms));
    let none = Policy { restarts: 0, ..POLICY };
    let story = play.supervise(&none, &at_once(&[-15]));
    expect(run, "a command that fails, with no restart", &story, Some(15), 1);
    expect_pauses(run, "a command that fails, with no restart", &story, &[]);
    // It succeeds at the last moment.
    let story = play.supervise(&policy, &at_once(&[1, 2, 3, 0]));
    expect(run, "a command that succeeds at the last restart", &story, DONE, 4);
    hundreds(run);
}

/// Hundreds of restarts are counted too, if that does not take a submission too long which looks now and
/// then whether a run has ended.
fn hundreds(run: &Run) {
    let submission = run.submission();
    let some = run.random().within(12..20);
    let begun = std::time::Instant::now();
    fail_always(run, &submission, some);
    let in_time = (2.0 / (begun.elapsed().as_secs_f64() / some as f64)) as u64;
    let many = run.random().within(257..300);
    fail_always(run, &submission, many.min(in_time.max(some)));
}

/// Supervises a program that always fails, with so many restarts.
fn fail_always(run: &Run, submission: &Session, restarts: u64) {
    let Policy { first, longest, steady, window, .. } = POLICY;
    let rest = ((first, longest, steady), (restarts, window));
    submission.begin("supervise", &(vec!["false".to_owned()], rest));
    let (mut now, mut pauses) = (Duration::ZERO, Vec::new());
    let what = format!("a command that always fails, with {restarts} restarts");
    while let Event::Question(name, mut arguments) = submission.next() {
        if name == "sleep" {
            let time: Duration = arguments.take();
            pauses.push(time);
            now = now.saturating_add(time);
            let count = pauses.len() as u64;
            run.ensure(count <= restarts, || format!("{what}: pause {count}, before another restart"));
            submission.reply(&());
        } else {
            submission.reply(&now);
        }
    }
    let end: Result<Option<i32>, Failure> = submission.answer();
    run.expect(&format!("the status with which {what}, is given up"), &end, &Ok(exit(1)));
    let expected: Vec<Duration> =
        (0..restarts).map(|pause| (first * (1 << pause.min(20))).min(longest)).collect();
    run.expect(&format!("the pauses of {what}"), &pauses, &expected);
}

fn window(run: &Run) {
    let mut play = Play::new(run);
    let policy = Policy { restarts: 3, window: ms(100_000), ..POLICY };
    let lasting = |time: u64, fails: usize| {
        let mut courses = vec![(ms(time), 1); fails];
        courses.push((ms(time), 0));
        courses
    };
    // Of all restarts only two are within 100 s at any time.
    let story = play.supervise(&policy, &lasting(40_000, 8));
    expect(run, "a command whose runs last 40 s, with 3 restarts in 100 s", &story, DONE, 9);
    // Now too many of them are young enough.
    let story = play.supervise(&policy, &lasting(20_000, 8));
    expect(run, "a command whose runs last 20 s, with 3 restarts in 100 s", &story, exit(1), 4);
    // A window goes along with the time: two before its middle and two after it are too many.
    let courses = [(ms(90_000), 1), (ms(1000), 1), (ms(1000), 1), (ms(15_000), 1), (ms(1000), 1), (ms(1000), 0)];
    let story = play.supervise(&policy, &courses);
    let what = "a command that runs for 90, 1, 1, 15 and 1 s, with 3 restarts in 100 s";
    expect(run, what, &story, exit(1), 4);
    // A steady run makes the pauses begin anew; it takes no restart away.
    let courses = [(ms(1000), 1), (ms(1000), 1), (ms(61_000), 1), (ms(1000), 1), (ms(1000), 0)];
    let story = play.supervise(&policy, &courses);
    let what = "a command that runs for 1, 1, 61 and 1 s, with 3 restarts in 100 s, 60 s being steady";
    expect(run, what, &story, exit(1), 4);
    // One restart is too old when the third run fails, and two are not.
    let courses = [(ms(1000), 1), (ms(60_000), 1), (ms(50_000), 1), (ms(1000), 1), (ms(1000), 1), (ms(1000), 0)];
    let story = play.supervise(&policy, &courses);
    let what = "a command that runs for 1, 60, 50, 1 and 1 s, with 3 restarts in 100 s";
    expect(run, what, &story, exit(1), 5);
    for _ in 0..4 {
        let restarts = run.random().within(1..5);
        any_story(run, restarts);
    }
    // One restart is as old as the window when the run ends: it does not count any more.
    let exact = Policy { restarts: 1, first: ms(0), window: ms(5000), ..POLICY };
    let story = play.supervise(&exact, &lasting(5000, 3));
    expect(run, "a command whose runs last 5 s, with 1 restart in 5 s", &story, DONE, 4);
    let story = play.supervise(&exact, &lasting(4999, 3));
    expect(run, "a command whose runs last 4.999 s, with 1 restart in 5 s", &story, exit(1), 2);
    // No restart is younger than 0.
    let never = Policy { restarts: 1, window: Duration::ZERO, ..POLICY };
    let story = play.supervise(&never, &at_once(&[1, 1, 1, 1, 0]));
    expect(run, "a command that fails four times, with 1 restart in 0 s", &story, DONE, 5);
    // A pause may last longer than it is asked to: a restart begins when it begins.
    let late = Policy { restarts: 1, window: ms(5000), ..POLICY };
    let mut lazy = Play { oversleeps: ms(3000), ..Play::new(run) };
    let story = lazy.supervise(&late, &lasting(3000, 3));
    let what = "a command whose runs last 3 s, with 1 restart in 5 s, when pauses last 3 s longer than asked";
    expect(run, what, &story, exit(1), 2);
    // A nanosecond makes a difference, whatever the clock says.
    let mut play = after_centuries(run);
    let story = play.supervise(&exact, &four(ms(5000)));
    let what = "a command whose runs last 5 s, with 1 restart in 5 s, after centuries";
    expect(run, what, &story, DONE, 4);
    let story = play.supervise(&exact, &four(ms(5000) - Duration::from_nanos(1)));
    let what = "a command whose runs last 1 ns less than 5 s, with 1 restart in 5 s, after centuries";
    expect(run, what, &story, exit(1), 2);
    let longer = Policy { window: ms(5000) + Duration::from_nanos(1), ..exact };
    let story = play.supervise(&longer, &four(ms(5000)));
    let what = "a command whose runs last 5 s, with 1 restart in 5 s and 1 ns, after centuries";
    expect(run, what, &story, exit(1), 2);
    // A restart is as old as its start, and not as the failure before the pause.
    let paused = Policy { restarts: 1, first: ms(3000), longest: ms(3000), window: ms(5000), ..POLICY };
    let story = play.supervise(&paused, &lasting(3000, 3));
    expect(run, "a command whose runs and pauses last 3 s, with 1 restart in 5 s", &story, exit(1), 2);
}

/// `Duration::MAX` is how one says that there is no limit.
fn no_limit(run: &Run) {
    ages_without_end(run);
    let mut play = Play::new(run);
    let (max, most) = (Duration::MAX, u64::MAX);
    let policy = Policy { longest: max, steady: max, window: max, restarts: most, ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1, 1, 1, 0]));
    expect(run, "a command with a policy without limits", &story, DONE, 4);
    expect_pauses(run, "a command with a policy without limits", &story, &[10, 20, 40].map(ms));
    let policy = Policy { first: Duration::from_secs(1 << 62), longest: max, ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1, 1, 0]));
    let expected = [1_u64 << 62, 1 << 63].map(Duration::from_secs);
    expect_pauses(run, "a command whose first pause is 2^62 s", &story, &expected);
    // The pauses grow on, from a nanosecond to half a year.
    let mut play = Play::new(run);
    let first = Duration::from_nanos(1);
    let policy = Policy { first, longest: max, steady: max, window: max, restarts: most };
    let story = play.supervise(&policy, &at_once(&[&[1; 55][..], &[0]].concat()));
    let expected: Vec<Duration> = (0..55).map(|pause| Duration::from_nanos(1 << pause)).collect();
    expect_pauses(run, "a command that fails 55 times, first pause 1 ns", &story, &expected);
    let mut play = Play::new(run);
    let policy = Policy { first: max, longest: max, ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1, 0]));
    expect_pauses(run, "a command whose first pause is Duration::MAX", &story, &[max]);
}

/// A window of `Duration::MAX`, or nearly, keeps every restart, and a restart at the very beginning of
/// the clock is one too.
fn ages_without_end(run: &Run) {
    let restarts = run.random().within(1..6);
    let nearly = Duration::MAX - Duration::from_nanos(run.random().within(1..1 << 62));
    let later = ms(run.random().within(1..1 << 40));
    for (window, now) in [
        (Duration::MAX, Duration::ZERO),
        (nearly, Duration::ZERO),
        (Duration::MAX, later),
        (ms(1), Duration::ZERO),
    ] {
        let mut play = Play { now, ..Play::new(run) };
        let first = if window == ms(1) { Duration::ZERO } else { POLICY.first };
        let policy = Policy { first, restarts, window, ..POLICY };
        let story = play.supervise(&policy, &at_once(&[3]));
        let what = format!(
            "a command that always fails, with {restarts} restarts in {window:?}, when the clock says \
             {now:?} at the beginning"
        );
        expect(run, &what, &story, exit(3), restarts as usize + 1);
    }
}

/// A clock that has gone on for centuries: as a number with 53 bits, it has no nanoseconds, and as one of
/// nanoseconds it has more than 64.
fn after_centuries(run: &Run) -> Play<'_> {
    let now = Duration::new(run.random().within(1 << 35..1 << 36), 999_999_999);
    Play { now, ..Play::new(run) }
}

/// Four runs that last so long.
fn four(lasts: Duration) -> [Course; 4] {
    [(lasts, 1), (lasts, 1), (lasts, 1), (lasts, 0)]
}

/// The clock looks for children in every pause, and there are never two runs at once.
fn collected(run: &Run) {
    let mut play = Play::new(run);
    let policy = Policy { restarts: 5, ..POLICY };
    let story = play.supervise(&policy, &at_once(&[1]));
    expect(run, "a command that always fails, with 5 restarts", &story, exit(1), 6);
    run.ensure(run.nobody_left(&play.submission), || "the last run has not been collected".into());
}

/// Every wait is interrupted, many times in a row.
fn interrupted(run: &Run) {
    let mut play = Play { interruptions: 5, ..Play::new(run) };
    let story = play.supervise(&POLICY, &at_once(&[1, 2, 0]));
    expect(run, "a command that fails twice, while signals interrupt every wait", &story, DONE, 3);
}

/// Why a file cannot be executed.
#[derive(Clone, Copy)]
enum Cannot {
    /// It is not there.
    Missing,
    /// There is no right to.
    NoRight,
    /// Somebody has it open to write to it.
    Busy,
    /// It is a directory.
    Directory,
    /// It is a symbolic link to itself.
    Loop,
}

impl Cannot {
    fn said(self) -> &'static str {
        match self {
            Cannot::Missing => "a program that is not there",
            Cannot::NoRight => "a file that one has no right to execute",
            Cannot::Busy => "a program that somebody writes to",
            Cannot::Directory => "a directory",
            Cannot::Loop => "a symbolic link to itself",
        }
    }

    /// Makes it so, in place of what is at this path. What is returned must stay open as long.
    fn make(self, path: &Path) -> io::Result<Option<File>> {
        let other = path.with_extension("other");
        let program = |mode: u32| -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&other)?;
            file.write_all(b"#!/bin/sh\nexit 1\n")?;
            Ok(file)
        };
        let open = match self {
            Cannot::Missing => {
                let _ = std::fs::remove_file(path);
                return Ok(None);
            }
            Cannot::NoRight => program(0o600).map(|_| None)?,
            Cannot::Busy => program(0o700).map(Some)?,
            Cannot::Directory => symlink("/", &other).map(|()| None)?,
            Cannot::Loop => symlink(path, &other).map(|()| None)?,
        };
        std::fs::rename(other, path)?;
        Ok(open)
    }
}

/// Commands that cannot be started, for one reason or another, the first time and the second.
fn cannot_start(run: &Run) {
    let mut play = Play::new(run);
    play.role = run.no_such_program();
    expect_error(&mut play, "/no/such/program");
    let file = run.directory().join("program");
    for cannot in
        [Cannot::Missing, Cannot::NoRight, Cannot::Busy, Cannot::Directory, Cannot::Loop]
    {
        let open = cannot.make(&file).expect("a file");
        play.role = run.command();
        play.role.words[0] = file.display().to_string();
        expect_error(&mut play, cannot.said());
        drop(open);
        // One that could be started once, and cannot after that.
        let _ = std::fs::remove_file(&file);
        play.role = run.command();
        symlink(&play.role.words[0], &file).expect("a link to the program");
        play.role.words[0] = file.display().to_string();
        expect_error_again(&mut play, &file, cannot);
        let _ = std::fs::remove_file(&file);
    }
}

/// The command fails, and in the pause after that it becomes one that cannot be started.
fn expect_error_again(play: &mut Play, file: &Path, cannot: Cannot) {
    let run = play.run;
    let (mut pauses, mut open) = (0, None);
    play.begin(&POLICY);
    loop {
        match play.submission.event() {
            Some(Event::Answered) => break,
            Some(Event::Question(name, _)) if name == "sleep" => {
                pauses += 1;
                run.ensure(pauses == 1, || {
                    format!("a pause after what is {} now, which cannot be started again", cannot.said())
                });
                open = cannot.make(file).expect("a file");
                play.submission.reply(&());
            }
            Some(Event::Question(..)) => play.submission.reply(&play.now),
            None => {}
        }
        if let Some(puppet) = run.appeared(&play.role).filter(|puppet| !puppet.has_ended()) {
            puppet.exits(1);
        }
        run.ensure_in_time("supervise has not returned, though the command cannot be started");
    }
    drop(open);
    let end: Result<Option<i32>, Failure> = play.submission.answer();
    run.ensure(end.is_err(), || {
        format!("starting again what is {} now gives {end:?}, not an error", cannot.said())
    });
}

fn expect_error(play: &mut Play, what: &str) {
    play.begin(&Policy { restarts: 3, ..POLICY });
    while let Event::Question(name, _) = play.submission.next() {
        if name == "sleep" {
            fail("wrong", format!("a pause after {what}, which cannot be started"));
        }
        play.submission.reply(&play.now);
    }
    let end: Result<Option<i32>, Failure> = play.submission.answer();
    play.run.ensure(end.is_err(), || format!("starting {what} gives {end:?}, not an error"));
}
