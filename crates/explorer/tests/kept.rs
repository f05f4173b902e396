//! What `std`, or anything else, makes once for a process and keeps in a variable, within an execution
//! that is one of many: each begins with the variables as they were, and none is given memory that
//! something still refers to.
//!
//! A program of its own, without the harness of tests: its variables are the explorer's to restore.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hint::black_box;
use std::io::Write;
use std::sync::{LazyLock, Mutex, OnceLock};
use std::thread_local as kept_by_std;

use explorer::report::{Kind, Report};
use explorer::weak::sync::Arc;
use explorer::weak::sync::atomic::{AtomicUsize, Ordering};
use explorer::weak::{model, set_alone, thread};
use explorer::{Search, panics};

/// An atomic operation that is explored though this program is not instrumented.
fn step(atomic: &AtomicUsize, number: usize) -> usize {
    atomic.fetch_max(number, Ordering::AcqRel)
}

/// Shows an atomic, in a step.
struct Shown<'a>(&'a AtomicUsize);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", step(self.0, 0))
    }
}

/// Two threads do the same, in steps; between and after it, each has boxes whose contents nobody else
/// writes to.
fn in_two_threads(does: fn(usize)) {
    let count = Arc::new(AtomicUsize::new(0));
    let body = move |count: &AtomicUsize| {
        let before = Box::new([7_u8; 100]);
        does(step(count, 1));
        let after: Vec<Box<usize>> = (0..100).map(Box::new).collect();
        does(step(count, 2));
        assert_eq!(*black_box(before), [7; 100], "a box that was made before");
        let after: Vec<usize> = black_box(after).into_iter().map(|it| *it).collect();
        assert!(after.into_iter().eq(0..100), "boxes that were made after it");
    };
    let theirs = Arc::clone(&count);
    let other = thread::spawn(move || body(&theirs));
    body(&count);
    other.join().unwrap();
}

fn print(number: usize) {
    println!("number {number}");
    print!("not the whole of a line, {number} ");
    eprintln!("number {number}");
    eprint!("{number} ");
    dbg!(number);
    writeln!(std::io::stdout().lock(), "{}", format_args!("number {number}")).unwrap();
    assert_eq!(format!("number {number}"), "number ".to_owned() + &number.to_string());
}

/// Formatting is a step, so that others print meanwhile, and executions end in the middle of it.
fn print_a_step(_: usize) {
    let atomic = AtomicUsize::new(3);
    let shown = Shown(&atomic);
    writeln!(std::io::stdout().lock(), "{shown:?} and {shown:?}").unwrap();
    println!("{shown:?} and {shown:?}");
}

fn catch(number: usize) {
    let caught = std::panic::catch_unwind(|| {
        assert_eq!(number, usize::MAX, "is not that number");
    });
    assert!(caught.is_err() && !std::thread::panicking(), "a panic is caught");
}

fn keep_for_the_thread(number: usize) {
    kept_by_std! {
        static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        static FIRST: Box<usize> = Box::new(11);
    }
    SEEN.with_borrow_mut(|seen| {
        seen.push(number.to_string());
        assert!(seen.len() <= 4, "nothing is there from before");
        assert!(seen.iter().all(|it| it.len() == 1), "what was kept");
    });
    FIRST.with(|first| assert_eq!(**first, 11, "what was kept"));
}

fn keep_for_the_process(number: usize) {
    static ONCE: OnceLock<Box<[usize; 20]>> = OnceLock::new();
    static LAZY: LazyLock<HashMap<String, usize>> =
        LazyLock::new(|| HashMap::from([("seventeen".to_owned(), 17)]));
    static GROWS: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    assert_eq!(**ONCE.get_or_init(|| Box::new([5; 20])), [5; 20], "what was kept");
    assert_eq!(LAZY.get("seventeen"), Some(&17), "what was kept");
    let mut grows = GROWS.lock().unwrap();
    grows.push(number);
    assert!(grows.len() <= 4 && grows.iter().all(|it| *it <= 4), "what was kept");
}

/// What was made before the executions, and is replaced in each.
static BEFORE: Mutex<Option<Box<[u8; 64]>>> = Mutex::new(None);

fn replace(number: usize) {
    let mut before = BEFORE.lock().unwrap();
    let old = before.replace(Box::new([number as u8; 64])).unwrap();
    assert!(old.iter().all(|byte| *byte == 99 || *byte <= 4), "what was kept");
}

fn hash(number: usize) {
    let set: std::collections::HashSet<usize> = (0..40).map(|it| it * number).collect();
    let in_order: BTreeSet<usize> = set.iter().copied().collect();
    assert_eq!(set.len(), in_order.len(), "how many are in a set");
    // With the keys of another execution, the order would be another one.
    static ORDER: OnceLock<Vec<usize>> = OnceLock::new();
    drop(ORDER.set(set.into_iter().collect()));
}

/// Reads debugging information, in each execution anew: there may be time for one only.
const SLOW: &str = "looks at the stack";

fn look_at_the_stack(number: usize) {
    if number == 1 {
        assert!(!Backtrace::force_capture().to_string().is_empty(), "a backtrace");
    }
}

fn hooked(number: usize) {
    let words = format!("number {number}");
    std::panic::set_hook(Box::new(move |_| assert!(words.starts_with("number"))));
    catch(number);
}

fn explore(body: fn(), schedules: u64) -> Report {
    model(body, &Search { schedules, seed: 1, ..Search::default() })
}

fn main() {
    panics::keep();
    set_alone(true);
    if std::panic::catch_unwind(all).is_err() {
        eprintln!("{:#?}", panics::kept());
        std::process::exit(1);
    }
    println!("what is kept: as it was before each execution");
}

fn all() {
    *BEFORE.lock().unwrap() = Some(Box::new([99; 64]));
    let right: [(&str, fn(), u64); 9] = [
        ("prints", || in_two_threads(print), 3000),
        ("prints what is a step", || in_two_threads(print_a_step), 3000),
        ("catches a panic", || in_two_threads(catch), 3000),
        ("keeps for the thread", || in_two_threads(keep_for_the_thread), 3000),
        ("keeps for the process", || in_two_threads(keep_for_the_process), 3000),
        ("replaces", || in_two_threads(replace), 3000),
        ("hashes", || in_two_threads(hash), 3000),
        (SLOW, || in_two_threads(look_at_the_stack), 60),
        ("sets a hook", || in_two_threads(hooked), 300),
    ];
    for (name, body, schedules) in right {
        let Report { schedules, failure, .. } = explore(body, schedules);
        assert!(failure.is_none(), "{name}: {failure:?}");
        assert!(schedules > 1 || name == SLOW, "{name}: {schedules} executions");
    }
    assert!(BEFORE.lock().unwrap().take().is_some_and(|it| *it == [99; 64]), "is as it was");

    // An execution that fails in the middle of a line leaves the way free for the one that is told.
    let wrong = || {
        let atomic = Arc::new(AtomicUsize::new(0));
        let other = Arc::clone(&atomic);
        let thread = thread::spawn(move || {
            let mut out = std::io::stdout().lock();
            step(&other, 1);
            writeln!(out, "{:?}", Shown(&other)).unwrap();
        });
        assert_ne!(step(&atomic, 0), 1, "the other one was first");
        thread.join().unwrap();
    };
    let failure = explore(wrong, 3000).failure.expect("it is wrong");
    assert_eq!(failure.kind, Kind::Panic, "{failure:?}");
    assert!(failure.message.contains("the other one was first"), "{failure:?}");
    let again = Search { replay: failure.replay, ..Search::default() };
    assert!(model(wrong, &again).failure.is_some(), "the same again");
}
