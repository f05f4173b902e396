//! How busy others keep the CPUs that this process may use.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::bounds::{Files, here};
use crate::machine::known_cpus;

/// From which share of the allowed CPUs on, taken by others, figures are not to be trusted.
const FOREIGN: f64 = 0.25;
/// The same for time that the hypervisor gave to other machines.
const STOLEN: f64 = 0.10;
/// A tick of /proc/stat is 10 ms; of a shorter stretch nothing can be said.
const SHORTEST: Duration = Duration::from_millis(100);

/// Watches, from now on, what else runs on the CPUs that this process may use: their time in
/// proc_stat(5), less what this process and its descendants used.
///
/// ```no_run
/// let watch = lab::machine::Busy::begin();
/// // measure ...
/// if let Some(reason) = watch.so_far() {
///     println!("not decided: {reason}");
/// }
/// ```
#[derive(Debug)]
pub struct Busy {
    start: Instant,
    /// Asked once: looks that count different CPUs cannot be compared.
    cpus: Vec<usize>,
    before: Option<Ticks>,
    own: Duration,
}

/// Time of the allowed CPUs, in ticks of USER_HZ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ticks {
    used: u64,
    stolen: u64,
    cpus: u64,
}

impl Busy {
    /// Begins to watch.
    pub fn begin() -> Busy {
        Busy::of(known_cpus().unwrap_or_default())
    }

    /// Watches these CPUs; all of them, if they are none.
    fn of(cpus: Vec<usize>) -> Busy {
        Busy { before: Ticks::now(&cpus), cpus, own: own(), start: Instant::now() }
    }

    /// The share of the allowed CPUs' time that others have taken since the beginning, 0 to 1.
    /// `None` where it cannot be known: too early to say, or no /proc/stat.
    pub fn share(&self) -> Option<f64> {
        let (took, used, _, cpus) = self.since()?;
        let own = own().saturating_sub(self.own);
        Some((used.saturating_sub(own).as_secs_f64() / took.as_secs_f64() / cpus).min(1.0))
    }

    /// The share of the allowed CPUs' time that the hypervisor gave to others, 0 to 1.
    pub fn stolen(&self) -> Option<f64> {
        let (took, _, stolen, cpus) = self.since()?;
        Some((stolen.as_secs_f64() / took.as_secs_f64() / cpus).min(1.0))
    }

    /// Why figures that were taken since the beginning are not to be trusted, with the shares that
    /// were seen; `None` if nothing speaks against them.
    pub fn so_far(&self) -> Option<String> {
        let (foreign, stolen) = (self.share()?, self.stolen()?);
        judge(foreign, stolen, load(&here))
    }

    fn since(&self) -> Option<(Duration, Duration, Duration, f64)> {
        let (took, now, before) = (self.start.elapsed(), Ticks::now(&self.cpus)?, self.before?);
        if took < SHORTEST {
            return None;
        }
        let time = |now: u64, before: u64| Duration::from_millis(now.saturating_sub(before) * 10);
        Some((
            took,
            time(now.used, before.used),
            time(now.stolen, before.stolen),
            now.cpus.max(1) as f64,
        ))
    }
}

fn judge(foreign: f64, stolen: f64, load: Option<Load>) -> Option<String> {
    let mut why = if foreign > FOREIGN {
        format!("the machine is busy: others took {:.0} % of its CPUs' time", foreign * 100.0)
    } else if stolen > STOLEN {
        format!("the host is busy: it kept {:.0} % of the CPUs' time for others", stolen * 100.0)
    } else {
        return None;
    };
    if let Some(load) = load {
        why += &format!(" (load {:.1}", load.average);
        why += &load.pressure.map_or(String::new(), |p| format!(", CPU pressure {p:.0} %"));
        why += ")";
    }
    Some(why)
}

/// What the kernel says of the last ten to sixty seconds, this process included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Tasks that ran or wanted to, over the last minute; proc_loadavg(5).
    pub average: f64,
    /// Per cent of the last ten seconds in which some task waited for a CPU, /proc/pressure/cpu.
    /// `None` if the kernel does not count it.
    pub pressure: Option<f64>,
}

impl Load {
    /// Now; `None` without /proc/loadavg.
    pub fn now() -> Option<Load> {
        load(&here)
    }
}

