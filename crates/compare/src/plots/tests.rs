use lab::Summary;

use super::*;

fn samples(median: f64) -> Summary {
    Summary { n: 9, min: median * 0.8, p10: median * 0.9, median, p90: median * 1.1 }
}

fn found(package: &'static str, evidence: Evidence) -> Found {
    Found { package, experiment: "made-up", evidence: Ok(evidence), seconds: 0.0 }
}

fn creation_costs(ratio: f64) -> Found {
    let evidence = Evidence::new()
        .sampled("thread", samples(20.0), "µs")
        .sampled("fork", samples(20.0 * ratio), "µs")
        .sampled("fork / thread", samples(ratio), "");
    found("creation-cost", evidence)
}

#[test]
fn a_plot_is_absent_where_its_facts_are() {
    for plot in PLOTS {
        assert!(plot(Facts(&[])).is_none());
    }
    let all = [creation_costs(5.0)];
    let drawn: Vec<&str> = PLOTS.iter().filter_map(|plot| Some(plot(Facts(&all))?.id)).collect();
    assert_eq!(drawn, ["creation", "ratios"]);
}

#[test]
fn what_a_plot_says_follows_the_facts() {
    let says = |ratio| creation(Facts(&[creation_costs(ratio)])).unwrap().says;
    assert!(says(7.0).contains("a fork took 7 times (6.3 to 7.7) as long"), "{}", says(7.0));
    assert_ne!(says(7.0), says(0.5));
    let one = |ratio| ratios(Facts(&[creation_costs(ratio)])).unwrap().says;
    assert!(one(7.0).starts_with("Of 1 ratios 1 lie above 1.0"), "{}", one(7.0));
    assert!(one(0.5).contains(" 0 lie above 1.0 with nine tenths of their samples, 1 below"));
}

#[test]
fn a_sentence_writes_a_figure_as_the_picture_does() {
    for median in [0.0364, 0.5, 7.0, 24.66, 1800.0, 24_690.0] {
        let evidence = Evidence::new()
            .sampled("pipe, two CPUs: round trip to a process", samples(2.0 * median), "µs")
            .sampled("spinning: round trip to a process", samples(median), "µs")
            .sampled("pipe: round trip to a process", samples(1.5 * median), "µs");
        let plot = latency_across_cpus(Facts(&[found("ipc-cost", evidence)])).unwrap();
        let words = plot.words();
        let shown = words.split("spinning, to a process: ").nth(1).unwrap();
        let shown = shown.split(" (").next().unwrap();
        assert!(
            plot.says.ends_with(&format!("two that spin took {shown}.")),
            "{}: {words}",
            plot.says
        );
    }
}

#[test]
fn a_matrix_shows_who_lived_on() {
    let evidence = Evidence::new()
        .fact("process: siblings", 7)
        .fact("process: fewest survivors", 7)
        .fact("process: abort: status", "was ended by SIGABRT")
        .fact("thread: others", 7)
        .fact("thread: faults", 2)
        .fact("thread: faults that end all", 1)
        .fact("thread: abort: status", "was ended by SIGABRT")
        .fact("thread: abort: survivors", 0)
        .fact("thread: panic: status", "exited with 0")
        .fact("thread: panic: survivors", 7);
    let plot = crashes(Facts(&[found("crash-isolation", evidence)])).unwrap();
    let words = plot.words();
    assert!(words.contains("abort: other processes 7 of 7, other threads 0 of 7"), "{words}");
    assert!(words.contains("panic: other processes not tried, other threads 7 of 7"), "{words}");
    assert!(plot.says.contains("1 of 2 ways"), "{}", plot.says);
}

#[test]
fn bandwidth_is_bytes_by_time_and_sorted_by_size() {
    let mut evidence = Evidence::new();
    for way in ["pipe", "shared ring"] {
        // Out of order, and 1 KiB in 0.8 µs at best.
        evidence = evidence.sampled(&format!("{way}: message of 1048576 B"), samples(1000.0), "µs");
        evidence = evidence.sampled(&format!("{way}: message of 1024 B"), samples(1.0), "µs");
    }
    let plot = bandwidth(Facts(&[found("ipc-cost", evidence)])).unwrap();
    let words = plot.words();
    assert!(words.contains("pipe: 1.28 at 1024, 1.31 at 1.05 M"), "{words}");
    assert!(plot.says.contains("At 1 MiB"), "{}", plot.says);
}

