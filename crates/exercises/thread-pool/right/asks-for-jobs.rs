//! Workers ask for each job with a channel for the answer, and one more thread answers. At the end
//! questions are left in its channel, whose answers never come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

type Job = Box<dyn FnOnce() + Send + 'static>;

pub struct ThreadPool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

fn work(questions: Sender<Sender<Job>>) {
    loop {
        let (answer, answered) = channel::<Job>();
        if questions.send(answer).is_err() {
            break;
        }
        let Ok(job) = answered.recv() else { break };
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

fn answer(jobs: Receiver<Job>, questions: Receiver<Sender<Job>>) {
    while let Ok(job) = jobs.recv() {
        match questions.recv() {
            Ok(worker) => drop(worker.send(job)),
            Err(_) => break,
        }
    }
}

impl ThreadPool {
    pub fn new(threads: usize) -> ThreadPool {
        let ((ask, questions), (jobs, to_do)) = (channel(), channel());
        let worker = |_| {
            let ask = ask.clone();
            spawn(move || work(ask))
        };
        let mut all: Vec<_> = (0..threads).map(worker).collect();
        all.push(spawn(move || answer(to_do, questions)));
        ThreadPool { jobs: Some(jobs), threads: all }
    }

    pub fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        let jobs = self.jobs.as_ref().expect("a pool that is not dropped");
        jobs.send(Box::new(job)).expect("somebody who answers");
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}
