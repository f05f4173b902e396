//! What people say about context switches, and the criterion by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[Claim {
    id: "thread-switch-faster",
    number: 23,
    says: "Switching between threads is faster than between processes.",
    expected: Verdict::Caveat,
    nuance: "The switch itself costs about the same where translations are tagged with their \
             address space. The difference comes after it, once the two use more pages than the \
             CPU remembers translations for: threads that use the same memory share them, threads \
             that use different memory do not. To wake another CPU can cost more than either.",
    judge: thread_switch_faster,
    cannot_turn: None,
}];

/// Below, two round trips cost the same for all that this is about.
const SAME: f64 = 1.25;
/// From here on, memory makes a difference: more than noise leaves, and what translations cost varies
/// from CPU to CPU, and with who else uses the caches.
const MATTERS: f64 = 1.1;

// ANCHOR: criterion
fn thread_switch_faster(facts: &Evidence) -> Result<Judgement, Absent> {
    let direct = facts.samples("direct: process / thread")?;
    let seen = format!(
        "a round trip to a process takes {:.2} times one to a thread ({direct})",
        direct.median
    );
    if direct.is_above(SAME) {
        return Ok(Judgement::holds(seen));
    }
    let memory = facts.samples("largest working set: process / thread")?;
    let pages = facts.number("working set: largest at")?;
    let seen =
        format!("{seen}, and {:.2} times with {pages} pages in use ({memory})", memory.median);
    Ok(if !direct.is_below(SAME) {
        Judgement::undecided(format!("too close to call: {seen}"))
    } else if memory.is_above(MATTERS) {
        Judgement::caveat(seen)
            .briefly(format!("but the switch alone costs {:.1} times as much", direct.median))
    } else if memory.is_below(MATTERS) {
        Judgement::does_not_hold(seen)
    } else {
        Judgement::undecided(format!("too close to call: {seen}"))
    })
}
// ANCHOR_END: criterion

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn of(samples: [f64; 3]) -> Summary {
        Summary::of(samples.to_vec()).unwrap()
    }

    fn verdict(direct: [f64; 3], memory: [f64; 3]) -> Verdict {
        let facts = Evidence::new()
            .sampled("direct: process / thread", of(direct), "")
            .sampled("largest working set: process / thread", of(memory), "")
            .measured("working set: largest at", 2048, "pages");
        CLAIMS[0].verdict(&facts).verdict
    }

    #[test]
    fn a_dearer_switch_is_what_people_mean() {
        assert_eq!(verdict([1.4, 1.5, 1.6], [1.4, 1.5, 1.6]), Verdict::Holds);
        assert_eq!(verdict([1.4, 1.5, 1.6], [1.0, 1.0, 1.0]), Verdict::Holds);
    }

    #[test]
    fn the_same_switch_with_dearer_memory_is_a_caveat() {
        assert_eq!(verdict([0.9, 1.0, 1.1], [2.0, 2.5, 3.0]), Verdict::Caveat);
    }

    #[test]
    fn where_nothing_differs_it_does_not_hold() {
        assert_eq!(verdict([0.9, 1.0, 1.1], [1.0, 1.0, 1.05]), Verdict::DoesNotHold);
    }

    #[test]
    fn what_is_close_or_not_to_be_trusted_decides_nothing() {
        assert_eq!(verdict([0.9, 1.0, 1.1], [1.0, 1.3, 2.0]), Verdict::Inconclusive);
        assert_eq!(verdict([0.5, 1.0, 1.9], [2.0, 2.5, 3.0]), Verdict::Inconclusive);
        assert_eq!(verdict([1.1, 1.5, 1.9], [2.0, 2.5, 3.0]), Verdict::Inconclusive);
        let facts = Evidence::new().missing("direct: process / thread", "too noisy");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
        let facts = Evidence::new()
            .sampled("direct: process / thread", of([1.0; 3]), "")
            .missing("largest working set: process / thread", "too noisy for any number of pages");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
        assert_eq!(CLAIMS[0].verdict(&Evidence::new()).verdict, Verdict::Failed);
    }
}