fn load(files: Files<'_>) -> Option<Load> {
    let average = files("/proc/loadavg")?.split_whitespace().next()?.parse().ok()?;
    let pressure = files("/proc/pressure/cpu").and_then(|text| {
        let words = text.lines().find(|line| line.starts_with("some"))?.split_whitespace();
        words.filter_map(|word| word.strip_prefix("avg10=")).next()?.parse().ok()
    });
    Some(Load { average, pressure })
}

impl Ticks {
    fn now(cpus: &[usize]) -> Option<Ticks> {
        Ticks::parse(&here("/proc/stat")?, cpus)
    }

    /// From lines `cpuN user nice system idle iowait irq softirq steal guest guest_nice`; guests
    /// are counted in user and nice already.
    fn parse(stat: &str, allowed: &[usize]) -> Option<Ticks> {
        let mut all = Ticks::default();
        for line in stat.lines() {
            let mut words = line.split_whitespace();
            let number = words.next().and_then(|word| word.strip_prefix("cpu")?.parse().ok());
            let Some(number) = number else { continue };
            if allowed.is_empty() || allowed.contains(&number) {
                let ticks: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
                let at = |column: usize| ticks.get(column).copied().unwrap_or(0);
                all.used += at(0) + at(1) + at(2) + at(5) + at(6);
                all.stolen += at(7);
                all.cpus += 1;
            }
        }
        (all.cpus > 0).then_some(all)
    }
}

/// CPU time of this process, of its children that were reaped, and of its living descendants.
fn own() -> Duration {
    let used = |who| {
        let usage = getrusage(who).ok()?;
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Some(Duration::from_micros(micros as u64))
    };
    let reaped = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN];
    let living = Duration::from_millis(10 * ticks_of_descendants(std::process::id(), 4));
    reaped.into_iter().filter_map(used).sum::<Duration>() + living
}

fn ticks_of_descendants(process: u32, depth: u32) -> u64 {
    crate::proc::children(process)
        .unwrap_or_default()
        .into_iter()
        .map(|child| {
            let stat = here(&format!("/proc/{child}/stat")).unwrap_or_default();
            // The name may hold anything; behind its bracket stand state, then field 4 and on.
            let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
            let own: u64 = fields.skip(11).take(4).filter_map(|n| n.parse::<u64>().ok()).sum();
            own + if depth > 0 { ticks_of_descendants(child, depth - 1) } else { 0 }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_cpus_count() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 10 1 5 900 50 1 2 7 0 0\n\
                    cpu2 100 0 50 800 0 0 0 1 0 0\nintr 5\n";
        assert_eq!(Ticks::parse(stat, &[0]), Some(Ticks { used: 19, stolen: 7, cpus: 1 }));
        assert_eq!(Ticks::parse(stat, &[0, 2]), Some(Ticks { used: 169, stolen: 8, cpus: 2 }));
        assert_eq!(Ticks::parse(stat, &[]), Ticks::parse(stat, &[0, 2]), "nobody knows which");
        assert_eq!(Ticks::parse(stat, &[1]), None, "that one is offline");
    }

    #[test]
    fn a_busy_machine_is_said_with_figures() {
        let load = Some(Load { average: 5.25, pressure: Some(61.4) });
        assert_eq!(judge(0.1, 0.02, load), None);
        let busy = judge(0.5, 0.0, load).unwrap();
        assert_eq!(
            busy,
            "the machine is busy: others took 50 % of its CPUs' time (load 5.2, CPU pressure 61 %)"
        );
        assert!(judge(0.0, 0.3, None).unwrap().starts_with("the host is busy: it kept 30 %"));
    }

    #[test]
    fn the_load_is_read_from_text() {
        let files = |path: &str| match path {
            "/proc/loadavg" => Some("0.50 0.40 0.30 1/200 4242\n".to_owned()),
            "/proc/pressure/cpu" => Some("some avg10=1.53 avg60=0.87 total=8\n".to_owned()),
            _ => None,
        };
        assert_eq!(load(&files), Some(Load { average: 0.5, pressure: Some(1.53) }));
        assert_eq!(load(&|_| None), None);
    }

    #[test]
    fn ones_own_work_is_not_foreign() {
        let before = own();
        let start = Instant::now();
        let mut sum = 0u64;
        while start.elapsed() < Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(own() > before, "after {sum} steps");
    }
}
