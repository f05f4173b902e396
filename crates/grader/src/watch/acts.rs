//! What keys, saves and ends of processes ask for, done.

use anyhow::Result;

use super::hand_over::{self, Guest};
use super::judgement::Judgement;
use super::list::{All, Turn};
use super::state::{Act, Mode, Question, Said, State};
use super::{Then, Watch};
use crate::output::listening;
use crate::submission::{self, PutBack, Solution, shown};

impl Watch {
    pub(super) fn does(&mut self, act: Act) -> Result<Then> {
        let done = match act {
            Act::Quit => return Ok(Then::Quit(None)),
            Act::Judge => self.judge(),
            Act::Hint => self.hint(),
            Act::Solution(give_up) => self.solution(give_up),
            Act::Reset => self.reset(),
            Act::GoTo(place, can_go_back) => {
                let from = self.state.at;
                let gone = self.go_to(place);
                if gone.is_ok() && can_go_back {
                    self.state.before.push(from);
                } else if gone.is_ok() {
                    self.state.before.pop();
                }
                gone
            }
            Act::Edit => self.edit(),
            Act::Walk => self.walk(),
            Act::JudgeAll => {
                self.state.show(Mode::All(All::begin(self.state.exercises.len())));
                self.judge_next_of_all()
            }
            Act::Stop => {
                self.stop();
                Ok(())
            }
            Act::Redraw => {
                self.terminal.forget();
                Ok(())
            }
        };
        // It is said, and watching goes on.
        if let Err(error) = done {
            self.state.note = format!("{error:#}.");
        }
        Ok(Then::GoOn)
    }

    /// Watches the exercise of this place, and begins it if need be.
    pub(super) fn go_to(&mut self, place: usize) -> Result<()> {
        let from = std::mem::replace(&mut self.state.at, place);
        self.state.note.clear();
        if let Err(error) = self.look() {
            self.state.at = from;
            return Err(error);
        }
        self.state.show(Mode::Verdict);
        self.judge()
    }

    /// Begins to judge, and ends a judgement that runs.
    fn judge(&mut self) -> Result<()> {
        self.judgement = None;
        self.read_standings();
        if matches!(self.state.mode, Mode::Verdict) {
            self.state.top = 0;
        }
        self.state.said = Said::Judging(0, String::new());
        let name = self.state.exercise().name.clone();
        self.judgement = Some(Judgement::begin(self.state.at, &name, &self.without)?);
        Ok(())
    }

    pub(super) fn judge_what_was_saved(&mut self) -> Result<()> {
        if self.state.judges_all() {
            self.state.show(Mode::Verdict);
            self.state.note =
                "You saved, so not all are judged any more; a begins that again.".to_owned();
        }
        self.judge()
    }

    /// How far the learner is now; what cannot be read is said.
    fn read_standings(&mut self) {
        let (standings, said) = listening(|| submission::standings(&self.state.exercises));
        self.say(&said);
        match standings {
            Ok(standings) => self.state.take(standings),
            Err(error) => self.say(&format!("{error:#}.")),
        }
    }

    /// Says something in the footer, beside what is there.
    fn say(&mut self, said: &str) {
        let said = said.trim();
        if !said.is_empty() && !self.state.note.contains(said) {
            self.state.note = format!("{} {said}", self.state.note).trim_start().to_owned();
        }
    }

    /// Shows the verdict, if there is one now.
    pub(super) fn judged(&mut self) -> Result<()> {
        let Some(judgement) = &mut self.judgement else { return Ok(()) };
        let Some(ended) = judgement.ended()? else { return Ok(()) };
        let of = judgement.of;
        self.judgement = None;
        self.read_standings();
        let judges_all = self.state.judges_all();
        if judges_all && let Mode::All(all) = &mut self.state.mode {
            all.turns[of] = match &ended.told {
                Ok(told) => Turn::Judged(told.verdict.passed(), told.verdict.points()),
                Err(_) => Turn::Failed,
            };
        }
        if of == self.state.at {
            let news = match &ended.told {
                Ok(told) if told.verdict.passed() => "passed",
                Ok(_) => "not yet",
                Err(_) => "could not be judged",
            };
            if !judges_all && !matches!(self.state.mode, Mode::Verdict) {
                let name = &self.state.exercise().name;
                let news = format!("{name}: {news} (Esc shows the verdict).");
                self.say(&news);
            }
            self.state.said = match ended.told {
                Ok(told) => Said::Verdict(Box::new(told), ended.beside),
                Err(why) => Said::Failed(why),
            };
        }
        if judges_all { self.judge_next_of_all() } else { Ok(()) }
    }

