//! A mutex with a name, and a book of who holds which and who waits for which: the wait-for graph.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A [`std::sync::Mutex`] whose holder and waiters are written down.
pub struct Named<T> {
    name: &'static str,
    mutex: Mutex<T>,
}

impl<T> Named<T> {
    /// An unlocked mutex. Names are unique among the locks that live at the same time.
    pub const fn new(name: &'static str, value: T) -> Named<T> {
        Named { name, mutex: Mutex::new(value) }
    }

    /// The name under which the lock stands in the book.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Locks for the thread `me`, and waits for as long as another one holds it.
    pub fn lock(&self, me: &'static str) -> Guard<'_, T> {
        book(|book| book.waits.push((me, self.name)));
        let guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        book(|book| {
            book.waits.retain(|entry| *entry != (me, self.name));
            book.holds.push((me, self.name));
        });
        Guard { me, name: self.name, guard }
    }

    /// Locks for the thread `me` if nobody holds it.
    pub fn try_lock(&self, me: &'static str) -> Option<Guard<'_, T>> {
        let guard = self.mutex.try_lock().ok()?;
        book(|book| book.holds.push((me, self.name)));
        Some(Guard { me, name: self.name, guard })
    }
}

/// Holds a [`Named`] lock until it is dropped.
pub struct Guard<'a, T> {
    me: &'static str,
    name: &'static str,
    guard: MutexGuard<'a, T>,
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // The field `guard` is dropped after this, so the book never shows a holder too many.
        book(|book| book.holds.retain(|entry| *entry != (self.me, self.name)));
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// One arrow of the wait-for graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The thread that waits.
    pub waiter: &'static str,
    /// For this lock.
    pub lock: &'static str,
    /// Which this thread holds.
    pub holder: &'static str,
}

// ANCHOR: cycle
/// Follows the arrows from each waiting thread. If they lead back to where they began,
/// everyone on the way waits, and nobody will ever release what the others want.
///
/// A hold is written down after it began and struck out before it ends, so every arrow
/// is true.
pub fn cycle() -> Option<Vec<Edge>> {
    book(|book| {
        book.waits.iter().find_map(|(first, _)| {
            let mut path = vec![book.edge_from(first)?];
            while path.last()?.holder != *first {
                if path.len() > book.waits.len() {
                    return None;
                }
                path.push(book.edge_from(path.last()?.holder)?);
            }
            Some(path)
        })
    })
}
// ANCHOR_END: cycle

/// How many threads wait for a lock.
pub fn waiting() -> usize {
    book(|book| book.waits.len())
}

/// Pairs of a thread and a lock.
struct Book {
    waits: Vec<(&'static str, &'static str)>,
    holds: Vec<(&'static str, &'static str)>,
}

impl Book {
    fn edge_from(&self, waiter: &'static str) -> Option<Edge> {
        let (_, lock) = self.waits.iter().find(|(thread, _)| *thread == waiter)?;
        let (holder, _) = self.holds.iter().find(|(_, held)| held == lock)?;
        Some(Edge { waiter, lock, holder })
    }
}

/// Reads or changes the book; nobody waits for anything else while the book is open.
fn book<R>(entry: impl FnOnce(&mut Book) -> R) -> R {
    static BOOK: Mutex<Book> = Mutex::new(Book { waits: Vec::new(), holds: Vec::new() });
    entry(&mut BOOK.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book_of(
        waits: &[(&'static str, &'static str)],
        holds: &[(&'static str, &'static str)],
    ) -> Option<Vec<Edge>> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        book(|book| *book = Book { waits: waits.to_vec(), holds: holds.to_vec() });
        let found = cycle();
        book(|book| *book = Book { waits: Vec::new(), holds: Vec::new() });
        found
    }

    #[test]
    fn two_that_wait_for_each_other_are_a_cycle() {
        let found = book_of(&[("x", "B"), ("y", "A")], &[("x", "A"), ("y", "B")]).unwrap();
        let arrow = |waiter, lock, holder| Edge { waiter, lock, holder };
        assert_eq!(found, [arrow("x", "B", "y"), arrow("y", "A", "x")]);
    }

    #[test]
    fn one_that_waits_for_itself_is_a_cycle() {
        assert_eq!(book_of(&[("x", "A")], &[("x", "A")]).unwrap().len(), 1);
    }

    #[test]
    fn a_queue_is_no_cycle() {
        assert_eq!(book_of(&[("x", "A"), ("y", "A")], &[("z", "A"), ("x", "B")]), None);
    }

    #[test]
    fn one_that_waits_for_a_cycle_is_not_part_of_it() {
        let waits = [("z", "A"), ("x", "B"), ("y", "A")];
        let found = book_of(&waits, &[("x", "A"), ("y", "B")]).unwrap();
        assert!(found.iter().all(|edge| edge.waiter != "z"), "{found:?}");
        assert_eq!(found.len(), 2);
    }
}
