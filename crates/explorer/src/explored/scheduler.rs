//! Who runs next: ways to choose among the threads that can run.
//!
//! [`Mixed`] changes its way from one execution to the next, since each finds what the others rarely
//! find: a random walk; a walk that seldom changes; priorities that change at few steps (Burckhardt
//! et al., *A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs*, ASPLOS 2010); and
//! threads that are held up at a line of the source, for a long time, before what they do there. The
//! last counts lines and not steps, so a program cannot hide a line behind thousands of others.

use std::any::Any;
use std::collections::BTreeMap;

use super::trace::At;

/// What a scheduler knows when it chooses.
pub(super) struct Choice<'a> {
    /// Who can run.
    pub(super) ready: &'a [usize],
    /// Who can run because its time is up.
    pub(super) timed: &'a [usize],
    /// Who has just run.
    pub(super) current: Option<usize>,
    /// Whether that one gives way.
    pub(super) yields: bool,
    /// What that one does next, unless it is blocked.
    pub(super) at: Option<At>,
}

impl Choice<'_> {
    /// Whether the one that has just run can go on.
    fn stays(&self) -> Option<usize> {
        self.current.filter(|current| self.ready.contains(current))
    }
}

/// Chooses who runs, and what chance decides.
pub(super) trait Scheduler: Any {
    fn choose(&mut self, choice: &Choice) -> usize;

    /// Whether the execution is to stop here, before anybody is chosen.
    fn stops(&mut self, _: &Choice) -> bool {
        false
    }

    /// 0 to 255.
    fn byte(&mut self) -> u8;
}

/// Random numbers: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `limit`.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn pick(&mut self, from: &[usize]) -> usize {
        from[self.below(from.len())]
    }

    /// Up to `limit`, small numbers as often as large ones.
    fn up_to(&mut self, limit: u64) -> u64 {
        let bits = u64::BITS - limit.max(1).leading_zeros();
        let below = 1_u64 << (1 + self.below(bits as usize));
        1 + self.next() % below.min(limit.max(1))
    }
}

/// A line of the source, for one thread.
type Site = (usize, u32, u32);

/// What one execution has shown for the next.
#[derive(Default)]
pub(super) struct Seen {
    sites: Vec<Site>,
    /// How often a thread came there, at most.
    counts: BTreeMap<Site, u64>,
    steps: u64,
}

/// How the threads of this execution are chosen.
enum Way {
    /// One step in so many, another thread is chosen.
    Walk(usize),
    Priorities {
        /// For each thread; the highest runs.
        of: Vec<i64>,
        /// The steps at which the running thread becomes the last.
        changes: Vec<u64>,
        lowest: i64,
    },
    HoldUp(HoldUp),
}

struct HoldUp {
    /// Where, and how many visits before that.
    at: Vec<(Site, u64)>,
    /// Who is held up, and at which step it goes on at the latest.
    held: Vec<(usize, u64)>,
    /// How long, in steps.
    limit: u64,
    /// One step in so many, another thread is chosen.
    walk: usize,
}

/// A scheduler that goes another way in each execution.
pub(super) struct Mixed {
    random: Random,
    way: Way,
    pub(super) seen: Seen,
    now: BTreeMap<Site, u64>,
    steps: u64,
    /// How many steps in a row the running thread has made.
    stayed: u64,
}

/// Steps that a thread may make in a row while others can run.
const TURN: u64 = 300;

impl Mixed {
    /// For the execution of this number; what earlier ones have shown.
    pub(super) fn new(seed: u64, number: u64, seen: Seen) -> Mixed {
        let mut random = Random::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        let way = match number % 4 {
            0 => Way::Walk(1),
            1 => Way::Walk(2 << random.below(6)),
            2 => {
                let steps = seen.steps.max(8) as usize;
                let changes = (0..1 + random.below(3)).map(|_| 1 + random.below(steps) as u64);
                Way::Priorities { of: Vec::new(), changes: changes.collect(), lowest: -1 }
            }
            _ if seen.sites.is_empty() => Way::Walk(4),
            _ => {
                let at = (0..1 + random.below(3)).map(|_| {
                    let site = seen.sites[random.below(seen.sites.len())];
                    (site, random.up_to(seen.counts.get(&site).copied().unwrap_or(1)))
                });
                Way::HoldUp(HoldUp {
                    at: at.collect(),
                    held: Vec::new(),
                    limit: 50 << random.below(7),
                    walk: if random.one_in(2) { usize::MAX } else { 1 << random.below(5) },
                })
            }
        };
        Mixed { random, way, seen, now: BTreeMap::new(), steps: 0, stayed: 0 }
    }

    /// Counts the visits of this execution.
    pub(super) fn finish(mut self) -> Seen {
        for (site, count) in self.now {
            let most = self.seen.counts.entry(site).or_insert_with(|| {
                self.seen.sites.push(site);
                0
            });
            *most = (*most).max(count);
        }
        self.seen.steps = self.seen.steps.max(self.steps);
        self.seen
    }

