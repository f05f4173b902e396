//! Small programs of which is known what they do under some schedule, and under all.

use super::sync::atomic::{AtomicU32, Ordering::SeqCst};
use super::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use super::thread;
use super::*;
use crate::walk::{Standing, Then};

type Case = (&'static str, fn(), Option<Kind>);

/// The explorer replaces the panic hook and the output of the process, so this is one test.
#[test]
fn what_std_does_happens_and_what_it_allows_is_tried() {
    let cases: [Case; 19] = [
        ("everything at once", everything_at_once, None),
        ("lost update", lost_update, Some(Kind::Wrong)),
        ("lock order", lock_order, Some(Kind::Deadlock)),
        ("locks twice", locks_twice, Some(Kind::Deadlock)),
        ("reads while writing", reads_while_writing, Some(Kind::Deadlock)),
        ("believes a wait", believes_a_wait, Some(Kind::Wrong)),
        ("panics unseen", panics_unseen, None),
        ("joins a panic", joins_a_panic, None),
        ("poisons its own only", poisons_its_own_only, None),
        ("scope passes a panic on", scope_passes_a_panic_on, Some(Kind::Panic)),
        ("leaves a thread", leaves_a_thread, Some(Kind::Thread)),
        ("waits for one that panicked", waits_for_one_that_panicked, Some(Kind::Deadlock)),
        ("panics in a scope", panics_in_a_scope, Some(Kind::Deadlock)),
        ("catches a panic", catches_a_panic, Some(Kind::Deadlock)),
        ("runs for ever", runs_for_ever, Some(Kind::Livelock)),
        ("has nothing to choose at first", has_nothing_to_choose_at_first, None),
        ("fails in one of seven cases", fails_in_one_of_seven_cases, Some(Kind::Panic)),
        ("spins", spins, Some(Kind::Livelock)),
        ("sleeps for order", sleeps_for_order, Some(Kind::Wrong)),
    ];
    let order = Search { schedules: 400, seed: 1, ..Search::default() };
    let found: Vec<_> = cases
        .iter()
        .map(|(name, body, expected)| {
            let failure = explore(*body, &order).failure;
            let said = format!("{name}: {failure:?}");
            (failure.map(|failure| failure.kind) == *expected, said)
        })
        .collect();
    let plain = |failure: Failure| failure.message;
    let message = |body| explore(body, &order).failure.map(plain);
    let messages = [waits_for_one_that_panicked, panics_in_a_scope, catches_a_panic].map(message);
    let keeps_running = [spins, looks_each_millisecond, many_run_for_ever].map(message);
    let alone = explore(one_of_three_meets, &order).failure.unwrap();
    let first = explore(lock_order, &order).failure.map(|failure| failure.replay);
    let again = Search { replay: first.clone().flatten(), ..Search::default() };
    let again = explore(lock_order, &again).failure.map(|failure| failure.replay);
    let case = explore(fails_in_one_of_seven_cases, &order).failure;
    let same = case.clone().and_then(|failure| failure.replay);
    let same = Search { replay: same, ..Search::default() };
    let same = explore(fails_in_one_of_seven_cases, &same).failure;
    let few = Search { schedules: 8, seed: 1, ..Search::default() };
    let crowd = explore(crowd_blocks, &few).failure;
    let one_after_the_other = explore(starts_one_after_the_other, &few).failure;
    let walked = walked(first.clone().flatten());
    let spins = [one_of_two_spins, runs_for_ever].map(|body| {
        let replay = explore(body, &order).failure.and_then(|failure| failure.replay);
        let same = Search { replay: replay.clone(), ..Search::default() };
        SPINS.store(false, SeqCst);
        let right = explore(body, &same).failure;
        SPINS.store(true, SeqCst);
        (replay, explore(body, &same).failure.is_some(), right)
    });
    let _ = std::panic::take_hook();
    assert_eq!(one_after_the_other.map(|failure| failure.message), None, "one after the other");
    assert_eq!(crowd.map(|failure| failure.message), None, "a crowd that blocks");
    let parts = [
        "it keeps running where it should block",
        "because its time is up",
        " and 3 more still run",
    ];
    for (said, part) in keeps_running.into_iter().zip(parts) {
        let said = said.expect("who keeps running is found");
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
    assert_eq!(first, again, "a replay");
    let message = |failure: Option<Failure>| failure.map(|failure| failure.message);
    assert_eq!(message(case), message(same), "the case of a replay");
    step_by_step(&walked);
    for (as_expected, said) in found {
        assert!(as_expected, "{said}");
    }
    let expected = [
        "worker panicked: no more;\nso main waits for ever",
        "main panicked: in the scope;\nso listener waits for ever",
        "no thread can go on",
    ];
    assert_eq!(messages, expected.map(|message| Some(message.to_owned())));
    let named: Vec<&str> = alone.threads.iter().map(|thread| thread.name.as_str()).collect();
    assert_eq!(named, ["main", "caller", "caller (2)"], "no two have the same name");
    assert_eq!(alone.resources.iter().map(|it| it.meets).max(), Some(3), "{alone:?}");
    // The schedule that is shown is short, and the submission's fault: what waits as it should
    // does so under the same.
    for (replay, fails_again, right) in spins {
        assert!(replay.as_ref().is_some_and(|it| it.len() < 40), "{replay:?}");
        assert!(fails_again && right.is_none(), "{replay:?}: {right:?}");
    }
}

/// A schedule that ends in a deadlock, followed in different ways.
struct Walked {
    whole: Report,
    /// After each number of steps.
    beginnings: Vec<Report>,
    on: Report,
    by_chance: Report,
    /// From a beginning after which it can still go wrong, and from one after which it cannot.
    broken: Report,
    unbroken: Report,
}

fn walked(replay: Option<String>) -> Walked {
    let search = |replay: String, then| Search {
        schedules: 400,
        replay: Some(replay),
        then: Some(then),
        ..Search::default()
    };
    let whole = explore(lock_order, &search(replay.unwrap_or_default(), Then::End));
    let steps = whole.walk.as_ref().unwrap().steps.clone();
    let beginning = |count: u64| steps.first(count, steps.chances.len()).to_text();
    let run = |count: u64, then| explore(lock_order, &search(beginning(count), then));
    // The main thread runs as far as it can before the other begins.
    let harmless = explore(lock_order, &search("0x20".to_owned(), Then::On));
    let harmless = harmless.walk.unwrap().steps.to_text();
    Walked {
        beginnings: (0..=steps.count()).map(|count| run(count, Then::Stop)).collect(),
        on: run(0, Then::On),
        by_chance: run(1, Then::Chance),
        broken: run(1, Then::Break),
        unbroken: explore(lock_order, &search(harmless, Then::Break)),
        whole,
    }
}

fn step_by_step(walked: &Walked) {
    let whole = walked.whole.walk.as_ref().unwrap();
    assert_eq!(walked.whole.failure.as_ref().map(|it| it.kind), Some(Kind::Deadlock));
    assert_eq!((whole.moments.len() as u64, whole.first), (whole.steps.count() + 1, 0));
    assert!(whole.ended && whole.is_sound());
    let last = whole.standing(whole.moments.len() - 1);
    let waits = |it: &Standing| it.thread.blocked.is_some() && it.thread.holds.len() == 1;
    assert!(last.iter().all(waits), "{last:?}");
    for (count, beginning) in walked.beginnings.iter().enumerate() {
        let walk = beginning.walk.as_ref().unwrap();
        assert_eq!(walk.standing(count), whole.standing(count), "after {count} steps");
        assert_eq!(walk.moments.last().unwrap().ready, whole.moments[count].ready);
        assert_eq!(walk.ended, beginning.failure.is_some());
        assert_eq!(walk.ended, count + 1 == walked.beginnings.len());
        let text = beginning.to_text();
        assert_eq!(Report::from_text(&text).unwrap().walk.as_ref(), Some(walk));
    }
    let on = walked.on.walk.as_ref().unwrap();
    assert!(on.moments.last().unwrap().ready.len() > 1, "somebody has to choose");
    let ended = |report: &Report| report.walk.as_ref().is_some_and(|walk| walk.ended);
    assert!(ended(&walked.by_chance) && ended(&walked.broken));
    assert_eq!(walked.broken.failure.as_ref().map(|it| it.kind), Some(Kind::Deadlock));
    let broken = &walked.broken.walk.as_ref().unwrap().steps;
    assert_eq!(broken.first(1, 0), whole.steps.first(1, 0), "it begins as it should");
    assert_eq!((walked.unbroken.failure.as_ref(), walked.unbroken.schedules), (None, 400));
}

fn everything_at_once() {
    let (to, from) = mpsc::channel();
    let results = Arc::new(Mutex::new(Vec::new()));
    let sink = results.clone();
    let worker = thread::spawn(move || {
        for value in from {
            sink.lock().unwrap().push(value);
        }
    });
    let (total, both) = (AtomicU32::new(0), Barrier::new(2));
    let settings = RwLock::new(1);
    let sum = thread::scope(|scope| {
        let one = scope.spawn(|| {
            both.wait();
            total.fetch_add(*settings.read().unwrap(), SeqCst);
            2
        });
        scope.spawn(|| {
            *settings.write().unwrap() = 1;
            both.wait();
            total.fetch_add(1, SeqCst);
        });
        one.join().unwrap()
    });
    assert_eq!((sum, total.into_inner()), (2, 2));
    let me = thread::current();
    let other = thread::spawn(move || me.unpark());
    thread::park();
    other.join().unwrap();
    to.send(5).unwrap();
    drop(to);
    worker.join().unwrap();
    assert_eq!(*results.lock().unwrap(), [5]);
}

fn lost_update() {
    let count = Arc::new(AtomicU32::new(0));
    let add = |count: &AtomicU32| count.store(count.load(SeqCst) + 1, SeqCst);
    let other = count.clone();
    let thread = thread::spawn(move || add(&other));
    add(&count);
    thread.join().unwrap();
    if count.load(SeqCst) != 2 {
        wrong("an update was lost");
    }
}

/// In these tests no file is called like an exercise's checks.
fn wrong(why: &str) {
    trace::with(|world| world.really = Some(Kind::Wrong));
    panic!("{why}");
}

fn lock_order() {
    let (a, b) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let (c, d) = (a.clone(), b.clone());
    let thread = thread::spawn(move || *c.lock().unwrap() + *d.lock().unwrap());
    let _sum = *b.lock().unwrap() + *a.lock().unwrap();
    thread.join().unwrap();
}

fn one_of_three_meets() {
    let caller = || thread::Builder::new().name("caller".to_owned());
    caller().spawn(|| ()).unwrap().join().unwrap();
    let named = || assert_eq!(thread::current().name(), Some("caller"), "its own name stays");
    let other = caller().spawn(move || {
        named();
        Barrier::new(3).wait();
    });
    other.unwrap().join().unwrap();
}

fn locks_twice() {
    let lock = Mutex::new(0);
    let _first = lock.lock();
    let _second = lock.lock();
}

fn reads_while_writing() {
    let lock = RwLock::new(0);
    let _first = lock.write();
    let _second = lock.read();
}

fn believes_a_wait() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = pair.clone();
    let thread = thread::spawn(move || {
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    let mut ready = pair.0.lock().unwrap();
    if !*ready {
        ready = pair.1.wait(ready).unwrap();
    }
    if !*ready {
        wrong("not ready");
    }
    drop(ready);
    thread.join().unwrap();
}

fn panics_unseen() {
    drop(thread::spawn(|| panic!("nobody sees this")));
}

fn joins_a_panic() {
    assert!(thread::spawn(|| panic!("seen")).join().is_err());
}

/// While one thread unwinds, through a destructor that locks, another one locks and unlocks.
fn poisons_its_own_only() {
    struct Locks(Arc<Mutex<()>>);

    impl Drop for Locks {
        fn drop(&mut self) {
            assert!(thread::panicking(), "this thread unwinds");
            drop(self.0.lock().unwrap());
        }
    }

    let (free, held) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let others = (free.clone(), held.clone());
    let thread = thread::spawn(move || {
        let _held = others.1.lock().unwrap();
        let _locks = Locks(others.0);
        panic!("on the way out");
    });
    for _ in 0..3 {
        drop(free.lock().unwrap());
        assert!(!thread::panicking(), "only the other thread unwinds");
    }
    assert!(thread.join().is_err());
    assert!(held.lock().is_err(), "what was held at the panic is poisoned");
    assert!(free.lock().is_ok(), "what was locked while unwinding is not");
}

fn scope_passes_a_panic_on() {
    thread::scope(|scope| {
        scope.spawn(|| panic!("passed on"));
    });
}

fn leaves_a_thread() {
    let (to, from) = mpsc::channel::<()>();
    thread::spawn(move || from.recv());
    std::mem::forget(to);
}

fn waits_for_one_that_panicked() {
    let (to, from) = mpsc::channel::<()>();
    let kept = to.clone();
    let worker = thread::Builder::new().name("worker".to_owned());
    let worker = worker.spawn(move || {
        let _to = to;
        panic!("no more");
    });
    let _ = from.recv();
    drop(kept);
    worker.unwrap().join().unwrap();
}

fn panics_in_a_scope() {
    let (_to, from) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let listener = thread::Builder::new().name("listener".to_owned());
        listener.spawn_scoped(scope, move || from.recv().is_err()).unwrap();
        panic!("in the scope");
    });
}

/// A panic that was caught explains nothing.
fn catches_a_panic() {
    assert!(super::panic::catch_unwind(|| panic!("caught")).is_err());
    let (_to, from) = mpsc::channel::<()>();
    let _ = from.recv();
}

/// Whether the bodies below are wrong.
static SPINS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);