    /// Judges the next of all exercises that there is a file of.
    fn judge_next_of_all(&mut self) -> Result<()> {
        self.judgement = None;
        if let Said::Judging(..) = self.state.said {
            self.state.said = Said::Nothing;
        }
        let State { exercises, mode: Mode::All(all), .. } = &mut self.state else { return Ok(()) };
        while let Some(next) = all.next() {
            let exercise = &exercises[next];
            if submission::is_there(&exercise.submission())? {
                all.turns[next] = Turn::Now;
                self.judgement = Some(Judgement::begin(next, &exercise.name, &self.without)?);
                return Ok(());
            }
            all.turns[next] = Turn::NotBegun;
        }
        let (judged, passed) = all.counts();
        self.say(&format!("{passed} of {judged} that you have begun pass."));
        Ok(())
    }

    /// Judges no more of all exercises.
    fn stop(&mut self) {
        self.judgement = None;
        if let Mode::All(all) = &mut self.state.mode {
            all.stop();
            let (judged, passed) = all.counts();
            self.say(&format!("Stopped: {judged} were judged, and {passed} of them pass."));
        }
    }

    fn hint(&mut self) -> Result<()> {
        let seen = self.state.standing().hints;
        let all = self.state.exercise().hints()?.len();
        let level = (seen + 1).min(all);
        if seen < all {
            let exercise = self.state.exercise();
            let ((), said) = listening(|| submission::remember_hint(exercise, level));
            // Also where it cannot be kept, the next one is the next.
            let at = self.state.at;
            self.state.standings[at].hints = level;
            self.say(&said);
        } else {
            self.say("There are no more hints; s shows a solution.");
        }
        self.state.show(Mode::Hints(level, all));
        // The new one is what is wanted.
        self.state.top = usize::MAX;
        Ok(())
    }

    fn solution(&mut self, give_up: bool) -> Result<()> {
        let solution = Solution::of(self.state.exercise())?;
        if give_up || self.state.standing().solved || self.state.passes() {
            self.state.show(Mode::Solution(solution));
        } else {
            self.state.asks = Some(Question::GiveUp);
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        // It would remember that what was there has passed.
        self.judgement = None;
        let exercise = self.state.exercise();
        let file = shown(&exercise.submission());
        let (done, said) = listening(|| submission::put_back(exercise));
        let done = match done {
            Ok(PutBack::New) => format!("{file} is new, and yours to edit."),
            Ok(PutBack::AsItWas) => format!("{file} is as it was in the beginning."),
            Ok(PutBack::Kept(kept)) => format!("What was there is kept as {}.", shown(&kept)),
            Err(error) => format!("{error:#}."),
        };
        self.say(&done);
        self.say(&said);
        self.state.show(Mode::Verdict);
        self.judge()
    }

    fn edit(&mut self) -> Result<()> {
        let editor = hand_over::editor(&self.state.exercise().submission())?;
        self.terminal.leave();
        self.welcome(Guest::begin(editor, "The editor"))
    }

    fn walk(&mut self) -> Result<()> {
        let Some((check, replay)) = self.state.counter_example() else { return Ok(()) };
        let name = &self.state.exercise().name;
        let walk = hand_over::walk(name, check, replay, &self.without);
        self.terminal.lend(&format!("Building {check} of {name}, to walk through it ..."));
        self.welcome(Guest::begin(walk, "The walk"))
    }

    fn welcome(&mut self, guest: Result<Guest>) -> Result<()> {
        match guest {
            Ok(guest) => self.guest = Some(guest),
            Err(error) => {
                self.terminal.again()?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the terminal back, if who had it has gone.
    pub(super) fn guest_left(&mut self) -> Result<()> {
        let Some(guest) = &mut self.guest else { return Ok(()) };
        let Some(said) = guest.left()? else { return Ok(()) };
        self.guest = None;
        self.terminal.again()?;
        self.say(&said);
        Ok(())
    }
}
