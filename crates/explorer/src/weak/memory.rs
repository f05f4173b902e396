//! Memory as weakly ordered as the language allows, but for load buffering: what each thread may
//! read, and where its stores may come, by views.
//!
//! Every location has its stores in the order of modification. Every thread has a view: how far it
//! has seen that order at each location, and which steps of others have happened before. A load may
//! read any store that is not older than what the view says; a store may come anywhere after it,
//! except between a store and the read-modify-write that has read it. A store that releases carries
//! the view of its thread, and a load that acquires takes it over. This is the model of *A promising
//! semantics for relaxed-memory concurrency* (Kang and others, 2017) without promises, with release
//! sequences as in C++20, and for `SeqCst` one view of its own, as of *Repairing sequential
//! consistency in C/C++11* (Lahav and others, 2017).

use super::hash::{Map, mix};
use super::shadow::{Access, Clash, Shadow};

/// The most threads of one execution, the first included.
pub const THREADS: usize = 8;

/// `std::sync::atomic::Ordering`, as compiled code passes it: also what C calls `consume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Orders nothing.
    Relaxed,
    /// Takes over what the store that is read has released.
    Acquire,
    /// Publishes what happened before.
    Release,
    /// Both.
    AcqRel,
    /// Both, and all of these are in one order.
    SeqCst,
}

impl Order {
    /// From the number that compiled code passes.
    pub fn from_number(number: i32) -> Order {
        match number {
            0 => Order::Relaxed,
            1 | 2 => Order::Acquire,
            3 => Order::Release,
            4 => Order::AcqRel,
            _ => Order::SeqCst,
        }
    }

    /// Whether it takes over what was released.
    pub fn acquires(self) -> bool {
        matches!(self, Order::Acquire | Order::AcqRel | Order::SeqCst)
    }

    /// Whether it publishes what happened before.
    pub fn releases(self) -> bool {
        matches!(self, Order::Release | Order::AcqRel | Order::SeqCst)
    }
}

/// How far something has seen what others did.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Of each thread, the last step that has happened before.
    pub clock: [u32; THREADS],
    /// Of each location, the number of the newest store that was seen, plus one.
    seen: Vec<u32>,
}

impl View {
    fn seen(&self, location: usize) -> Option<usize> {
        self.seen.get(location).copied().and_then(|number| (number as usize).checked_sub(1))
    }

    fn see(&mut self, location: usize, message: usize) {
        if self.seen.len() <= location {
            self.seen.resize(location + 1, 0);
        }
        self.seen[location] = message as u32 + 1;
    }

    fn join_seen(&mut self, other: &View, locations: &[Location]) {
        for (location, number) in other.seen.iter().enumerate() {
            let Some(message) = (*number as usize).checked_sub(1) else { continue };
            let messages = &locations[location].messages;
            let newer = |mine: usize| messages[message].position > messages[mine].position;
            if self.seen(location).is_none_or(newer) {
                self.see(location, message);
            }
        }
    }

    fn join(&mut self, other: &View, locations: &[Location]) {
        for (mine, theirs) in self.clock.iter_mut().zip(other.clock) {
            *mine = theirs.max(*mine);
        }
        self.join_seen(other, locations);
    }
}

/// Who made a store: the thread, and which of its steps it was. What a location held before any
/// atomic access has no maker.
pub type Maker = Option<(usize, u32)>;

/// One store.
#[derive(Debug)]
struct Message {
    value: u64,
    /// What a load that acquires takes over.
    view: View,
    /// Its place in the order of modification.
    position: usize,
    /// Whether a read-modify-write has read it, whose own store then follows at once.
    taken: bool,
    maker: Maker,
}

/// One atomic variable.
#[derive(Debug)]
struct Location {
    address: usize,
    size: usize,
    messages: Vec<Message>,
    /// The order of modification.
    order: Vec<usize>,
}

