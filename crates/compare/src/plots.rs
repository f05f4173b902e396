//! The plots of the report: each from the facts of a package, with a sentence about them.
//!
//! A plot is a function from what was found to a [`Plot`], and `None` where the facts are not
//! there. To add one, write the function and name it in [`PLOTS`].

use lab::{Evidence, Fact, Summary, Value};

use crate::answer::Found;
use crate::plot::{Axis, Form, Mark, Plot, Row, Series, Tone, Who, quantity};
use crate::scale::written;

/// All plots, in the order of the page.
pub const PLOTS: &[fn(Facts<'_>) -> Option<Plot>] = &[
    creation,
    fork_against_memory,
    footprint,
    latency_on_one_cpu,
    latency_across_cpus,
    bandwidth,
    working_set,
    pool,
    scaling,
    granularity,
    waiting,
    servers,
    crashes,
    sharing,
    map,
    ratios,
];

/// What all experiments found.
#[derive(Clone, Copy)]
pub struct Facts<'a>(pub &'a [Found]);

impl<'a> Facts<'a> {
    /// What a package's experiments found, in their order.
    pub fn of(self, package: &str) -> impl Iterator<Item = &'a Fact> {
        let of_it = self.0.iter().filter(move |found| found.package == package);
        of_it.filter_map(|found| found.evidence.as_ref().ok()).flat_map(Evidence::facts)
    }

    /// A fact by its name.
    pub fn fact(self, package: &str, name: &str) -> Option<&'a Fact> {
        self.of(package).find(|fact| fact.name == name)
    }

    /// The samples of a fact.
    pub fn samples(self, package: &str, name: &str) -> Option<Summary> {
        self.fact(package, name)?.samples
    }

    /// A fact that is a number.
    pub fn number(self, package: &str, name: &str) -> Option<f64> {
        match self.fact(package, name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A sampled fact as a mark of a plot.
    pub fn mark(self, package: &str, name: &str, label: &str, who: Who) -> Option<Mark> {
        Some(Mark::sampled(label, who, self.samples(package, name)?))
    }
}

/// "7.9 times (5.9 to 9.6)", with the figures that the picture shows.
fn times(ratio: Summary) -> String {
    let [median, p10, p90] = [ratio.median, ratio.p10, ratio.p90].map(written);
    format!("{median} times ({p10} to {p90})")
}

fn creation(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "creation-cost";
    let ways = [
        ("pthread_create", "thread by pthread_create", Who::Thread),
        ("thread", "thread by std", Who::Thread),
        ("vfork-style clone", "process, vfork-style", Who::Process),
        ("fork", "process by fork", Who::Process),
        ("posix_spawn", "program by posix_spawn", Who::Process),
        ("Command", "program by Command", Who::Process),
        ("fork and exec", "program by fork and exec", Who::Process),
        ("Command with pre_exec", "program by Command, pre_exec", Who::Process),
    ];
    let marks: Vec<Mark> =
        ways.iter().filter_map(|(name, label, who)| facts.mark(OF, name, label, *who)).collect();
    let thread = facts.samples(OF, "thread")?;
    let ratio = |name: &str| facts.samples(OF, &format!("{name} / thread"));
    let mut says =
        format!("Making a thread and waiting for its end took {}", quantity(thread.median, "µs"));
    says += &match (ratio("fork"), ratio("posix_spawn")) {
        (Some(fork), Some(program)) => {
            format!("; a fork took {} as long, a new program {}.", times(fork), times(program))
        }
        (Some(fork), None) => format!("; a fork took {} as long.", times(fork)),
        (None, _) => ", and no ratio to it could be trusted in this run.".to_owned(),
    };
    Some(Plot {
        id: "creation",
        title: "What it costs to make one",
        says,
        source: "-p creation-cost -- table",
        form: Form::Bars { unit: "µs", marks },
    })
}

fn fork_against_memory(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "creation-cost";
    let all = facts.number(OF, "parent's memory")?;
    let shares = [
        ("nothing", 0.0),
        ("a 16th, touched", 1.0 / 16.0),
        ("a quarter, touched", 0.25),
        ("all of it, touched", 1.0),
    ];
    let points: Vec<(f64, f64)> = shares
        .iter()
        .filter_map(|(name, share)| Some((all * share, facts.samples(OF, name)?.median / 1e3)))
        .collect();
    let (first, last) = (points.first()?, points.last()?);
    let mut says = format!(
        "A fork took {} with nothing touched and {} with {} touched",
        quantity(first.1, "ms"),
        quantity(last.1, "ms"),
        quantity(last.0, "MiB")
    );
    if let Some(ratio) = facts.samples(OF, "all of it, touched / nothing") {
        says += &format!(", {} as long", times(ratio));
    }
    says += "; ";
    says += &match facts.samples(OF, "touched, in huge pages / nothing") {
        Some(huge) => {
            format!("with the same in huge pages it took {} as long as with none.", times(huge))
        }
        None => "with huge pages nothing could be measured here.".to_owned(),
    };
    let fork = Series::measured("ms, fork", Who::Process, points);
    Some(Plot {
        id: "fork-memory",
        title: "What a fork costs against the memory that its parent has touched",
        says,
        source: "-p creation-cost -- sweep",
        form: Form::Lines {
            x: Axis { name: "memory that the parent has touched, MiB".to_owned(), log: false },
            y: Axis { name: "CPU time of a fork, ms".to_owned(), log: false },
            series: vec![fork],
        },
    })
}

fn footprint(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "memory-footprint";
    let parts = ["user memory (PSS)", "page tables", "stack in the kernel", "other kernel objects"];
    let kinds = [
        ("thread", Who::Thread),
        ("forked process", Who::Process),
        ("executed process", Who::Process),
    ];
    let bars: Vec<(String, Who, Vec<f64>)> = kinds
        .iter()
        .filter_map(|(kind, who)| {
            let part =
                |part: &&str| Some(facts.samples(OF, &format!("{kind}: {part}"))?.median.max(0.0));
            Some(((*kind).to_owned(), *who, parts.iter().map(part).collect::<Option<Vec<_>>>()?))
        })
        .collect();
    let ratio = facts.samples(OF, "memory: forked process / thread")?;
    let largest = |kind: &str| {
        let values = &bars.iter().find(|(name, _, _)| name == kind)?.2;
        (0..parts.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).map(|index| parts[index])
    };
    let says = format!(
        "A forked process that sleeps took {} the memory of a thread; most of a thread's was {}, \
         most of the process's {}.",
        times(ratio),
        largest("thread")?,
        largest("forked process")?
    );
    Some(Plot {
        id: "footprint",
        title: "What one that sleeps keeps in memory",
        says,
        source: "-p memory-footprint -- idle",
        form: Form::Stacked {
            unit: "KiB",
            parts: vec!["user memory", "page tables", "kernel stack", "other"],
            bars,
        },
    })
}

fn round_trips(facts: Facts<'_>, mechanisms: &[(&str, &str)]) -> Vec<Mark> {
    let pair = |(name, label): &(&str, &str)| {
        [("thread", Who::Thread), ("process", Who::Process)].map(|(to, who)| {
            let name = format!("{name}: round trip to a {to}");
            facts.mark("ipc-cost", &name, &format!("{label}, to a {to}"), who)
        })
    };
    mechanisms.iter().flat_map(pair).flatten().collect()
}

fn latency_on_one_cpu(facts: Facts<'_>) -> Option<Plot> {
    let names = ["futex", "eventfd", "pipe", "message queue", "Unix socket", "TCP"];
    let marks = round_trips(facts, &names.map(|name| (name, name)));
    let least = marks.iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let most = marks.iter().max_by(|a, b| a.value.total_cmp(&b.value))?;
    let mut says = format!(
        "From {} ({}) to {} ({})",
        quantity(least.value, "µs"),
        least.label,
        quantity(most.value, "µs"),
        most.label
    );
    says += &match facts.samples("ipc-cost", "round trips, process to thread") {
        Some(ratio) => {
            let took = times(ratio);
            format!(
                "; to a process it took {took} as long as to a thread, by the mechanisms' median."
            )
        }
        None => ".".to_owned(),
    };
    Some(Plot {
        id: "latency",
        title: "A round trip, both parties on one CPU",
        says,
        source: "-p ipc-cost -- latency",
        form: Form::Bars { unit: "µs", marks },
    })
}

fn latency_across_cpus(facts: Facts<'_>) -> Option<Plot> {
    let marks = round_trips(facts, &[("spinning", "spinning"), ("pipe, two CPUs", "pipe")]);
    let of = |label: &str| marks.iter().find(|mark| mark.label == label).map(|mark| mark.value);
    let (spinning, pipe) = (of("spinning, to a process")?, of("pipe, to a process")?);
    let beside = facts.samples("ipc-cost", "pipe: round trip to a process")?;
    let says = format!(
        "A pipe to a process on another CPU took {}, beside {} on the same one: waking somebody up \
         there costs; two that spin took {}.",
        quantity(pipe, "µs"),
        quantity(beside.median, "µs"),
        quantity(spinning, "µs")
    );
    // Said only where it was so.
    let says = match pipe > beside.median {
        true => says,
        false => says.replace(": waking somebody up there costs", ""),
    };
    Some(Plot {
        id: "latency-across",
        title: "A round trip across two CPUs",
        says,
        source: "-p ipc-cost -- latency",
        form: Form::Bars { unit: "µs", marks },
    })
}

fn bandwidth(facts: Facts<'_>) -> Option<Plot> {
    let ways = [
        ("pointer", "pointer", Who::Thread),
        ("pipe", "pipe", Who::Process),
        ("Unix socket", "Unix socket", Who::Process),
        ("shared ring", "shared ring", Who::Process),
        ("process_vm_readv", "vm_readv", Who::Process),
        ("memcpy", "memcpy", Who::Other),
    ];
    let series: Vec<Series> = ways
        .iter()
        .filter_map(|(way, label, who)| {
            let start = format!("{way}: message of ");
            let point = |fact: &Fact| {
                let bytes: f64 =
                    fact.name.strip_prefix(&start)?.strip_suffix(" B")?.parse().ok()?;
                // Bytes in a microsecond are MB/s; the best, as bandwidth is told.
                Some((bytes, bytes / fact.samples?.min / 1e3))
            };
            let mut points: Vec<_> = facts.of("ipc-cost").filter_map(point).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            (points.len() > 1).then(|| Series::measured(label, *who, points))
        })
        .collect();
    let of = |way: &str| series.iter().find(|series| series.label == way);
    let last = |way: &str| Some((way.to_owned(), *of(way)?.points.last()?));
    let (_, (bytes, ring)) = last("shared ring")?;
    let kernel = ["pipe", "Unix socket"].into_iter().filter_map(last);
    let (kernel, (_, most)) = kernel.max_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
    let mut says = format!(
        "At {}, shared memory carried {} and the faster stream of the kernel, the {kernel}, {}",
        quantity(bytes / f64::from(1 << 20), "MiB"),
        quantity(ring, "GB/s"),
        quantity(most, "GB/s")
    );
    let rises = |series: &Series| series.points.windows(2).all(|pair| pair[0].1 < pair[1].1);
    says += match of("pointer").is_some_and(rises) {
        true => "; what is handed over as a pointer came the faster the larger it was.",
        false => ".",
    };
    Some(Plot {
        id: "bandwidth",
        title: "Bandwidth against the size of a message",
        says,
        source: "-p ipc-cost -- bandwidth",
        form: Form::Lines {
            x: Axis { name: "bytes of a message".to_owned(), log: true },
            y: Axis { name: "GB/s, the best batch".to_owned(), log: true },
            series,
        },
    })
}

fn working_set(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "context-switch";
    let kinds = [
        ("process", "process", Who::Process),
        ("thread", "thread", Who::Thread),
        ("thread, other pages", "own pages", Who::Thread),
    ];
    let series: Vec<Series> = kinds
        .iter()
        .map(|(kind, label, who)| {
            let end = format!(" pages: {kind}");
            let point = |fact: &Fact| {
                let pages: f64 = fact.name.strip_suffix(&end)?.parse().ok()?;
                Some((pages, fact.samples?.median))
            };
            let points = facts.of(OF).filter_map(point).collect();
            Series::measured(label, *who, points)
        })
        .collect();
    series.iter().all(|series| series.points.len() > 1).then_some(())?;
    let largest = facts.samples(OF, "largest working set: process / thread")?;
    let at = facts.number(OF, "working set: largest at")?;
    let says = format!(
        "A switch and the work on the same pages took at most {} as long with a process as with a \
         thread, at {} pages of 4 KiB.",
        times(largest),
        written(at)
    );
    Some(Plot {
        id: "working-set",
        title: "A switch against the memory that is used between two",
        says,
        source: "-p context-switch -- working-set",
        form: Form::Lines {
            x: Axis { name: "pages that each turn writes to".to_owned(), log: true },
            y: Axis { name: "CPU time of a round trip, µs".to_owned(), log: true },
            series,
        },
    })
}

fn pool(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "thread-pool";
    let tasks = ["empty", "10 µs", "100 µs", "1 ms"];
    let mark = |task: &&str| {
        let name = format!("{task} task: a thread each / pool");
        facts.mark(OF, &name, &format!("{task} task"), Who::Thread)
    };
    let marks: Vec<Mark> = tasks.iter().filter_map(mark).collect();
    let (first, last) = (marks.first()?, marks.last().filter(|_| marks.len() > 1)?);
    let says = format!(
        "A thread for each {} took {} times as long as a task to a pool, for each {} {} times.",
        first.label,
        written(first.value),
        last.label,
        written(last.value)
    );
    Some(Plot {
        id: "pool",
        title: "A thread for each task, against a pool",
        says,
        source: "-p thread-pool -- cost",
        form: Form::Intervals { unit: "", about: Some(1.0), marks },
    })
}

fn scaling(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "parallelism";
    let serial = facts.number(OF, "scaling: serial part")?;
    let part = format!("{} % serial", written(serial));
    let arms = [
        ("threads", "threads", Who::Thread),
        ("processes", "processes", Who::Process),
        ("threads, part serial", &part, Who::Thread),
    ];
    let mut series: Vec<Series> = arms
        .iter()
        .map(|(arm, label, who)| {
            let end = format!(" {arm}: speed-up");
            let point = |fact: &Fact| {
                let name = fact.name.strip_prefix("scaling: ")?.strip_suffix(&end)?;
                Some((name.parse().ok()?, fact.samples?.median))
            };
            let points = facts.of(OF).filter_map(point);
            Series::measured(label, *who, [(1.0, 1.0)].into_iter().chain(points).collect())
        })
        .collect();
    let last =
        |series: &Series| series.points.last().copied().filter(|(workers, _)| *workers > 1.0);
    let [threads, processes, partly] = [0, 1, 2].map(|arm| last(&series[arm]));
    let ((workers, threads), (_, processes), (_, partly)) = (threads?, processes?, partly?);
    let fitted = facts.number(OF, "scaling: serial part that fits")?;
    let amdahl = |workers: f64| 100.0 / (fitted + (100.0 - fitted) / workers);
    let far = (2.0 * workers).max(8.0);
    let curve = (1..=far as u32).map(f64::from).map(|workers| (workers, amdahl(workers))).collect();
    let fitting = format!("{fitted:.0} %");
    series.push(Series::computed("Amdahl", Who::Other, curve));
    let bound = match fitted > 0.0 {
        true => format!("could never be more than {:.1} times as fast", 100.0 / fitted),
        false => "would be as many times as fast as there are workers".to_owned(),
    };
    let says = format!(
        "{workers} threads were {} times as fast as one, {workers} processes {}; with {} % of the work \
         for one alone {workers} threads were {}, and by Amdahl's curve that fits best, with \
         {fitting}, any number {bound}.",
        written(threads),
        written(processes),
        written(serial),
        written(partly)
    );
    Some(Plot {
        id: "scaling",
        title: "How much faster with more workers",
        says,
        source: "-p parallelism -- scaling",
        form: Form::Lines {
            x: Axis { name: "workers, each on a CPU of its own".to_owned(), log: false },
            y: Axis { name: "times as fast as one thread".to_owned(), log: false },
            series,
        },
    })
}

fn granularity(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "parallelism";
    let ways =
        [("thread per task", "thread each"), ("pool", "pool"), ("work stealing", "stealing")];
    let mut series: Vec<Series> = ways
        .iter()
        .map(|(way, label)| {
            let end = format!(" µs, {way}: speed-up");
            let point = |fact: &Fact| {
                let length = fact.name.strip_prefix("granularity: ")?.strip_suffix(&end)?;
                Some((length.parse().ok()?, fact.samples?.median))
            };
            Series::measured(label, Who::Thread, facts.of(OF).filter_map(point).collect())
        })
        .filter(|series| series.points.len() > 1)
        .collect();
    series.first()?;
    let ends = [f64::min, f64::max].map(|of| {
        let lengths = series.iter().flat_map(|series| &series.points).map(|(length, _)| *length);
        lengths.reduce(of)
    });
    let [shortest, longest] = ends;
    let (shortest, longest) = (shortest?, longest?);
    series.push(Series::computed("one thread", Who::Other, vec![(shortest, 1.0), (longest, 1.0)]));
    let pays = |(way, name): (&str, &str)| {
        let from = facts.number(OF, &format!("granularity: {way} pays from"))?;
        Some(match from {
            from if from > longest => format!("{name} at no length that was tried"),
            from if from <= shortest => {
                format!("{name} even for the shortest, {}", quantity(shortest, "µs"))
            }
            from => format!("{name} from {}", quantity(from, "µs")),
        })
    };
    let names = ["a thread for each task", "a pool", "work stealing"];
    let ways = ways.iter().zip(names).filter_map(|((way, _), name)| pays((way, name)));
    let said = ways.collect::<Vec<_>>().join(", ");
    let says = match said.is_empty() {
        true => "From where on it pays could not be said here.".to_owned(),
        false => format!("To give tasks away paid, by a tenth or more: {said}."),
    };
    Some(Plot {
        id: "granularity",
        title: "How short a task is still worth giving away",
        says,
        source: "-p parallelism -- granularity",
        form: Form::Lines {
            x: Axis { name: "what a task computes, µs".to_owned(), log: true },
            y: Axis { name: "times as fast as one thread".to_owned(), log: true },
            series,
        },
    })
}

fn waiting(facts: Facts<'_>) -> Option<Plot> {
    let arms = [
        ("one loop: 99th percentile", "a key, one loop", Who::Other),
        ("three threads: 99th percentile", "a key, three threads", Who::Thread),
        ("one thread: 99th percentile of a frame", "a frame, one thread", Who::Other),
        ("threads: 99th percentile of a frame", "a frame, threads", Who::Thread),
    ];
    let mark =
        |(name, label, who): &(&str, &str, Who)| facts.mark("responsiveness", name, label, *who);
    let marks: Vec<Mark> = arms.iter().filter_map(mark).collect();
    let said = [
        ("word-processor: p99, one loop / three threads", "a key", "one loop"),
        ("browser: p99 of a frame, one thread / threads", "a frame", "one thread"),
    ]
    .into_iter()
    .filter_map(|(name, what, arm)| {
        let ratio = facts.samples("responsiveness", name)?;
        Some(format!("{what} waited {} as long in {arm} as beside threads", times(ratio)))
    });
    let said = said.collect::<Vec<_>>().join("; ");
    (!said.is_empty()).then_some(())?;
    Some(Plot {
        id: "waiting",
        title: "What somebody at the keyboard waits for",
        says: format!("At the 99th percentile {said}."),
        source: "-p responsiveness",
        form: Form::Intervals { unit: "ms", about: None, marks },
    })
}

fn servers(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "server-models";
    let models = [
        ("iterative", Who::Other),
        ("thread per connection", Who::Thread),
        ("pool", Who::Thread),
        ("prefork", Who::Process),
        ("epoll", Who::Other),
        ("async", Who::Other),
    ];
    let mark =
        |(name, who): &(&str, Who)| facts.mark(OF, &format!("{name}: 99th percentile"), name, *who);
    let marks: Vec<Mark> = models.iter().filter_map(mark).collect();
    let clients = models
        .iter()
        .find_map(|(name, _)| facts.number(OF, &format!("{name}: clients at once")))?;
    let least = marks.iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let most = marks.iter().max_by(|a, b| a.value.total_cmp(&b.value))?;
    let says = format!(
        "Of {} clients at once 99 in 100 had their answer within {} from {}, and within {} from {}.",
        written(clients),
        quantity(least.value, "ms"),
        least.label,
        quantity(most.value, "ms"),
        most.label
    );
    (marks.len() > 1).then_some(Plot {
        id: "servers",
        title: "What a client of a busy server waits for",
        says,
        source: "-p server-models",
        form: Form::Intervals { unit: "ms", about: None, marks },
    })
}

fn crashes(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "crash-isolation";
    let others = facts.number(OF, "thread: others")?;
    let siblings = facts.number(OF, "process: siblings")?;
    let fewest = facts.number(OF, "process: fewest survivors")?;
    let mut rows: Vec<Row> = Vec::new();
    let live = |survivors: f64, of: f64| {
        let tone = if survivors == of { Tone::Good } else { Tone::Bad };
        (format!("{} of {}", written(survivors), written(of)), tone)
    };
    for fact in facts.of(OF).filter(|fact| fact.name.ends_with(": status")) {
        let Some((whose, fault)) = fact.name.trim_end_matches(": status").split_once(": ") else {
            continue;
        };
        let (column, cell) = match whose {
            // Each process's fault leaves at least the fewest.
            "process" => (0, live(fewest, siblings)),
            "thread" => {
                (1, live(facts.number(OF, &format!("thread: {fault}: survivors"))?, others))
            }
            _ => continue,
        };
        let index = rows.iter().position(|(name, _)| name == fault).unwrap_or_else(|| {
            rows.push((fault.to_owned(), vec![("not tried".to_owned(), Tone::Plain); 2]));
            rows.len() - 1
        });
        rows[index].1[column] = cell;
    }
    let ends_all = facts.number(OF, "thread: faults that end all")?;
    let tried = facts.number(OF, "thread: faults")?;
    let survivors = match fewest == siblings {
        true => format!("All {} other processes lived on", written(siblings)),
        false => format!(
            "As few as {} of {} other processes lived on",
            written(fewest),
            written(siblings)
        ),
    };
    let says = format!(
        "{survivors} when one failed; {} of {} ways to fail in one thread ended all threads.",
        written(ends_all),
        written(tried)
    );
    Some(Plot {
        id: "crashes",
        title: "Who lives on when one fails",
        says,
        source: "-p crash-isolation",
        form: Form::Grid {
            columns: vec!["other processes".to_owned(), "other threads".to_owned()],
            rows,
        },
    })
}

fn sharing(facts: Facts<'_>) -> Option<Plot> {
    let sets = [
        ("no flag", "none"),
        ("FILES", "files"),
        ("FS", "fs"),
        ("VM", "vm"),
        ("VM SIGHAND", "sighand"),
        ("all, THREAD", "thread"),
    ];
    let things = [
        "memory",
        "descriptors",
        "directory",
        "umask",
        "signal actions",
        "limits",
        "offset",
        "process id",
    ];
    let shared = |set: &str, thing: &str| match &facts
        .fact("clone-flags", &format!("{set}: {thing}"))?
        .value
    {
        Value::Text(whose) => Some(whose == "both"),
        _ => None,
    };
    let cell = |set: &str, thing: &str| {
        let both = shared(set, thing)?;
        let who = if both { Who::Thread } else { Who::Process };
        Some((if both { "both" } else { "own" }.to_owned(), Tone::Of(who)))
    };
    let row = |thing: &&str| {
        let cells = sets.iter().map(|(set, _)| cell(set, thing)).collect::<Option<Vec<_>>>()?;
        Some(((*thing).to_owned(), cells))
    };
    let rows = things.iter().map(row).collect::<Option<Vec<_>>>()?;
    let count = |set: &str| things.iter().filter(|thing| shared(set, thing) == Some(true)).count();
    let says = format!(
        "Without a flag, as for a process, {} of {} things were shared; with all flags of a thread \
         {}.",
        count("no flag"),
        things.len(),
        count("all, THREAD")
    );
    Some(Plot {
        id: "sharing",
        title: "What clone's flags share: from process to thread",
        says,
        source: "-p clone-flags",
        form: Form::Grid { columns: sets.map(|(_, label)| label.to_owned()).to_vec(), rows },
    })
}

fn map(facts: Facts<'_>) -> Option<Plot> {
    const OF: &str = "choosing";
    let Value::Text(lengths) = &facts.fact(OF, "map: task lengths")?.value else { return None };
    let length = |length: &str| match length.replace(',', "").parse::<f64>() {
        Ok(length) if length >= 1000.0 => quantity(length / 1000.0, "ms"),
        _ => format!("{length} µs"),
    };
    let columns: Vec<String> = lengths.split(' ').map(length).collect();
    let cell = |winner: char| {
        let (name, who) = match winner {
            't' => ("thread", Who::Thread),
            'T' => ("t-pool", Who::Thread),
            'p' => ("process", Who::Process),
            _ => ("p-pool", Who::Process),
        };
        (name.to_owned(), Tone::Of(who))
    };
    // By the size of messages, and below each by how often a task crashes.
    let mut blocks: Vec<(&str, Vec<Row>)> = Vec::new();
    for fact in facts.of(OF) {
        let place = fact.name.strip_prefix("map: ").and_then(|name| name.split_once(", "));
        let (Some((rate, size)), Value::Text(winners)) = (place, &fact.value) else { continue };
        let row = (rate.replace("1/", "1 in "), winners.chars().map(cell).collect());
        match blocks.iter_mut().find(|(of, _)| *of == size) {
            Some((_, rows)) => rows.push(row),
            None => blocks.push((size, vec![row])),
        }
    }
    let cells = || blocks.iter().flat_map(|(_, rows)| rows).flat_map(|(_, cells)| cells);
    let of = |who| cells().filter(|(_, tone)| *tone == Tone::Of(who)).count();
    let count = |name: &str| Some(Value::Number(facts.number(OF, &format!("map: {name}"))?));
    let says = format!(
        "Of {} places threads win {} and processes {}; the winner changes {} times along the crash \
         rate, {} along the message's size and {} along the task's length, and in {} places it is the \
         simplest and not the cheapest. A t-pool is of threads, a p-pool of processes.",
        cells().count(),
        of(Who::Thread),
        of(Who::Process),
        count("changes along the crash rate")?,
        count("changes along the message size")?,
        count("changes along the task length")?,
        count("simplicity decides")?
    );
    let heading = |size: &str| (size.to_owned(), Vec::new());
    let rows: Vec<_> = blocks
        .iter()
        .flat_map(|(size, rows)| [heading(size)].into_iter().chain(rows.iter().cloned()))
        .collect();
    (!rows.is_empty()).then_some(Plot {
        id: "map",
        title: "Who wins: by crash rate, message and task",
        says,
        source: "-p choosing -- map",
        form: Form::Grid { columns, rows },
    })
}

fn ratios(facts: Facts<'_>) -> Option<Plot> {
    let pairs = [
        ("creation-cost", "fork / thread", "making: fork / thread"),
        ("creation-cost", "vfork-style clone / thread", "making: vfork-style / thread"),
        ("memory-footprint", "memory: forked process / thread", "memory: forked process / thread"),
        ("ipc-cost", "pipe: process / thread", "pipe, round trip: process / thread"),
        ("ipc-cost", "Unix socket: process / thread", "Unix socket: process / thread"),
        ("ipc-cost", "TCP: process / thread", "TCP: process / thread"),
        ("ipc-cost", "eventfd: process / thread", "eventfd: process / thread"),
        ("ipc-cost", "futex: process / thread", "futex: process / thread"),
        ("ipc-cost", "message queue: process / thread", "message queue: process / thread"),
        ("ipc-cost", "pipe, two CPUs: process / thread", "pipe across CPUs: process / thread"),
        ("ipc-cost", "through the kernel / as a pointer", "16 MiB: by the kernel / a pointer"),
        ("parallelism", "scaling: processes / threads", "work on all CPUs: processes / threads"),
        ("choosing", "a process each / a thread each", "24 jobs: process each / thread each"),
        ("choosing", "a process pool / a thread pool", "24 jobs: process pool / thread pool"),
    ];
    let marks: Vec<Mark> = pairs
        .iter()
        // A ratio belongs to neither.
        .filter_map(|(package, name, label)| facts.mark(package, name, label, Who::Other))
        .collect();
    let says = in_sight(&marks)?;
    Some(Plot {
        id: "ratios",
        title: "Process to thread, all ratios",
        says,
        source: "-- --json",
        form: Form::Intervals { unit: "", about: Some(1.0), marks },
    })
}

/// How many of the ratios lie above 1, below it, and on it.
pub fn in_sight(marks: &[Mark]) -> Option<String> {
    let ends = || marks.iter().filter_map(|mark| mark.spread);
    let above = ends().filter(|(low, _)| *low > 1.0).count();
    let below = ends().filter(|(_, high)| *high < 1.0).count();
    let most = marks.iter().max_by(|a, b| a.value.total_cmp(&b.value))?;
    Some(format!(
        "Of {} ratios {above} lie above 1.0 with nine tenths of their samples, {below} below it; the \
         greatest is {}, {} times.",
        marks.len(),
        most.label,
        written(most.value)
    ))
}

#[cfg(test)]
mod tests;