/// One thread waits for what another one does, and asks again and again if it spins.
fn one_of_two_spins() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let waits = |least: i32| {
        let pair = pair.clone();
        thread::spawn(move || {
            let mut count = pair.0.lock().unwrap();
            while *count < least {
                if SPINS.load(SeqCst) && least == 2 {
                    drop(count);
                    thread::yield_now();
                    count = pair.0.lock().unwrap();
                } else {
                    count = pair.1.wait(count).unwrap();
                }
            }
            *count += 1;
            pair.1.notify_all();
        })
    };
    let threads = [waits(2), waits(1)];
    until_others_block();
    *pair.0.lock().unwrap() += 1;
    pair.1.notify_all();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn fails_in_one_of_seven_cases() {
    let case = any_of(7);
    assert!(case < 7 && case != 3, "case {case}");
}

/// A second thread is there only by chance, so a scheduler may see one without a choice.
fn has_nothing_to_choose_at_first() {
    if execution::chance(16) {
        thread::spawn(|| ()).join().unwrap();
    }
}

fn runs_for_ever() {
    let over = Arc::new(AtomicU32::new(0));
    let other = over.clone();
    let thread = thread::spawn(move || {
        while other.load(SeqCst) == 0 || SPINS.load(SeqCst) {
            thread::yield_now();
        }
    });
    over.store(1, SeqCst);
    thread.join().unwrap();
}

