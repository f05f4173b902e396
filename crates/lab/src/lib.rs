//! What every experiment of this project stands on.
//!
//! A concept crate is a [`Package`]: a list of [`Experiment`]s and the [`Claim`]s they answer. An
//! experiment tells its story with [`say!`] and returns [`Evidence`]; a claim's criterion turns
//! the evidence into a verdict. Data flows one way: system call, fact, criterion, verdict.

#[cfg(target_os = "linux")]
mod at_death;
#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod busy;
#[cfg(target_os = "linux")]
pub mod child;
mod claim;
#[cfg(target_os = "linux")]
mod command_line;
#[cfg(target_os = "linux")]
mod destination;
#[cfg(target_os = "linux")]
mod events;
mod evidence;
#[cfg(target_os = "linux")]
pub mod machine;
#[cfg(target_os = "linux")]
pub mod narrate;
#[cfg(target_os = "linux")]
pub mod proc;
#[cfg(target_os = "linux")]
pub mod sample;
#[cfg(target_os = "linux")]
mod shared;
#[cfg(target_os = "linux")]
mod start;
#[cfg(target_os = "linux")]
mod supervise;
#[cfg(target_os = "linux")]
mod temporary;
mod text;
#[cfg(target_os = "linux")]
pub mod thread;
#[cfg(target_os = "linux")]
mod time_limit;
#[cfg(target_os = "linux")]
mod unavailable;

#[cfg(target_os = "linux")]
pub use at_death::AtDeath;
pub use claim::{Claim, Judgement, Verdict};
#[cfg(target_os = "linux")]
pub use command_line::{main, similar};
#[cfg(target_os = "linux")]
pub use destination::Destination;
pub use events::counted;
pub use evidence::{Absent, Evidence, Fact, Summary, Value};
#[cfg(target_os = "linux")]
pub use shared::Shared;
#[cfg(target_os = "linux")]
pub use supervise::{Run, role, serve};
pub use text::{grouped, indented, wrapped};
#[cfg(target_os = "linux")]
pub use time_limit::TimeLimit;
#[cfg(target_os = "linux")]
pub use unavailable::{NoEvidence, Unavailable};

/// Makes a program's `main`: on Linux it is the expression, elsewhere one sentence.
#[macro_export]
macro_rules! on_linux {
    ($run:expr) => {
        fn main() -> std::process::ExitCode {
            #[cfg(target_os = "linux")]
            return $run;
            #[cfg(not(target_os = "linux"))]
            {
                eprintln!("{}: this program shows Linux and needs it", env!("CARGO_PKG_NAME"));
                std::process::ExitCode::FAILURE
            }
        }
    };
}

/// One concept: a crate, a program and a chapter of the same name.
pub struct Package {
    /// The name of all three.
    pub name: &'static str,
    /// What the concept is, in one sentence.
    pub about: &'static str,
    /// In the order in which they are best run.
    pub experiments: &'static [Experiment],
    /// The statements that this package answers.
    pub claims: &'static [Claim],
    /// Parts that experiments play in processes of their own.
    pub roles: &'static [Role],
    /// Small edits that change what an experiment finds, as TOML; the crate `breaks` reads them.
    pub breaks: &'static str,
}

/// A question, and the function that answers it before the reader's eyes.
pub struct Experiment {
    /// What a user types after `--`.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// The ids of the claims that its facts bear on.
    pub claims: &'static [&'static str],
    /// Tells the story and returns the facts.
    pub run: fn(&Lab) -> anyhow::Result<Evidence>,
}

/// A part that this program plays when an experiment executes it again; see [`role`].
pub struct Role {
    /// Unique within its package.
    pub name: &'static str,
    /// Plays the part, with the arguments that the experiment gave.
    pub run: fn(&[&str]) -> anyhow::Result<()>,
}

/// What an experiment is told about its run.
#[derive(Clone, Copy, Debug)]
pub struct Lab {
    /// How much time to take.
    pub effort: Effort,
}

impl Lab {
    /// Picks a quantity by effort: for the comparison, for a reader, for `--full`.
    pub fn by_effort<T>(&self, quick: T, normal: T, full: T) -> T {
        match self.effort {
            Effort::Quick => quick,
            Effort::Normal => normal,
            Effort::Full => full,
        }
    }
}

/// How much time an experiment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A fraction of a second, for the comparison.
    Quick,
    /// Up to about a second, for a reader.
    Normal,
    /// As long as good figures need.
    Full,
}

