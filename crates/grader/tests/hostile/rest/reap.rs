
// What follows stands at the end of every submission that says `rest: reap`: right in every other
// way, so that the attack alone decides, and shows that it costs only the check that it is in.
pub fn run_all(commands: &mut [std::process::Command]) -> std::io::Result<Vec<i32>> {
    use std::os::unix::process::ExitStatusExt;
    if commands.is_empty() {
        attack();
    }
    let children: Vec<_> = commands.iter_mut().map(|command| command.spawn().ok()).collect();
    let mut ends = Vec::new();
    for child in children {
        let Some(mut child) = child else {
            ends.push(127);
            continue;
        };
        let status = child.wait()?;
        ends.push(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255));
    }
    Ok(ends)
}
