//! Threads that share work. Where a limit on threads is reached (`ulimit -u`), fewer of them do it,
//! and the calling thread at the least.

use std::thread::{Builder, Scope, scope};

/// Runs `work` in up to `count` threads, of which the calling one is one.
pub fn share(count: usize, work: impl Fn() + Sync) {
    scope(|scope| {
        start(scope, count.saturating_sub(1), &work);
        work();
    });
}

/// Starts up to `count` threads that run `work`. How many there are: none, if the limit is reached.
pub fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    count: usize,
    work: impl FnOnce() + Clone + Send + 'scope,
) -> usize {
    let started = |_: &usize| Builder::new().spawn_scoped(scope, work.clone()).is_ok();
    (0..count).take_while(started).count()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::unistd::geteuid;

    /// A user without processes of its own, where root runs the tests: root has no such limit.
    const STRANGER: u32 = 65_521;

    /// Set in the process that has the limit.
    const LIMIT: &str = "GRADE_TEST_THREADS";

    const WANTED: usize = 8;

    #[test]
    fn a_lack_of_threads_leaves_nothing_undone() {
        if std::env::var_os(LIMIT).is_some() {
            return with_few_threads();
        }
        // Somebody else than root has other processes, so that there is room for none.
        let limits: &[u64] = if geteuid().is_root() { &[1, 3, 100] } else { &[1] };
        for most in limits.iter().copied() {
            let mut command = Command::new("/proc/self/exe");
            command.args(["--exact", "workers::tests::a_lack_of_threads_leaves_nothing_undone"]);
            command.args(["--test-threads", "1"]).env(LIMIT, most.to_string());
            if geteuid().is_root() {
                command.uid(STRANGER);
            }
            // SAFETY: between fork and exec only one system call is made.
            unsafe {
                command.pre_exec(move || Ok(setrlimit(Resource::RLIMIT_NPROC, most, most)?));
            }
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{most}: {said}");
        }
    }

    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").unwrap().count()
    }

    /// Looks until it is so; a minute is more than anything here takes.
    fn wait_until(is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so() && Instant::now() < end {
            std::thread::yield_now();
        }
    }

    fn with_few_threads() {
        let (most, _) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
        let before = threads();
        let room = (most as usize).saturating_sub(before);
        let here = std::thread::current().id();

        let (begun, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let expected = room.min(WANTED - 1);
        super::share(WANTED, || {
            let own = std::thread::current().id() == here;
            others.fetch_add(usize::from(!own), Ordering::Relaxed);
            begun.fetch_add(1, Ordering::Relaxed);
            // Nobody ends before all are there, so that no ended one makes room.
            wait_until(|| begun.load(Ordering::Relaxed) > expected);
        });
        assert_eq!((begun.into_inner(), others.into_inner()), (expected + 1, expected));

        // A thread that has been joined is counted until the kernel has cleared it away.
        wait_until(|| threads() == before);
        // Here, too, one that has ended would make room for another.
        let all_are_asked_for = AtomicBool::new(false);
        let started = std::thread::scope(|scope| {
            let wait = || wait_until(|| all_are_asked_for.load(Ordering::Relaxed));
            let started = super::start(scope, WANTED, wait);
            all_are_asked_for.store(true, Ordering::Relaxed);
            started
        });
        assert_eq!(started, room.min(WANTED));
    }
}
