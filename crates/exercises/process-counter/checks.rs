//! What a counter for several processes must come to. The processes are forked on request, and each of
//! them is asked from outside; where one is stopped or killed, that is done from here.

use std::time::{Duration, Instant};

use driver::nix::sys::signal::Signal;
use driver::session::{DESCRIPTORS, FILE_SIZE, MEMORY};
use driver::{Check, Failure, Run, Session, Wire, fail, mixed, observe, serve, sum_of_multiples};

fn main() {
    serve(&[
        Check::new("counts", counts),
        Check::new("children", children),
        Check::new("together", together),
        Check::new("stopped", stopped),
        Check::new("killed", killed),
        Check::new("tickets", tickets),
        Check::new("independent", independent),
        Check::new("unmapped", unmapped),
        Check::new("no-room", no_room),
    ]);
}

/// A counter, by its number.
type Counter = u64;

fn new(submission: &Session) {
    let made: Result<(), Failure> = submission.call("Counter::new", &());
    made.unwrap_or_else(|error| fail("wrong", format!("a new counter: {error}")));
}

fn add(process: &Session, counter: Counter, number: u64) -> u64 {
    process.call("add", &(counter, number))
}

fn get(process: &Session, counter: Counter) -> u64 {
    process.call("get", &counter)
}

fn counts(run: &Run) {
    let submission = run.submission();
    new(&submission);
    run.expect("a new counter", &get(&submission, 0), &0);
    let mut sum = 0;
    // At last the sum has 64 bits, of which the lowest is set, and is added to once more.
    let some = run.random().within(1..1 << 49) * 2;
    for number in [3, u64::from(u32::MAX), 0, 1 << 40, some, (1 << 53) + 1, 1 << 62, 1 << 63, 8] {
        let what = format!("what was there before {number} was added");
        run.expect(&what, &add(&submission, 0, number), &sum);
        sum += number;
        run.expect("the sum", &get(&submission, 0), &sum);
    }
}

fn children(run: &Run) {
    let submission = run.submission();
    new(&submission);
    let mut random = || run.random().within(1..1 << 40);
    let numbers = [random(), random(), random(), random()];
    add(&submission, 0, numbers[0]);
    let child = submission.fork();
    let grandchild = child.fork();
    let mut sum = numbers[0];
    for (who, process, number) in [
        ("a child", &child, numbers[1]),
        ("the parent", &submission, numbers[2]),
        ("a child of the child", &grandchild, numbers[3]),
    ] {
        run.expect(&format!("what was there before {who} added"), &add(process, 0, number), &sum);
        sum += number;
        for (reader, process) in
            [("the parent", &submission), ("the child", &child), ("its child", &grandchild)]
        {
            let what = format!("what {reader} sees when {who} has added");
            run.expect(&what, &get(process, 0), &sum);
        }
    }
    grandchild.ends(&child);
    child.ends(&submission);
    run.expect("the sum, when both have ended", &get(&submission, 0), &sum);
}

/// How often each of several processes adds at the same time.
const TIMES: u64 = 1_500_000;

/// What is added again and again: 1, or a number whose multiples have both halves of 64 bits change
/// together.
fn any_number(run: &Run) -> u64 {
    let mut random = run.random();
    if random.within(0..4) == 0 { 1 } else { random.within(1 << 30..1 << 33) | 1 }
}

fn together(run: &Run) {
    let submission = run.submission();
    new(&submission);
    let number = any_number(run);
    let children = [(); 4].map(|()| submission.fork());
    children.iter().for_each(|child| child.begin("add often", &(0_u64, (TIMES, number))));
    children.iter().for_each(|child| child.answer());
    let what = format!("the sum, when four processes have each added {number} {TIMES} times");
    run.expect(&what, &get(&submission, 0), &(4 * TIMES * number));
    children.into_iter().for_each(|child| child.ends(&submission));
}

/// How often a process is stopped. Wherever in its loop that is, it is there sooner or later. A busy
/// machine, which stops processes by itself, may do it less often.
const STOPS: (usize, usize) = (60, 400);

/// How long it is stopped again and again, beyond the least.
const STOPPING: Duration = Duration::from_millis(400);

