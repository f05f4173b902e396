//! What a bank must do under every schedule.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle, sleep, yield_now};
use std::time::Duration;

use bank_transfer::{Bank, NotEnough};
use harness::{Check, EDGES, any_of, serve, set_most_steps};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&[u64]) -> Bank = Bank::new;
const _: fn(&Bank, usize, usize, u64) -> Result<(), NotEnough> = Bank::transfer;
const _: fn(&Bank, usize, fn(u64) -> bool) -> bool = Bank::inspect;
const _: fn(&Bank) -> u64 = Bank::total;

/// What `look` may be, and what it may return.
#[allow(dead_code)]
fn any_look<T>(bank: &Bank, look: impl FnOnce(u64) -> T) -> T {
    bank.inspect(0, look)
}

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("no-overdraft", no_overdraft),
        Check::explored("no-deadlock", no_deadlock),
        Check::explored("total-is-constant", total_is_constant),
        Check::explored("in-one-step", in_one_step),
        Check::explored("holds-still", holds_still),
        Check::explored("no-global-lock", no_global_lock),
        Check::explored("nobody-in-the-way", nobody_in_the_way),
        Check::explored("many-accounts", many_accounts),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 400_000;

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn balances<const N: usize>(bank: &Bank) -> [u64; N] {
    std::array::from_fn(|account| bank.inspect(account, |balance: u64| balance))
}

fn one_thread() {
    let bank = Bank::new(&[10, 20, 30]);
    assert!(bank.transfer(0, 2, 10).is_ok(), "a transfer of 10 from an account with 10 failed");
    assert_eq!(balances(&bank), [0, 20, 40], "the balances after a transfer of 10");
    assert!(bank.transfer(1, 0, 21).is_err(), "a transfer of 21 from an account with 20 was made");
    assert_eq!(balances(&bank), [0, 20, 40], "the balances after a transfer that failed");
    assert!(bank.transfer(1, 1, 20).is_ok(), "a transfer of 20 of an account to itself failed");
    assert!(bank.transfer(1, 1, 21).is_err(), "an account with 20 gave itself 21");
    assert_eq!(balances(&bank), [0, 20, 40], "the balances after an account gave itself 20");
    assert_eq!(bank.total(), 60, "the sum of the balances");
    assert!(bank.transfer(0, 1, 0).is_ok(), "a transfer of nothing from an empty account failed");

    let rich = Bank::new(&[1 << 40, 7, 0, 0, 0, 0, 0]);
    assert!(rich.transfer(0, 6, (1 << 33) + 1).is_ok(), "a transfer of 2^33 + 1 of 2^40 failed");
    assert!(rich.transfer(1, 0, 8).is_err(), "a transfer of 8 from an account with 7 was made");
    let after = [(1 << 40) - (1 << 33) - 1, 7, 0, 0, 0, 0, (1 << 33) + 1];
    assert_eq!(balances(&rich), after, "the balances of seven accounts after one transfer");
    assert_eq!(rich.total(), (1 << 40) + 7, "the sum of seven balances");
    assert_eq!(balances(&bank), [0, 20, 40], "the balances of another bank");

    for amount in EDGES {
        for balance in EDGES {
            pays(amount, balance, u64::MAX - balance);
        }
    }
    for amount in 0..4 {
        for balance in 0..4 {
            for other in 0..3 {
                pays(amount, balance, other);
            }
        }
    }
    for balance in EDGES {
        let bank = Bank::new(&[balance / 2, balance - balance / 2]);
        assert_eq!(bank.total(), balance, "the sum of two balances");
    }
}

/// So much is on one account, and so much on the other, all in all no more than a `u64` can count.
fn pays(amount: u64, balance: u64, other: u64) {
    let bank = Bank::new(&[balance, other]);
    let enough = amount <= balance;
    let to = |whom| format!("whether an account with {balance} can pay {amount} to {whom}");
    assert_eq!(bank.transfer(0, 0, amount).is_ok(), enough, "{}", to("itself"));
    let unchanged = [balance, other];
    assert_eq!(balances(&bank), unchanged, "the balances after {amount} from {balance} to itself");
    assert_eq!(bank.transfer(0, 1, amount).is_ok(), enough, "{}", to("another"));
    let left = if enough { balance - amount } else { balance };
    let after = [left, other + (balance - left)];
    assert_eq!(balances(&bank), after, "the balances after {amount} from {balance} to another");
    assert_eq!(bank.total(), balance + other, "the sum of the balances");
}