    fn walk(random: &mut Random, one_in: usize, ready: &[usize], choice: &Choice) -> usize {
        match choice.stays().filter(|current| ready.contains(current)) {
            Some(current) if !choice.yields => {
                if one_in == 1 || one_in < usize::MAX && random.one_in(one_in) {
                    random.pick(ready)
                } else {
                    current
                }
            }
            Some(current) if ready.len() > 1 => {
                let place = ready.iter().position(|it| *it == current).unwrap_or(0);
                let other = random.below(ready.len() - 1);
                ready[if other >= place { other + 1 } else { other }]
            }
            _ => random.pick(ready),
        }
    }
}

impl Scheduler for Mixed {
    fn choose(&mut self, choice: &Choice) -> usize {
        self.steps += 1;
        let visit = choice.at.zip(choice.current).map(|(at, current)| {
            let site = (current, at.line(), at.column());
            let count = self.now.entry(site).or_insert(0);
            *count += 1;
            (site, *count)
        });
        let random = &mut self.random;
        if choice.ready.is_empty() || !choice.timed.is_empty() && random.one_in(8) {
            return random.pick(choice.timed);
        }
        let tired = self.stayed > TURN;
        let next = match &mut self.way {
            Way::Walk(one_in) => {
                let one_in = if tired { 1 } else { *one_in };
                Mixed::walk(random, one_in, choice.ready, choice)
            }
            Way::Priorities { of, changes, lowest } => {
                for _ in of.len()..=choice.ready.iter().copied().max().unwrap_or(0) {
                    of.push((random.next() >> 2) as i64);
                }
                if let Some(current) = choice.stays()
                    && (choice.yields || tired || changes.contains(&self.steps))
                {
                    of[current] = *lowest;
                    *lowest -= 1;
                }
                choice.ready.iter().copied().max_by_key(|it| of[*it]).unwrap_or(0)
            }
            Way::HoldUp(way) => {
                if let Some(visit) = visit
                    && let Some(place) = way.at.iter().position(|it| *it == visit)
                {
                    way.at.swap_remove(place);
                    way.held.push((visit.0.0, self.steps + way.limit));
                }
                way.held.retain(|(_, until)| *until > self.steps);
                let free = |it: &usize| way.held.iter().all(|(held, _)| held != it);
                let mut free: Vec<usize> = choice.ready.iter().copied().filter(free).collect();
                if free.is_empty() && !choice.timed.is_empty() {
                    return random.pick(choice.timed);
                }
                if free.is_empty() {
                    // The others are blocked, or have ended: the last that was held up goes on last.
                    let first = way.held.iter().find(|(it, _)| choice.ready.contains(it));
                    let first = first.map_or(choice.ready[0], |(it, _)| *it);
                    way.held.retain(|(held, _)| *held != first);
                    free.push(first);
                }
                let one_in = if tired { 1 } else { way.walk };
                Mixed::walk(random, one_in, &free, choice)
            }
        };
        self.stayed = if Some(next) == choice.current { self.stayed + 1 } else { 0 };
        next
    }

    fn byte(&mut self) -> u8 {
        (self.random.next() >> 56) as u8
    }
}

/// Tries all schedules, one after the other: the last choice that has another way is changed.
#[derive(Default)]
pub(super) struct Exhaustive {
    /// What was chosen, and among how many.
    made: Vec<(usize, usize)>,
    position: usize,
    stayed: u64,
    /// Whether chance was asked, for which there are no two ways here.
    pub(super) chance: u64,
}

impl Exhaustive {
    /// Goes on to the next schedule; whether there is one.
    pub(super) fn next(&mut self) -> bool {
        self.position = 0;
        self.stayed = 0;
        while let Some((chosen, among)) = self.made.pop() {
            if chosen + 1 < among {
                self.made.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

impl Scheduler for Exhaustive {
    fn choose(&mut self, choice: &Choice) -> usize {
        let mut ways: Vec<usize> = choice.ready.iter().chain(choice.timed).copied().collect();
        let tired = self.stayed > TURN && choice.ready.len() > 1;
        if let Some(current) = choice.stays() {
            ways.retain(|way| *way != current);
            match (choice.yields || tired, ways.is_empty()) {
                (_, true) | (false, false) => ways.insert(0, current),
                (true, false) => {}
            }
        }
        let chosen = if ways.len() < 2 {
            0
        } else {
            if self.position == self.made.len() {
                self.made.push((0, ways.len()));
            }
            self.position += 1;
            self.made[self.position - 1].0.min(ways.len() - 1)
        };
        let next = ways[chosen];
        self.stayed = if Some(next) == choice.current { self.stayed + 1 } else { 0 };
        next
    }

    fn byte(&mut self) -> u8 {
        self.chance += 1;
        255
    }
}