/// A child adds a number on and on, and is stopped again and again. While it stands still, the parent
/// adds the same. Returns what the parent's additions returned, and the child's answer.
fn add_while_stopped<T: Wire>(
    run: &Run,
    submission: &Session,
    request: &str,
    number: u64,
) -> (Vec<u64>, T) {
    new(submission);
    let child = submission.fork();
    child.begin(request, &(0_u64, number));
    let mut returned = Vec::new();
    let begun = Instant::now();
    while returned.len() < STOPS.0 || (returned.len() < STOPS.1 && begun.elapsed() < STOPPING) {
        // It has to come on before it is stopped again.
        let before = get(submission, 0);
        while get(submission, 0) == before {
            run.ensure_in_time("what a child adds is not seen by its parent");
        }
        let moment = Duration::from_nanos(run.random().within(0..40_000));
        let start = Instant::now();
        while start.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.stops();
        let seen = get(submission, 0);
        let before = add(submission, 0, number);
        run.ensure(seen == before && before % number == 0, || {
            format!(
                "while a process that adds {number} on and on was stopped, get returned {seen}, and then \
                 add {before}; both should be the same multiple of {number}"
            )
        });
        returned.push(before);
        child.goes_on();
        // However long a busy machine takes for this, the sum stays within 64 bits.
        if before > 1 << 62 {
            break;
        }
    }
    let answer = child.is_enough();
    child.ends(submission);
    (returned, answer)
}

fn stopped(run: &Run) {
    step_by_step(run);
    let submission = run.submission();
    let number = any_number(run);
    let (by_parent, by_child): (_, u64) =
        add_while_stopped(run, &submission, "add on and on", number);
    let made = by_child + by_parent.len() as u64;
    let what = format!(
        "the sum of {made} additions of {number}, while a process that adds is stopped again and again"
    );
    run.expect(&what, &get(&submission, 0), &(made * number));
}

/// A child is stopped after each of its instructions, or after some of them, and each time the parent
/// adds.
fn step_by_step(run: &Run) {
    let submission = run.submission();
    submission.call::<()>("line", &true);
    new(&submission);
    let (mut made, mut sum) = (0, 0_u64);
    let number = any_number(run);
    for one_in in [1, run.random().within(2..30)] {
        let child = submission.fork();
        submission.begin("add when told", &(0_u64, number));
        child.begin("add step by step", &(0_u64, (number, one_in)));
        let (by_child, of_child): (u64, u64) = child.answer();
        let (by_parent, of_parent, odd): (u64, u64, u64) = submission.answer();
        child.ends(&submission);
        made += by_child + by_parent;
        sum = sum.wrapping_add(of_child).wrapping_add(of_parent);
        run.ensure(odd == 0, || {
            format!(
                "while a process that adds was stopped between two instructions, add returned something \
                 else than get just before, {odd} of {by_parent} times"
            )
        });
    }
    let what = format!(
        "the sum of {made} additions of {number}, of which one process made its own whenever another one \
         was stopped between two instructions"
    );
    run.expect(&what, &get(&submission, 0), &(made * number));
    run.ensure(sum == sum_of_multiples(number, made), || {
        format!("{made} additions of {number}, in two processes, have not each returned another number")
    });
    submission.call::<()>("line", &false);
}

/// A child is killed while it adds; what others add is not lost, and nobody waits for it.
fn killed(run: &Run) {
    let submission = run.submission();
    new(&submission);
    let (mut last, number) = (0, any_number(run));
    for _ in 0..30 {
        let child = submission.fork();
        child.begin("add often", &(0_u64, (10_000_000_u64, number)));
        let moment = Duration::from_nanos(run.random().within(50_000..300_000));
        std::thread::sleep(moment);
        child.signal(Signal::SIGSTOP);
        child.is_killed(&submission);
        let before = add(&submission, 0, number);
        run.ensure(before >= last && before % number == 0, || {
            format!(
                "a process was killed while it added {number} on and on: the sum was {last}, and then \
                 {before}"
            )
        });
        last = before + number;
        let what = format!("the sum after {number} was added");
        run.expect(&what, &get(&submission, 0), &last);
    }
    run.ensure(last > 30 * number, || "what a child adds before it is killed is not seen".into());
}

fn tickets(run: &Run) {
    let submission = run.submission();
    let number = any_number(run);
    let (by_parent, (by_child, mut sum)) =
        add_while_stopped::<(u64, u64)>(run, &submission, "draw on and on", number);
    let made = by_child + by_parent.len() as u64;
    by_parent.iter().for_each(|before| sum = sum.wrapping_add(mixed(*before)));
    run.ensure(sum == sum_of_multiples(number, made), || {
        format!("{made} additions of {number}, in two processes, have not each returned another number")
    });
}

