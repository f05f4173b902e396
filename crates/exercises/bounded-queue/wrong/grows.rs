//! Counts the room that there is, and each pop makes one more.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

pub struct BoundedQueue<T> {
    queue: Mutex<Queue<T>>,
    changed: Condvar,
}

enum Queue<T> {
    Open { items: VecDeque<T>, room: usize },
    Closed(VecDeque<T>),
}

impl<T> BoundedQueue<T> {
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        let items = VecDeque::with_capacity(capacity);
        BoundedQueue {
            queue: Mutex::new(Queue::Open { items, room: capacity }),
            changed: Condvar::new(),
        }
    }

    pub fn push(&self, item: T) -> Result<(), T> {
        let queue = self.queue.lock().unwrap();
        let full = |queue: &mut Queue<T>| matches!(queue, Queue::Open { room: 0, .. });
        let mut queue = self.changed.wait_while(queue, full).unwrap();
        match &mut *queue {
            Queue::Closed(_) => Err(item),
            Queue::Open { items, room } => {
                items.push_back(item);
                *room -= 1;
                drop(queue);
                self.changed.notify_all();
                Ok(())
            }
        }
    }

    pub fn pop(&self) -> Option<T> {
        let mut queue = self.queue.lock().unwrap();
        loop {
            match &mut *queue {
                Queue::Closed(items) => return items.pop_front(),
                Queue::Open { items, room } => {
                    if let Some(item) = items.pop_front() {
                        *room += 2;
                        drop(queue);
                        self.changed.notify_all();
                        return Some(item);
                    }
                }
            }
            queue = self.changed.wait(queue).unwrap();
        }
    }

    pub fn close(&self) {
        let mut queue = self.queue.lock().unwrap();
        if let Queue::Open { items, .. } = &mut *queue {
            *queue = Queue::Closed(std::mem::take(items));
        }
        drop(queue);
        self.changed.notify_all();
    }
}
