//! A server as a process of its own: started, looked at, stopped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::TimeLimit;
use lab::child::{Child, LIMIT, explain, explain_io, in_words, late, status};
use lab::proc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn};
use nix::sys::socket::{bind, listen, socket};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

/// What all servers of one shape are.
pub struct Model {
    /// What facts and lines call it.
    pub name: &'static str,
    /// Serves clients, for ever or until it is to stop.
    pub serve: fn(TcpListener, Stop) -> Result<()>,
    /// Whether it forks, so that it must be told to stop and end its children.
    pub has_children: bool,
}

/// Readable when the server is to stop. Only who has children must end them, others are killed.
pub type Stop = OwnedFd;

/// A server that runs. Dropped, it ends with all its processes.
pub struct Server {
    process: Option<Child>,
    stop: Option<OwnedFd>,
    has_children: bool,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Whether a server's crash is part of the plan.
#[derive(Clone, Copy, PartialEq)]
pub enum Plan {
    Lives,
    Crashes,
}

impl Server {
    /// Starts a server that listens at a free port of this machine.
    pub fn start(model: &Model, plan: Plan) -> Result<Server> {
        let listener = listener()?;
        let address = listener.local_addr().map_err(explain_io("getsockname"))?;
        let (stop, stopper) = nix::unistd::pipe().map_err(explain("pipe"))?;
        let own_end = stopper.as_raw_fd();
        // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
        let process = unsafe {
            Child::fork(|| {
                // The child's copy of this end would keep the pipe open.
                let _ = nix::unistd::close(own_end);
                raise_limit_on_files();
                if plan == Plan::Crashes {
                    lab::child::no_core_dump();
                    std::panic::set_hook(Box::new(|_| {}));
                }
                status((model.serve)(listener, stop))
            })
        }?;
        let has_children = model.has_children;
        Ok(Server { process: Some(process), stop: Some(stopper), has_children, address })
    }

    /// Its processes: the first, and those that it has forked.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        let Some(first) = self.process.as_ref().map(Child::pid) else { return Ok(Vec::new()) };
        let forked = proc::children(first.as_raw() as u32)?;
        let forked = forked.into_iter().map(|pid| Pid::from_raw(pid as i32));
        Ok(std::iter::once(first).chain(forked).collect())
    }

    /// The threads of all its processes.
    pub fn tasks(&self) -> Result<Vec<Pid>> {
        let mut tasks = Vec::new();
        for process in self.processes()? {
            if proc::state(process) != Some('Z') {
                tasks.extend(proc::threads(process)?);
            }
        }
        Ok(tasks)
    }

    /// Whether some thread of it could go on, or ends right now.
    pub fn is_at_work(&self) -> Result<bool> {
        let state = |task: &Pid| proc::state(*task);
        let mut all = self.tasks()?.into_iter().chain(self.processes()?);
        Ok(all.any(|task| matches!(state(&task), Some('R' | 'D' | 'Z' | 'X'))))
    }

    /// Waits until none of it has been seen at work for a while.
    pub fn comes_to_rest(&self) -> Result<()> {
        const LOOKS: u32 = 10;
        let (mut limit, mut quiet) = (TimeLimit::new(LIMIT), 0);
        while quiet < LOOKS {
            if limit.is_over() {
                return Err(late("the server did not come to rest"));
            }
            std::thread::sleep(Duration::from_millis(1));
            quiet = if self.is_at_work()? { 0 } else { quiet + 1 };
        }
        Ok(())
    }

    /// User memory that its processes share with nobody, and the page tables, in KiB;
    /// proc_pid_smaps(5), proc_pid_status(5). The proportional set size would fall whenever
    /// the experiment forks another process, because all of them share pages with it.
    pub fn memory(&self) -> Result<f64> {
        let mut sum = 0.0;
        for process in self.processes()? {
            let rollup = proc::read(&format!("/proc/{process}/smaps_rollup"))?;
            for line in rollup.lines() {
                if let Some((key, size)) = line.split_once(':')
                    && matches!(key, "Private_Clean" | "Private_Dirty")
                {
                    sum += kib(size)?;
                }
            }
            sum += kib(&proc::status(process, "VmPTE").context("there is no VmPTE")?)?;
        }
        Ok(sum)
    }

    /// How it ended, if it does so in time.
    pub fn has_ended(&mut self, within: Duration) -> Result<Option<WaitStatus>> {
        let Some(process) = self.process.take() else { return Ok(None) };
        if !process.ends_within(within)? {
            self.process = Some(process);
            return Ok(None);
        }
        Ok(Some(process.wait()?))
    }

    /// Ends it. It must not have ended by itself.
    pub fn stop(mut self) -> Result<()> {
        match self.has_ended(Duration::ZERO)? {
            Some(status) => bail!("the server {} while it was to serve", in_words(status)),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        drop(self.stop.take());
        if self.has_children {
            // It ends its children first. One that does not is killed, and they with it.
            let _ = process.wait_for(LIMIT);
        }
    }
}

/// Serves at a free port of this machine until somebody ends this process.
pub fn alone(model: &Model) -> Result<()> {
    let listener = listener()?;
    let address = listener.local_addr().map_err(explain_io("getsockname"))?;
    let (stop, _never_closed) = nix::unistd::pipe().map_err(explain("pipe"))?;
    raise_limit_on_files();
    lab::narrate::print(&format!("{} serves http://{address}/ until Ctrl-C\n", model.name))?;
    (model.serve)(listener, stop)
}

/// A number before its unit, as in `  12 kB`.
fn kib(text: &str) -> Result<f64> {
    text.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("{text:?} is not a size"))
}

/// A socket that listens at a free port, with the longest queue that nix allows: the standard
/// library asks for 128 places, and who finds none tries again after a second.
fn listener() -> Result<TcpListener> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
        .map_err(explain("socket"))?;
    let address = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    bind(fd.as_raw_fd(), &address).map_err(explain("bind"))?;
    listen(&fd, Backlog::MAXCONN).map_err(explain("listen"))?;
    Ok(TcpListener::from(fd))
}

/// So many clients fit into the queue of a listening socket, listen(2).
pub fn longest_queue() -> usize {
    let text = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(128)
}

/// How many files this process may open at most.
pub fn most_files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(_, hard)| hard)
}

/// Takes what the hard limit on open files allows, for a process that needs a socket per client.
pub fn raise_limit_on_files() {
    let _ = setrlimit(Resource::RLIMIT_NOFILE, most_files(), most_files());
}
