//! The server-models package as a user runs it.

acceptance::tests!("server-models");

#[test]
fn who_has_a_worker_for_each_client_serves_all_at_a_time() {
    for (experiment, name, served) in [
        ("iterative", "iterative", 1),
        ("thread-per-connection", "thread per connection", 200),
        ("pool", "pool", 20),
        ("prefork", "prefork", 16),
        ("epoll", "epoll", 200),
        ("async", "async", 200),
    ] {
        let fact = |name: &str| PROGRAM.fact(experiment, name);
        assert_eq!(fact(&format!("{name}: served at a time")), served, "{name}");
    }
}

#[test]
fn only_processes_keep_a_wild_write_to_one_client() {
    for (experiment, name, lost) in [
        ("thread-per-connection", "thread per connection", 8),
        ("prefork", "prefork", 0),
        ("async", "async", 8),
    ] {
        let fact = |name: &str| PROGRAM.fact(experiment, name);
        assert_eq!(fact(&format!("{name}: others lost by a segfault")), lost, "{name}");
        assert_eq!(fact(&format!("{name}: others lost by a panic")), 0, "{name}");
    }
}

#[test]
fn a_panic_costs_a_pool_a_worker_and_processes_none() {
    assert_eq!(PROGRAM.fact("pool", "pool: workers after a panic"), 19);
    assert_eq!(PROGRAM.fact("prefork", "prefork: workers after a panic"), 16);
}
