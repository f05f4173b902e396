//! A queue with room for one: with one condition variable for both reasons to wait, and with two.

use explorer::explored as std;

use std::sync::{Arc, Condvar, Mutex};

use crate::program::{Program, drop, show};

type Queue = Mutex<Vec<u32>>;

fn push_two(queue: &Queue, changed: &Condvar) {
    for item in [1, 2] {
        show("item", item);
        let mut items = queue.lock().unwrap();
        while items.len() == 1 {
            items = changed.wait(items).unwrap();
        }
        items.push(item);
        drop(items);
        changed.notify_one();
    }
}

fn pop(queue: &Queue, changed: &Condvar) {
    let mut items = queue.lock().unwrap();
    while items.is_empty() {
        items = changed.wait(items).unwrap();
    }
    let item = items.remove(0);
    show("item", item);
    drop(items);
    changed.notify_one();
}

fn push_two_apart(queue: &Queue, has_room: &Condvar, has_items: &Condvar) {
    for item in [1, 2] {
        show("item", item);
        let mut items = queue.lock().unwrap();
        while items.len() == 1 {
            items = has_room.wait(items).unwrap();
        }
        items.push(item);
        drop(items);
        has_items.notify_one();
    }
}

fn pop_apart(queue: &Queue, has_room: &Condvar, has_items: &Condvar) {
    let mut items = queue.lock().unwrap();
    while items.is_empty() {
        items = has_items.wait(items).unwrap();
    }
    let item = items.remove(0);
    show("item", item);
    drop(items);
    has_room.notify_one();
}

pub fn broken() -> Program {
    let (queue, changed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Condvar::new()));
    let both = || (Arc::clone(&queue), Arc::clone(&changed));
    let (pusher, first, second) = (both(), both(), both());
    Program::new()
        .shared("queue", &queue)
        .shared("changed", &changed)
        .thread("A", "push_two", move || push_two(&pusher.0, &pusher.1))
        .thread("B", "pop", move || pop(&first.0, &first.1))
        .thread("C", "pop", move || pop(&second.0, &second.1))
        .ends(|| Ok("both items were pushed and popped".to_owned()))
}

pub fn mended() -> Program {
    let queue = Arc::new(Mutex::new(Vec::new()));
    let (has_room, has_items) = (Arc::new(Condvar::new()), Arc::new(Condvar::new()));
    let all = || (Arc::clone(&queue), Arc::clone(&has_room), Arc::clone(&has_items));
    let (pusher, first, second) = (all(), all(), all());
    Program::new()
        .shared("queue", &queue)
        .shared("has_room", &has_room)
        .shared("has_items", &has_items)
        .thread("A", "push_two_apart", move || push_two_apart(&pusher.0, &pusher.1, &pusher.2))
        .thread("B", "pop_apart", move || pop_apart(&first.0, &first.1, &first.2))
        .thread("C", "pop_apart", move || pop_apart(&second.0, &second.1, &second.2))
        .ends(|| Ok("both items were pushed and popped".to_owned()))
}
