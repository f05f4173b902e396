//! An executor, whole: a queue of the tasks that can go on, and a loop that runs one after the other.
//!
//! Source: std::task::Wake, std::future::Future; Rust RFC 2592.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

// ANCHOR: executor
/// The numbers of the tasks that can go on, first come, first served.
type Ready = Arc<Mutex<VecDeque<usize>>>;

/// What a task leaves where it waits: whoever calls `wake` puts the task back into the queue.
struct BackInQueue {
    task: usize,
    ready: Ready,
}

impl Wake for BackInQueue {
    fn wake(self: Arc<Self>) {
        self.ready.lock().expect("nobody panics while holding it").push_back(self.task);
    }
}

struct Task<'a> {
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    waker: Waker,
}

/// Runs tasks on the thread that calls it.
#[derive(Default)]
pub struct Executor<'a> {
    tasks: Vec<Option<Task<'a>>>,
    ready: Ready,
}

impl<'a> Executor<'a> {
    /// Adds a task, which can go on, and returns its number. It runs when the executor does.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'a) -> usize {
        let task = self.tasks.len();
        let waker = Waker::from(Arc::new(BackInQueue { task, ready: self.ready.clone() }));
        waker.wake_by_ref();
        self.tasks.push(Some(Task { future: Box::pin(future), waker }));
        task
    }

    /// Runs the first task of the queue up to its next await; false if there is none.
    pub fn step(&mut self) -> bool {
        let first = self.ready.lock().expect("nobody panics while holding it").pop_front();
        let Some(number) = first else { return false };
        if let Some(task) = &mut self.tasks[number] {
            let mut context = Context::from_waker(&task.waker);
            if task.future.as_mut().poll(&mut context).is_ready() {
                self.tasks[number] = None;
            }
        }
        true
    }

    /// Runs until no task can go on, and returns the number of steps. A runtime would sleep now
    /// until a file or a timer wakes somebody.
    pub fn run(&mut self) -> u32 {
        (0..).take_while(|_| self.step()).count() as u32
    }
    // ANCHOR_END: executor

    /// Drops a task where it waits; false if it has ended.
    pub fn cancel(&mut self, task: usize) -> bool {
        self.tasks[task].take().is_some()
    }
}

// ANCHOR: yield
/// Goes to the end of the queue.
pub fn yield_now() -> impl Future<Output = ()> {
    let mut was_here = false;
    poll_fn(move |context| {
        if was_here {
            return Poll::Ready(());
        }
        was_here = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
// ANCHOR_END: yield

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn unfinished(executor: &Executor<'_>) -> usize {
        executor.tasks.iter().flatten().count()
    }

    #[test]
    fn tasks_run_to_their_end_in_turn() {
        let ended = Cell::new(0);
        let mut executor = Executor::default();
        for _ in 0..2 {
            executor.spawn(async {
                yield_now().await;
                ended.set(ended.get() + 1);
            });
        }
        assert_eq!((executor.run(), unfinished(&executor)), (4, 0));
        drop(executor);
        assert_eq!(ended.get(), 2);
    }

    #[test]
    fn a_task_that_nobody_wakes_stays() {
        let mut executor = Executor::default();
        let task = executor.spawn(std::future::pending());
        assert_eq!((executor.run(), unfinished(&executor)), (1, 1));
        assert!(executor.cancel(task));
        assert_eq!(unfinished(&executor), 0);
        assert!(!executor.cancel(task));
    }
}
