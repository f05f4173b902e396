//! The crash-isolation package as a user runs it.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

acceptance::tests!("crash-isolation");

#[test]
fn each_fault_has_its_wait_status_and_no_sibling_notices() {
    let fact = |name: &str| PROGRAM.fact("process-matrix", name);
    for (fault, status) in [
        ("null write", "was ended by SIGSEGV"),
        ("abort", "was ended by SIGABRT"),
        ("stack overflow", "was ended by SIGABRT"),
        ("exit(7)", "exited with 7"),
        ("SIGTERM", "was ended by SIGTERM"),
        ("SIGKILL", "was ended by SIGKILL"),
        ("out of memory", "was ended by SIGABRT"),
        ("double panic", "was ended by SIGABRT"),
        ("panic", "exited with 101"),
    ] {
        assert_eq!(fact(&format!("process: {fault}: status")), status);
    }
    assert_eq!(fact("process: fewest survivors"), 7);
    assert_eq!(fact("process: survivors"), "7 of 7");
}

#[test]
fn a_fatal_signal_or_exit_in_one_thread_ends_all_and_a_panic_ends_one() {
    let fact = |name: &str| PROGRAM.fact("thread-matrix", name);
    for (fault, status, survivors) in [
        ("null write", "was ended by SIGSEGV", 0),
        ("abort", "was ended by SIGABRT", 0),
        ("stack overflow", "was ended by SIGABRT", 0),
        ("exit(7)", "exited with 7", 0),
        ("SIGTERM", "was ended by SIGTERM", 0),
        ("SIGKILL", "was ended by SIGKILL", 0),
        ("double panic", "was ended by SIGABRT", 0),
        ("panic", "exited with 0", 7),
        ("SYS_exit", "exited with 0", 7),
        ("with a handler", "exited with 0", 7),
    ] {
        assert_eq!(fact(&format!("thread: {fault}: status")), status);
        assert_eq!(fact(&format!("thread: {fault}: survivors")), survivors, "{fault}");
    }
    assert_eq!(fact("thread: survivors"), "0 of 7");
}

#[test]
fn unwinding_runs_destructors_and_aborting_does_not() {
    let fact = |name: &str| PROGRAM.fact("panic", name);
    assert_eq!(fact("panic: join returns the error"), true);
    assert_eq!(fact("panic: destructor runs"), true);
    assert_eq!(fact("panic: catch_unwind returns the error"), true);
    assert_eq!(fact("abort: status"), "was ended by SIGABRT");
    assert_eq!(fact("abort: destructor runs"), false);
}

#[test]
fn every_mistake_and_every_channel_harms_and_has_a_guard() {
    let fact = |name: &str| PROGRAM.fact("soft-errors", name);
    assert_eq!(fact("mistakes that harm other threads"), 6);
    assert_eq!(fact("mistakes with a guard"), 6);
    let fact = |name: &str| PROGRAM.fact("indirect", name);
    assert_eq!(fact("channels that carry harm"), 6);
    assert_eq!(fact("harmful channels that a guard closes"), 6);
}

#[test]
fn a_limit_of_its_own_is_told_by_malloc_and_a_promise_costs_nothing() {
    let fact = |name: &str| PROGRAM.fact("out-of-memory", name);
    assert_eq!(fact("with a limit of its own"), "told by malloc");
    assert_eq!(fact("asked for and not written to"), "got it all");
    assert_eq!(fact("oom_score_adj makes it the first"), true);
}

/// The experiment aborts from the panic hook; a program that rustc built so ends the same way.
#[test]
fn a_program_built_with_panic_abort_ends_as_the_experiment_says() {
    let fact = |name: &str| PROGRAM.fact("panic", name);
    assert_eq!(fact("abort: status"), "was ended by SIGABRT");
    assert_eq!(fact("abort: destructor runs"), false);
    let place = tempfile::tempdir().expect("a temporary directory");
    let (source, program) = (place.path().join("aborts.rs"), place.path().join("aborts"));
    std::fs::write(
        &source,
        "struct Cleanup;
         impl Drop for Cleanup { fn drop(&mut self) { println!(\"cleaned up\") } }
         fn main() {
             let thread = std::thread::spawn(|| { let _guard = Cleanup; panic!() });
             println!(\"{}\", thread.join().is_err());
         }",
    )
    .expect("the source is written");
    for (strategy, signal, said) in [("unwind", None, "cleaned up\ntrue\n"), ("abort", Some(6), "")]
    {
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let built = Command::new(rustc)
            .args(["-C", &format!("panic={strategy}"), "-o"])
            .args([&program, &source])
            .status();
        assert!(built.expect("rustc starts").success());
        let ended = Command::new("sh")
            .args(["-c", "ulimit -c 0; exec \"$0\""])
            .arg(&program)
            .output()
            .expect("it starts");
        assert_eq!(ended.status.signal(), signal, "{strategy}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), said, "{strategy}");
    }
}