fn spins() {
    let thread = thread::spawn(|| {
        for _ in 0..100_000 {
            thread::yield_now();
        }
    });
    until_others_block();
    thread.join().unwrap();
}

fn looks_each_millisecond() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let there = pair.clone();
    let thread = thread::spawn(move || {
        let mut set = there.0.lock().unwrap();
        while !*set {
            set = there.1.wait_timeout(set, Duration::from_millis(1)).unwrap().0;
        }
    });
    until_others_block();
    *pair.0.lock().unwrap() = true;
    thread.join().unwrap();
}

fn many_run_for_ever() {
    let threads = [(); 5].map(|()| {
        thread::spawn(|| {
            loop {
                thread::yield_now()
            }
        })
    });
    loop {
        if threads.iter().any(|thread| thread.is_finished()) {
            return;
        }
        thread::yield_now();
    }
}

/// Hundreds that want the same lock, each of them several times, before they block.
fn crowd_blocks() {
    super::set_most_steps(1_000_000);
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let threads: Vec<_> = (0..300)
        .map(|_| {
            let pair = pair.clone();
            thread::spawn(move || {
                for _ in 0..5 {
                    drop(pair.0.lock().unwrap());
                }
                drop(pair.1.wait_while(pair.0.lock().unwrap(), |set| !*set).unwrap());
            })
        })
        .collect();
    until_others_block();
    *pair.0.lock().unwrap() = true;
    pair.1.notify_all();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn sleeps_for_order() {
    let done = Arc::new(AtomicU32::new(0));
    let other = done.clone();
    let thread = thread::spawn(move || other.store(1, SeqCst));
    thread::sleep(Duration::from_secs(1));
    if done.load(SeqCst) == 0 {
        wrong("sleeping orders nothing");
    }
    thread.join().unwrap();
}

/// Many more threads than can be there at once, each of which begins when another one is done with its work.
fn starts_one_after_the_other() {
    let room = (Mutex::new(2), Condvar::new());
    super::set_most_steps(1_000_000);
    thread::scope(|scope| {
        for _ in 0..5000 {
            let mut free = room.1.wait_while(room.0.lock().unwrap(), |free| *free == 0).unwrap();
            *free -= 1;
            drop(free);
            scope.spawn(|| {
                *room.0.lock().unwrap() += 1;
                room.1.notify_one();
            });
        }
    });
}