fn independent(run: &Run) {
    let submission = run.submission();
    const COUNT: u64 = 320;
    (0..COUNT).for_each(|_| new(&submission));
    let child = submission.fork();
    let mut sums = vec![0; COUNT as usize];
    for _ in 0..2 * COUNT {
        let which = run.random().within(0..COUNT);
        let number = run.random().within(1..1000);
        let process = if number % 2 == 0 { &child } else { &submission };
        add(process, which, number);
        sums[which as usize] += number;
    }
    for (which, sum) in sums.iter().enumerate() {
        let what = format!("counter {} of {COUNT}, to which parent and child have added", which + 1);
        run.expect(&what, &get(&submission, which as u64), sum);
    }
    child.ends(&submission);
    (0..COUNT).for_each(|which| submission.call("drop", &which));
}

fn unmapped(run: &Run) {
    let submission = run.submission();
    let mappings = || observe::shared_mappings(submission.pid()).len();
    new(&submission);
    let before = mappings();
    for which in 1..=50_u64 {
        new(&submission);
        add(&submission, which, 1);
        submission.call::<()>("drop", &which);
    }
    run.expect("shared mappings after 50 counters were made and dropped", &mappings(), &before);
    // A child that drops its counter takes it away from nobody else.
    let child = submission.fork();
    add(&child, 0, 2);
    let in_child = || observe::shared_mappings(child.pid()).len();
    let with_it = in_child();
    child.call::<()>("drop", &0_u64);
    let what = "shared mappings of a forked process that has dropped its counter";
    run.expect(what, &in_child(), &with_it.saturating_sub(1));
    child.ends(&submission);
    add(&submission, 0, 5);
    let what = "a counter to which a child added 2 before it dropped it, and the parent 5";
    run.expect(what, &get(&submission, 0), &7);
    // Nor does the one that has made it, from those that are left.
    let heir = submission.fork();
    submission.call::<()>("drop", &0_u64);
    let what = "a counter with 7 that its maker has dropped, in a forked process";
    run.expect(what, &add(&heir, 0, 1), &7);
    run.expect("the same, when 1 was added there", &get(&heir, 0), &8);
    heir.ends(&submission);
    run.expect("shared mappings when no counter is left", &mappings(), &before.saturating_sub(1));
}

/// SIGXFSZ, which comes with the error that a file would be too large.
const TOO_LARGE: i32 = 25;

/// No address space, or no descriptor, is left for another counter, or no file may have a size.
fn no_room(run: &Run) {
    let submission = run.submission();
    new(&submission);
    add(&submission, 0, 3);
    let size = observe::status_number(submission.pid(), "VmSize", 10).unwrap_or(0) << 10;
    submission.limit(MEMORY, Some(size));
    let mut made = 0_u64;
    let failed = loop {
        let another: Result<(), Failure> = submission.call("Counter::new", &());
        match another {
            Err(_) => break true,
            Ok(()) if made == 100 => break false,
            Ok(()) => made += 1,
        }
    };
    submission.limit(MEMORY, None);
    run.ensure(failed, || "100 counters are made though there is no room for a mapping".into());
    submission.limit(DESCRIPTORS, Some(4));
    let another: Result<(), Failure> = submission.call("Counter::new", &());
    submission.limit(DESCRIPTORS, None);
    made += u64::from(another.is_ok());
    submission.is_deaf_to(&[TOO_LARGE]);
    submission.limit(FILE_SIZE, Some(0));
    let another: Result<(), Failure> = submission.call("Counter::new", &());
    submission.limit(FILE_SIZE, None);
    submission.hears(&[TOO_LARGE]);
    made += u64::from(another.is_ok());
    for which in 1..=made {
        run.expect("a counter that was made with little room", &add(&submission, which, 1), &0);
    }
    // What is no error is a counter for several processes.
    let child = submission.fork();
    for which in 1..=made {
        let what = "a counter that was made with little room, in a forked process";
        run.expect(what, &add(&child, which, 2), &1);
        let what = "the same in the parent, when the other has added 2";
        run.expect(what, &get(&submission, which), &3);
    }
    child.ends(&submission);
    run.expect("a counter that was there before", &get(&submission, 0), &3);
    new(&submission);
    (0..=made + 1).for_each(|which| submission.call("drop", &which));
}