/// What a thread knows.
#[derive(Clone, Debug, Default)]
struct Views {
    current: View,
    /// What a fence that acquires would take over.
    acquirable: View,
    /// What a relaxed store publishes: the view at the last fence that released.
    released: View,
}

/// What an atomic operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// What was read, or stored by a plain store.
    pub value: u64,
    /// What was stored, if anything was.
    pub stored: Option<u64>,
    /// Who made the store that was read.
    pub from: Maker,
    /// Which store of the location that was; `None` for a plain store.
    pub message: Option<usize>,
    /// Whether there was a newer store, which was not read, or before which this one came.
    pub stale: bool,
    /// Whether it is a weak compare-and-exchange that could have stored, and has failed all the same.
    pub spurious: bool,
}

/// What the execution chooses: one of so many possibilities.
pub type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

/// A read-modify-write: what to store for what was read, or nothing.
pub type Change<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// The memory of one execution.
#[derive(Debug, Default)]
pub struct Memory {
    locations: Vec<Location>,
    by_address: Map<usize, usize>,
    threads: Vec<Views>,
    sequential: View,
    /// The order of what is `SeqCst` so far, as a number.
    sequence: u64,
    shadow: Shadow,
}

impl Memory {
    /// Adds a thread that begins with what its parent knows.
    pub fn spawn(&mut self, parent: Option<usize>) -> usize {
        let mut views = Views::default();
        if let Some(parent) = parent {
            views.current = self.threads[parent].current.clone();
            self.tick(parent);
        }
        let thread = self.threads.len();
        views.current.clock[thread] = 1;
        views.acquirable = views.current.clone();
        self.threads.push(views);
        thread
    }

    /// Everything that the thread has done happens before what whoever [`meets`](Memory::meet) the
    /// result does.
    pub fn publish(&mut self, thread: usize) -> View {
        let view = self.threads[thread].current.clone();
        self.tick(thread);
        view
    }

    /// What was published has happened before.
    pub fn meet(&mut self, thread: usize, view: &View) {
        let Memory { threads, locations, .. } = self;
        threads[thread].current.join(view, locations);
        threads[thread].acquirable.join(view, locations);
    }

    fn tick(&mut self, thread: usize) {
        self.threads[thread].current.clock[thread] += 1;
    }

    /// The clock of the thread.
    pub fn epoch(&self, thread: usize) -> u32 {
        self.threads[thread].current.clock[thread]
    }

    /// Records an access, and finds what it races with.
    pub fn shadow_access(&mut self, thread: usize, access: Access) -> Result<(), Clash> {
        self.shadow.access(access, &self.threads[thread].current.clock)
    }

    /// Forgets the stores of atomics in this range, which somebody writes to without atomics.
    pub fn overwrite(&mut self, address: usize, length: usize) {
        if self.by_address.is_empty() {
            return;
        }
        let end = address + length;
        let locations = &self.locations;
        let overlaps = |at: usize| {
            locations[at].address < end && address < locations[at].address + locations[at].size
        };
        self.by_address.retain(|_, at| !overlaps(*at));
    }

    fn location(&mut self, address: usize, size: usize, initial: u64) -> usize {
        if let Some(location) = self.by_address.get(&address)
            && self.locations[*location].size == size
        {
            return *location;
        }
        let (view, maker) = (View::default(), None);
        let first = Message { value: initial, view, position: 0, taken: false, maker };
        self.locations.push(Location { address, size, messages: vec![first], order: vec![0] });
        self.by_address.insert(address, self.locations.len() - 1);
        self.locations.len() - 1
    }

    /// The first place in the order of modification that the thread may still read.
    fn floor(&self, thread: usize, location: usize, order: Order) -> usize {
        let position = |view: &View| {
            view.seen(location).map_or(0, |seen| self.locations[location].messages[seen].position)
        };
        let own = position(&self.threads[thread].current);
        if order == Order::SeqCst { own.max(position(&self.sequential)) } else { own }
    }

