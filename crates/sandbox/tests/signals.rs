//! What the caller ignores or blocks is its own affair: a program begins with all signals as usual.

use sandbox::{Job, Spec};

fn main() {
    sandbox::enter(|_, _| Vec::new());
    for signal in [libc::SIGTERM, libc::SIGUSR1] {
        // SAFETY: to ignore a signal installs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let arguments = vec!["^Sig[BI]".to_owned(), "/proc/self/status".to_owned()];
    let job =
        Job { program: "/bin/grep".into(), arguments, sees_processes: true, ..Job::default() };
    let spec = Spec { unprivileged: true, jobs: vec![job], ..Spec::default() };
    let account = sandbox::run(&spec).expect("an account");
    let said = &account.ends[0].output;
    let usual = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    assert_eq!(said.as_str(), usual, "{:?}", account.ends[0].how);
    println!("test ignored_signals_are_the_callers ... ok");
}