/// Two want the same money, while nobody looks at it, and while somebody does.
fn no_overdraft() {
    let clerks = |bank: &Arc<Bank>| {
        [("clerk 1", 1), ("clerk 2", 2)].map(|(name, to)| {
            let bank = bank.clone();
            start(name, move || bank.transfer(0, to, 10).is_ok())
        })
    };
    let bank = Arc::new(Bank::new(&[10, 0, 0]));
    one_of_two_is_made(&bank, clerks(&bank));
    let bank = Arc::new(Bank::new(&[10, 0, 0]));
    let both = bank.inspect(any_of(3), |_| {
        let clerks = clerks(&bank);
        wait_a_little(|| false);
        clerks
    });
    one_of_two_is_made(&bank, both);
}

fn one_of_two_is_made(bank: &Bank, clerks: [JoinHandle<bool>; 2]) {
    let made = clerks.map(|clerk| clerk.join().unwrap());
    let expected = match made {
        [true, false] => [0, 10, 0],
        [false, true] => [0, 0, 10],
        _ => panic!("two transfers of 10 from an account with 10: expected one, got {made:?}"),
    };
    assert_eq!(balances(bank), expected, "the balances after one of two transfers was made");
}

/// Two that pay each other, then circles of three and five.
fn no_deadlock() {
    for size in [2, 3, 5] {
        let bank = Arc::new(Bank::new(&[10; 5]));
        let clerks = ["clerk 1", "clerk 2", "clerk 3", "clerk 4", "clerk 5"];
        let clerks: Vec<_> = (0..size)
            .map(|from| {
                let bank = bank.clone();
                start(clerks[from], move || bank.transfer(from, (from + 1) % size, 5).is_ok())
            })
            .collect();
        for clerk in clerks {
            assert!(clerk.join().unwrap(), "a transfer of 5 from an account with 10 failed");
        }
        assert_eq!(balances(&bank), [10; 5], "the balances after transfers in a circle");
    }

    // Two wait for accounts that are looked at, and go on when that is over.
    let bank = Arc::new(Bank::new(&[10, 10, 10]));
    let at_work = bank.clone();
    let auditor = start("auditor", move || at_work.inspect(0, |_| yield_now()));
    let clerks = [("clerk 1", 0, 1), ("clerk 2", 2, 0)].map(|(name, from, to)| {
        let bank = bank.clone();
        start(name, move || bank.transfer(from, to, 5).unwrap())
    });
    auditor.join().unwrap();
    for clerk in clerks {
        clerk.join().unwrap();
    }
    assert_eq!(balances(&bank), [10, 15, 5], "the balances after two transfers of 5");
    looked_at_meanwhile(any_of(2), EDGES[any_of(EDGES.len())]);
}

/// All that is on one account is paid to another, and one of the two is looked at: that is no reason to
/// refuse.
fn looked_at_meanwhile(looked_at: usize, amount: u64) {
    let bank = Arc::new(Bank::new(&[amount, 0]));
    let clerk = bank.inspect(looked_at, |_| {
        let bank = bank.clone();
        let clerk = start("clerk", move || bank.transfer(0, 1, amount).is_ok());
        wait_a_little(|| clerk.is_finished());
        clerk
    });
    let paid = clerk.join().unwrap();
    assert!(paid, "a transfer of {amount} from an account with as much failed, while one looked");
    assert_eq!(balances(&bank), [0, amount], "the balances after a transfer of {amount}");
}

fn total_is_constant() {
    let bank = Arc::new(Bank::new(&[10, 10, 10]));
    let at_work = bank.clone();
    let clerk = start("clerk", move || {
        at_work.transfer(0, 2, 5).unwrap();
        at_work.transfer(2, 0, 10).unwrap();
    });
    for _ in 0..2 {
        assert_eq!(bank.total(), 30, "the sum of the balances while money moves");
    }
    clerk.join().unwrap();

    // To and fro, so that who looks twice may see the same twice.
    let bank = Arc::new(Bank::new(&[10, 10]));
    let at_work = bank.clone();
    let clerk = start("clerk", move || {
        for _ in 0..3 {
            at_work.transfer(0, 1, 5).unwrap();
            at_work.transfer(1, 0, 5).unwrap();
        }
    });
    assert_eq!(bank.total(), 20, "the sum of the balances while money moves to and fro");
    clerk.join().unwrap();
}

