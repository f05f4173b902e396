//! Endless loops of a submission. One that two checks have met keeps the others from being waited for to
//! their ends: they are tried for a shorter time, and who is in the same loop by then is not tried further.
//! Who is not, is tried again for the whole time, so that no check costs points that it would not cost
//! otherwise.

use std::sync::Mutex;

use crate::judge::{Finding, Judged};

/// The part of its time for which a check is tried, and a process is silent, when a loop is known.
const PART: f64 = 1.0 / 3.0;

/// The same at least, in seconds.
const LEAST: f64 = 1.0;

/// How long a check of so many seconds is tried when a loop is known; `None` if that is no shorter. Who
/// waits by asking again and again stays less long in one function while all is right.
pub fn trial(seconds: f64) -> Option<f64> {
    Some((PART * seconds).max(LEAST)).filter(|trial| *trial < seconds)
}

/// Where checks ran when their time was up: the check, and the function of the submission.
#[derive(Debug, Default)]
pub struct Loops(Mutex<Vec<(String, String)>>);

/// A loop that two checks have met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The function in which it is.
    pub function: String,
    /// The two checks.
    pub checks: [String; 2],
}

impl Loops {
    /// Remembers what a check has met that was tried for its whole time, once.
    pub fn met(&self, judged: &Judged) {
        let Some(function) = &judged.spins else { return };
        if let Ok(mut met) = self.0.lock()
            && met.iter().all(|(check, _)| *check != judged.check)
        {
            met.push((judged.check.clone(), function.clone()));
        }
    }

    /// The first that two have met.
    pub fn known(&self) -> Option<Known> {
        let met = self.0.lock().ok()?;
        met.iter().enumerate().find_map(|(index, (check, function))| {
            let (other, _) = met[..index].iter().find(|(_, it)| it == function)?;
            Some(Known { function: function.clone(), checks: [other.clone(), check.clone()] })
        })
    }
}

impl Known {
    /// Whether a check that was tried for a shorter time is in this loop again. Then it says so.
    pub fn is_again(&self, judged: &mut Judged) -> bool {
        let is_again = judged.spins.as_ref() == Some(&self.function);
        if let Some(finding) = judged.findings.first_mut().filter(|_| is_again) {
            let Known { function, checks: [one, other] } = self;
            let message = format!(
                "Not tried to its end: it is in `{function}` again, out of which it has not come in {one} \
                 and {other}.\n{}",
                finding.message
            );
            let replay = finding.replay.take();
            *finding = Finding { replay, ..Finding::new("stuck", message) };
            judged.cut_short = true;
        }
        is_again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck(check: &str, spins: Option<&str>) -> Judged {
        Judged {
            check: check.into(),
            spins: spins.map(str::to_owned),
            findings: vec![Finding::new("stuck", "It was still running.")],
            ..Judged::default()
        }
    }

    #[test]
    fn a_loop_is_known_when_two_have_met_it() {
        let loops = Loops::default();
        for (check, spins) in [("a", Some("x::f")), ("b", None), ("c", Some("x::g")), ("d", None)] {
            loops.met(&stuck(check, spins));
            assert_eq!(loops.known(), None, "{check}");
        }
        loops.met(&stuck("e", Some("x::f")));
        let known = loops.known().unwrap();
        assert_eq!((&*known.function, known.checks.join(" ")), ("x::f", "a e".to_owned()));
        for (spins, again) in [(Some("x::f"), true), (Some("x::g"), false), (None, false)] {
            let mut judged = stuck("f", spins);
            assert_eq!(known.is_again(&mut judged), again, "{spins:?}");
            assert_eq!(judged.cut_short, again, "{spins:?}");
            assert_eq!(judged.findings[0].message.starts_with("Not tried"), again, "{spins:?}");
        }
    }

    #[test]
    fn a_trial_is_shorter_than_the_check_or_none() {
        assert_eq!([1.0, 2.4, 9.0].map(trial), [None, Some(1.0), Some(3.0)]);
    }
}