    fn read(&mut self, thread: usize, location: usize, message: usize, order: Order) {
        let Memory { threads, locations, .. } = self;
        let views = &mut threads[thread];
        views.current.see(location, message);
        views.acquirable.see(location, message);
        let view = &locations[location].messages[message].view;
        views.acquirable.join(view, locations);
        if order.acquires() {
            views.current.join(view, locations);
        }
    }

    /// Puts a store at a place in the order of modification.
    fn put(
        &mut self,
        thread: usize,
        location: usize,
        (value, position, order, step): (u64, usize, Order, u32),
        continues: Option<usize>,
    ) {
        let message = self.locations[location].messages.len();
        let continued = continues.map(|read| self.locations[location].messages[read].view.clone());
        let maker = Some((thread, step));
        let new = Message { value, view: View::default(), position, taken: false, maker };
        let at = &mut self.locations[location];
        at.messages.push(new);
        at.order.insert(position, message);
        for later in position + 1..at.order.len() {
            at.messages[at.order[later]].position = later;
        }
        self.threads[thread].current.see(location, message);
        self.threads[thread].acquirable.see(location, message);
        let views = &self.threads[thread];
        let mut view = if order.releases() { &views.current } else { &views.released }.clone();
        if let Some(continued) = continued {
            view.join(&continued, &self.locations);
        }
        view.see(location, message);
        self.locations[location].messages[message].view = view;
        if order == Order::SeqCst {
            self.sequential.see(location, message);
        }
        self.tick(thread);
    }

    fn in_sequence(&mut self, thread: usize, order: Order, step: u32) {
        if order == Order::SeqCst {
            self.sequence = mix(self.sequence, (thread as u64) << 32 | u64::from(step));
        }
    }

    /// An atomic load. `initial` is what memory holds, if this is the first atomic access.
    pub fn load(
        &mut self,
        (thread, step): (usize, u32),
        (address, size, initial): (usize, usize, u64),
        order: Order,
        choose: Choose<'_>,
    ) -> Done {
        let location = self.location(address, size, initial);
        let floor = self.floor(thread, location, order);
        let newest = self.locations[location].order.len() - 1;
        let position = newest - choose(newest + 1 - floor);
        let message = self.locations[location].order[position];
        self.read(thread, location, message, order);
        self.in_sequence(thread, order, step);
        self.tick(thread);
        let Message { value, maker, .. } = self.locations[location].messages[message];
        let stale = position < newest;
        Done { value, stored: None, from: maker, message: Some(message), stale, spurious: false }
    }

    /// An atomic store.
    pub fn store(
        &mut self,
        (thread, step): (usize, u32),
        (address, size, initial): (usize, usize, u64),
        value: u64,
        order: Order,
        choose: Choose<'_>,
    ) -> Done {
        let location = self.location(address, size, initial);
        let floor = self.floor(thread, location, order) + 1;
        let at = &self.locations[location];
        let last = at.order.len();
        let free = |place: &usize| !at.messages[at.order[place - 1]].taken;
        let places: Vec<usize> = (floor..=last).rev().filter(free).collect();
        let position = places[choose(places.len())];
        self.in_sequence(thread, order, step);
        self.put(thread, location, (value, position, order, step), None);
        let stale = position < last;
        Done { value, stored: Some(value), from: None, message: None, stale, spurious: false }
    }