/// What one account has lost, the other one has, whichever is looked at first; and a transfer that
/// fails is not seen at all.
fn in_one_step() {
    for (first, second, before, after) in [(0, 1, 10, 15), (1, 0, 10, 5)] {
        let bank = Arc::new(Bank::new(&[10, 10, 0]));
        let at_work = bank.clone();
        let clerk = start("clerk", move || at_work.transfer(0, 1, 5).unwrap());
        let one = bank.inspect(first, |balance: u64| balance);
        let other = bank.inspect(second, |balance: u64| balance);
        if one != before {
            assert_eq!(other, after, "account {second}, when a transfer had been seen on {first}");
        }
        clerk.join().unwrap();
    }

    let bank = Arc::new(Bank::new(&[3, 0]));
    let at_work = bank.clone();
    let clerk = start("clerk", move || at_work.transfer(0, 1, 5).is_err());
    assert_eq!(balances(&bank), [3, 0], "the balances while a transfer fails");
    assert!(clerk.join().unwrap(), "a transfer of 5 from an account with 3 was made");
}

/// While an account is looked at, a transfer can end before or after, but not in between: neither
/// one that pays in nor one that takes out.
fn holds_still() {
    for (from, to, looked_at, new) in [(1, 0, 0, 15), (0, 1, 0, 5), (0, 1, 1, 15)] {
        let bank = Arc::new(Bank::new(&[10, 10]));
        let paid = Arc::new(AtomicBool::new(false));
        let clerk = {
            let (bank, paid) = (bank.clone(), paid.clone());
            start("clerk", move || {
                bank.transfer(from, to, 5).unwrap();
                paid.store(true, SeqCst);
            })
        };
        bank.inspect(looked_at, |balance: u64| {
            let before = paid.load(SeqCst);
            yield_now();
            let after = paid.load(SeqCst);
            let still = before || !after || balance == new;
            assert!(still, "5 were moved from {from} to {to} while {looked_at} was looked at");
        });
        clerk.join().unwrap();
    }
    for (from, to) in [(1, 0), (0, 1)] {
        one_leaves(from, to);
    }
    leave_in_turn(3, any_of(2) == 0);
}

/// So many look at account 0, at the same time if the bank lets them, and leave one after the other.
/// Meanwhile a clerk wants to pay from it.
fn leave_in_turn(number: usize, first_comes_first: bool) {
    let bank = Arc::new(Bank::new(&[10, 10]));
    let looking = Arc::new(AtomicUsize::new(0));
    let gone = Arc::new(AtomicUsize::new(0));
    let paid = Arc::new(AtomicBool::new(false));
    let look = |auditor| {
        let (bank, looking, gone) = (bank.clone(), looking.clone(), gone.clone());
        let paid = paid.clone();
        let (leave, wait) = channel();
        let auditor = start(&format!("auditor {auditor}"), move || {
            bank.inspect(0, |balance: u64| {
                looking.fetch_add(1, SeqCst);
                let before = paid.load(SeqCst);
                wait.recv().unwrap();
                let still = before || !paid.load(SeqCst) || balance == 5;
                assert!(still, "5 were moved from 0 while it was looked at, by one of {number}");
            });
            gone.fetch_add(1, SeqCst);
        });
        (leave, auditor)
    };
    let mut auditors: Vec<_> = (1..=number).map(look).collect();
    for _ in 0..number {
        wait_a_little(|| looking.load(SeqCst) == number);
    }
    let (at_work, has_paid) = (bank.clone(), paid.clone());
    let clerk = start("clerk", move || {
        at_work.transfer(0, 1, 5).unwrap();
        has_paid.store(true, SeqCst);
    });
    if !first_comes_first {
        auditors.reverse();
    }
    for (left, (leave, _)) in auditors.iter().enumerate() {
        wait_a_little(|| paid.load(SeqCst));
        leave.send(()).unwrap();
        wait_a_little(|| gone.load(SeqCst) > left);
    }
    for (_, auditor) in auditors {
        auditor.join().unwrap();
    }
    clerk.join().unwrap();
    assert_eq!(balances(&bank), [5, 15], "the balances after a transfer of 5");
}