#[test]
fn the_curve_that_fits_is_drawn_beyond_what_was_measured() {
    let with = |fitted: f64, processes: f64| {
        let speed = |evidence: Evidence, workers: u32, arm: &str, times: f64| {
            evidence.sampled(&format!("scaling: {workers} {arm}: speed-up"), samples(times), "")
        };
        let mut evidence = Evidence::new();
        for (workers, times) in [(2, 1.9), (4, 3.7)] {
            evidence = speed(evidence, workers, "threads", times);
            evidence = speed(evidence, workers, "processes", times * processes);
            evidence = speed(evidence, workers, "threads, part serial", times * 0.8);
        }
        let evidence = evidence.measured("scaling: serial part", 20, "%").measured(
            "scaling: serial part that fits",
            fitted,
            "%",
        );
        scaling(Facts(&[found("parallelism", evidence)])).unwrap()
    };
    let plot = with(25.0, 1.0);
    let words = plot.words();
    assert!(words.contains("threads: 1 at 1, 1.9 at 2, 3.7 at 4"), "{words}");
    // 1 / (0.25 + 0.75 / 8) = 2.91.
    assert!(words.contains("Amdahl: 1 at 1, 1.6 at 2") && words.contains("2.91 at 8"));
    assert!(plot.says.contains("never be more than 4.0 times"), "{}", plot.says);
    assert!(plot.says.starts_with("4 threads were 3.7 times as fast as one, 4 processes 3.7"));
    assert!(with(25.0, 0.5).says.contains("4 processes 1.85;"));
    assert!(with(0.0, 1.0).says.contains("as many times as fast as there are workers"));
}

#[test]
fn where_giving_away_pays_is_told_by_each_way() {
    let with = |each: f64| {
        let mut evidence = Evidence::new();
        for length in [1, 10, 100] {
            for way in ["thread per task", "pool"] {
                let name = format!("granularity: {length} µs, {way}: speed-up");
                evidence = evidence.sampled(&name, samples(f64::from(length) / 20.0), "");
            }
        }
        let evidence = evidence
            .measured("granularity: thread per task pays from", each, "µs")
            .measured("granularity: pool pays from", 1, "µs");
        granularity(Facts(&[found("parallelism", evidence)])).unwrap()
    };
    let says = with(100.0).says;
    assert!(says.contains("a thread for each task from 100 µs, a pool even for the"), "{says}");
    assert!(with(1000.0).says.contains("a thread for each task at no length that was tried"));
    assert!(with(10.0).words().contains("one thread: 1 at 1, 1 at 100"), "the line at 1");
}

#[test]
fn who_waits_longest_is_named() {
    let mut evidence = Evidence::new();
    for (name, ms) in [("iterative", 400.0), ("prefork", 20.0), ("epoll", 7.0)] {
        evidence = evidence.fact(&format!("{name}: clients at once"), 200).sampled(
            &format!("{name}: 99th percentile"),
            samples(ms),
            "ms",
        );
    }
    let says = servers(Facts(&[found("server-models", evidence)])).unwrap().says;
    assert!(says.starts_with("Of 200 clients at once 99 in 100"), "{says}");
    assert!(says.ends_with("within 7 ms from epoll, and within 400 ms from iterative."), "{says}");

    let evidence = Evidence::new()
        .sampled("word-processor: p99, one loop / three threads", samples(51.5), "")
        .sampled("one loop: 99th percentile", samples(25.0), "ms")
        .sampled("three threads: 99th percentile", samples(0.5), "ms");
    let plot = waiting(Facts(&[found("responsiveness", evidence)])).unwrap();
    assert!(plot.says.contains("a key waited 51.5 times (46.4 to 56.7) as long"), "{}", plot.says);
    assert!(!plot.says.contains("frame"), "{}", plot.says);
}

#[test]
fn the_map_is_drawn_by_the_size_of_messages() {
    let mut evidence = Evidence::new().measured("map: task lengths", "10 1,000", "µs");
    for (rate, winners) in [("no crash", "Tt"), ("1/100", "Pp")] {
        for size in ["64 B", "1 MiB"] {
            let name = format!("map: {rate}, messages of {size}");
            evidence = evidence.measured(&name, winners, "by length");
        }
    }
    for (name, count) in [
        ("changes along the crash rate", 4),
        ("changes along the message size", 0),
        ("changes along the task length", 4),
        ("simplicity decides", 1),
    ] {
        evidence = evidence.measured(&format!("map: {name}"), count, "changes");
    }
    let plot = map(Facts(&[found("choosing", evidence)])).unwrap();
    let words = plot.words();
    let block = "no crash: 10 µs t-pool, 1 ms thread; 1 in 100: 10 µs p-pool, 1 ms process";
    assert!(words.contains(&format!("messages of 64 B; {block}; messages of 1 MiB; {block}")));
    assert!(plot.says.starts_with("Of 8 places threads win 4 and processes 4;"), "{}", plot.says);
}