    /// A read-modify-write; without a change it is a load with the ordering `otherwise`. One that
    /// `may_fail` may also change nothing for no reason.
    pub fn update(
        &mut self,
        (thread, step): (usize, u32),
        (address, size, initial): (usize, usize, u64),
        (order, otherwise): (Order, Order),
        (change, may_fail): (Change<'_>, bool),
        choose: Choose<'_>,
    ) -> Done {
        let location = self.location(address, size, initial);
        let (changes, keeps) =
            (self.floor(thread, location, order), self.floor(thread, location, otherwise));
        let at = &self.locations[location];
        let (mut possible, mut failing) = (Vec::new(), Vec::new());
        for position in (changes.min(keeps)..at.order.len()).rev() {
            let message = &at.messages[at.order[position]];
            let new = change(message.value);
            let can_be_read = match new {
                Some(_) => position >= changes && !message.taken,
                None => position >= keeps,
            };
            if can_be_read {
                possible.push((position, new));
            }
            if may_fail && new.is_some() && position >= keeps {
                failing.push((position, None));
            }
        }
        let with_a_reason = possible.len();
        possible.append(&mut failing);
        let chosen = choose(possible.len());
        let ((position, new), spurious) = (possible[chosen], chosen >= with_a_reason);
        let message = at.order[position];
        let Message { value, maker, .. } = at.messages[message];
        let stale = position + 1 < at.order.len();
        let order = if new.is_some() { order } else { otherwise };
        self.read(thread, location, message, order);
        self.in_sequence(thread, order, step);
        match new {
            Some(new) => {
                self.locations[location].messages[message].taken = true;
                let store = (new, position + 1, order, step);
                self.put(thread, location, store, Some(message));
            }
            None => self.tick(thread),
        }
        Done { value, stored: new, from: maker, message: Some(message), stale, spurious }
    }

    /// A fence.
    pub fn fence(&mut self, (thread, step): (usize, u32), order: Order) {
        let Memory { threads, locations, sequential, .. } = self;
        let Views { current, acquirable, released } = &mut threads[thread];
        if order.acquires() {
            current.join(acquirable, locations);
        }
        if order == Order::SeqCst {
            // It orders what is seen; it is not by itself a happening-before.
            current.join_seen(sequential, locations);
            sequential.join_seen(current, locations);
            acquirable.join_seen(current, locations);
        }
        if order.releases() {
            *released = current.clone();
        }
        self.in_sequence(thread, order, step);
        self.tick(thread);
    }

    /// What memory itself should hold: the last store in the order of modification.
    pub fn last(&self, address: usize) -> Option<u64> {
        let at = &self.locations[*self.by_address.get(&address)?];
        at.order.last().map(|message| at.messages[*message].value)
    }

    /// The number of the last store of the location that `thread` knows of.
    pub fn known(&self, thread: usize, address: usize) -> Option<usize> {
        self.threads[thread].current.seen(*self.by_address.get(&address)?)
    }

    /// The first store later than `message` that has another value, or, where the stores were
    /// forgotten, anything.
    pub fn news(&self, address: usize, message: usize) -> Option<Option<usize>> {
        let Some(location) = self.by_address.get(&address) else { return Some(None) };
        let at = &self.locations[*location];
        let Some(old) = at.messages.get(message) else { return Some(None) };
        let later = &at.order[old.position + 1..];
        later.iter().copied().find(|new| at.messages[*new].value != old.value).map(Some)
    }

    /// Lets the thread read nothing older than this store, though nothing is taken over from it.
    pub fn catch_up(&mut self, thread: usize, address: usize, message: usize) {
        let Some(location) = self.by_address.get(&address) else { return };
        let messages = &self.locations[*location].messages;
        let current = &mut self.threads[thread].current;
        let newer = |seen: usize| messages[message].position > messages[seen].position;
        if current.seen(*location).is_none_or(newer) {
            current.see(*location, message);
        }
    }

    /// The orders of modification and of what is `SeqCst`, as a number: two executions whose threads
    /// have read the same, and for which this is the same, go on in the same ways.
    pub fn state(&self) -> u64 {
        let mut sum = self.sequence;
        for (address, location) in &self.by_address {
            let at = &self.locations[*location];
            let mut hash = *address as u64;
            for message in &at.order {
                let maker = at.messages[*message].maker;
                let name =
                    maker.map_or(0, |(thread, step)| (thread as u64 + 1) << 32 | u64::from(step));
                hash = mix(hash, name);
            }
            sum = sum.wrapping_add(mix(hash, 0));
        }
        sum
    }
}
