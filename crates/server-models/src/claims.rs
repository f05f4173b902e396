//! What people say about threads in servers, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "threaded-server",
    number: 63,
    says: "Threads suit servers with many connections.",
    expected: Verdict::Caveat,
    nuance: "While clients wait, threads wait side by side, and a few thousand are no matter. Each \
             keeps its stacks while its client says nothing, so beyond that event loops take over; \
             and one wild write ends the connections of all.",
    judge: threaded_server,
    cannot_turn: None,
}];

fn threaded_server(facts: &Evidence) -> Result<Judgement, Absent> {
    let ratio = facts.samples("iterative / thread per connection: all clients")?;
    let clients = facts.number("iterative: clients at once")?;
    let stay = facts.number("thread per connection: clients that stay")?;
    let served = facts.number("thread per connection: served at a time")?;
    // If nothing but the waits cost time, this would be the number of clients. To make threads and to
    // switch between them costs some of it, and must not cost nearly all.
    let enough = clients / 20.0;
    if clients < 2.0 || stay < 2.0 {
        let why = format!("{clients} clients came at once, and {stay} stayed: there is no crowd");
        return Ok(Judgement::inconclusive(why));
    }
    if served < stay {
        return Ok(Judgement::does_not_hold(format!(
            "of {stay} clients that stayed connected, threads served only {served} at a time"
        )));
    }
    if ratio.is_below(enough) {
        let why =
            format!("threads were only {:.1} times as fast as one after the other", ratio.median);
        return Ok(match facts.busy() {
            Some(_) => Judgement::undecided(why),
            None => Judgement::does_not_hold(why),
        });
    }
    if !ratio.is_above(enough) {
        return Ok(Judgement::undecided(format!(
            "threads were {ratio} times as fast as one after the other, {enough} decides"
        )));
    }
    let each = facts.number("thread per connection: user memory for each")?;
    let [threads, looped] = ["thread per connection", "epoll"]
        .map(|name| facts.number(&format!("{name}: threads and processes made")));
    let (threads, looped) = (threads?, looped?);
    let lost = facts.number("thread per connection: others lost by a segfault")?;
    let fast = format!(
        "{clients} clients were served {:.0} times as fast as one after the other",
        ratio.median
    );
    if threads <= looped && lost == 0.0 {
        return Ok(Judgement::holds(fast));
    }
    Ok(Judgement::caveat(format!(
        "{fast}; but {stay} silent clients kept {threads} threads, {each:.0} KiB of user memory \
         each, where an event loop made {looped}; and a wild write lost {lost} other connections"
    ))
    .briefly(format!("but a silent client keeps a thread, {each:.0} KiB and more")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::Summary;

    fn facts(ratio: [f64; 3], served: u32, threads: u32, lost: u32) -> Evidence {
        let [p10, median, p90] = ratio;
        Evidence::new()
            .sampled(
                "iterative / thread per connection: all clients",
                Summary { n: 3, min: p10, p10, median, p90 },
                "",
            )
            .fact("iterative: clients at once", 200)
            .fact("thread per connection: clients that stay", 200)
            .fact("thread per connection: served at a time", served)
            .fact("thread per connection: user memory for each", 13.0)
            .fact("thread per connection: threads and processes made", threads)
            .fact("epoll: threads and processes made", 0)
            .fact("thread per connection: others lost by a segfault", lost)
    }

    fn verdict(facts: &Evidence) -> Verdict {
        CLAIMS[0].verdict(facts).verdict
    }

    #[test]
    fn fast_is_what_suits_and_threads_and_crashes_are_the_caveat() {
        let fast = [30.0, 33.0, 36.0];
        assert_eq!(verdict(&facts(fast, 200, 200, 8)), Verdict::Caveat);
        assert_eq!(verdict(&facts(fast, 200, 0, 8)), Verdict::Caveat);
        assert_eq!(verdict(&facts(fast, 200, 200, 0)), Verdict::Caveat);
        assert_eq!(verdict(&facts(fast, 200, 0, 0)), Verdict::Holds);
        assert_eq!(verdict(&facts(fast, 1, 0, 0)), Verdict::DoesNotHold);
        assert_eq!(verdict(&facts([0.9, 1.0, 1.1], 200, 200, 8)), Verdict::DoesNotHold);
        assert_eq!(verdict(&facts([8.0, 25.0, 36.0], 200, 200, 8)), Verdict::Inconclusive);
        let mut busy = facts([0.9, 1.0, 1.1], 200, 200, 8);
        busy.while_busy(Some("others took half".to_owned()));
        assert_eq!(verdict(&busy), Verdict::Inconclusive);
        assert_eq!(verdict(&Evidence::new()), Verdict::Failed);
    }
}
