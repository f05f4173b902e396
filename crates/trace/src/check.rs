//! The rules of the Trace Event Format that viewers rely on, and those of this project's traces.

use std::collections::{HashMap, HashSet};

use crate::{Event, LIFE, TOOK};

/// Which rules a trace breaks, a sentence each.
///
/// Of the format (Trace Event Format, "Event Descriptions"): a `B` and an `E` of one thread pair up
/// and nest, in the order of time; a whole slice takes no negative time; an arrow has a start and a
/// finish with the same id; a counter shows one number. Of this project's traces: every process and
/// thread has a name and a place in the order; slices that end have the name of those that began;
/// arrows do not lead back in time; nothing happens in a process after its end.
pub fn violations(events: &[Event]) -> Vec<String> {
    let mut broken = Vec::new();
    names(events, &mut broken);
    slices(events, &mut broken);
    arrows(events, &mut broken);
    lives(events, &mut broken);
    broken
}

/// All but metadata, of which time means nothing.
fn happened(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.phase != 'M')
}

fn names(events: &[Event], broken: &mut Vec<String>) {
    let named = |what: &str| -> Vec<(i64, i64)> {
        let metadata = events.iter().filter(|event| event.phase == 'M' && event.name == what);
        metadata.map(|event| (event.pid, event.tid)).collect()
    };
    let mut needed: HashMap<&str, HashSet<(i64, i64)>> = HashMap::new();
    for event in happened(events) {
        for what in ["thread_name", "thread_sort_index"] {
            needed.entry(what).or_default().insert((event.pid, event.tid));
        }
        for what in ["process_name", "process_sort_index"] {
            needed.entry(what).or_default().insert((event.pid, 0));
        }
    }
    for (what, lanes) in needed {
        let given = named(what);
        for (pid, tid) in lanes {
            let fits = |lane: &&(i64, i64)| lane.0 == pid && (tid == 0 || lane.1 == tid);
            match given.iter().filter(fits).count() {
                1 => {}
                count => broken.push(format!("{count} times {what} of {pid}/{tid}")),
            }
        }
    }
}

fn slices(events: &[Event], broken: &mut Vec<String>) {
    let mut lanes: HashMap<(i64, i64), (u64, Vec<&Event>)> = HashMap::new();
    for event in happened(events) {
        let (last, open) = lanes.entry((event.pid, event.tid)).or_default();
        let place = format!("{}/{} at {}", event.pid, event.tid, event.at);
        if event.at < *last {
            broken.push(format!("{place}: `{}` is told after what happened later", event.name));
        }
        *last = event.at;
        match event.phase {
            'B' => open.push(event),
            'E' => match open.pop() {
                Some(begun) if begun.name == event.name => {}
                Some(begun) => {
                    broken.push(format!("{place}: `{}` ends, not `{}`", event.name, begun.name));
                }
                None => broken.push(format!("{place}: `{}` ends, but has not begun", event.name)),
            },
            'X' if event.number(TOOK).is_none_or(|took| took < 0) => {
                broken.push(format!("{place}: `{}` takes no time that can be", event.name));
            }
            'C' if event.shown().is_none() => {
                broken.push(format!("{place}: the counter `{}` shows no number", event.name));
            }
            'C' | 'X' | 'i' | 's' | 'f' => {}
            other => broken.push(format!("{place}: the phase `{other}` is unknown")),
        }
    }
    for ((pid, tid), (_, open)) in lanes {
        broken.extend(open.iter().map(|event| format!("{pid}/{tid}: `{}` never ends", event.name)));
    }
}

fn arrows(events: &[Event], broken: &mut Vec<String>) {
    let mut ends: HashMap<String, [Vec<&Event>; 2]> = HashMap::new();
    for event in happened(events).filter(|event| matches!(event.phase, 's' | 'f')) {
        let id = event.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let side = usize::from(event.phase == 'f');
        ends.entry(format!("{}, {id}", event.category)).or_default()[side].push(event);
    }
    for (id, [starts, finishes]) in ends {
        match (&starts[..], &finishes[..]) {
            ([start], [finish]) => {
                if start.at > finish.at {
                    broken.push(format!("arrow {id}: `{}` leads back in time", start.name));
                }
                if start.name != finish.name {
                    broken.push(format!("arrow {id}: `{}` becomes `{}`", start.name, finish.name));
                }
            }
            _ => broken.push(format!(
                "arrow {id} has {} starts and {} finishes",
                starts.len(),
                finishes.len()
            )),
        }
    }
}

