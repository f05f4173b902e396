//! The mutexes package as a user runs it.

acceptance::tests!("mutexes");

#[test]
fn the_count_is_exact_and_the_waiter_sleeps() {
    assert_eq!(PROGRAM.fact("guard", "count under the mutex"), 100_000);
    assert_eq!(PROGRAM.fact("guard", "a waiter sleeps in futex"), true);
    assert_eq!(PROGRAM.fact("guard", "an early return unlocks"), true);
}

#[test]
fn who_asks_is_kept_out_and_who_does_not_is_not() {
    assert_eq!(PROGRAM.fact("guard", "one who asks comes in"), false);
    assert_eq!(PROGRAM.fact("guard", "one who does not ask comes in"), true);
}

#[test]
fn only_the_two_state_lock_calls_the_kernel_when_it_is_free() {
    for (lock, calls) in [("spin", false), ("two-state", true), ("three-state", false)] {
        let name = format!("a free {lock} lock calls the kernel");
        match PROGRAM.facts("futex").iter().find(|fact| fact["name"] == name.as_str()) {
            Some(fact) => assert_eq!(fact["value"], calls, "{lock}"),
            // In a container the mode of seccomp may be fixed already.
            None => {
                let whole = PROGRAM.whole();
                assert!(whole.to_string().contains("seccomp"), "{whole:#}");
            }
        }
    }
}

/// A filter that permits everything, as a container's permits almost everything. With it the mode
/// of seccomp cannot be changed any more.
#[test]
fn under_a_seccomp_filter_the_verdict_is_the_same() {
    use std::os::unix::process::CommandExt;
    let permit = |_: ()| {
        let allow = libc::sock_filter {
            code: (libc::BPF_RET | libc::BPF_K) as u16,
            jt: 0,
            jf: 0,
            k: libc::SECCOMP_RET_ALLOW,
        };
        let program = libc::sock_fprog { len: 1, filter: (&raw const allow).cast_mut() };
        // SAFETY: both calls take integers and a program that lives until they return.
        let outcome = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    let mut command = PROGRAM.command(&["guard", "futex", "--json"]);
    // SAFETY: prctl(2) is a plain system call, and nothing is allocated before exec.
    let ended = unsafe { command.pre_exec(move || permit(())) }.output().expect("run it");
    let said = String::from_utf8_lossy(&ended.stdout);
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(said.contains("seccomp filter is in force"), "{said}");
    let verdict = &json["claims"][0]["verdict"];
    assert!(verdict == "holds, with a caveat" || verdict == "inconclusive here", "{said}");
}

#[test]
fn poison_is_noticed_by_std_alone() {
    assert_eq!(PROGRAM.fact("poison", "std's answer after a panic"), "PoisonError");
    assert_eq!(PROGRAM.fact("poison", "std's answer after the repair"), "Ok");
    assert_eq!(PROGRAM.fact("poison", "sum that parking_lot hands out"), 50);
}

#[test]
fn each_deadlock_of_one_thread_has_a_cure() {
    for way in
        ["a guard lives through a match", "a lock is taken twice", "a second read behind a writer"]
    {
        let stuck = PROGRAM.fact("self-deadlock", &format!("{way}: sleeps for ever"));
        let cured = PROGRAM.fact("self-deadlock", &format!("{way}, cured: sleeps for ever"));
        assert_eq!((stuck, cured), (true.into(), false.into()), "{way}");
    }
}

#[test]
fn readers_are_inside_together_and_a_writer_is_not() {
    assert_eq!(PROGRAM.fact("readers-writer", "a writer is refused among readers"), true);
}

#[test]
fn nobody_overtakes_a_sleeper_whom_the_lock_is_handed_to() {
    assert_eq!(PROGRAM.fact("fairness", "sleeper overtaken, unlock_fair"), 0);
}

#[test]
fn inheritance_shortens_the_urgent_threads_wait_where_it_can_be_seen() {
    let facts = PROGRAM.facts("priority-inversion");
    if let [plain, inheriting] = facts {
        let ms = |fact: &serde_json::Value| fact["value"].as_f64().expect("a number");
        // Plain, the wait includes all that the busy thread computes; see COMPUTES.
        assert!(ms(plain) > 2.0 * ms(inheriting), "{facts:#?}");
    } else {
        assert!(facts.is_empty(), "{facts:#?}");
    }
}
