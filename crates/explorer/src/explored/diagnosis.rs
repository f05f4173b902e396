//! What the end of an execution means, and what its panics have said.

use super::execution::End;
use super::trace::{self, Panic, World};
use crate::panics::{innermost, words};
use crate::report::{Failure, Kind, Place};

/// What the end of an execution means that has failed.
pub(super) fn diagnose(end: End, world: &mut World) -> Failure {
    let (threads, resources, events) = world.picture();
    let main_ended = threads.first().is_some_and(|main| main.ended);
    let (kind, message, place) = match end {
        End::Deadlock => {
            let (kind, usual) = if main_ended {
                (Kind::Thread, "a thread waits for ever after everything else has ended")
            } else {
                (Kind::Deadlock, "no thread can go on")
            };
            (kind, world.waits_after_panics().unwrap_or_else(|| usual.to_owned()), None)
        }
        End::Endless => endless(world),
        End::Done | End::Panicked | End::Stopped => {
            let panic = world.cause().unwrap_or_else(|| Panic {
                task: 0,
                message: "a panic without words".to_owned(),
                place: None,
            });
            let kind = match (&panic.place, world.really.take()) {
                (_, Some(really)) => really,
                (Some(place), None) if place.file == crate::CHECKS => Kind::Wrong,
                _ => Kind::Panic,
            };
            (kind, panic.message, panic.place)
        }
    };
    Failure { kind, message, place, threads, resources, events, earlier: 0, replay: None }
}

/// All steps were used up: by whom, and where.
fn endless(world: &World) -> (Kind, String, Option<Place>) {
    let runs = |number: &usize| world.ready.contains(number) || world.timed.contains(number);
    let running: Vec<usize> = (0..world.tasks.len()).filter(runs).collect();
    // Whoever has made most of the steps.
    let busiest = running.iter().copied().max_by_key(|number| world.tasks[*number].steps);
    let place = busiest.and_then(|number| world.tasks[number].at).map(Place::from);
    let name = |number: &usize| trace::name(&world.tasks[*number], *number);
    let names: Vec<String> = running.iter().map(name).collect();
    let blocked = world.tasks.iter().filter(|it| !it.ended).count() - running.len();
    let who = match &names[..] {
        [one, two, three, _, _, ..] => {
            format!("{one}, {two}, {three} and {} more", names.len() - 3)
        }
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    };
    let verb = if names.len() == 1 { "runs" } else { "run" };
    let others = match blocked {
        0 => String::new(),
        1 => ", and one is blocked".to_owned(),
        number => format!(", and {number} are blocked"),
    };
    let message = format!(
        "after {} steps {who} still {verb}{others}: either the same is looked at for ever, or far \
         more often than it needs to be",
        world.most_steps
    );
    (Kind::Livelock, message, place)
}

/// Installs a panic hook that keeps what was said and where, instead of printing it.
pub(super) fn prepare_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = words(info.payload());
        let place = info.location().map(Place::from).unwrap_or_default();
        if !trace::is_running() {
            return;
        }
        let (recording, called) = trace::with(|world| {
            world.task().unwinding += 1;
            (world.recording, world.task().at.map(Place::from))
        });
        // Instead of a place in a library, the one from which that was called.
        let place = match place.is_known() {
            true => Some(place),
            false => recording.then(innermost).flatten().or(called),
        };
        let place = place.filter(Place::is_known);
        trace::with(|world| {
            let me = world.current;
            if world.recording {
                let shown = place.clone().unwrap_or_default();
                world.note(me, format!("panics: {message}"), None, shown);
            }
            world.panics.push(Panic { task: me, message, place });
        });
    }));
}