fn lives(events: &[Event], broken: &mut Vec<String>) {
    let mut ended: HashMap<i64, u64> = HashMap::new();
    let whole = |event: &&Event| event.category == LIFE && event.name.starts_with("process");
    for event in events.iter().filter(whole).filter(|event| event.phase == 'E') {
        ended.insert(event.pid, event.at);
    }
    for event in happened(events) {
        if ended.get(&event.pid).is_some_and(|end| event.at > *end) {
            broken.push(format!("`{}` happens after the end of {}", event.name, event.pid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{complete, json, read};

    const NOTED: &str = r#"[
{"ph":"M","name":"package","ts":1,"pid":1,"tid":1,"args":{"name":"fork"}},
{"ph":"B","ts":2,"pid":1,"tid":1,"cat":"experiment","name":"kills"},
{"ph":"i","ts":3,"pid":2,"tid":2,"cat":"parent","name":"forks"},
{"ph":"M","name":"born","ts":5,"pid":3,"tid":3,"args":{"how":"fork","by_pid":2,"by_tid":2,"at":4}},
{"ph":"B","ts":6,"pid":3,"tid":3,"cat":"child","name":"computes"},
{"ph":"B","ts":6.5,"pid":3,"tid":3,"cat":"model","name":"is told"},
{"ph":"C","ts":6.1,"pid":3,"tid":3,"cat":"count","args":{"shows":1024},"name":"page faults"},
{"ph":"X","ts":6.2,"dur":0.5,"pid":2,"tid":2,"cat":"untold","name":"waits"},
{"ph":"s","ts":6.8,"pid":2,"tid":2,"cat":"flow","id":"a","name":"message"},
{"ph":"f","ts":6.9,"pid":3,"tid":3,"cat":"flow","id":"a","name":"message"},
{"ph":"f","ts":6.9,"pid":3,"tid":3,"cat":"flow","id":"nobody","name":"message"},
{"ph":"M","name":"ended","ts":8,"pid":3,"tid":3,"args":{"how":"was ended by SIGKILL","killed":true}},
{"ph":"i","ts":8.5,"pid":3,"tid":3,"cat":"again","name":"has the same number"},
{"ph":"E","ts":9,"pid":1,"tid":1,"cat":"experiment","name":"kills"},
"#;

    fn completed() -> Vec<Event> {
        complete(read(NOTED).unwrap())
    }

    #[test]
    fn a_completed_trace_keeps_all_rules_and_stays_as_it_is() {
        let events = completed();
        assert_eq!(violations(&events), [""; 0]);
        let again = read(&json(&events)).unwrap();
        assert_eq!(violations(&again), [""; 0]);
        assert_eq!(json(&complete(again)), json(&events));
        let arrows = events.iter().filter(|event| event.phase == 's').count();
        assert_eq!(arrows, 2, "the fork and one message: {events:#?}");
        let cut = events.iter().find(|event| event.phase == 'E' && event.name == "computes");
        assert_eq!(cut.unwrap().text("ended"), Some("was ended by SIGKILL"));
    }

    #[test]
    fn each_rule_can_be_broken() {
        let without = |what: fn(&Event) -> bool| {
            let mut events = completed();
            let place = events.iter().position(what).unwrap();
            events.remove(place);
            violations(&events)
        };
        let phase = |wanted: char| move |event: &Event| event.phase == wanted;
        for what in [phase('M'), phase('B'), phase('E'), phase('s'), phase('f')] {
            let mut events = completed();
            let place = events.iter().position(what).unwrap();
            events.remove(place);
            assert_ne!(violations(&events), [""; 0], "{place}");
        }
        let mut events = completed();
        events.iter_mut().find(|event| event.phase == 'C').unwrap().args.clear();
        assert!(violations(&events).iter().any(|broken| broken.contains("shows no number")));
        let later = |event: &Event| event.category == LIFE && event.phase == 'E' && event.pid == 3;
        assert_ne!(without(later), [""; 0]);
        let mut events = completed();
        let end = events.iter().rposition(|event| event.pid == 3).unwrap();
        events[end].at += 10_000_000;
        let late = events.remove(end);
        events.insert(end - 1, late);
        assert!(violations(&events).iter().any(|broken| broken.contains("after what happened")));
        let mut events = completed();
        let mut dead = events.iter().rfind(|event| event.pid == 3).unwrap().clone();
        (dead.phase, dead.at) = ('i', dead.at + 1);
        events.push(dead);
        assert!(violations(&events).iter().any(|broken| broken.contains("after the end of 3")));
        let mut events = completed();
        let mut backwards =
            events.iter().find(|event| event.pid == 2 && event.phase == 'B').unwrap().clone();
        backwards.phase = 'X';
        backwards.args.insert(TOOK.to_owned(), serde_json::json!(-5));
        events.push(backwards);
        assert!(violations(&events).iter().any(|broken| broken.contains("takes no time")));
    }
}
