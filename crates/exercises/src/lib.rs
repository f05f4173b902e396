//! Sixteen exercises: data, which the grader reads.
//!
//! # What an exercise is
//!
//! A directory of this crate. Its name is what a learner types: `cargo grade bounded-queue`.
//!
//! ```text
//! bounded-queue/
//!   exercise.toml     title, kind, checks with points, and why each wrong variant is wrong
//!   starter.rs        what the learner begins with; it compiles
//!   solution.rs       the solution that is shown
//!   another.rs        a second right solution, written differently
//!   right/*.rs        more right ones, unlike these two in their means
//!   wrong/*.rs        at least five variants that learners really write
//!   checks.rs         a program: what must be true of a submission
//!   shim.rs           of process exercises: calls the submission's functions on request
//!   hints.md          three hints, each saying more, parted by a line `---`
//!   equivalent.toml   changes of right ones that are right, and why (where there are any)
//!   explanation.md    why the solution is right and the common wrong ways fail
//! ```
//!
//! `cargo grade verify NAME` proves it: the starter fails as `exercise.toml` says and earns at most a
//! quarter of the points, all right solutions pass, and every wrong variant is caught by the named check
//! with the named finding.
//!
//! # A submission is one file of plain Rust
//!
//! It is compiled as a library of the exercise's name with underscores, alone: `checks.rs` says
//! `use bounded_queue::BoundedQueue;`. It says `std::sync` and `std::thread` as any program does.
//! Where schedules are explored, the grader gives the compiler another library under the name
//! `std` (and `core`, and `alloc`): the same names, and behind `sync`, `thread`, `thread_local!`
//! and `hint::spin_loop` a scheduler that tries interleavings. `checks.rs` is compiled against the
//! same library, so it also says `std::thread::spawn`. There is no way round it, and no facade to
//! learn. Compiled with the usual `std`, the same file is a usual program.
//!
//! # The three kinds
//!
//! - `explored`, for threads: each check runs under thousands of schedules, chosen in turn by a
//!   random walk, by priorities, and by holding threads up at lines of the source, and fails at the
//!   first that fails; then a shorter one is looked for. Offered: what std has for threads; what the
//!   model does and what it does not, stands at the top of the crate `explorer`. A panic of a thread
//!   goes to who joins it, and one that nobody joins fails nothing by itself. A thread that is left
//!   when everything else has ended fails the check, and so does a deadlock out of which only a limit of
//!   more than a minute would lead. `harness::set_processors` says how many
//!   processors a submission sees; without it, eight. There are no files, no network, no processes and
//!   no environment.
//! - `weak`, for orderings: each check runs under every execution that `explorer::weak` visits, which
//!   are all that the language's memory model allows but for load buffering and a few that are named
//!   there, up to the number in `exercise.toml`. `std` is the true one, seen through the compiler's
//!   instrumentation, except `thread` (at most seven besides the first), `thread_local!`,
//!   `hint::spin_loop`, and `sync`, which has `Arc`, `Weak` and `atomic` and nothing that waits.
//!   Every access to memory is seen, wherever it is; a race is the finding `race`, and so is memory
//!   that is used after it was freed. A thread that says that it spins, or looks eight times at what
//!   does not change, is run again when something has changed that it looked at. Each execution begins
//!   with all variables as they were, those of `std` among them. `harness` counts the operations and
//!   waits of a thread and says how it waited last, for checks that something does not wait, and counts
//!   the bytes that are allocated, for checks that something is given back. Keep checks small: two or
//!   three threads, a handful of operations each.
//! - `process`, for processes: each check runs once, with the real `std`, `nix` and `libc`, in a
//!   process of its own, and the submission in another one, which it asks and looks at: the crate
//!   `driver` says how such checks are written. `shim.rs` is linked with the submission, states the
//!   types of its functions and calls them. A submission may run commands of `/bin` and `/usr/bin`,
//!   use the directory of `std::env::temp_dir()` (`$TMPDIR`), which is empty and its own, and see
//!   `/proc`, where only the run's own processes are. Named shared memory is its own too, where there
//!   is a mount namespace. There is no network. The clock decides nothing but that something hangs.
//!
//! # `exercise.toml`
//!
//! ```toml
//! title = "Bounded queue"            # heading
//! concept = "mutexes"                # the crate and chapter it belongs to
//! kind = "explored"                  # or "weak", "process"
//! task = "Make push wait while ..."  # one or two sentences
//! unsafe = false                     # whether a submission may contain `unsafe`
//! needs = ["sockets"]                # process: what is used beside files, processes and pipes:
//!                                    # "sockets", "shared-memory" (memfd, System V); default none
//! seconds = 10.0                     # for all checks together; this is the default
//!
//! [tidy]                             # points for leaving nothing behind; without this table,
//! points = 2                         # what is left behind fails the check that left it
//!
//! [[check]]                          # in the order in which they are run and shown
//! name = "nothing-lost"              # as in checks.rs
//! says = "every item is popped once" # what is true if it passes
//! points = 2
//! schedules = 2000                   # explored: 10,000 or more over all checks; weak: a limit
//! exhaustive = false                 # explored: try all schedules first, up to that number
//! seconds = 5.0                      # by the clock; this is the default
//! descriptors = 256                  # process: of each process; this is the default
//!
//! [starter]                          # why the starter fails
//! check = "nothing-lost"
//! finding = "wrong"
//! why = "pop gives up instead of waiting."
//!
//! [wrong.close-wakes-one]            # wrong/close-wakes-one.rs
//! check = "close-wakes-all"          # a check, or "tidy", or "compile"
//! finding = "deadlock"
//! why = "Wakes one waiter at the close; the others wait for ever."
//! ```
//!
//! The words for findings: `wrong` (an assertion of the checks failed), `panic` (of the
//! submission), `deadlock`, `livelock` (runs without getting anywhere), `race` (weak), `stuck` (its
//! time was up), `crash` (a signal), `ended-early` (it ended itself), `strayed` (a forked child came
//! back out of the function), `memory`, `processes`, `disk`, `output`, `forged`; left behind: `zombie`, `running`,
//! `thread`, `descriptor`, `shared-memory`, `file`, `unseen` (it cannot be looked at); and with the check `compile`: `compile` and
//! `refused`.
//!
//! # `checks.rs`
//!
//! ```ignore
//! use bounded_queue::BoundedQueue;
//! use harness::{Check, serve};
//!
//! fn main() {
//!     serve(&[
//!         Check::explored("nothing-lost", nothing_lost),   // also Check::modelled, Check::plain
//!     ]);
//! }
//!
//! fn nothing_lost() {
//!     let queue = Arc::new(BoundedQueue::new(1));
//!     // ... threads, joins, and assertions with a sentence that says what was tried:
//!     assert_eq!(queue.pop(), Some(1), "popping the oldest item");
//! }
//! ```
//!
//! - A check is a function that returns or panics. A panic whose place is in `checks.rs` is the
//!   finding `wrong`, any other one `panic`; a panic in a thread is found by joining it with
//!   `unwrap`. Write assertions so that their message reads: what was tried, what was expected, what
//!   came.
//! - Compare with `==` only values whose type is not the submission's, or its `PartialEq` decides.
//!   So state the type of each function, with `const _: fn(&Queue<i32>) -> Option<i32> = Queue::pop;`
//!   before `main`, and name the type where a result is compared: otherwise a submission may return
//!   something that is equal to everything.
//! - Name threads (`thread::Builder::new().name(...)`): the names head the columns of a
//!   counter-example. Locks are named by the field or variable that they are made for.
//! - A check that something is *not* done (no more threads, no lock for all, no waiting) also demands
//!   that the work is done, or those who have done nothing pass it.
//! - To prove that something must be able to proceed, make it necessary: hold one thing up, and let
//!   the check go on only when the other has happened. Over-synchronisation is then a deadlock, and
//!   the clock decides nothing. To prove that a thread sleeps instead of spinning,
//!   `harness::until_others_block` (not with `exhaustive`).
//! - What holds for every number is tried with `harness::EDGES`, and what holds however many there are
//!   in a check with hundreds and few schedules, which `harness::set_most_steps` gives time to end.
//! - A body is run thousands of times in one process, so it must not depend on state that survives
//!   it, nor do what cannot be taken back.
//! - Each check runs in a process of its own, so that one that crashes or hangs costs only itself.
