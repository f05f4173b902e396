//! Leaves a child that ignores being asked to end.
//!
//! exercise: reap
//! rest: reap
//! verdict: tidy [running]
//! shows: sleep

fn attack() {
    let script = "trap '' TERM INT HUP QUIT; while :; do sleep 100; done";
    let child = std::process::Command::new("/bin/sh").arg("-c").arg(script).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
}