impl Package {
    /// Judges every claim whose experiments all ran. `evidence` yields what an experiment found, why
    /// it found nothing, or `None` if it did not run. A failure outweighs what is unavailable.
    #[cfg(target_os = "linux")]
    pub fn judge<'a>(
        &self,
        evidence: impl Fn(&str) -> Option<Result<&'a Evidence, NoEvidence>>,
    ) -> Vec<(&'static Claim, Judgement, Evidence)> {
        let mut judged = Vec::new();
        'claims: for claim in self.claims {
            let (mut all, mut without) = (Evidence::new(), None);
            for experiment in self.experiments.iter().filter(|e| e.claims.contains(&claim.id)) {
                match evidence(experiment.name) {
                    None => continue 'claims,
                    Some(Ok(found)) => all.merge(found.clone()),
                    Some(Err(NoEvidence::Failed(why))) => {
                        without = Some(Judgement::new(Verdict::Failed, why));
                        break;
                    }
                    Some(Err(NoEvidence::Unavailable(why))) => {
                        without.get_or_insert(Judgement::inconclusive(why));
                    }
                }
            }
            let mut judgement = without.unwrap_or_else(|| claim.verdict(&all));
            // What a busy machine can have left undecided is undecided for that reason.
            if let (true, Some(busy)) = (judgement.noisy, all.busy())
                && !judgement.because.contains(" is busy")
            {
                judgement.because = format!("busy: {}; {busy}", judgement.because);
            }
            judged.push((claim, judgement, all));
        }
        judged
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const BUSY: &str = "the machine is busy: others took 60 % of its CPUs' time";

    fn nothing(_: &Lab) -> anyhow::Result<Evidence> {
        Ok(Evidence::new())
    }

    const fn claim(judge: fn(&Evidence) -> Result<Judgement, Absent>) -> [Claim; 1] {
        let (nuance, cannot_turn) = ("", Some("it is made up"));
        [Claim {
            id: "c",
            number: 1,
            says: "",
            expected: Verdict::Holds,
            nuance,
            judge,
            cannot_turn,
        }]
    }

    /// Why nothing is decided, on a busy machine, where `evidence` is all that was found.
    fn because(claims: &'static [Claim], evidence: Result<Evidence, NoEvidence>) -> String {
        static EXPERIMENTS: [Experiment; 1] =
            [Experiment { name: "e", question: "", claims: &["c"], run: nothing }];
        let package = Package {
            name: "p",
            about: "",
            experiments: &EXPERIMENTS,
            claims,
            roles: &[],
            breaks: "",
        };
        let evidence = evidence.map(|mut evidence| {
            evidence.while_busy(Some(BUSY.to_owned()));
            evidence
        });
        let judged = package.judge(|_| Some(evidence.as_ref().map_err(Clone::clone)));
        assert_eq!(judged[0].1.verdict, Verdict::Inconclusive);
        judged[0].1.because.clone()
    }

    #[test]
    fn on_a_busy_machine_sampled_figures_refute_nothing_and_other_facts_do() {
        static FIGURE: [Claim; 1] = claim(|facts| {
            let ratio = facts.samples("ratio")?;
            Ok(match facts.truth("broken")? {
                true => Judgement::does_not_hold("it is broken"),
                false => Judgement::does_not_hold(format!("{:.1} times", ratio.median)),
            })
        });
        static FACT: [Claim; 1] = claim(|facts| {
            Ok(match facts.truth("broken")? {
                true => Judgement::does_not_hold("it is broken"),
                false => Judgement::holds(""),
            })
        });
        let facts = |broken: bool| {
            let ratio = Summary::of(vec![0.1, 0.1, 0.1]).unwrap();
            Evidence::new().fact("broken", broken).sampled("ratio", ratio, "")
        };
        assert_eq!(because(&FIGURE, Ok(facts(false))), format!("busy: 0.1 times; {BUSY}"));
        assert_eq!(FIGURE[0].verdict(&facts(false)).verdict, Verdict::DoesNotHold, "not busy");
        let mut busy = facts(true);
        busy.while_busy(Some(BUSY.to_owned()));
        assert_eq!(FACT[0].verdict(&busy).verdict, Verdict::DoesNotHold);
    }

    #[test]
    fn busy_stands_before_what_a_busy_machine_can_have_caused_and_before_nothing_else() {
        static LIMIT: [Claim; 1] = claim(|_| Ok(Judgement::inconclusive("one CPU is allowed")));
        static CLOSE: [Claim; 1] = claim(|_| Ok(Judgement::undecided("0.9 to 1.1")));
        static SAID: [Claim; 1] = claim(|_| Ok(Judgement::undecided(BUSY)));
        static FACT: [Claim; 1] = claim(|facts| facts.number("f").map(|_| Judgement::holds("")));
        assert_eq!(because(&LIMIT, Ok(Evidence::new())), "one CPU is allowed");
        assert_eq!(because(&CLOSE, Ok(Evidence::new())), format!("busy: 0.9 to 1.1; {BUSY}"));
        assert_eq!(because(&SAID, Ok(Evidence::new())), BUSY, "it is said once");
        let few = Evidence::new().missing("f", "only 26 could be made");
        assert_eq!(because(&FACT, Ok(few)), "only 26 could be made");
        let swings = Evidence::new().doubtful("f", "too noisy");
        assert_eq!(because(&FACT, Ok(swings)), format!("busy: too noisy; {BUSY}"));
        let refused = Err(NoEvidence::Unavailable("no right".to_owned()));
        assert_eq!(because(&FACT, refused), "no right");
    }
}
