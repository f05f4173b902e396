//! What people say about shared state, and the criteria by which the facts decide.

use lab::{Absent, Claim, Evidence, Judgement, Verdict};

/// The claims that this package answers.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "threads-communicate-directly",
        number: 24,
        says: "Threads talk to each other directly, through memory.",
        expected: Verdict::Caveat,
        nuance: "What is handed over is a pointer; the bytes stay where they are, so the size does \
                 not matter. Waking the other thread still takes the kernel, and what both write at \
                 the same time needs a rule.",
        judge: threads_communicate_directly,
        cannot_turn: None,
    },
    Claim {
        id: "game-state",
        number: 67,
        says: "The threads of a game share state between logic and rendering.",
        expected: Verdict::Caveat,
        nuance: "Sharing is easy; sharing a whole frame is the design. A lock makes one wait for \
                 the other, two buffers fail a slow renderer, a third one does not.",
        judge: game_state,
        cannot_turn: None,
    },
];

// ANCHOR: criterion
fn threads_communicate_directly(facts: &Evidence) -> Result<Judgement, Absent> {
    let size = facts.samples("hand over: 64 MiB / 1 KiB")?;
    let copied = facts.samples("hand over: copied / 1 KiB")?;
    let same = facts.truth("hand over: what came back is at the same address")?;
    let of = |which: &str| facts.text(&format!("hand over: {which}"));
    let (large, small, copy) = (of("the large one")?, of("the small one")?, of("the copied one")?);
    let seen = format!(
        "to hand over {large} takes {:.2} times as long as {small}; to copy {copy} {:.1} times",
        size.median, copied.median
    );
    Ok(if facts.number("hand over: times as many bytes")? < 100.0 {
        Judgement::inconclusive(format!("{large} is hardly more than {small}"))
    } else if !same {
        Judgement::does_not_hold(format!("what came back was at another address; {seen}"))
    } else if size.is_above(3.0) {
        Judgement::does_not_hold(seen)
    } else if !size.is_below(3.0) {
        Judgement::undecided(format!("too noisy: {seen}"))
    } else if copied.is_above(3.0) {
        Judgement::caveat(seen).briefly("but only what is moved, not what is copied")
    } else if copied.is_below(3.0) {
        Judgement::holds(seen)
    } else {
        Judgement::undecided(format!("too noisy: {seen} ({copied})"))
    })
}
// ANCHOR_END: criterion

fn game_state(facts: &Evidence) -> Result<Judgement, Absent> {
    let torn = |way: &str| facts.number(&format!("game, {way}: torn"));
    let (raw, lock, three) = (torn("raw")?, torn("lock")?, torn("three buffers")?);
    let frames = 2.0 * facts.number("game: frames each")?;
    let waits = facts.number("game, lock: waits")?;
    let seen = format!(
        "of {frames} frames {raw} are torn without a rule, {lock} under a lock, {three} with \
         three buffers; the lock made somebody wait {waits} times"
    );
    Ok(if raw == 0.0 {
        // Who draws from what is half done gets a torn frame, if nothing keeps the two apart.
        Judgement::inconclusive(format!("nothing was drawn half done: {seen}"))
    } else if lock > 0.0 || three > 0.0 {
        Judgement::does_not_hold(seen)
    } else {
        Judgement::caveat(seen).briefly("but raw sharing tears frames")
    })
}

#[cfg(test)]
mod tests {
    use lab::Summary;

    use super::*;

    fn sizes(times: u32) -> Evidence {
        Evidence::new()
            .fact("hand over: times as many bytes", times)
            .fact("hand over: the large one", "64 MiB")
            .fact("hand over: the small one", "1 KiB")
            .fact("hand over: the copied one", "4 MiB")
    }

    #[test]
    fn two_messages_of_one_size_say_nothing_of_size() {
        let one = Summary { n: 9, min: 1.0, p10: 1.0, median: 1.0, p90: 1.0 };
        let facts = sizes(1)
            .fact("hand over: what came back is at the same address", true)
            .sampled("hand over: 64 MiB / 1 KiB", one, "")
            .sampled("hand over: copied / 1 KiB", one, "");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
    }

    fn direct(same: bool, size: f64, copied: f64) -> Verdict {
        handed_over(same, size, copied).verdict
    }

    fn handed_over(same: bool, size: f64, copied: f64) -> Judgement {
        let of = |x| Summary { n: 9, min: x, p10: x, median: x, p90: x };
        let facts = sizes(64 << 10)
            .fact("hand over: what came back is at the same address", same)
            .sampled("hand over: 64 MiB / 1 KiB", of(size), "")
            .sampled("hand over: copied / 1 KiB", of(copied), "");
        CLAIMS[0].verdict(&facts)
    }

    #[test]
    fn size_must_not_matter() {
        assert_eq!(direct(true, 1.0, 20.0), Verdict::Caveat);
        assert_eq!(direct(true, 1.0, 1.0), Verdict::Holds);
        assert_eq!(direct(true, 900.0, 20.0), Verdict::DoesNotHold);
        let elsewhere = handed_over(false, 1.0, 20.0);
        assert_eq!(elsewhere.verdict, Verdict::DoesNotHold);
        assert!(elsewhere.because.starts_with("what came back was at another address"));
    }

    #[test]
    fn a_spread_around_the_bound_decides_nothing() {
        let wide = Summary { n: 9, min: 1.0, p10: 1.0, median: 4.0, p90: 9.0 };
        let facts = sizes(64 << 10)
            .fact("hand over: what came back is at the same address", true)
            .sampled("hand over: 64 MiB / 1 KiB", wide, "")
            .sampled("hand over: copied / 1 KiB", wide, "");
        assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
        let small = Summary { median: 1.0, ..wide };
        for (size, copied) in [(small, wide), (Summary { p90: 1.0, ..small }, wide)] {
            let facts = sizes(64 << 10)
                .fact("hand over: what came back is at the same address", true)
                .sampled("hand over: 64 MiB / 1 KiB", size, "")
                .sampled("hand over: copied / 1 KiB", copied, "");
            assert_eq!(CLAIMS[0].verdict(&facts).verdict, Verdict::Inconclusive);
        }
    }

    fn game(raw: u32, lock: u32, three: u32) -> Verdict {
        let facts = Evidence::new()
            .fact("game: frames each", 50)
            .fact("game, raw: torn", raw)
            .fact("game, lock: torn", lock)
            .fact("game, lock: waits", 100)
            .fact("game, three buffers: torn", three);
        CLAIMS[1].verdict(&facts).verdict
    }

    #[test]
    fn a_torn_frame_decides_by_where_it_was_seen() {
        assert_eq!(game(100, 0, 0), Verdict::Caveat);
        assert_eq!(game(0, 0, 0), Verdict::Inconclusive, "the two never met");
        assert_eq!(game(100, 0, 1), Verdict::DoesNotHold);
        assert_eq!(game(100, 1, 0), Verdict::DoesNotHold);
    }
}
