//! The panics of this process, as a panic hook has seen them.

use std::any::Any;
use std::sync::Mutex;

use crate::report::{Panicked, Place};

/// The panics where there are no explored threads.
static PANICS: Mutex<Vec<Panicked>> = Mutex::new(Vec::new());

/// Installs a hook that keeps what was said and where, instead of printing it.
pub fn keep() {
    std::panic::set_hook(Box::new(|info| {
        let (thread, asked) = (running(), is_asked());
        let remember = || {
            let (message, said) = (words(info.payload()), info.location().map(Place::from));
            // What panics in std was called by somebody.
            let caller = || if asked { innermost() } else { None };
            let place = said.clone().filter(Place::is_known).or_else(caller).or(said);
            let mut panics = PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            panics.push(Panicked { thread, message, place });
        };
        #[cfg(feature = "weak")]
        crate::weak::outside(remember);
        #[cfg(not(feature = "weak"))]
        remember();
    }));
}

/// Whether somebody will read where a panic was: not in one of many executions.
fn is_asked() -> bool {
    #[cfg(feature = "weak")]
    return crate::weak::is_told();
    #[cfg(not(feature = "weak"))]
    true
}

/// The name of the thread that runs.
fn running() -> String {
    #[cfg(feature = "weak")]
    if let Some(name) = crate::weak::running() {
        return name;
    }
    std::thread::current().name().unwrap_or("a thread without a name").to_owned()
}

/// The panics since [`keep`].
pub fn kept() -> Vec<Panicked> {
    PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// Where they are kept, which no execution takes back.
#[cfg(feature = "weak")]
pub(crate) fn variable() -> std::ops::Range<usize> {
    let start = (&raw const PANICS).addr();
    start..start + size_of_val(&PANICS)
}

/// Begins anew: the panics so far were expected.
#[cfg(feature = "weak")]
pub(crate) fn forget() {
    PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
}

/// The panics so far, for a signal handler; empty if somebody is just changing them.
pub fn so_far() -> Vec<Panicked> {
    #[cfg(feature = "explored")]
    if let Some(panics) = crate::explored::panics_so_far() {
        return panics;
    }
    PANICS.try_lock().map(|panics| panics.clone()).unwrap_or_default()
}

/// The panic that explains the others: the last that does more than pass another one on.
pub fn cause(panics: &[Panicked]) -> Option<Panicked> {
    panics.iter().rfind(|panic| !passes_on(&panic.message)).or(panics.last()).cloned()
}

/// Whether a panic only says that there was another one: of a thread that was joined or that has
/// poisoned a lock.
pub(crate) fn passes_on(message: &str) -> bool {
    message.contains("on an `Err` value: Any")
        || message.contains("PoisonError")
        || message == "a scoped thread panicked"
}

/// The innermost place of this stack that is in a learner's file. Takes milliseconds: debug information
/// is read.
pub(crate) fn innermost() -> Option<Place> {
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let mut places = trace.lines().filter_map(|line| {
        let mut parts = line.trim().strip_prefix("at ")?.rsplitn(3, ':');
        let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let file = parts.next()?.trim_start_matches("./").to_owned();
        Some(Place { file, line, column })
    });
    places.find(Place::is_known)
}

/// What a panic says, if it says anything.
pub fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
