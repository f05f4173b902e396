//! With processes and sockets: a worker is sent its numbers, as it would be on another machine.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain_io, status};
use nix::sys::wait::WaitStatus;

pub fn sum(numbers: &[u64]) -> Result<u64> {
    let part = numbers.len().div_ceil(super::WORKERS);
    let mut workers = Vec::new();
    for part in numbers.chunks(part) {
        let (mut here, there) = UnixStream::pair().map_err(explain_io("socketpair"))?;
        let own = here.try_clone().map_err(explain_io("dup"))?;
        // SAFETY: this process has one thread, so no lock is inherited that someone else holds.
        let worker = unsafe {
            Child::fork(move || {
                drop(own);
                status(work(there))
            })
        }?;
        // The length comes first: a stream does not keep the borders of messages.
        here.write_all(&(part.len() as u64).to_be_bytes()).context("send the length")?;
        for number in part.chunks(1024) {
            let bytes: Vec<u8> = number.iter().flat_map(|number| number.to_be_bytes()).collect();
            here.write_all(&bytes).context("send the numbers")?;
        }
        here.shutdown(Shutdown::Write).context("shutdown")?;
        workers.push((worker, here));
    }
    let mut sum = 0;
    for (worker, mut stream) in workers {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes).context("a worker sent no sum")?;
        sum += u64::from_be_bytes(bytes);
        ensure!(matches!(worker.wait()?, WaitStatus::Exited(_, 0)), "a worker failed");
    }
    Ok(sum)
}

fn work(mut stream: UnixStream) -> Result<()> {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).context("receive the length")?;
    let mut left = u64::from_be_bytes(bytes);
    let (mut sum, mut buffer) = (0u64, vec![0; 8 * 1024]);
    while left > 0 {
        let some = left.min(1024);
        let bytes = &mut buffer[..8 * some as usize];
        stream.read_exact(bytes).context("receive the numbers")?;
        for number in bytes.chunks_exact(8) {
            sum += u64::from_be_bytes(number.try_into()?);
        }
        left -= some;
    }
    stream.write_all(&sum.to_be_bytes()).context("send the sum")
}
