//! What people say about semaphores, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "semaphore-limits",
    number: 35,
    says: "A semaphore limits how many use a resource.",
    expected: Verdict::Caveat,
    nuance: "It counts permits and not holders: the permit of a process that dies is lost, and \
             anybody may post one that was never taken. It lends no priority. Rust's std has none.",
    judge: semaphore_limits,
    cannot_turn: None,
}];

// ANCHOR: criterion
fn semaphore_limits(facts: &Evidence) -> Result<Judgement, Absent> {
    let permits = facts.number("semaphore: permits")?;
    let most = facts.number("semaphore: most inside")?;
    let crowd = facts.number("without a semaphore: most inside")?;
    let another = facts.truth("named: excludes another process")?;
    let lost = facts.truth("named: the permit of a killed process is lost")?;
    let too_many = facts.number("or mutex: inside after a post too many")?;
    if !facts.truth("semaphore: both times as many")? {
        return Ok(Judgement::inconclusive("the two semaphores had not equally many permits"));
    }
    if facts.number("named: permits at first")? != 1.0 {
        return Ok(Judgement::inconclusive("there was not one permit for two processes"));
    }
    let (held, room) = (facts.number("buffer: most items")?, facts.number("buffer: room")?);
    if held > room {
        let why = format!("a buffer with permits for {room} items held {held}");
        return Ok(Judgement::does_not_hold(why));
    }
    if most > permits || !another {
        return Ok(Judgement::does_not_hold(format!(
            "{most} were inside with {permits} permits{}",
            if another { "" } else { ", and another process was not kept out" }
        )));
    }
    if crowd <= permits {
        return Ok(Judgement::undecided("there never was a crowd, even without a semaphore"));
    }
    let mut but = Vec::new();
    if lost {
        but.push("the permit of a killed process is lost".to_owned());
    }
    if too_many > 1.0 {
        but.push(format!("after one post too many {too_many} are inside where 1 should be"));
    }
    let seen = format!("at most {most} of {crowd} were inside with {permits} permits");
    Ok(match but.is_empty() {
        true => Judgement::holds(seen),
        false => Judgement::caveat(format!("{seen}, but {}", but.join(", and "))),
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(most: u32, crowd: u32, lost: bool, too_many: u32) -> Evidence {
        made(true, 1, 4)
            .fact("semaphore: permits", 3)
            .fact("semaphore: most inside", most)
            .fact("without a semaphore: most inside", crowd)
            .fact("named: excludes another process", true)
            .fact("named: the permit of a killed process is lost", lost)
            .fact("or mutex: inside after a post too many", too_many)
    }

    /// What was there before anybody came in.
    fn made(same: bool, at_first: u32, held: u32) -> Evidence {
        Evidence::new()
            .fact("semaphore: both times as many", same)
            .fact("named: permits at first", at_first)
            .fact("buffer: room", 4)
            .fact("buffer: most items", held)
    }

    #[test]
    fn one_too_many_inside_refutes_it() {
        let verdict = |facts| CLAIMS[0].verdict(&facts).verdict;
        assert_eq!(verdict(facts(3, 8, true, 2)), Verdict::Caveat);
        assert_eq!(verdict(facts(3, 8, false, 1)), Verdict::Holds);
        assert_eq!(verdict(facts(4, 8, true, 2)), Verdict::DoesNotHold);
        assert_eq!(verdict(facts(3, 2, true, 2)), Verdict::Inconclusive);
        let with = |mut made: Evidence| {
            made.merge(
                Evidence::new()
                    .fact("semaphore: permits", 3)
                    .fact("semaphore: most inside", 4)
                    .fact("without a semaphore: most inside", 8)
                    .fact("named: excludes another process", true)
                    .fact("named: the permit of a killed process is lost", true)
                    .fact("or mutex: inside after a post too many", 2),
            );
            CLAIMS[0].verdict(&made)
        };
        let over = with(made(true, 1, 5));
        assert_eq!(over.verdict, Verdict::DoesNotHold);
        assert!(over.because.contains("for 4 items held 5"), "{}", over.because);
        assert_eq!(with(made(true, 2, 4)).verdict, Verdict::Inconclusive);
        assert_eq!(with(made(false, 1, 4)).verdict, Verdict::Inconclusive, "its own number");
    }
}