/// Two look at account 0, at the same time if the bank lets them, and one of them leaves. Then a clerk
/// comes, while the other still looks.
fn one_leaves(from: usize, to: usize) {
    let bank = Arc::new(Bank::new(&[10, 10]));
    let looking = Arc::new(AtomicUsize::new(0));
    let gone = Arc::new(AtomicBool::new(false));
    let leaves = {
        let (bank, looking, gone) = (bank.clone(), looking.clone(), gone.clone());
        start("auditor", move || {
            bank.inspect(0, |_| {
                looking.fetch_add(1, SeqCst);
                wait_a_little(|| looking.load(SeqCst) == 2);
            });
            gone.store(true, SeqCst);
        })
    };
    let clerk = bank.inspect(0, |_| {
        looking.fetch_add(1, SeqCst);
        wait_a_little(|| gone.load(SeqCst));
        let paid = Arc::new(AtomicBool::new(false));
        let (bank, has_paid) = (bank.clone(), paid.clone());
        let clerk = start("clerk", move || {
            bank.transfer(from, to, 5).unwrap();
            has_paid.store(true, SeqCst);
        });
        wait_a_little(|| paid.load(SeqCst));
        let paid = paid.load(SeqCst);
        assert!(!paid, "5 were moved from {from} to {to} while 0 was looked at, by one of two");
        clerk
    });
    clerk.join().unwrap();
    leaves.join().unwrap();
}

/// Lets others run until it is so; not for ever, since they may be waiting for this thread.
fn wait_a_little(is_so: impl Fn() -> bool) {
    for _ in 0..8 {
        if is_so() {
            return;
        }
        yield_now();
    }
}

/// One account is looked at until money has moved between two others, to and fro.
fn no_global_lock() {
    let bank = Arc::new(Bank::new(&[10, 10, 10]));
    let (paid, wait) = channel();
    let at_work = bank.clone();
    let auditor = start("auditor", move || at_work.inspect(1, |_| wait.recv().unwrap()));
    let at_work = bank.clone();
    let clerk = start("clerk", move || at_work.transfer(2, 0, 4).unwrap());
    bank.transfer(0, 2, 5).unwrap();
    clerk.join().unwrap();
    bank.inspect(2, |balance: u64| assert_eq!(balance, 11, "10, after receiving 5 and paying 4"));
    paid.send(()).unwrap();
    auditor.join().unwrap();

    // Two look at different accounts until both do.
    let meeting = Arc::new(Barrier::new(2));
    let auditors = [("auditor 1", 0), ("auditor 2", 2)].map(|(name, account)| {
        let (bank, meeting) = (bank.clone(), meeting.clone());
        start(name, move || bank.inspect(account, |_| drop(meeting.wait())))
    });
    for auditor in auditors {
        auditor.join().unwrap();
    }
}

/// As before, and somebody else waits for the account that is looked at: to take out of it, to pay
/// into it, or to look at it too.
fn nobody_in_the_way() {
    let pay = |from, to| move |bank: &Bank| bank.transfer(from, to, 5).unwrap();
    while_one_waits(0, pay(0, 1), [5, 15, 9, 11]);
    while_one_waits(1, pay(0, 1), [5, 15, 9, 11]);
    while_one_waits(0, pay(1, 0), [15, 5, 9, 11]);
    while_one_waits(0, pay(0, 0), [10, 10, 9, 11]);
    while_one_waits(0, |bank| bank.inspect(0, |_| ()), [10, 10, 9, 11]);
}

