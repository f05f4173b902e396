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
    assert!(says(7.0).contains("a fork took 7 times (6.30 to 7.70) as long"), "{}", says(7.0));
    assert_ne!(says(7.0), says(0.5));
    let one = |ratio| ratios(Facts(&[creation_costs(ratio)])).unwrap().says;
    assert!(one(7.0).starts_with("Of 1 ratios 1 lie above 1.0"), "{}", one(7.0));
    assert!(one(0.5).contains(" 0 lie above 1.0 with nine tenths of their samples, 1 below"));
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
