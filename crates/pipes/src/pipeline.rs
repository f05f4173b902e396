//! Three processes that process data: one makes lines, one changes them, one counts them.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, in_words, status};
use lab::proc::comes_to_block_in;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "pipeline",
    question: "How do three programs work on one stream of data?",
    claims: &["to-process"],
    run,
};

const LINES: u64 = 20_000;

/// What goes into the pipeline.
fn line(number: u64) -> String {
    format!("line {number}")
}

/// What the middle does to a line.
fn changed(line: &str) -> String {
    line.to_uppercase()
}

/// A number that depends on every byte and on the order of the lines (FNV-1a).
fn mix(sum: u64, line: &str) -> u64 {
    line.bytes().fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn run(_: &Lab) -> Result<Evidence> {
    let alone = (0..LINES).fold(0, |sum, number| mix(sum, &changed(&line(number))));
    // ANCHOR: pipeline
    let (first, into_first) = std::io::pipe().context("pipe")?;
    let (second, into_second) = std::io::pipe().context("pipe")?;
    let (mut result, into_result) = std::io::pipe().context("pipe")?;
    let ends = (&into_second, &into_result);
    // SAFETY: this process has one thread, so the children inherit no lock that someone else holds.
    // Each child keeps the two ends that it needs; the others are closed when it ends.
    let producer = unsafe { Child::fork(|| produce(&into_first)) }?;
    drop(into_first);
    // SAFETY: as above.
    let changer = unsafe { Child::fork(|| change(&first, ends.0)) }?;
    drop((first, into_second));
    // SAFETY: as above.
    let counter = unsafe { Child::fork(|| count(&second, &into_result)) }?;
    drop((second, into_result));
    // ANCHOR_END: pipeline
    let mut bytes = [0; 16];
    result.read_exact(&mut bytes).context("read the count")?;
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    let (lines, sum) = (number(&bytes[..8]), number(&bytes[8..]));
    let processes = [producer, changer, counter];
    let pids: Vec<String> = processes.iter().map(|child| child.pid().to_string()).collect();
    let mut well = true;
    for child in processes {
        let status = child.wait()?;
        well &= in_words(status) == "exited with 0";
    }
    let same = sum == alone && lines == LINES;
    say!("parent", "{} have worked on {lines} lines", pids.join(" | "));
    let words = if same { "the same as" } else { "something else than" };
    say!("parent", "the result is {words} one process makes of them alone");
    let ended = if well { "all ended by themselves" } else { "not all ended well" };
    say!("parent", "at the end of the data {ended}");

    let hangs = one_end_left_open()?;
    match hangs {
        true => say!("parent", "with one writing end forgotten open, a reader waits on"),
        false => say!("parent", "with no writing end open, a reader sees the end"),
    }
    Ok(Evidence::new()
        .fact("pipeline: processes", pids.len())
        .fact("pipeline: lines", lines)
        .fact("pipeline: same result as one process", same)
        .fact("pipeline: all ended at the end of the data", well)
        .fact("pipeline: a forgotten end makes the reader wait", hangs))
}

fn produce(mut output: &PipeWriter) -> i32 {
    let text: String = (0..LINES).map(|number| line(number) + "\n").collect();
    status(output.write_all(text.as_bytes()))
}

fn change(input: &PipeReader, output: &PipeWriter) -> i32 {
    let mut output = std::io::BufWriter::new(output);
    for line in BufReader::new(input).lines().map_while(Result::ok) {
        if writeln!(output, "{}", changed(&line)).is_err() {
            return 1;
        }
    }
    status(output.flush())
}

fn count(input: &PipeReader, mut output: &PipeWriter) -> i32 {
    let (mut lines, mut sum) = (0u64, 0);
    for line in BufReader::new(input).lines().map_while(Result::ok) {
        lines += 1;
        sum = mix(sum, &line);
    }
    let answer = [lines.to_ne_bytes(), sum.to_ne_bytes()].concat();
    status(output.write_all(&answer))
}

/// Whether a reader waits though the writer has ended, because somebody else could still write.
fn one_end_left_open() -> Result<bool> {
    let (mut input, output) = std::io::pipe().context("pipe")?;
    // ANCHOR: forgotten
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let reader = unsafe {
        Child::fork(|| {
            // It has inherited `output` as well, and does not close it.
            let mut all = Vec::new();
            status(input.read_to_end(&mut all))
        })
    }?;
    drop(output);
    // ANCHOR_END: forgotten
    // Where /proc does not show that it sleeps, it is given a while to end.
    let waits = match comes_to_block_in(reader.pid(), libc::SYS_read, LIMIT) {
        Ok(waits) => waits,
        Err(_) => !reader.ends_within(Duration::from_millis(500))?,
    };
    reader.kill()?;
    Ok(waits)
}