/// Meanwhile others pay, look, pay themselves, and cannot pay.
fn while_one_waits(account: usize, waits: impl FnOnce(&Bank) + Send + 'static, expected: [u64; 4]) {
    let bank = Arc::new(Bank::new(&[10, 10, 10, 10]));
    let (looking, looked_at) = channel();
    let (paid, wait) = channel();
    let at_work = bank.clone();
    let auditor = start("auditor", move || {
        at_work.inspect(account, |_| {
            looking.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    looked_at.recv().unwrap();
    let at_work = bank.clone();
    let waiting = start("waiting", move || waits(&at_work));
    let at_work = bank.clone();
    let clerk = start("clerk", move || at_work.transfer(3, 2, 4).unwrap());
    bank.transfer(2, 3, 5).unwrap();
    clerk.join().unwrap();
    bank.inspect(3, |balance: u64| assert_eq!(balance, 11, "10, after receiving 5 and paying 4"));
    bank.transfer(2, 2, 9).unwrap();
    assert!(bank.transfer(3, 2, 12).is_err(), "a transfer of 12 from an account with 11 was made");
    paid.send(()).unwrap();
    auditor.join().unwrap();
    waiting.join().unwrap();
    assert_eq!(balances(&bank), expected, "the balances after all transfers");
}

/// How many accounts a large bank has.
const MANY: usize = 1100;

/// How many look at one account.
const READERS: usize = 65;

/// While all are added up, one of them is looked at, and the last of all pays the first.
fn total_of_many(looked_at: usize) {
    let bank = Arc::new(Bank::new(&[10; MANY]));
    let (looking, looks) = channel();
    let (finish, wait) = channel();
    let at_work = bank.clone();
    let auditor = start("auditor", move || {
        at_work.inspect(looked_at, |_| {
            looking.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    looks.recv().unwrap();
    let at_work = bank.clone();
    let adds = start("adds", move || at_work.total());
    // Until it waits for the one that is looked at, or has no time to come so far.
    for _ in 0..2 * MANY {
        sleep(Duration::from_millis(1));
    }
    let at_work = bank.clone();
    let clerk = start("clerk", move || at_work.transfer(MANY - 1, 0, 5).unwrap());
    wait_a_little(|| clerk.is_finished());
    finish.send(()).unwrap();
    auditor.join().unwrap();
    clerk.join().unwrap();
    let total: u64 = adds.join().unwrap();
    assert_eq!(total, 10 * MANY as u64, "the sum of {MANY} balances while money moves");
}

/// The first account is looked at, and waited for by all who are so far away from it, and by the first,
/// who pays them.
fn far_apart() {
    const FAR: [usize; 12] = [1, 2, 60, 64, 96, 210, 256, 1000, 1023, 1024, 65_535, 65_536];
    let bank = Arc::new(Bank::new(&[10 * FAR.len() as u64; (1 << 16) + 1]));
    let (looking, looks) = channel();
    let (finish, wait) = channel();
    let at_work = bank.clone();
    let auditor = start("auditor", move || {
        at_work.inspect(0, |_| {
            looking.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    looks.recv().unwrap();
    let clerks = FAR.into_iter().flat_map(|far| [(0, far), (far, 0)]);
    let clerks: Vec<_> = clerks
        .map(|(from, to)| {
            let bank = bank.clone();
            start(&format!("clerk {from} to {to}"), move || bank.transfer(from, to, 5).is_ok())
        })
        .collect();
    // Until they wait.
    for _ in 0..20 * FAR.len() {
        sleep(Duration::from_millis(1));
    }
    finish.send(()).unwrap();
    auditor.join().unwrap();
    for clerk in clerks {
        assert!(clerk.join().unwrap(), "a transfer of 5 from an account with 10 failed");
    }
}

/// One account is looked at until all others have been looked at, and money has moved between them.
/// Then twenty pairs pay each other.
fn many_accounts() {
    set_most_steps(ENOUGH);
    total_of_many(1);
    total_of_many(MANY - 2);
    far_apart();
    leave_in_turn(READERS, any_of(2) == 0);
    let bank = Arc::new(Bank::new(&[10; MANY]));
    let (looking, looked_at) = channel();
    let (paid, wait) = channel();
    let at_work = bank.clone();
    let auditor = start("auditor", move || {
        at_work.inspect(1, |_| {
            looking.send(()).unwrap();
            wait.recv().unwrap();
        });
    });
    looked_at.recv().unwrap();
    for from in 2..MANY {
        let to = if from + 1 == MANY { 0 } else { from + 1 };
        bank.inspect(to, |balance: u64| assert_eq!(balance, 10, "a balance before a transfer"));
        bank.transfer(from, to, 1).unwrap();
        bank.inspect(to, |balance: u64| assert_eq!(balance, 11, "10, after receiving 1"));
    }
    paid.send(()).unwrap();
    auditor.join().unwrap();
    let clerks: Vec<_> = (100..140)
        .map(|from: usize| {
            let (bank, to) = (bank.clone(), from ^ 1);
            let pay = move || bank.transfer(from, to, 5).is_ok();
            start(&format!("clerk {from}"), pay)
        })
        .collect();
    for clerk in clerks {
        assert!(clerk.join().unwrap(), "a transfer of 5 from an account with 10 failed");
    }
    assert_eq!(bank.total(), 10 * MANY as u64, "the sum of {MANY} balances");
}
