//! What a scenario hands over: its threads, what they share, and what should be so at the end.

use std::cell::RefCell;
use std::rc::Rc;

use explorer::explored::states::{self, Look, Moment, Shared, Step};
use explorer::explored::thread;

pub use explorer::explored::states::{drop, show};

type Watch = Box<dyn Fn() -> Look>;
type Body = Box<dyn FnOnce() + Send>;
type Check = Box<dyn FnOnce() -> Result<String, String>>;

/// Threads and what they share.
pub struct Program {
    shared: Vec<(&'static str, Watch)>,
    threads: Vec<Thread>,
    check: Check,
}

struct Thread {
    name: &'static str,
    function: &'static str,
    body: Body,
}

impl Program {
    /// No thread yet.
    pub fn new() -> Program {
        let check: Check = Box::new(|| Ok("all have ended".to_owned()));
        Program { shared: Vec::new(), threads: Vec::new(), check }
    }

    /// Shows something under the name that it has in the functions. Whatever threads wait for must be
    /// shown.
    pub fn shared(mut self, name: &'static str, what: &impl Shared) -> Program {
        self.shared.push((name, what.watch()));
        self
    }

    /// A thread of this name, which runs this function of the file.
    pub fn thread(
        mut self,
        name: &'static str,
        function: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> Program {
        self.threads.push(Thread { name, function, body: Box::new(body) });
        self
    }

    /// What is looked at when all threads have ended: how it went, well or wrong.
    pub fn ends(mut self, check: impl FnOnce() -> Result<String, String> + 'static) -> Program {
        self.check = Box::new(check);
        self
    }

    /// The names of the threads and of their functions.
    pub(crate) fn columns(&self) -> Vec<(&'static str, &'static str)> {
        self.threads.iter().map(|thread| (thread.name, thread.function)).collect()
    }

    /// The names of what is shared.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.shared.iter().map(|(name, _)| *name).collect()
    }
}

impl Default for Program {
    fn default() -> Program {
        Program::new()
    }
}

/// A program after some steps, with what is seen of it.
pub(crate) struct Picture {
    pub(crate) moment: Moment,
    /// In the order of [`Program::names`].
    pub(crate) shared: Vec<Look>,
    /// The thread's number, counted from 1, the variable's name and its value.
    pub(crate) locals: Vec<(usize, &'static str, String)>,
    /// What the check has said, if all have ended.
    pub(crate) checked: Option<Result<String, String>>,
}

/// Runs a program along a path.
pub(crate) fn after(make: fn() -> Program, path: &[Step]) -> Picture {
    let watches: Rc<RefCell<Vec<Watch>>> = Rc::default();
    let checked: Rc<RefCell<Option<Result<String, String>>>> = Rc::default();
    let (kept, told) = (Rc::clone(&watches), Rc::clone(&checked));
    states::shown();
    let body = move || {
        let Program { shared, threads, check } = make();
        kept.borrow_mut().extend(shared.into_iter().map(|(_, watch)| watch));
        let started: Vec<_> = threads
            .into_iter()
            .map(|Thread { name, body, .. }| {
                let builder = thread::Builder::new().name(name.to_owned());
                builder.spawn(body).expect("a thread of a small program")
            })
            .collect();
        let sound =
            started.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
        if sound == 0 {
            *told.borrow_mut() = Some(check());
        }
    };
    let moment = states::after(body, path);
    let shared = watches.borrow().iter().map(|watch| watch()).collect();
    Picture { moment, shared, locals: states::shown(), checked: checked.take() }
}
