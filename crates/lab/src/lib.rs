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
pub use command_line::{main, similar, usage_sentence};
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
            // What a busy machine left undecided is undecided for that reason.
            if let (Verdict::Inconclusive, Some(busy)) = (judgement.verdict, all.busy()) {
                judgement.because = format!("busy: {}; {busy}", judgement.because);
            }
            judged.push((claim, judgement, all));
        }
        judged
    }
}
